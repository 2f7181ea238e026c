"""Watching a sweep: rates, the time left, and the widest interval so far."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from mdmtheory.metrics.sums import Sums
from mdmtheory.sweeps.chunks import Chunk, total
from mdmtheory.sweeps.lanes import Lane
from mdmtheory.sweeps.progress import Progress
from mdmtheory.sweeps.results import estimates
from mdmtheory.sweeps.work import PassState, TaskState, Work


class Meter:
    """Calling it gives the progress of `work` at this moment."""

    def __init__(self, work: Work, level: float, lanes: Sequence[Lane]) -> None:
        self._work = work
        self._level = level
        self._lanes = lanes
        self._began = time.monotonic()
        self._sequences = 0
        self._seconds: dict[int, tuple[float, int]] = {}
        self._widths: dict[str, tuple[int, list[Sums], float | None]] = {}

    def start(self) -> None:
        """Start the clock: kernels are warm."""
        self._began = time.monotonic()

    def record(self, work: PassState, chunks: Sequence[Chunk]) -> None:
        """Note that one chunk of a pass was computed for some of its tasks."""
        seconds, count = self._seconds.get(id(work), (0.0, 0))
        self._seconds[id(work)] = (seconds + sum(chunk.seconds for chunk in chunks), count + 1)
        self._sequences += chunks[0].sums.whole("sequences")

    def compiling(self, line: str) -> Progress:
        """The progress while kernels are being compiled, of which a line tells."""
        return replace(self(), compiling=line)

    def stopping(self) -> Progress:
        """The progress of a sweep that is to stop, with the tasks whose chunks it still waits for."""
        waited_for = [
            str(each.work.tasks[wanted[0]])
            for lane in self._lanes
            for each, wanted in (lane.pending[future] for future in lane.running)
        ]
        return replace(self(), waits_for=tuple(waited_for))

    def __call__(self) -> Progress:
        """The progress now."""
        states = self._work.states.values()
        done = sum(len(state.chunks) for state in states)
        return Progress(
            cells_done=sum(all(state.done for state in own) for _, own in self._work.cells),
            cells_total=len(self._work.cells),
            chunks_done=done,
            chunks_total=max(done, round(sum(state.expected for state in states))),
            sequences=self._sequences,
            sequences_per_second=self._sequences / max(time.monotonic() - self._began, 1e-9),
            seconds_left=self._seconds_left(),
            widest_interval=max((width for state in states if (width := self._width(state)) is not None), default=None),
            cells_published=self._work.cells_published,
        )

    def _seconds_left(self) -> float | None:
        """From the mean seconds of a chunk in each pass; a pass not begun is taken to cost what others like it do."""
        sums: dict[object, tuple[float, int]] = {}
        for each in self._work.passes:
            seconds, count = self._seconds.get(id(each), (0.0, 0))
            for key in (each.work.tasks[0].measure, "any"):
                before = sums.get(key, (0.0, 0))
                sums[key] = (before[0] + seconds, before[1] + count)
        longest = 0.0
        for lane in self._lanes:
            left = 0.0
            for each in lane.passes:
                if each.left <= 0:
                    continue
                known = (self._seconds.get(id(each)), sums[each.work.tasks[0].measure], sums["any"])
                seconds, count = next((pair for pair in known if pair is not None and pair[1]), (0.0, 0))
                if not count:
                    return None
                left += each.left * seconds / count
            longest = max(longest, left / lane.executor.workers)
        return longest

    def _width(self, state: TaskState) -> float | None:
        """Widest interval of a task, relative for TER and absolute otherwise; only chunks that are new are added."""
        seen, known, width = self._widths.get(state.task.sha, (0, [], None))
        if len(state.chunks) > seen:
            known = [Sums.over([*known, total(state.chunks[seen:])])]
            asked = self._work.metrics[state.task.sha].values()
            widths = [
                (row["high"] - row["low"]) / (row["value"] if metric.relative else 1)
                for metric, row in estimates(state.task, known[0], self._level, asked)
                if row["low"] is not None
            ]
            # The width of an infinite TER is not a number.
            width = max((each for each in widths if each == each), default=None)
            self._widths[state.task.sha] = (len(state.chunks), known, width)
        return width
