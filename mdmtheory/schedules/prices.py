"""What random-order schedules are predicted to cost on one curve: sizes, perplexities and gaps with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.estimate import Ends, bare_kind, said_kind
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.intervals import check_level
from mdmtheory.schedules.averages import ROUNDING, Values, ancestral_weights, continuum_gap, fixed_weights
from mdmtheory.schedules.schedule import Schedule

OPTIMAL = "optimal"

RANDOM_ORDER = (
    "random order, mean over plans, and optimal means optimal for that mean; a chosen order can do far better or worse"
)
RANDOM_ORDER_BOUND = (
    "random order, mean over plans: an upper bound of the sampler's, and optimal means optimal for that bound; "
    "a chosen order can do far better or worse"
)


def holds_for(kind: str) -> str:
    """What a number of this kind holds for: what is not known to be an upper bound is not called one."""
    return RANDOM_ORDER_BOUND if bare_kind(kind) == "upper bound" else RANDOM_ORDER


Weights = Float[np.ndarray, "numbers"]
Fractions = Float[np.ndarray, "points"]
Sizes = Int[np.ndarray, "steps"]


@dataclass(frozen=True)
class Price:
    """Nats a sequence with their interval, what kind of number they are, and the level of the interval.

    NaN where the value is withheld or the ends or the level are not known.
    """

    value: float
    low: float
    high: float
    kind: str
    level: float


@runtime_checkable
class Pricing(Protocol):
    """What plans of one length cost: two prices each, in all and above one token a step."""

    @property
    def length(self) -> int:
        """Tokens in a sequence."""

    @property
    def count(self) -> int:
        """The draws behind the prices."""

    @property
    def exact(self) -> bool:
        """Whether the curve behind them is known exactly."""

    @property
    def together(self) -> bool:
        """Whether all its intervals hold at once, so that the cheapest of several sizes is as cheap as it seems."""

    def of_sizes(self, sizes: Sizes, level: float) -> tuple[Price, Price]:
        """Of reveal sizes."""

    def of_fractions(self, fractions: Fractions, level: float) -> tuple[Price, Price]:
        """Of i.i.d. steps with revealed fractions."""


@dataclass(frozen=True, eq=False)
class Priced:
    """What is known of a curve, as numbers in nats with which any plan's cost is a weighted sum.

    `fixed` and `ancestral` give the weights of reveal sizes and of i.i.d. steps with revealed fractions. `error` gives
    the standard error of a weighted sum, 0 where it is exact, None where it is not known. `count` is the number of
    draws behind it. Prices are upper bounds of the sampler's, being means over plans.
    """

    length: int
    values: Weights
    fixed: Callable[[Sizes], Weights]
    ancestral: Callable[[Fractions], Weights]
    error: Callable[[Weights], float | None]
    exact: bool
    count: int

    @property
    def together(self) -> bool:
        """Sizes are compared on what is exact; on an estimate the cheapest of several would seem too cheap."""
        return self.exact

    def of_sizes(self, sizes: Sizes, level: float) -> tuple[Price, Price]:
        """What reveal sizes cost in all, and above one token a step."""
        return self._both(self.fixed(sizes), level)

    def of_fractions(self, fractions: Fractions, level: float) -> tuple[Price, Price]:
        """The same of i.i.d. steps with revealed fractions."""
        return self._both(self.ancestral(fractions), level)

    def _both(self, weights: Weights, level: float) -> tuple[Price, Price]:
        total, _ = self._ends(weights, level)
        above, known = self._ends(weights - 1, level)
        # Sums of many nats round in the twelfth digit: what costs nothing is shown to cost nothing.
        value, low, high = (round(nats, 10) + 0.0 for nats in above)
        cut = no_less_than_0((value, low, high), "upper bound")
        return Price(*total, "upper bound", self._ends(weights, level)[1]), Price(*cut, known)

    def _ends(self, weights: Weights, level: float) -> tuple[Ends, float]:
        """weights @ values with its normal interval and its level; NaN where the error is not known."""
        from scipy.special import ndtri

        value, error = float(weights @ self.values), self.error(weights)
        half = math.nan if error is None else float(ndtri((1 + level) / 2)) * error
        known = math.nan if error is None else 1.0 if self.exact else level
        return (value, value - half, value + half), known


@whole_numbers(count=0, window=0)
def priced_curve(values: Values, errors: Values | None = None, count: int = 0, window: int = 0) -> Priced:
    """An exact curve, or an estimated one whose points have independent standard errors.

    There the points up to `window` away share what fixed sizes do to them, as far as the ends allow on both sides.
    Point 0 is exact. Where all draws behind other points agreed, their error is not 0 but not known.
    """

    def fixed(sizes: Sizes) -> Values:
        weights = fixed_weights(sizes)
        return 1 + shared(weights - 1, window) if window else weights

    def error(weights: Values) -> float | None:
        if errors is None:
            return 0.0
        found = float(np.sqrt(((weights * errors) ** 2).sum()))
        return found if found > 0 or not np.abs(weights[1:]).max(initial=0.0) > ROUNDING else None

    length = len(values)
    return Priced(length, values, fixed, partial(ancestral_weights, length=length), error, errors is None, count)


@whole_numbers(steps=1)
def prices(
    priced: Pricing, schedules: dict[str, Schedule], optimal_from: Values, steps: int, level: float
) -> Iterator[dict[str, Any]]:
    """The rows of one number of steps: for each schedule TER and gap of its fixed sizes and of its i.i.d. steps.

    TER = exp(nats/L) and the gap is in nats a sequence above one token a step; both are upper bounds of those of the
    sampler, being means over plans (docs/theory.md, section 2), or estimates of such. `optimal` comes last: the best
    sizes for `optimal_from`, or those of a schedule where prices hold together and its fixed sizes have a lower gap:
    the cost of one token a step, which no sizes change, is in the total and has a worst curve of its own.
    """
    from mdmtheory.schedules.rules import optimal

    check_level(level)
    length = priced.length
    sizes = {name: schedule.sizes(length, steps) for name, schedule in schedules.items()}
    fractions = {name: schedule.revealed_fractions(steps) for name, schedule in schedules.items()}
    sizes[OPTIMAL] = optimal(optimal_from, steps)
    fixed = {name: priced.of_sizes(revealed, level) for name, revealed in sizes.items()}
    if priced.together:
        cheapest = min(reversed(sizes), key=lambda name: (math.isnan(fixed[name][1].value), fixed[name][1].value))
        sizes[OPTIMAL], fixed[OPTIMAL] = sizes[cheapest], fixed[cheapest]
    fractions[OPTIMAL] = Schedule.from_sizes(sizes[OPTIMAL]).revealed_fractions()
    for name, revealed in sizes.items():
        found = {"fixed": fixed[name], "ancestral": priced.of_fractions(fractions[name], level)}
        for sampler, (total, gap) in found.items():
            value, low, high = (math.exp(nats / length) for nats in (total.value, total.low, total.high))
            ter = replace(total, value=value, low=low, high=high)
            words = " ".join(map(str, revealed)) if sampler == "fixed" else ""
            for metric, price in (("ter", ter), ("gap", gap)):
                ends = (price.value, price.low, price.high)
                yield row(name, sampler, steps, metric, ends, price.kind, price.level, priced.count, sizes=words)
    # Of the curve that the sizes were chosen by, so without an interval where that is estimated.
    limit = continuum_gap(optimal_from, steps)
    ends = (limit, limit, limit) if priced.exact else (limit, math.nan, math.nan)
    *cut, kind = no_less_than_0(ends, "exact" if priced.exact else "estimate")
    level = 1.0 if priced.exact else math.nan
    yield row(OPTIMAL, "fixed", steps, "gap_continuum", tuple(cut), kind, level, priced.count)


def no_less_than_0(ends: Ends, kind: str) -> tuple[float, float, float, str]:
    """A divergence and its ends, cut at 0, and its kind, which tells what they were; ends may be NaN."""
    # 0 comes second: the larger of NaN and 0 is NaN then.
    value, low, high = (max(each, 0.0) for each in ends)
    return value, low, high, said_kind(kind, ends) if min(ends[0], *ends[1:]) < -ROUNDING else kind


def shared(weights: Values, window: int) -> Values:
    """Each weight spread evenly over the points up to `window` away on both sides, fewer near the ends.

    A mean around a point is unchanged by a slope, so a smooth curve is priced with less noise and next to no bias.

    >>> shared(np.array([0.0, 0.0, 3.0, 0.0, 1.0]), 1).tolist()
    [0.0, 1.0, 1.0, 1.0, 1.0]
    """
    length = len(weights)
    at = np.arange(length)
    half = np.minimum(np.minimum(at, length - 1 - at), window)
    edges = np.zeros(length + 1)
    np.add.at(edges, at - half, weights / (2 * half + 1))
    np.add.at(edges, at + half + 1, -weights / (2 * half + 1))
    return np.cumsum(edges)[:-1]


def row(
    schedule: str,
    sampler: str,
    steps: int,
    metric: str,
    values: tuple[float, ...],
    kind: str,
    level: float,
    count: int,
    *,
    sizes: str = "",
) -> dict[str, Any]:
    """One number as a row."""
    value, low, high = values
    return {
        "schedule": schedule,
        "sampler": sampler,
        "steps": steps,
        "metric": metric,
        "value": value,
        "low": low,
        "high": high,
        "level": level,
        "kind": kind,
        "count": count,
        "sizes": sizes,
    }
