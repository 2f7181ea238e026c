"""Lanes: each executor with the passes that belong to it, and what it has been asked for."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from mdmtheory.sweeps.chunks import Chunk
from mdmtheory.sweeps.executors import DeviceExecutor, Executor, ThreadExecutor
from mdmtheory.sweeps.work import PassState

_QUEUED = 2
"""Chunks asked for at a time by each worker: one that it computes and one to go on with."""


class Lane:
    """An executor and its passes. `pending` are the chunks asked for, each with its pass and the tasks that want it."""

    def __init__(self, executor: Executor, passes: Sequence[PassState]) -> None:
        self.executor = executor
        self.passes = tuple(passes)
        self.pending: dict[Future[list[Chunk]], tuple[PassState, tuple[int, ...]]] = {}
        self._unfinished = list(enumerate(passes))

    def ask(self) -> None:
        """Keep every worker supplied."""
        most = _QUEUED * self.executor.workers
        while len(self.pending) < most:
            for number, each in self._unfinished:
                stops = any(state.task.max_errors is not None for state in each.states)
                request = each.next(ahead=most if stops else 0)
                if request is not None:
                    self.pending[self.executor.submit(number, *request)] = (each, request[1])
                    break
            else:
                break

    def take(self, future: Future[list[Chunk]]) -> tuple[PassState, list[Chunk]]:
        """Accept what was computed, or raise what its computation raised."""
        each, wanted = self.pending.pop(future)
        chunks = future.result()
        for number, chunk in zip(wanted, chunks, strict=True):
            each.states[number].accept(chunk)
        if each.done:
            self._unfinished = [(number, other) for number, other in self._unfinished if other is not each]
            # Chunks beyond the stop are asked for in vain.
            for other, (owner, _) in list(self.pending.items()):
                if owner is each and other.cancel():
                    del self.pending[other]
        return each, chunks

    @property
    def running(self) -> list[Future[list[Chunk]]]:
        """What is asked for and not done, nor cancelled."""
        return [future for future in self.pending if not future.done()]


def lanes_of(passes: Sequence[PassState], workers: int) -> list[Lane]:
    """Each pass where it belongs: with the one worker of its device, or with so many threads, where any will do."""
    by_device: dict[str | None, list[PassState]] = {}
    for each in passes:
        by_device.setdefault(each.work.device, []).append(each)
    return [
        Lane(ThreadExecutor(workers) if device is None else DeviceExecutor(device), own)
        for device, own in by_device.items()
    ]
