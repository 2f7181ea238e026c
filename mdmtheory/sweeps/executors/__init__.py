"""Where chunks are computed: threads share out what may be split anyhow, and each device has one worker."""

from mdmtheory.sweeps.executors.device import DeviceExecutor
from mdmtheory.sweeps.executors.protocol import Executor
from mdmtheory.sweeps.executors.threads import ThreadExecutor, worker_count

__all__ = ["DeviceExecutor", "Executor", "ThreadExecutor", "worker_count"]
