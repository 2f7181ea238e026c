"""The least and the most that a plan costs among all falling curves that have measured losses: linear programmes.

The losses g(1-t) = E H̄(Bin(L-1, 1-t)) do not fix the curve H̄(0..L-1): undoing a binomial mixture is ill-posed. With
the drops d_m = H̄(m) - H̄(m+1) >= 0 both losses and prices are linear, so the two ends are linear programmes
(docs/theory.md, 2.7; ours).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import Float

from mdmtheory.core.estimate import WithheldError

Rows = Float[np.ndarray, "rows"]
Points = Float[np.ndarray, "length"]
Hashable = tuple[float, ...]

_NONE = "no falling curve has these losses within their error: give stderr, or larger ones, or losses that do not fall"

HIGHEST_LOSS = 64 * math.log(2)
"""Nats of a masked token that nobody asks beyond: log of more tokens than any vocabulary has."""

_COARSE = 1024
"""Drops that a programme starts with; those that its solution shows to be missing are added."""
_MISSED = 1e-6
"""Of the largest gain: a solution that misses no more is made feasible at a cost that nobody sees."""
_ROUNDS = 6
_ITERATIONS = 100
"""For each loss; a tenth is enough unless the solver cycles."""
_EXACTNESS = 1e-9
"""What HiGHS may violate a constraint by, in nats: losses are given to 1e-6 at best."""


@dataclass(frozen=True, eq=False)
class FallingCurves:
    """All H̄(0) >= ... >= H̄(L-1) >= 0 in nats whose losses lie from `least` to `most` at mask ratios that end at 1.

    `refused` says why there are none where that is known beforehand.
    """

    length: int
    ratios: Rows
    least: Rows
    most: Rows
    refused: str = ""

    @cached_property
    def trouble(self) -> str | None:
        """Why there is none of them; None where there are some."""
        try:
            self._at_most(np.zeros(self.length))
        except WithheldError as withheld:
            return withheld.reason
        return None

    def costliest(self, weights: Points) -> float:
        """An upper bound of weights @ H̄ over these curves, the largest value but for rounding; WithheldError if none.

        What is returned is the value of a solution of the dual, made to meet its constraints exactly: by weak duality
        no curve costs more, however exact the solver was.
        """
        return self._at_most(np.cumsum(weights))

    def cheapest(self, weights: Points) -> float:
        """A lower bound in the same way."""
        return -self._at_most(-np.cumsum(weights))

    @cached_property
    def _reached(self) -> Float[np.ndarray, "rows length"]:
        """What a drop after m adds to each loss: the probability that at most m of the others are revealed."""
        from scipy.stats import binom

        return binom.cdf(np.arange(self.length)[None], self.length - 1, 1 - self.ratios[:, None])

    def _at_most(self, gains: Points) -> float:
        """The value of a feasible solution of the dual of max gains @ d."""
        if self.refused:
            raise WithheldError(self.refused, 0)
        if self.length <= _COARSE:
            return self._value(gains, self._dual(gains, np.arange(self.length)))
        columns = self._first(gains)
        tolerated = _MISSED * np.abs(gains).max()
        prices = np.zeros(len(self.ratios))
        for _ in range(_ROUNDS):
            try:
                prices = self._dual(gains, columns)
            except WithheldError:
                # The drops that were left out may be those that make the losses.
                return self._value(gains, self._dual(gains, np.arange(self.length)))
            missed = gains - prices @ self._reached
            if missed.max() <= tolerated:
                break
            padded = np.pad(missed, 1, constant_values=-np.inf)
            peaks = (missed >= padded[:-2]) & (missed >= padded[2:]) & (missed > tolerated)
            columns = np.union1d(columns, np.flatnonzero(peaks))
        return self._value(gains, prices)

    def _first(self, gains: Points) -> np.ndarray:
        """Drops evenly spread, and those at corners of the gains, where fixed sizes begin a block."""
        bends = np.abs(np.diff(gains, 2))
        corners = np.flatnonzero(bends > 0.5) + 1
        around = (corners[:, None] + np.arange(-1, 2)[None]).ravel()
        return np.unique(np.concatenate([np.linspace(0, self.length - 1, _COARSE).astype(int), around]))

    def _dual(self, gains: Points, columns: np.ndarray) -> Rows:
        """A price for each loss, positive where its upper end counts; the constraints are met to about `_EXACTNESS`."""
        from scipy.optimize import linprog

        scale = max(float(np.abs(gains).max()), 1.0)
        reached = self._reached[:, columns]
        words = ""
        # Interior points seldom cycle; the simplex is asked where they do. A bound is one however exact the solver was.
        for method, exactness in (("highs-ipm", _EXACTNESS), ("highs-ds", _EXACTNESS), ("highs-ds", 1e-7)):
            solved = linprog(
                -gains[columns] / scale,
                A_ub=np.vstack([reached, -reached]),
                b_ub=np.concatenate([self.most, -self.least]),
                method=method,
                options={
                    "primal_feasibility_tolerance": exactness,
                    "dual_feasibility_tolerance": exactness,
                    "maxiter": _ITERATIONS * (len(self.ratios) + 50),
                },
            )
            if solved.status == 0:
                upper, lower = -scale * np.reshape(solved.ineqlin.marginals, (2, -1))
                return upper - lower
            unsolved = f"the linear programme was not solved, HiGHS status {solved.status}: pass fewer mask ratios"
            words = _NONE if solved.status == 2 else unsolved
        raise WithheldError(words, 0)

    def _value(self, gains: Points, prices: Rows) -> float:
        """An upper bound of gains @ d from any prices: what they miss is paid at mask ratio 1, which has every drop."""
        prices = prices.copy()
        prices[-1] += max(0.0, float((gains - prices @ self._reached).max()))
        return float(np.where(prices > 0, self.most, self.least) @ prices)


def least_at_one(length: int, ratios: Rows, least: Rows, most: Rows) -> float:
    """The least loss in nats at mask ratio 1 of the falling curves with these losses at ratios that end below it.

    WithheldError where there are none up to `HIGHEST_LOSS`, or twice the last loss where that is more.
    """
    highest = max(HIGHEST_LOSS, 2 * float(most[-1]))
    curves = FallingCurves(length, np.append(ratios, 1.0), np.append(least, 0.0), np.append(most, highest))
    return curves.cheapest(np.eye(length)[0])


@lru_cache(maxsize=8)
def curves_between(length: int, ratios: Hashable, least: Hashable, most: Hashable, refused: str = "") -> FallingCurves:
    """`FallingCurves`, kept: every schedule and number of steps asks for the same ones."""
    return FallingCurves(length, np.array(ratios), np.array(least), np.array(most), refused)


@lru_cache(maxsize=8)
def needed_at_one(length: int, ratios: Hashable, least: Hashable, most: Hashable) -> tuple[float, str]:
    """`least_at_one`, kept; NaN and the reason where there is none."""
    try:
        return least_at_one(length, np.array(ratios), np.array(least), np.array(most)), ""
    except WithheldError as withheld:
        return math.nan, withheld.reason
