"""Measuring cells: what a store lacks of them is computed by workers and written as it is finished."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdmtheory.core.interrupts import interrupts_held
from mdmtheory.core.long_calls import counting, shows_progress
from mdmtheory.models.finishing import TRUST
from mdmtheory.sweeps.cell import Cell
from mdmtheory.sweeps.executors import Executor, worker_count
from mdmtheory.sweeps.lanes import Lane, lanes_of
from mdmtheory.sweeps.meter import Meter
from mdmtheory.sweeps.passes import Keeps, Pass
from mdmtheory.sweeps.progress import Progress, Reporter
from mdmtheory.sweeps.published import published_rows
from mdmtheory.sweeps.results import check_level, frame_of, other_cells
from mdmtheory.sweeps.samples_file import SamplesFile, beside, rows_of
from mdmtheory.sweeps.store import Store
from mdmtheory.sweeps.work import Work

if TYPE_CHECKING:
    import pandas as pd

_COMMIT_SECONDS = 0.25
"""Finished chunks wait so long for others: a transaction waits for the disk, however many rows it has."""
_LOOKS_EVERY = 0.1
"""Seconds after which the loop looks at progress and for Ctrl-C, if no chunk comes sooner."""


@shows_progress
def collect(
    cells: Iterable[Cell],
    *,
    out: str | Path = "results/sweep.sqlite",
    workers: Any = "auto",
    progress: Callable[[Progress], None] | bool | None = None,
    level: float = 0.95,
    executor: Executor | None = None,
    rows: str | Path | None = None,
    tag: str | Iterable[str] = (),
    keep_samples: bool = False,
    finish: bool = False,
) -> pd.DataFrame:
    """Measure cells, keep the counts in the store `out`, and return the rows of these cells as `read` does.

    `progress`: called with each Progress; or whether a line shows how far it is, by default where that takes long.

    What the store has already is not computed again, nor what `rows` has: a file that `mdmtheory leaderboard` wrote, of
    the very same task, the same level, and at least as many sequences (`sweeps/published.py`). `tag` (one, several, or
    text with commas) is written beside the cells, with those that they have, and is the column `tag`. Killed at any
    moment and started again, it goes on and ends with the same bits. `workers` are threads, for models that may be
    split anyhow; one that computes on a device or asks for a batch has one worker for its device besides. Results do
    not depend on how many there are.

    With `keep_samples` drawn sequences are kept, in NAME.samples.sqlite beside the store (`mt.kept_samples` reads
    them), with `finish` drawn to their end also where they went wrong. What was measured without is drawn once more,
    and must come to the same sums: ValueError names the chunk. No number depends on either.

    On Ctrl-C no chunk is begun any more, those in progress are given up when they are
    about to ask a denoiser again (a plug-in model that asks none ends its chunk), and everything finished is written
    before KeyboardInterrupt goes on; on a second Ctrl-C that is done without waiting for any. ValueError or OSError, in
    one line, for cells that do not fit together (before anything is computed) and for a store that cannot be used.
    """
    check_level(level)
    threads = worker_count(workers)
    work = Work.of(cells, tags_of(tag))
    keeps = keeping(work, keep_samples, finish)
    with contextlib.ExitStack() as held:
        store = held.enter_context(Store(out))
        samples = held.enter_context(SamplesFile(beside(out))) if keeps else None
        published = {} if rows is None else published_rows(rows, work, level)
        kept = None if samples is None else samples.begins(work.drawing, trust_of(keeps))
        work.resume(store.contents, published, keeps=keeps, kept=kept)
        store.add([state.task for state in work.states.values() if not state.published], work.languages)
        lanes = lanes_of(work.passes, threads) if executor is None else [Lane(executor, work.passes)]
        asked = progress if callable(progress) else None
        meter, report = Meter(work, level, lanes), Reporter(asked)
        if work.passes:
            told = None if asked is None else lambda line: report(lambda: meter.compiling(line), now=True)
            warm([each.work for each in work.passes], told)
            meter.start()
            # Before anything is measured, so that what is told of the start is told of the start.
            report(meter, now=True)
            with interrupts_held() as interrupted:
                _Collection(work, store, samples, lanes, meter, report).run(interrupted)
        else:
            report(meter, now=True)
        frame = frame_of(store.contents, level, of=work.stored, published=work.taken(published))
        frame.attrs["others"] = other_cells(store.contents, work.states)
        return frame


def tags_of(tag: str | Iterable[str]) -> list[str]:
    """Tags from a text with commas or a list of texts; ValueError for one that cannot be shown and asked for."""
    found = [piece.strip() for each in ([tag] if isinstance(tag, str) else tag) for piece in str(each).split(",")]
    for each in found:
        if not each or not each.isprintable():
            raise ValueError(f"tag {each!r} is empty or cannot be printed; give words, as paper1 or paper1,figure2")
    return list(dict.fromkeys(found))


def keeping(work: Work, keep_samples: bool, finish: bool) -> Keeps:
    """What is kept of drawn sequences; ValueError where there are none, or a model cannot draw them to their end."""
    if not keep_samples:
        if finish:
            raise ValueError("finish is about sequences that are kept, and none are; give keep_samples=True as well")
        return None
    if not work.drawing:
        raise ValueError("no metric asked for draws sequences that could be kept; add one that does, as ser")
    for sha in work.drawing if finish else ():
        task, _, model = work.things[sha]
        if not getattr(model, "finishes", False):
            raise ValueError(f"{task} cannot be drawn to its end: its model does not say `finishes`; leave finish out")
    return "finished" if finish else "drawn"


def trust_of(keeps: Keeps) -> float | None:
    """The trust with which kept sequences must have been drawn to their end; None where any will do."""
    return TRUST if keeps == "finished" else None


def warm(passes: Sequence[Pass], announce: Callable[[str], object] | None) -> None:
    """Run one sequence through every kernel that the passes use.

    `announce` is called, with a line to be told, if that compiles any; without it the line goes to stderr.
    """
    from mdmtheory.kernels.compiling import announcing_compilation

    with contextlib.nullcontext() if announce is None else announcing_compilation(announce):
        for each in {each.kernels: each for each in passes}.values():
            each.warm()


class _Collection:
    """The loop that hands out chunks, takes them back in any order, and writes them in index order."""

    def __init__(
        self,
        work: Work,
        store: Store,
        samples: SamplesFile | None,
        lanes: Sequence[Lane],
        meter: Meter,
        report: Reporter,
    ) -> None:
        self._work, self._store, self._samples = work, store, samples
        self._lanes, self._meter, self._report = lanes, meter, report
        self._committed = time.monotonic()
        self._taken = 0

    def run(self, interrupted: Callable[[], int]) -> None:
        for lane in self._lanes:
            lane.executor.open([each.work for each in lane.passes])
        try:
            with counting("chunks", sum(each.left for each in self._work.passes)) as count:
                while not interrupted() and self._ask():
                    asked = [future for lane in self._lanes for future in lane.pending]
                    wait(asked, timeout=_LOOKS_EVERY, return_when=FIRST_COMPLETED)
                    self._take()
                    if time.monotonic() - self._committed > _COMMIT_SECONDS:
                        self._commit()
                    self._report(self._meter)
                    count(self._taken)
        finally:
            # Also on Ctrl-C, on a full disk and when a model fails: what is computed is kept.
            try:
                self._stop(interrupted)
            finally:
                self._close()
        self._report(self._meter, now=True)

    def _ask(self) -> bool:
        """Keep every worker supplied; whether anything is being computed."""
        for lane in self._lanes:
            lane.ask()
        return any(lane.pending for lane in self._lanes)

    def _take(self) -> None:
        """Accept what has been computed, and raise what a computation raised."""
        for lane in self._lanes:
            for future in [each for each in lane.pending if each.done() and not each.cancelled()]:
                if future in lane.pending:
                    self._meter.record(*lane.take(future))
                    self._taken += 1

    def _stop(self, interrupted: Callable[[], int]) -> None:
        """Have nothing begun any more, and wait for what has, unless there is Ctrl-C (once more)."""
        stopped = interrupted() > 0
        for lane in self._lanes:
            lane.executor.stop()
        told = False
        while (running := [future for lane in self._lanes for future in lane.running]) and interrupted() <= stopped:
            wait(running, timeout=_LOOKS_EVERY)
            if stopped and not told and any(lane.running for lane in self._lanes):
                told = True
                self._report(self._meter.stopping, now=True)

    def _close(self) -> None:
        for lane in self._lanes:
            lane.executor.close(wait=not lane.running)
            for future in list(lane.pending):
                if future.done() and not future.cancelled() and future.exception() is None:
                    self._meter.record(*lane.take(future))
        self._commit()

    def _commit(self) -> None:
        ready = dict(self._work.unwritten())
        if ready:
            if self._samples is not None:
                # First, so that the store never has a chunk whose sequences are missing.
                self._samples.add(rows_of(ready))
                ready = {sha: self._work.states[sha].without_samples() for sha in ready}
            self._store.append(ready)
            for sha in ready:
                self._work.states[sha].written = len(self._work.states[sha].chunks)
        self._committed = time.monotonic()
