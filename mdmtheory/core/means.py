"""Confidence intervals for means of numbers that nobody has bounded: Student's, corrected for skewness.

docs/intervals.md has how often they hold, measured; docs/theory.md, section 10, what they are made of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mdmtheory.core.estimate import Ends, WithheldError
from mdmtheory.core.integers import WholeNumber, whole_number, whole_numbers
from mdmtheory.core.intervals import check_level

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

LEAST_TERMS = 50
"""A mean of fewer numbers is withheld: below, no interval that was tried holds on every language that was."""
LEAST_WITHOUT_SKEWNESS = 500
"""The same where the skewness is not known, so that the interval cannot be corrected for it."""
PER_SKEWNESS = 2.5
"""So many times the squared skewness of its numbers a mean needs numbers, or two or fewer of them carry it all."""

_ALIKE = 1e-10
"""Numbers that spread by less than this part of what they may be are equal: logarithms round."""
_RESOLVED = 2.0**-46
"""Part of the mean square below which a variance from sums of squares is their rounding."""
_RESOLVED_CUBE = 4e-12
"""Part of the mean's cube below which a third moment from sums of cubes is."""


@dataclass(frozen=True)
class Moments:
    """What an interval for a mean is made of: count, mean, variance (unbiased) and skewness of some numbers.

    `skewness` is the sample's, with the usual correction for its count (G1); None where it is not known. `nothing` is
    the spread below which rounding alone may be seen.
    """

    count: WholeNumber
    mean: float
    variance: float
    skewness: float | None
    nothing: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "count", whole_number(self.count, "count", 0))

    def varies_less_than(self, scale: float) -> bool:
        """Whether the numbers are equal, but for what rounding leaves of those of this size."""
        return math.sqrt(self.variance) <= max(self.nothing, _ALIKE * scale)

    @classmethod
    def of(cls, values: Float[np.ndarray, "count"]) -> Moments:
        """Of the numbers themselves."""
        import numpy as np

        values = np.asarray(values, dtype=np.float64)
        count = len(values)
        mean = float(values.mean()) if count else math.nan
        if not math.isfinite(mean):
            return cls(count, mean, math.inf, None)
        away = values - mean
        squares, cubes = float((away**2).sum()), float((away**3).sum())
        return cls(count, mean, squares / max(count - 1, 1), _skewness(count, squares, cubes))

    @classmethod
    @whole_numbers(count=0)
    def from_sums(cls, count: int, total: float, squares: float, cubes: float | None = None) -> Moments:
        """From the sums of numbers, of their squares and of their cubes; a skewness that rounding hides is not known.

        ValueError for sums that no real numbers have. An infinite sum gives an infinite mean.
        """
        if math.isnan(total) or not squares >= 0:
            raise ValueError(f"the sum is {total} and the sum of squares {squares}; pass sums over real numbers")
        mean = total / count if count else math.nan
        if not math.isfinite(mean) or math.isinf(squares):
            return cls(count, mean, math.inf, None)
        # Rounding may leave a variance of zero slightly below it.
        about = max(squares - total * mean, 0.0)
        nothing = math.sqrt(_RESOLVED * squares / count)
        skewness = None
        if cubes is not None and math.isfinite(cubes) and (about / count) ** 1.5 > _RESOLVED_CUBE * abs(mean) ** 3:
            skewness = _skewness(count, about, cubes - 3 * mean * squares + 2 * count * mean**3)
        return cls(count, mean, about / max(count - 1, 1), skewness, nothing)


def is_carried_by_few(skew_of_mean: float) -> bool:
    """Whether a mean is so skew, n numbers of skewness g having g/√n, that two or fewer of them make it."""
    return PER_SKEWNESS * skew_of_mean**2 > 1


@whole_numbers(count=1)
def unseen_share(count: int, level: float) -> float:
    """1 - ((1 - level)/2)^(1/n): the most that may be of a kind of which n draws show none (Clopper and Pearson)."""
    return -math.expm1(math.log((1 - level) / 2) / count)


def price(nats: float) -> float:
    """What a sequence unlike those seen is taken to be off by: what one costs in the mean, and a nat at least."""
    return max(1.0, nats)


