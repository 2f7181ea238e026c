"""Two ways to do one job, timed turn by turn in the same process, so that a slow minute of the machine hits both."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Side:
    """One way to do a job: `work(count)` does it for `count` sequences.

    `count` None: as many as take about `seconds`, a multiple of `unit` and at most `most`; else exactly that many.
    """

    name: str
    work: Callable[[int], object]
    count: int | None = None
    unit: int = 1
    most: int = 100_000


@dataclass(frozen=True)
class Measured:
    """How a side was measured: sequences in a call, calls in a measurement, seconds a sequence in each round."""

    name: str
    count: int
    calls: int
    seconds: list[float]

    @property
    def typical(self) -> float:
        """Median seconds a sequence."""
        return median(self.seconds)


@dataclass(frozen=True)
class Ratio:
    """The slower side's seconds over the faster one's, round by round."""

    ours: Measured
    other: Measured

    @property
    def ratios(self) -> list[float]:
        """Other over ours, one for each round."""
        return [other / ours for ours, other in zip(self.ours.seconds, self.other.seconds, strict=True)]

    @property
    def median(self) -> float:
        """The middle round."""
        return median(self.ratios)


@dataclass(frozen=True)
class Row:
    """One line of the table: how many times as long the other side takes, and what it must be at least (or at most)."""

    job: str
    against: str
    ratio: Ratio
    at_least: float | None = None
    at_most: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the median satisfies the requirement; None where nothing is required."""
        if self.at_least is not None:
            return self.ratio.median >= self.at_least
        if self.at_most is not None:
            return self.ratio.median <= self.at_most
        return None


def compare(ours: Side, other: Side, *, rounds: int = 7, seconds: float = 0.3) -> Ratio:
    """Size both sides while warming them up, then measure A B A B ..., `rounds` times.

    Sizes and compilation are settled before the first round. Seconds are per sequence, so sides of different counts
    compare; the counts are kept.
    """
    plans = [(side, *_size(side, seconds)) for side in (ours, other)]
    taken: list[list[float]] = [[], []]
    for _ in range(rounds):
        for record, (side, count, calls) in zip(taken, plans, strict=True):
            record.append(_seconds_each(side, count, calls))
    sides = [Measured(side.name, count, calls, each) for (side, count, calls), each in zip(plans, taken, strict=True)]
    return Ratio(*sides)


def measure(side: Side, rounds: int, *, seconds: float = 0.3) -> Measured:
    """One side alone, sized and measured as in `compare`."""
    count, calls = _size(side, seconds)
    return Measured(side.name, count, calls, [_seconds_each(side, count, calls) for _ in range(rounds)])


def _size(side: Side, seconds: float) -> tuple[int, int]:
    """Sequences in a call and calls in a measurement, so that a measurement takes about `seconds` or more."""
    count = side.count or side.unit
    while True:
        side.work(count)  # a new size may be compiled anew
        took = min(_seconds_each(side, count, 1) * count for _ in range(2))
        if side.count or took >= seconds / 2 or 2 * count > side.most:
            return count, max(1, round(seconds / took))
        count *= 2


def _seconds_each(side: Side, count: int, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        side.work(count)
    return (time.perf_counter() - start) / (count * calls)
