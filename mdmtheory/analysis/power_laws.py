"""Power laws fitted to numbers of three kinds, many samples of them at once: counts, means, and positive numbers.

The likelihoods and what is known of them: docs/theory.md, section 12.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

Points = Float[np.ndarray, "points"]
Samples = Float[np.ndarray, "samples points"]
Row = Float[np.ndarray, "samples"]

STEEPEST = 100.0
"""An exponent beyond it is none: a sample whose errors stand at one end alone is best fitted by an infinite one."""
LEAST_RATE, MOST_RATE = 1e-30, 150.0
"""-log(1 - SER) beyond which a sequence is right, or wrong, for all that float64 tells."""
_ROUNDS = 100
_SETTLED = 1e-10


@runtime_checkable
class Law(Protocol):
    """What a power law is fitted to; `observed` are the numbers themselves, and samples are more of their like."""

    @property
    def observed(self) -> Points:
        """What was seen."""

    def best(self, values: Samples, t: Points) -> tuple[Row, Row]:
        """a and b of the most likely law exp(a + b t) of each sample."""

    def deviance(self, values: Samples, eta: Samples) -> Row:
        """Twice the log-likelihood that the law eta = a + b t lacks to that of the very values."""

    def drawn(self, eta: Points, uniforms: Samples) -> Samples:
        """Samples as they would come where the law is true, one from each row of uniforms."""


@dataclass(frozen=True, eq=False)
class Counts:
    """Errors among counts, -log(1 - SER) being `exposure` exp(a + b t): binomial, to which 0 and all are numbers."""

    errors: Int[np.ndarray, "points"]
    counts: Int[np.ndarray, "points"]
    exposure: Points

    @property
    def observed(self) -> Points:
        """The errors."""
        return self.errors.astype(np.float64)

    def best(self, values: Samples, t: Points) -> tuple[Row, Row]:
        """Fisher's scoring: the log-likelihood is concave in (a, b)."""
        counts = self.counts.astype(np.float64)
        start = np.log(-np.log1p(-(values + 0.5) / (counts + 1)) / self.exposure)
        a, b = _lines(start, np.ones_like(start), t)
        for _ in range(_ROUNDS):
            rate = self._rate(a[:, None] + b[:, None] * t)
            each = rate / np.expm1(rate)
            score = values * each - (counts - values) * rate
            da, db = _solved(score, counts * rate * each, t)
            # No further than where the likelihood is still like that of here.
            shrunk = 1 / np.maximum(1, (np.abs(da)[:, None] + np.abs(db[:, None] * t)).max(axis=1) / 2)
            a, b = a + shrunk * da, np.clip(b + shrunk * db, -STEEPEST, STEEPEST)
            # At the limit b is infinite, and a never settles.
            if ((np.abs(shrunk * da) + np.abs(shrunk * db) < _SETTLED) | (np.abs(b) == STEEPEST)).all():
                break
        return a, b

    def deviance(self, values: Samples, eta: Samples) -> Row:
        """Of binomials."""
        rate, right = self._rate(eta), self.counts - values
        most = _n_log(values, values / self.counts) + _n_log(right, right / self.counts)
        return 2 * (most - _n_log(values, -np.expm1(-rate)) + right * rate).sum(axis=1)

    def drawn(self, eta: Points, uniforms: Samples) -> Samples:
        """Binomial numbers by inversion."""
        from scipy.special import bdtr

        found = np.empty(uniforms.shape)
        for i, (count, wrong) in enumerate(zip(self.counts.tolist(), -np.expm1(-self._rate(eta)), strict=True)):
            # Further from the mean there is nothing that a uniform of float64 would ask for.
            reach = 12 * math.sqrt(count * wrong * (1 - wrong)) + 100
            first, last = max(0, math.floor(count * wrong - reach)), min(count, math.ceil(count * wrong + reach))
            below = bdtr(np.arange(first, last, dtype=np.float64), count, wrong)
            found[:, i] = first + np.searchsorted(below, uniforms[:, i])
        return found

    def _rate(self, eta: Samples | Points) -> Any:
        return np.clip(self.exposure * np.exp(np.clip(eta, -700, 700)), LEAST_RATE, MOST_RATE)


