"""Measuring cells: what a store lacks of them is computed by workers and written as it is finished."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdmtheory.sweeps.cell import Cell
from mdmtheory.sweeps.chunks import Chunk
from mdmtheory.sweeps.executors import Executor, ThreadExecutor, worker_count
from mdmtheory.sweeps.meter import Meter
from mdmtheory.sweeps.passes import Pass
from mdmtheory.sweeps.progress import Progress, Reporter
from mdmtheory.sweeps.published import published_rows
from mdmtheory.sweeps.results import check_level, frame_of
from mdmtheory.sweeps.store import Store
from mdmtheory.sweeps.work import PassState, Work

if TYPE_CHECKING:
    import pandas as pd

_COMMIT_SECONDS = 0.25
"""Finished chunks wait so long for others: a transaction waits for the disk, however many rows it has."""
_QUEUED = 2
"""Chunks asked for at a time by each worker: one that it computes and one to go on with."""


def collect(
    cells: Iterable[Cell],
    *,
    out: str | Path = "results/sweep.sqlite",
    workers: Any = "auto",
    progress: Callable[[Progress], None] | None = None,
    level: float = 0.95,
    executor: Executor | None = None,
    rows: str | Path | None = None,
) -> pd.DataFrame:
    """Measure cells, keep the counts in the store `out`, and return the rows of these cells as `read` does.

    What the store has already is not computed again, nor what `rows` has: a file that `mdmtheory leaderboard` wrote, of
    the very same task, the same level, and at least as many sequences (`sweeps/published.py`). Killed at any moment and
    started again, it goes on and ends with the same bits. Results do not depend on `workers`. On Ctrl-C everything
    finished is written before KeyboardInterrupt goes on. ValueError or OSError, in one line, for cells that do not fit
    together (before anything is computed) and for a store that cannot be used.
    """
    check_level(level)
    executor = executor or ThreadExecutor(worker_count(workers))
    work = Work.of(cells)
    with Store(out) as store:
        published = {} if rows is None else published_rows(rows, work, level)
        work.resume(store.contents, published)
        store.add([state.task for state in work.states.values() if not state.published], work.languages)
        meter, report = Meter(work, level, executor.workers), Reporter(progress)
        if work.passes:
            warm([each.work for each in work.passes], lambda: report(meter.compiling, now=True))
            meter.start()
            # Before anything is measured, so that what is told of the start is told of the start.
            report(meter, now=True)
            with _interrupts_held() as interrupted:
                _Collection(work, store, executor, meter, report).run(interrupted)
        else:
            report(meter, now=True)
        return frame_of(store.contents, level, of=work.stored, published=work.taken(published))


def warm(passes: Sequence[Pass], announce: Callable[[], None]) -> None:
    """Run one sequence through every kernel that the passes use; `announce` is called if that compiles any."""
    from mdmtheory.kernels.compiling import announcing_compilation

    with announcing_compilation(announce):
        for each in {each.kernels: each for each in passes}.values():
            each.count(0, 1, (0,))


@contextlib.contextmanager
def _interrupts_held() -> Iterator[Callable[[], bool]]:
    """Inside the block Ctrl-C waits to be asked for, and comes at the latest at its end.

    KeyboardInterrupt may otherwise be raised between any two operations, also in the midst of those that take finished
    chunks over or wait for the workers. A program that handles SIGINT itself, or another thread, is left alone.
    """
    arrived: list[int] = []
    ours = threading.current_thread() is threading.main_thread()
    ours = ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, lambda number, frame: arrived.append(number))
    try:
        yield lambda: bool(arrived)
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    if arrived:
        raise KeyboardInterrupt


class _Collection:
    """The loop that hands out chunks, takes them back in any order, and writes them in index order."""

    def __init__(self, work: Work, store: Store, executor: Executor, meter: Meter, report: Reporter) -> None:
        self._work, self._store, self._executor, self._meter, self._report = work, store, executor, meter, report
        self._pending: dict[Future[list[Chunk]], tuple[PassState, tuple[int, ...]]] = {}
        self._unfinished = list(enumerate(work.passes))
        self._committed = time.monotonic()

    def run(self, interrupted: Callable[[], bool]) -> None:
        self._executor.open([each.work for each in self._work.passes])
        try:
            while not interrupted() and (self._ask() or self._pending):
                finished, _ = wait(self._pending, timeout=0.1, return_when=FIRST_COMPLETED)
                for future in finished:
                    self._take(future)
                if time.monotonic() - self._committed > _COMMIT_SECONDS:
                    self._commit()
                self._report(self._meter)
        finally:
            # Also on Ctrl-C, on a full disk and when a model fails: what is computed is kept.
            self._executor.close()
            for future in list(self._pending):
                if future.done() and not future.cancelled() and future.exception() is None:
                    self._take(future)
            self._commit()
        self._report(self._meter, now=True)

    def _ask(self) -> bool:
        """Keep every worker supplied; whether anything was asked for."""
        asked = False
        while len(self._pending) < _QUEUED * self._executor.workers:
            for number, each in self._unfinished:
                stops = any(state.task.max_errors is not None for state in each.states)
                request = each.next(ahead=_QUEUED * self._executor.workers if stops else 0)
                if request is not None:
                    index, wanted = request
                    self._pending[self._executor.submit(number, index, wanted)] = (each, wanted)
                    asked = True
                    break
            else:
                break
        return asked

    def _take(self, future: Future[list[Chunk]]) -> None:
        """Accept what was computed."""
        each, wanted = self._pending.pop(future)
        chunks = future.result()
        for number, chunk in zip(wanted, chunks, strict=True):
            each.states[number].accept(chunk)
        self._meter.record(each, chunks)
        if each.done:
            self._unfinished = [(number, other) for number, other in self._unfinished if other is not each]
            # Chunks beyond the stop are asked for in vain.
            for other, (owner, _) in list(self._pending.items()):
                if owner is each and other.cancel():
                    del self._pending[other]

    def _commit(self) -> None:
        ready = dict(self._work.unwritten())
        if ready:
            self._store.append(ready)
            for sha in ready:
                self._work.states[sha].written = len(self._store.contents.tasks[sha].chunks)
        self._committed = time.monotonic()
