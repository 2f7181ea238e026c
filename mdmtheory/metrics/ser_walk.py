"""SER without counting errors: the mean of 1 - prod(1 - z) over walks that stay possible."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from mdmtheory.core.estimate import Estimate, WithheldError
from mdmtheory.core.guards import unguarded
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.intervals import bounded_mean
from mdmtheory.core.origin import is_built_in
from mdmtheory.core.register import registered
from mdmtheory.core.sources import Ours
from mdmtheory.metrics.measure import Measure, Sequences
from mdmtheory.metrics.metric import PROBABILITY, Measured, Metric
from mdmtheory.metrics.sums import Sums, moments
from mdmtheory.models.conditioned_walk import Walk

WALK_SEARCH = Ours(
    "unbiased estimate of invalid sequence rate by likelihood ratios p(x)/q(x) over data from known "
    "language, or by walks that stay in the support, masked diffusion",
    "2026-11-29",
)

METHODS = ("draws", "walk", "sharp", "shared", "tilted")
"""Errors among drawn sequences, or the chance of an error along walks that make none: by tokens, by whole steps, by
whole steps where two positions share one, or through contexts in which mass is likely to die."""


def check_method(method: str) -> None:
    """ValueError unless the method is known."""
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; pass one of {', '.join(METHODS)}")


WALK_SUMS = ("sequences", "wrong", "wrong_squared", "wrong_cubed")


class WalkMeasure(Measure):
    """Over walks that stay possible under q: `wrong` sums the chance that each has to go wrong, of mean SER.

    Of answers to prompts where something is given. A subclass says which walks, and what a model has to have.
    """

    whole = ("sequences", "tokens")
    real: ClassVar[tuple[str, ...]] = ("wrong", "wrong_squared", "wrong_cubed")

    def check(self, model: Any) -> None:
        """ValueError where a model has no such walks: one of a user's own may draw by another law."""
        if not is_built_in(unguarded(model)):
            raise ValueError(
                f"{model.spec} does not come with mdmtheory, which knows no walks of it; count errors (ser, "
                "method='draws')"
            )
        self.check_own(model)

    @abstractmethod
    def check_own(self, model: Any) -> None:
        """ValueError with the reason where a model that is built in has none."""

    @abstractmethod
    def walked(self, model: Any, *of: Any, **options: Any) -> Any:
        """The walks, which say how `wrong` they are."""

    def facts_of(self, model: Any) -> dict[str, Any]:
        """Nothing, where the model has such walks."""
        self.check(model)
        return {}

    @whole_numbers(threads=1)
    def count(self, models: Sequence[Any], of: Sequences, threads: int | None = 1) -> list[Sums]:
        """Walk with each model."""
        found = []
        for model in of.held(models):
            self.check(model)
            own = (of.language, of.count, of.length, of.seed)
            walk = self.walked(model, *own, first=of.first, threads=threads, **of.to_draw(threads))
            whole = {"sequences": of.count, "tokens": of.count * of.answer_length}
            found.append(Sums(whole, **self.sums_of(walk)))
        return found

    def sums_of(self, walk: Any) -> dict[str, float]:
        """What is added up of walks besides how many they are."""
        return moments("wrong", walk.wrong)


@registered("measure", place=4)
class Walks(WalkMeasure):
    """Walks token by token: 1 - prod(1 - z), z being the mass that the model has on what is impossible there."""

    name = "walks"

    def check_own(self, model: Any) -> None:
        """ValueError where its sampler has no law over what it sets given what stands."""
        model.check_walks()

    def walked(self, model: Any, *of: Any, **options: Any) -> Walk:
        """The model's own walks."""
        walk: Walk = model.walk(*of, **options)
        return walk


@registered("metric", place=7, sources=(WALK_SEARCH,))
class SerWalk(Metric):
    """SER by walks that stay possible: the mean of 1 - prod(1 - z), of no more variance than a count (ours)."""

    name, short, unit = "ser_walk", "SER by walks", PROBABILITY
    label = "SER by walks (probability\nthat a sequence is wrong)"
    needs, sums = "walks", WALK_SUMS
    brings_of_learned = ("z",)
    fewest = 2
    column = 2.5

    def estimate(self, measured: Measured, level: float = 0.95) -> Estimate:
        """Student's interval, corrected for skewness; Bernstein's where so few walks carry the mean that none holds."""
        return mean_of_share(measured, "wrong", level)


def mean_of_share(measured: Measured, name: str, level: float) -> Estimate:
    """The mean of numbers between 0 and 1: where core/means.py withholds an interval, one that holds for every law."""
    sums, count = measured.sums, measured.sums.whole("sequences")
    try:
        ends = measured.mean(name, level)
    except WithheldError:
        ends = bounded_mean(count, sums[name], sums[f"{name}_squared"], level)
    return Estimate(*ends, level, "estimate", count).within(0.0, 1.0)