@dataclass(frozen=True, eq=False)
class Means:
    """Means with standard errors, taken to be normal about exp(a + b t); noise may have taken some below 0."""

    values: Points
    errors: Points

    @property
    def observed(self) -> Points:
        """The values."""
        return self.values

    def best(self, values: Samples, t: Points) -> tuple[Row, Row]:
        """Weighted least squares, by Levenberg and Marquardt from the line through the logarithms."""
        usable = values > 0
        log = np.log(np.where(usable, values, 1.0))
        a, b = _lines(log, np.where(usable, (np.abs(values) / self.errors) ** 2, 1e-12), t)
        damping = np.full(len(a), 1e-3)
        cost = self.deviance(values, a[:, None] + b[:, None] * t)
        for _ in range(_ROUNDS):
            law = np.exp(np.clip(a[:, None] + b[:, None] * t, -700, 700))
            slope = law / self.errors
            da, db = _solved(slope * (values - law) / self.errors, slope**2, t, damping)
            moved = self.deviance(values, (a + da)[:, None] + (b + db)[:, None] * t)
            better = moved <= cost
            a, b = np.where(better, a + da, a), np.where(better, np.clip(b + db, -STEEPEST, STEEPEST), b)
            cost, damping = np.where(better, moved, cost), np.where(better, damping / 3, damping * 4)
            if ((np.abs(da) + np.abs(db) < _SETTLED) | (damping > 1e8)).all():
                break
        return a, b

    def deviance(self, values: Samples, eta: Samples) -> Row:
        """The squares of what is left, in standard errors."""
        return (((values - np.exp(np.clip(eta, -700, 700))) / self.errors) ** 2).sum(axis=1)

    def drawn(self, eta: Points, uniforms: Samples) -> Samples:
        """Normal numbers."""
        from scipy.special import ndtri

        return np.exp(eta) + self.errors * ndtri(uniforms)


@dataclass(frozen=True, eq=False)
class Logarithms:
    """Positive numbers whose logarithms are normal about a + b t, with these standard errors."""

    values: Points
    errors: Points

    @property
    def observed(self) -> Points:
        """The logarithms."""
        return np.log(self.values)

    def best(self, values: Samples, t: Points) -> tuple[Row, Row]:
        """Weighted least squares in logarithms."""
        return _lines(values, np.broadcast_to(1 / self.errors**2, values.shape), t)

    def deviance(self, values: Samples, eta: Samples) -> Row:
        """The squares of what is left, in standard errors."""
        return (((values - eta) / self.errors) ** 2).sum(axis=1)

    def drawn(self, eta: Points, uniforms: Samples) -> Samples:
        """Normal numbers."""
        from scipy.special import ndtri

        return eta + self.errors * ndtri(uniforms)


@dataclass(frozen=True, eq=False)
class Best:
    """The law exp(a + b t) that is most likely, and samples of it fitted likewise (parametric bootstrap).

    `deviance` is how far the numbers are from it, `p_value` the share of samples that are as far from theirs.
    """

    a: float
    b: float
    draws: Float[np.ndarray, "samples 2"]
    deviance: float
    p_value: float

    @classmethod
    def of(cls, law: Law, t: Points, uniforms: Samples) -> Best:
        """One sample from each row of uniforms."""
        observed = law.observed[None]
        a, b = law.best(observed, t)
        eta = a[:, None] + b[:, None] * t
        deviance = float(law.deviance(observed, eta)[0])
        samples = law.drawn(eta[0], uniforms)
        some_a, some_b = law.best(samples, t)
        further = law.deviance(samples, some_a[:, None] + some_b[:, None] * t) >= deviance
        chance = (1 + further.sum()) / (1 + len(samples))
        return cls(float(a[0]), float(b[0]), np.column_stack([some_a, some_b]), deviance, float(chance))


def half_width(value: Points, draws: Samples, level: float) -> Points:
    """Half an interval about each value: as far as `draws` go on one side or the other, whichever is further.

    The one is right where draws lie about the value as the value does about the truth, the other where they are its
    mirror image; few counts are between the two.
    """
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    half: Points = np.maximum(np.maximum(value - low, high - value), 0)
    return half


def _lines(values: Samples, weights: Samples, t: Points) -> tuple[Row, Row]:
    """The line of least weighted squares through each sample."""
    total = weights.sum(axis=1)
    middle = (weights * t).sum(axis=1) / total
    away = t - middle[:, None]
    b = (weights * away * values).sum(axis=1) / (weights * away**2).sum(axis=1)
    return (weights * values).sum(axis=1) / total - b * middle, b


def _solved(score: Samples, information: Samples, t: Points, damping: Row | float = 0.0) -> tuple[Row, Row]:
    """The step of a and b that two normal equations give."""
    one, cross, two = information.sum(axis=1), (information * t).sum(axis=1), (information * t**2).sum(axis=1)
    one, two = one * (1 + damping) + 1e-300, two * (1 + damping) + 1e-300
    first, second = score.sum(axis=1), (score * t).sum(axis=1)
    determinant = np.maximum(one * two - cross**2, 1e-14 * one * two)
    return (two * first - cross * second) / determinant, (one * second - cross * first) / determinant


def _n_log(number: Samples, share: Samples) -> Samples:
    """n log p, 0 where n is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(number > 0, number * np.log(share), 0.0)
