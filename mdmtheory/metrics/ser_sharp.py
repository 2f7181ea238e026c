"""SER to relative precision, without waiting for errors: the mean of 1 - prod Z over walks by whole steps."""

from __future__ import annotations

import math
from typing import Any

from mdmtheory.core.estimate import TAIL_UNSEEN, Estimate, WithheldError
from mdmtheory.core.intervals import hoeffding_end
from mdmtheory.core.means import Moments, mean_interval
from mdmtheory.core.protocols import Language
from mdmtheory.core.register import registered
from mdmtheory.core.sources import Ours
from mdmtheory.metrics.metric import PROBABILITY, Measured, Metric
from mdmtheory.metrics.ser_walk import WALK_SUMS, WalkMeasure
from mdmtheory.metrics.sums import Sums
from mdmtheory.models.completable import check_completes
from mdmtheory.models.conditioned_steps import StepWalk

LEAST_EFFECTIVE = 20.0
"""A mean whose walks are worth fewer is withheld: below, its standard error is more than a fifth of it."""

SHARP_SEARCH = Ours(
    "masked diffusion product of marginals conditioned on automaton, probability mass of completable tokens per step, "
    "unbiased estimate of small invalid sequence rate",
    "2026-11-29",
)


@registered("measure", place=6)
class StepWalks(WalkMeasure):
    """Walks by whole steps: 1 - prod Z, Z being the mass of a step's product of laws on what can be completed."""

    name = "step_walks"

    def check_own(self, model: Any) -> None:
        """ValueError where its sampler looks, or has no law."""
        model.check_step_walks()

    def check_fits(self, model: Any, language: Language, length: int) -> None:
        """ValueError where the language does not say how steps of the model are completed at this length."""
        check_completes(language, length, model.denoiser)

    def walked(self, model: Any, *of: Any, **options: Any) -> StepWalk:
        """The model's own walks by steps."""
        walk: StepWalk = model.walk_steps(*of, **options)
        return walk


@registered("metric", place=9, sources=(SHARP_SEARCH,))
class SerSharp(Metric):
    """SER by walks of whole steps: the mean of 1 - prod Z, which keeps its digits however small it is (ours)."""

    name, short, unit = "ser_sharp", "sharp SER", PROBABILITY
    label = "sharp SER (probability\nthat a sequence is wrong)"
    needs, sums = "step_walks", WALK_SUMS
    brings = ("sharp_size", "sharp_largest")
    fewest = 2
    column = 2.6

    def estimate(self, measured: Measured, level: float = 0.95) -> Estimate:
        """The mean, from what was seen below it to Hoeffding's end above, which holds for every law.

        Withheld, with that end, where the walks are worth fewer than LEAST_EFFECTIVE. Below stands the end of a mean's
        interval (core/means.py): what was not seen can only add; 0 where none holds.
        """
        return tail_unseen(measured.sums, level)


@registered("metric", place=10, sources=(SHARP_SEARCH,))
class SharpSize(Metric):
    """How many walks of equal size the mean of ser_sharp is worth: (sum of 1 - prod Z)^2 / sum of squares."""

    name, short, label = "sharp_size", "walks' worth", ""
    needs, sums = "step_walks", WALK_SUMS
    column = 2.61

    def estimate(self, measured: Measured, level: float = 0.95) -> Estimate:
        """Of the very walks; all of them where none can go wrong."""
        size = effective_size(measured.sums)
        return Estimate(size, size, size, 1.0, "exact", measured.sums.whole("sequences"))


@registered("metric", place=11, sources=(SHARP_SEARCH,))
class SharpLargest(Metric):
    """The most that one walk may have of the sum behind ser_sharp: (sum of cubes)^(1/3) / sum of 1 - prod Z."""

    name, short, label = "sharp_largest", "largest walk", ""
    needs, sums = "step_walks", WALK_SUMS
    form = 2
    column = 2.62

    def estimate(self, measured: Measured, level: float = 0.95) -> Estimate:
        """A bound, of the very walks: reached where one walk has all, twice that of each of n equal ones at n = 8."""
        sums, count = measured.sums, measured.sums.whole("sequences")
        share = min(math.cbrt(sums["wrong_cubed"]) / sums["wrong"], 1.0) if sums["wrong"] > 0 else 1.0 / count
        # Cubes of what is below 1e-103 are too small for float64; the squares say less, and say it further down.
        if sums["wrong_cubed"] < 1e-290 and sums["wrong"] > 0:
            share = min(1.0, 1.0 / math.sqrt(effective_size(sums)))
        return Estimate(share, share, share, 1.0, "upper bound", count)


def tail_unseen(sums: Sums, level: float, most: float = 1.0) -> Estimate:
    """The mean of terms from 0 to `most`, with an upper end that holds for every law of these; as of SerSharp."""
    count = sums.whole("sequences")
    value = min(sums["wrong"] / count, most)
    high = most * max(hoeffding_end(count, value / most, level), value / most)
    size = effective_size(sums)
    if value > 0 and size < LEAST_EFFECTIVE:
        raise WithheldError(
            f"{count} walks are worth {size:.2g} of equal size, below {LEAST_EFFECTIVE:g}; at most {min(high, 1):.2g}",
            count,
        )
    ends = (min(value, 1.0), min(_seen_below(sums, value, level), 1.0), min(high, 1.0))
    return Estimate(*ends, level, TAIL_UNSEEN, count)


def _seen_below(sums: Sums, value: float, level: float) -> float:
    """The lower end of the mean's interval, made in parts of the mean, which no floor of rounding hides; 0 for none."""
    if value**3 < 1e-290:
        return 0.0
    count = sums.whole("sequences")
    parts = Moments.from_sums(count, count, sums["wrong_squared"] / value**2, sums["wrong_cubed"] / value**3)
    try:
        return value * min(max(mean_interval(parts, level)[1], 0.0), 1.0)
    except WithheldError:
        return 0.0


def effective_size(sums: Sums) -> float:
    """(sum)^2 / sum of squares of 1 - prod Z, from 1 to the number of walks, which it is where none can go wrong.

    1 where the squares are too small for float64: nothing is known of it then.
    """
    total, squares, count = sums["wrong"], sums["wrong_squared"], sums.whole("sequences")
    if total == 0:
        return float(count)
    return min(max(total**2 / squares, 1.0), float(count)) if squares > 1e-290 else 1.0
