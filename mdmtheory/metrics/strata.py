"""Means over steps of a walk that are equally likely, from contexts that are spread evenly over them in strata."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.estimate import Ends, Estimate, WithheldError
from mdmtheory.core.intervals import bounded_mean
from mdmtheory.core.means import LEAST_TERMS, Moments, mean_interval, price, stratified_interval

MOST_STRATA = 16
"""Strata of the steps of a walk; each has LEAST_TERMS contexts or more."""

Strata = Sequence[Int[np.ndarray, "_"]]
Numbers = Float[np.ndarray, "n"]


def strata_of(steps: int, count: int) -> Strata:
    """Steps 0..steps-1 in so many runs of about equal length that `count` contexts suffice."""
    return np.array_split(np.arange(steps), max(1, min(steps, MOST_STRATA, count // LEAST_TERMS)))


def shares_of(strata: Strata) -> Float[np.ndarray, "strata"]:
    """Of all steps, how many a stratum has."""
    sizes = np.array([len(some) for some in strata], dtype=np.float64)
    return sizes / sizes.sum()


def spread(strata: Strata, count: int, offsets: Float[np.ndarray, "strata"]) -> Int[np.ndarray, "count"]:
    """A step for each of `count` rows, rising: a stratum has as many rows as its share of steps, but for rounding.

    In a stratum they are evenly spaced from its offset on (systematic sampling): where that is uniform on 0..1, the
    mean over its rows is unbiased for the mean over its steps.

    >>> spread([np.array([0, 1]), np.array([2])], 6, np.array([0.5, 0.5])).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    ends = np.rint(count * np.cumsum(shares_of(strata))).astype(np.int64)
    steps = []
    for some, drawn, offset in zip(strata, np.diff(ends, prepend=0), offsets, strict=True):
        # Rounding may take the last place to the end of the stratum.
        places = ((np.arange(drawn) + offset) * (len(some) / drawn)).astype(np.int64)
        steps.append(some[np.minimum(places, len(some) - 1)])
    return np.concatenate(steps)


def first_places(
    order: Float[np.ndarray, "rows length"], sizes: Int[np.ndarray, "rows"]
) -> Bool[np.ndarray, "rows length"]:
    """The positions of the `sizes` least numbers of each row.

    >>> first_places(np.array([[0.3, 0.1, 0.2]]), np.array([2])).tolist()
    [[False, True, True]]
    """
    chosen = np.zeros(order.shape, dtype=np.bool_)
    np.put_along_axis(chosen, order.argsort(axis=1), np.arange(order.shape[1]) < sizes[:, None], axis=1)
    return chosen


@dataclass(frozen=True, eq=False)
class StratifiedMeans:
    """One number of each row in each stratum that it was asked in, NaN elsewhere: in one of them, or in all.

    Their mean is 0 or more, and they are at most `most`.
    """

    values: Float[np.ndarray, "count strata"]
    shares: Float[np.ndarray, "strata"]
    level: float
    most: float | None = None

    def in_stratum(self, which: int) -> Estimate:
        """The mean over the steps of a stratum."""
        some = self._columns[which]
        return self._estimate(float(some.mean()), some, Moments.of(some))

    def over_all(self) -> Estimate:
        """The mean over all steps."""
        if not np.isnan(self.values).any():
            rows = self.values @ self.shares
            return self._estimate(float(rows.mean()), rows, Moments.of(rows))
        mean = float(self.shares @ [some.mean() for some in self._columns])
        return self._estimate(mean, np.concatenate(self._columns), *map(Moments.of, self._columns))

    @cached_property
    def _columns(self) -> list[Numbers]:
        return [some[~np.isnan(some)] for some in self.values.T]

    def _estimate(self, mean: float, values: Numbers, *strata: Moments) -> Estimate:
        unseen = price(mean) if self.most is None else self.most
        try:
            if len(strata) == 1:
                ends = mean_interval(strata[0], self.level, unseen=unseen)
            else:
                ends = stratified_interval(strata, self.shares.tolist(), self.level, unseen=unseen)
        except WithheldError:
            ends = self._beyond_doubt(mean, values)
        return Estimate(*ends, self.level, "estimate", len(values)).within(least=0.0)

    def _beyond_doubt(self, mean: float, values: Numbers) -> Ends:
        """An interval that holds where so few contexts carry the mean that no other does.

        Of values up to `most` it is the empirical Bernstein inequality's: strata are no less even than chance.
        """
        if self.most is None:
            return mean, min(mean, 0.0), np.inf  # of differences a mean may be below what it can be
        _, low, high = bounded_mean(len(values), float(values.sum()), float((values**2).sum()), self.level, self.most)
        return mean, min(low, mean), max(high, mean)


def weighted_quantiles(values: Numbers, weights: Numbers, shares: Iterable[float]) -> dict[float, float]:
    """The least value that, with all below it, has a share of the weight.

    >>> weighted_quantiles(np.array([3.0, 1.0]), np.array([0.25, 0.75]), [0.75, 0.9])
    {0.75: 1.0, 0.9: 3.0}
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    found = {}
    for share in shares:
        # Weights that sum to a share but for rounding reach it.
        place = int(np.searchsorted(reached, share * reached[-1] * (1 - 1e-12)))
        found[share] = float(values[order[place]])
    return found
