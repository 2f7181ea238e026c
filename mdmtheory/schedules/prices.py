"""What random-order schedules are predicted to cost on one curve: sizes, perplexities and gaps with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.estimate import Kind
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.intervals import check_level
from mdmtheory.schedules.averages import Values, ancestral_weights, continuum_gap, fixed_weights
from mdmtheory.schedules.schedule import Schedule

OPTIMAL = "optimal"

RANDOM_ORDER = (
    "random order, mean over plans: an upper bound of the sampler's, and optimal means optimal for that bound; "
    "a chosen order can do far better or worse"
)


Weights = Float[np.ndarray, "numbers"]
Fractions = Float[np.ndarray, "points"]
Sizes = Int[np.ndarray, "steps"]


@dataclass(frozen=True, eq=False)
class Priced:
    """What is known of a curve, as numbers in nats with which any plan's cost is a weighted sum.

    `singly` are the weights of one token a step; `fixed` and `ancestral` give those of reveal sizes and of i.i.d. steps
    with revealed fractions. `error` gives the standard error of a weighted sum, None where it is not known, 0 where it
    is exact. `count` is the number of draws behind it.
    """

    length: int
    values: Weights
    singly: Weights
    fixed: Callable[[Sizes], Weights]
    ancestral: Callable[[Fractions], Weights]
    error: Callable[[Weights], float | None]
    count: int

    def nats(self, weights: Weights, level: float) -> tuple[float, float, float]:
        """weights @ values with its normal interval: value, low, high; NaN ends where the error is not known."""
        from scipy.special import ndtri

        value, error = float(weights @ self.values), self.error(weights)
        half = math.nan if error is None else float(ndtri((1 + level) / 2)) * error
        return value, value - half, value + half


@whole_numbers(count=0, window=0)
def priced_curve(values: Values, errors: Values | None = None, count: int = 0, window: int = 0) -> Priced:
    """An exact curve, or an estimated one whose points have independent standard errors.

    There the points up to `window` away share what fixed sizes do to them, as far as the ends allow on both sides.
    """

    def fixed(sizes: Sizes) -> Values:
        weights = fixed_weights(sizes)
        return 1 + shared(weights - 1, window) if window else weights

    def error(weights: Values) -> float:
        return 0.0 if errors is None else float(np.sqrt(((weights * errors) ** 2).sum()))

    length = len(values)
    return Priced(length, values, np.ones(length), fixed, partial(ancestral_weights, length=length), error, count)


@whole_numbers(steps=1)
def prices(
    priced: Priced, schedules: dict[str, Schedule], optimal_from: Values, steps: int, level: float
) -> Iterator[dict[str, Any]]:
    """The rows of one number of steps: for each schedule TER and gap of its fixed sizes and of its i.i.d. steps.

    TER = exp(nats/L) and the gap is in nats a sequence above one token a step; both are upper bounds of those of the
    sampler, being means over plans (docs/theory.md, section 2). `optimal` comes last, for `optimal_from`.
    """
    from mdmtheory.schedules.rules import optimal

    check_level(level)
    length, error = priced.length, priced.error(priced.singly)
    exact = error == 0
    known = 1.0 if exact else math.nan if error is None else level
    sizes = {name: schedule.sizes(length, steps) for name, schedule in schedules.items()}
    fractions = {name: schedule.revealed_fractions(steps) for name, schedule in schedules.items()}
    sizes[OPTIMAL] = optimal(optimal_from, steps)
    fractions[OPTIMAL] = Schedule.from_sizes(sizes[OPTIMAL]).revealed_fractions()
    for name, revealed in sizes.items():
        laws = {"fixed": priced.fixed(revealed), "ancestral": priced.ancestral(fractions[name])}
        for sampler, weights in laws.items():
            ter = tuple(math.exp(nats / length) for nats in priced.nats(weights, level))
            words = " ".join(map(str, revealed)) if sampler == "fixed" else ""
            # Sums of many nats round in the twelfth digit: what costs nothing is shown to cost nothing.
            gap = tuple(round(nats, 10) + 0.0 for nats in priced.nats(weights - priced.singly, level))
            for metric, values in (("ter", ter), ("gap", gap)):
                yield row(name, sampler, steps, metric, values, "upper bound", known, priced.count, sizes=words)
    # Of the curve that the sizes were chosen by, so without an interval where that is estimated.
    limit = continuum_gap(optimal_from, steps)
    ends = limit if exact else math.nan
    kind: Kind = "exact" if exact else "estimate"
    known = 1.0 if exact else math.nan
    yield row(OPTIMAL, "fixed", steps, "gap_continuum", (limit, ends, ends), kind, known, priced.count)


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
