"""What plans cost by a loss profile: upper bounds where they are known to be such, else estimates with their range."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mdmtheory.core.estimate import WithheldError
from mdmtheory.schedules.averages import Values, ancestral_weights, fixed_weights
from mdmtheory.schedules.falling import FallingCurves
from mdmtheory.schedules.prices import Fractions, Price, Sizes, Weights, no_less_than_0

_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class PricedLosses:
    """Prices by losses that more than one curve has.

    `curve` is one of them about, which estimates are of; `loss` gives g at revealed fractions; `within` all falling
    curves with the losses at a confidence level. `covered`: they were measured up to mask ratio 1. `known`: their error
    is. With `bound` fixed sizes are upper bounds too, as i.i.d. steps always are where the ratios are covered.
    """

    curve: Values
    loss: Callable[[Fractions], Weights]
    within: Callable[[float], FallingCurves]
    covered: bool
    known: bool
    bound: bool

    count = 0
    exact = False
    together = True

    @property
    def length(self) -> int:
        """Tokens in a sequence."""
        return len(self.curve)

    def of_sizes(self, sizes: Sizes, level: float) -> tuple[Price, Price]:
        """What reveal sizes cost in all, and above one token a step, in nats a sequence."""
        weights = fixed_weights(sizes)
        total = float(weights @ self.curve)
        return self._both(weights, total, self.bound and self.covered, level)

    def of_fractions(self, fractions: Fractions, level: float) -> tuple[Price, Price]:
        """The same of i.i.d. steps with revealed fractions."""
        total = self.length * float(np.diff(fractions) @ self.loss(fractions[:-1]))
        return self._both(ancestral_weights(fractions, self.length), total, self.covered, level)

    def _both(self, weights: Values, total: float, upper: bool, level: float) -> tuple[Price, Price]:
        gap = total - float(self.curve.sum())
        return self._price(weights, total, upper, level), self._price(weights - 1, gap, upper, level)

    def _price(self, weights: Values, value: float, upper: bool, level: float) -> Price:
        """The programme's upper end as a bound, or `value` between both ends; without ends where it has no solution."""
        if np.abs(np.cumsum(weights)).max() < _ROUNDING:
            # One token a step: above itself it costs nothing on any curve.
            return Price(0.0, 0.0, 0.0, "upper bound" if upper else "estimate", 1.0)
        curves, level_known = self.within(level), level if self.known else math.nan
        try:
            if curves.trouble is not None:
                raise WithheldError(curves.trouble, 0)
            high = max(0.0, curves.costliest(weights))
            if upper:
                return Price(high, math.nan, math.nan, "upper bound", level_known)
            # No block costs less than its tokens one by one: the curve falls.
            low = min(max(0.0, curves.cheapest(weights)), high)
        except WithheldError as withheld:
            if self.bound:
                return Price(math.nan, math.nan, math.nan, withheld.kind, math.nan)
            return Price(*no_less_than_0((value, math.nan, math.nan), "estimate"), math.nan)
        return Price(min(max(value, low), high), low, high, "estimate", level_known)
