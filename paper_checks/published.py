"""The numbers of 2502.09622 as published, how precisely, and where each stands to a bracket of ours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

LENGTHS = (256, 512, 1024)
STEPS = (64, 128, 256, 512, 1024, 2048)
ORDERS = (2, 3, 4)

HALF_STEP = 0.15
"""Percentage points either way: TER looks rounded to 0.01, which is about 0.3 points of the ratio."""

IMPLIED_TER = {2: 3.67, 3: 3.07, 4: 3.2}
"""TER(q) of the paper's n-grams, inferred from the steps in which the table's cells come."""

_TER_TABLE = """
2-gram |  256 | 2.72 1.09 0.27 0.11 0.10 0.05
2-gram |  512 | 2.72 1.09 0.54 0.09 0.05 0.02
2-gram | 1024 | 2.46 1.09 0.55 0.13 0.07 0.02
3-gram |  256 | 4.58 1.63 0.98 0.33 0.15 0.08
3-gram |  512 | 4.56 1.95 0.98 0.42 0.17 0.09
3-gram | 1024 | 4.56 2.28 0.98 0.65 0.33 0.13
4-gram |  256 | 5.26 3.10 1.86 1.24 0.93 0.06
4-gram |  512 | 5.33 2.51 1.25 0.63 0.31 0.07
4-gram | 1024 | 5.37 2.91 1.45 0.84 0.35 0.05
"""

TIME_LENGTHS = (256, 512, 1024, 2048, 4096, 8192)
MDM_SECONDS = (2.0, 3.1, 4.2, 4.7, 4.7, 7.4)
AR_SECONDS = (0.9, 1.7, 3.3, 7.0, 15.4, 45.8)

Standing = Literal["above", "within", "below"]


@dataclass(frozen=True)
class Cell:
    """One published TER(p)/TER(q) - 1, in percent."""

    order: int
    length: int
    steps: int
    percent: float

    @property
    def low(self) -> float:
        """The least excess that would have been printed so, as a fraction; never below none."""
        return max(self.percent - HALF_STEP, 0.0) / 100

    @property
    def high(self) -> float:
        """The greatest excess that would have been printed so, as a fraction."""
        return (self.percent + HALF_STEP) / 100

    @property
    def smallest_vocabulary(self) -> float:
        """The fewest tokens with which sampling alone can cost so much, in any language.

        KL(q || p) <= L (H̄(0) - H̄(L-1)) / N <= L log V / N for ancestral sampling with the oracle on the linear
        schedule (a left Riemann sum of a falling curve; docs/theory.md, section 2), so V >= (TER(p)/TER(q))^N.
        """
        return math.exp(self.steps * math.log1p(self.low))

    def standing(self, low: float, high: float) -> Standing:
        """Whether all that would have been printed so lies above, or below, the bracket [low, high] of the excess."""
        if low > high:
            raise ValueError(f"the bracket [{low}, {high}] is empty; pass low <= high")
        if self.low > high:
            return "above"
        return "below" if self.high < low else "within"


def ter_cells(text: str = _TER_TABLE) -> Iterator[Cell]:
    """The cells of the published table; ValueError for a row that does not fit its heads."""
    for line in text.strip().splitlines():
        name, length, values = (part.strip() for part in line.split("|"))
        numbers = [float(each) for each in values.split()]
        if len(numbers) != len(STEPS):
            raise ValueError(f"row {line!r} has {len(numbers)} values; expected one for each of {len(STEPS)} steps")
        for steps, percent in zip(STEPS, numbers, strict=True):
            yield Cell(int(name.removesuffix("-gram")), int(length), steps, percent)


def working_steps(length: int, steps: int) -> float:
    """The expected number of steps that reveal anything, ancestral on the linear schedule: N (1 - (1 - 1/N)^L)."""
    return -steps * math.expm1(length * math.log1p(-1 / steps))
