"""Threads of this process: kernels release the interpreter lock, so they are enough on one machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

from mdmtheory.core.giving_up import given_up_if
from mdmtheory.core.integers import whole_number, whole_numbers
from mdmtheory.core.notices import notice
from mdmtheory.core.threads import allowed_threads, started_pool
from mdmtheory.sweeps.chunks import Chunk
from mdmtheory.sweeps.passes import Pass


class ThreadExecutor:
    """Threads of this process, each computing one chunk at a time on one processor."""

    @whole_numbers(workers=1)
    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._passes: Sequence[Pass] = ()
        self._pool: ThreadPoolExecutor | None = None
        self._unwanted = Event()

    def open(self, passes: Sequence[Pass]) -> None:
        """Take the passes and start the threads: as many as the system gives, down to the one that asks."""
        self._passes = passes
        self._unwanted = Event()
        count = self.workers
        while self._pool is None and count:
            self._pool = started_pool(count, "mdmtheory-sweep")
            count //= 2
        if self._pool is None:
            notice("the system gives no more threads; the work is done by one")

    def submit(self, number: int, index: int, wanted: tuple[int, ...]) -> Future[list[Chunk]]:
        """Queue `passes[number].compute(index, wanted)`, or do it at once where there are no threads."""
        if self._pool is not None:
            return self._pool.submit(self._compute, number, index, wanted)
        done: Future[list[Chunk]] = Future()
        done.set_running_or_notify_cancel()
        try:
            done.set_result(self._compute(number, index, wanted))
        except Exception as error:  # noqa: BLE001  # whoever waits for the result gets it
            done.set_exception(error)
        return done

    def stop(self) -> None:
        """Cancel what has not begun; what has gives up before it asks a denoiser again, or else ends its chunk."""
        self._unwanted.set()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def close(self, *, wait: bool = True) -> None:
        """Let the threads go."""
        if self._pool is not None:
            self._pool.shutdown(wait=wait, cancel_futures=True)
            self._pool = None

    def _compute(self, number: int, index: int, wanted: tuple[int, ...]) -> list[Chunk]:
        with given_up_if(self._unwanted.is_set):
            return self._passes[number].compute(index, wanted)


def worker_count(workers: Any) -> int:
    """`auto` is every processor that this process may use; ValueError below 1 or above what threads can be had."""
    if isinstance(workers, str):
        if workers.strip() == "auto":
            return allowed_threads()
        if not workers.strip().isdecimal():
            raise ValueError(f"workers {workers!r} is not a number; give 1 or more, or auto for every processor")
        workers = int(workers)
    workers = whole_number(workers, "workers", 1)
    most = 64 * (os.cpu_count() or 1)
    if workers > most:
        raise ValueError(
            f"workers is {workers}, far more than the {os.cpu_count()} processors here; give at most {most}"
        )
    return workers
