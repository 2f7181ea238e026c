"""How far a sweep is, for a progress bar."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Progress:
    """A sweep at one moment. What a former run stored counts as done; rates are of this run.

    `sequences` were drawn or scored in this run (a pass that prices many cells counts once). `widest_interval` is the
    largest of high - low over the SERs and (high - low)/value over the TERs and TER ratios so far; None before any.
    `cells_published` are those done of which something came from published rows.
    `compiling`: the line that tells of kernels which are being compiled; nothing is measured yet. `waits_for`: tasks
    with chunks that a sweep which is to stop has begun, and which are not given up yet.
    """

    cells_done: int
    cells_total: int
    chunks_done: int
    chunks_total: int
    sequences: int
    sequences_per_second: float
    seconds_left: float | None
    widest_interval: float | None
    compiling: str = ""
    cells_published: int = 0
    waits_for: tuple[str, ...] = ()


class Reporter:
    """Passes progress on, but not more often than anyone can look."""

    SECONDS: ClassVar[float] = 0.1

    def __init__(self, report: Callable[[Progress], None] | None) -> None:
        self._report = report
        self._last = float("-inf")

    def __call__(self, progress: Callable[[], Progress], *, now: bool = False) -> None:
        """Ask for the progress and report it, if it is time or `now` says so."""
        if self._report is None or (not now and time.monotonic() - self._last < self.SECONDS):
            return
        self._last = time.monotonic()
        self._report(progress())