@whole_numbers(least=2)
def mean_interval(moments: Moments, level: float, *, unseen: float = 1.0, least: int = LEAST_TERMS) -> Ends:
    """The mean with an interval for the one that endless many numbers would have; never one of no width.

    `skewed_interval` of the sample's standard error and skewness. Where all numbers are equal a share of them may be
    unlike and unseen, at most 1 - ((1 - level)/2)^(1/n) (Clopper and Pearson), and is taken to be `unseen` away.

    WithheldError below `least` numbers, where two or fewer of them make the skewness (PER_SKEWNESS), and without a
    known skewness below LEAST_WITHOUT_SKEWNESS. An infinite mean has no other ends.

    >>> low_to_high = mean_interval(Moments(100, 5.0, 4.0, 1.0), 0.95)
    >>> [round(end, 3) for end in low_to_high]
    [5.0, 4.599, 5.435]
    """
    check_level(level)
    count, mean = moments.count, moments.mean
    if math.isinf(mean):
        return mean, mean, mean
    if count < least:
        raise WithheldError(f"{_sequences(count)}, draw {least} or more", count)
    if moments.varies_less_than(max(unseen, abs(mean))):
        half = unseen_share(count, level) * unseen
        return mean, mean - half, mean + half
    skewness = moments.skewness
    if skewness is None and count < LEAST_WITHOUT_SKEWNESS:
        needed = LEAST_WITHOUT_SKEWNESS
        # Stores from before there were any, plug-ins that do not read them, and rounding that hides them.
        raise WithheldError(f"{_sequences(count)} of unknown skewness (no sums of cubes), draw {needed} or more", count)
    skew = (skewness or 0.0) / math.sqrt(count)
    if is_carried_by_few(skew):
        needed = math.ceil(PER_SKEWNESS * skew**2 * count)
        raise WithheldError(f"skewness {skewness:.3g} of {_sequences(count)}, draw {needed} or more", count)
    return skewed_interval(mean, math.sqrt(moments.variance / count), skew, count - 1, level)


def stratified_interval(strata: Sequence[Moments], weights: Sequence[float], level: float, *, unseen: float) -> Ends:
    """The weighted sum of the means of strata that were drawn independently, with its interval.

    `skewed_interval` of the sum's standard error, third moment and degrees of freedom (Welch and Satterthwaite). Where
    no stratum varies, a share of all numbers may be unlike and unseen, as in `mean_interval`.

    WithheldError for a stratum of fewer than two numbers, and where two or fewer of all make the skewness.

    >>> halves = [Moments(50, 1.0, 4.0, 0.0), Moments(50, 3.0, 0.0, None)]
    >>> [round(end, 3) for end in stratified_interval(halves, [0.5, 0.5], 0.95, unseen=1.0)]
    [2.0, 1.716, 2.284]
    """
    check_level(level)
    count = sum(each.count for each in strata)
    mean = sum(weight * each.mean for weight, each in zip(weights, strata, strict=True))
    if math.isinf(mean):
        return mean, mean, mean
    if min(each.count for each in strata) < 2:
        raise WithheldError(f"{_sequences(count)} in {len(strata)} strata, draw 2 or more for each", count)
    scale = max(unseen, abs(mean))
    varying = [(w, each) for w, each in zip(weights, strata, strict=True) if not each.varies_less_than(scale)]
    if not varying:
        half = unseen_share(count, level) * unseen
        return mean, mean - half, mean + half
    parts = [w**2 * each.variance / each.count for w, each in varying]
    variance = sum(parts)
    moments = [each for _, each in varying]
    cubes = [
        (each.skewness or 0.0) * part**1.5 / math.sqrt(each.count) for part, each in zip(parts, moments, strict=True)
    ]
    skew = sum(cubes) / variance**1.5
    if is_carried_by_few(skew):
        raise WithheldError(f"two or fewer of {_sequences(count)} carry the mean, draw more", count)
    degrees = variance**2 / sum(part**2 / (each.count - 1) for part, each in zip(parts, moments, strict=True))
    return skewed_interval(mean, math.sqrt(variance), skew, degrees, level)


def skewed_interval(mean: float, error: float, skew: float, degrees: float, level: float) -> Ends:
    """A mean of standard error `error` with its interval, given how skew the mean itself is.

    Student's interval of so many degrees of freedom together with Hall's (1992), whose cubic transformation takes the
    skewness out, and the quantiles of both widened by 1 + skew² (ours).
    """
    from scipy.special import stdtrit

    quantile = float(stdtrit(degrees, (1 + level) / 2)) * (1 + skew**2)
    below = max(quantile, _straightened(quantile, skew))
    above = max(quantile, -_straightened(-quantile, skew))
    return mean, mean - error * below, mean + error * above


def _skewness(count: int, squares: float, cubes: float) -> float | None:
    """G1 from the sums of squares and cubes about the mean; None where it has no meaning."""
    if count < 3 or squares <= 0:
        return None
    return math.sqrt(count * (count - 1)) / (count - 2) * (cubes / count) / (squares / count) ** 1.5


def _straightened(quantile: float, skew: float) -> float:
    """The t whose cubic t + skew t²/3 + skew² t³/27 + skew/6 is the quantile (Hall 1992)."""
    if abs(skew) < 1e-9:
        return quantile
    return 3 / skew * (math.cbrt(1 + skew * (quantile - skew / 6)) - 1)


def _sequences(count: int) -> str:
    return f"{count} sequence{'' if count == 1 else 's'}"
