"""A device takes one batch after the other, from one worker: two at once would only share its memory."""

from __future__ import annotations

from mdmtheory.sweeps.executors.threads import ThreadExecutor


class DeviceExecutor(ThreadExecutor):
    """The one worker of a device, a thread of this process that waits for it; a chunk is a batch."""

    def __init__(self, device: str) -> None:
        super().__init__(1)
        self.device = device

    def __repr__(self) -> str:
        return f"DeviceExecutor({self.device!r})"
