"""SER of random order from the plans in which two positions share a step, of which the others are without error."""

from __future__ import annotations

from typing import Any

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.intervals import bounded_mean
from mdmtheory.core.protocols import Language
from mdmtheory.core.register import registered
from mdmtheory.core.sources import Ours
from mdmtheory.metrics.metric import PROBABILITY, Measured, Metric
from mdmtheory.metrics.ser_sharp import effective_size
from mdmtheory.metrics.ser_walk import WALK_SUMS, WalkMeasure
from mdmtheory.models.completable import check_completes
from mdmtheory.models.shared_walks import SharedWalk

SHARED_SEARCH = Ours(
    "masked diffusion random order sampler importance sampling of reveal plans with two positions in the same step, "
    "near collisions, small error rate estimate",
    "2026-11-30",
)

SHARED_SUMS = (*WALK_SUMS, "most")


@registered("measure", place=7)
class SharedWalks(WalkMeasure):
    """Walks through plans with a shared step: 1 - prod Z times how much likelier the plan is than it was to be drawn.

    `most` sums what each can be at most.
    """

    name = "shared_walks"
    real = (*WalkMeasure.real, "most")

    def check_own(self, model: Any) -> None:
        """ValueError where plans without a shared step may err, or are not known."""
        model.check_shared_walks()

    def check_fits(self, model: Any, language: Language, length: int) -> None:
        """ValueError where the language does not say how steps of the model are completed at this length."""
        check_completes(language, length, model.denoiser)

    def walked(self, model: Any, *of: Any, **options: Any) -> SharedWalk:
        """The model's own walks by shared steps."""
        walk: SharedWalk = model.walk_shared(*of, **options)
        return walk

    def sums_of(self, walk: SharedWalk) -> dict[str, float]:
        """Those of all walks, and the bound."""
        return {**super().sums_of(walk), "most": walk.most * len(walk.ratios)}


@registered("metric", place=12, sources=("karp1989", SHARED_SEARCH))
class SerShared(Metric):
    """SER of random order by plans with a shared step, which alone can err with the exact denoiser (ours)."""

    name, short, unit = "ser_shared", "SER by shared steps", PROBABILITY
    label = "SER by shared steps (probability\nthat a sequence is wrong)"
    needs, sums = "shared_walks", SHARED_SUMS
    brings = ("shared_size",)
    fewest = 2
    column = 2.7

    def estimate(self, measured: Measured, level: float = 0.95) -> Estimate:
        """The mean, with Bernstein's empirical interval, which holds for every law of terms from 0 to `most`."""
        sums, count = measured.sums, measured.sums.whole("sequences")
        ends = bounded_mean(count, sums["wrong"], sums["wrong_squared"], level, sums["most"] / count)
        return Estimate(*ends, level, "estimate", count).within(0.0, 1.0)


@registered("metric", place=13, sources=(SHARED_SEARCH,))
class SharedSize(Metric):
    """How many walks of equal size the mean of ser_shared is worth: (sum)^2 / sum of squares of its terms."""

    name, short, label = "shared_size", "shared walks' worth", ""
    needs, sums = "shared_walks", WALK_SUMS
    column = 2.71

    def estimate(self, measured: Measured, level: float = 0.95) -> Estimate:
        """Of the very walks; all of them where none can go wrong."""
        size = effective_size(measured.sums)
        return Estimate(size, size, size, 1.0, "exact", measured.sums.whole("sequences"))
