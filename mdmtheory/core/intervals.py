"""Confidence intervals for what is counted, and for means of what is bounded (of what is not: means.py).

scipy is imported where it is needed: importing mdmtheory.core must cost little.
"""

from __future__ import annotations

import math

from mdmtheory.core.integers import whole_numbers


@whole_numbers(errors=0, count=0)
def clopper_pearson(errors: int, count: int, level: float) -> tuple[float, float]:
    """The exact interval of Clopper and Pearson (1934) for a probability, `errors` seen in `count` trials.

    Valid when `count` was fixed beforehand, or when counting stopped at the `errors`-th error, checked after every
    trial, or at a cap. Not when it stopped on the interval itself or in batches: use `anytime_binomial` there.

    >>> [round(end, 6) for end in clopper_pearson(0, 10, 0.95)]
    [0.0, 0.308497]
    """
    from scipy.special import betainccinv, betaincinv

    _check_counts(errors, count, level)
    tail = (1 - level) / 2
    low = 0.0 if errors == 0 else float(betaincinv(errors, count - errors + 1, tail))
    high = 1.0 if errors == count else float(betainccinv(errors + 1, count - errors, tail))
    return low, high


@whole_numbers(errors=0, count=0)
def anytime_binomial(errors: int, count: int, level: float) -> tuple[float, float]:
    """An interval for a probability that stays valid however the experiment was stopped.

    All p for which the Beta(1/2, 1/2) mixture of likelihoods is at most 1/(1 - level) times the likelihood of p: the
    ratio is a martingale under the true p, so by Ville's inequality it ever exceeds that bound with probability
    at most 1 - level (docs/theory.md, section 10). `count` 0 gives (0, 1).

    >>> [round(end, 6) for end in anytime_binomial(0, 10, 0.95)]
    [0.0, 0.376987]
    """
    _check_counts(errors, count, level)
    # The mirror image: 1 - high is the lower end for the probability of no error.
    return math.exp(_log_lower_end(errors, count, level)), -math.expm1(_log_lower_end(count - errors, count, level))


@whole_numbers(count=0)
def bounded_mean(
    count: int, total: float, squares: float, level: float, bound: float = 1.0
) -> tuple[float, float, float]:
    """Mean and interval (mean, low, high) from sum and sum of squares of `count` values that lie in 0..bound.

    The empirical Bernstein inequality of Maurer and Pontil (2009, theorem 4), half of 1 - level on either side: valid
    for every law on 0..bound at every count, and narrow where the values vary little. Clipped to 0..bound, where the
    mean must be.

    >>> [round(end, 4) for end in bounded_mean(1000, 0.0, 0.0, 0.95)]
    [0.0, 0.0, 0.0102]
    """
    check_level(level)
    if count < 2:
        raise ValueError(f"an interval for a mean was asked of {count} value(s); draw 2 or more")
    # Sums of float64 may exceed what they would exactly be.
    if not 0 <= total <= count * bound * (1 + 1e-12):
        raise ValueError(f"{count} values sum to {total}; pass values from 0 to {bound:g}")
    mean = min(total / count, bound)
    variance = max(squares - total * mean, 0.0) / (count - 1)
    tail = math.log(4 / (1 - level))
    half = math.sqrt(2 * variance * tail / count) + 7 * bound * tail / (3 * (count - 1))
    return mean, max(mean - half, 0.0), min(mean + half, bound)


@whole_numbers(count=0)
def hoeffding_end(count: int, mean: float, level: float) -> float:
    """Upper end of an interval for a mean, half of 1 - level above it, from that of `count` values that lie in 0..1.

    The largest m with count * KL(mean || m) <= log(2/(1 - level)), KL of two coins (Hoeffding 1963, theorem 1): valid
    for every law on 0..1. For values of 0 it is that of Clopper and Pearson without an error, and no end that
    holds for every law is lower there: each value may be 1 with a probability that is not seen in so many.

    >>> round(hoeffding_end(2048, 0.0, 0.95), 6), round(hoeffding_end(2048, 1e-9, 0.95), 6)
    (0.0018, 0.0018)
    """
    from scipy.optimize import brentq

    check_level(level)
    if not 0 <= mean <= 1:
        raise ValueError(f"the mean is {mean}; pass that of values from 0 to 1")
    if count == 0:
        return 1.0
    most = math.log(2 / (1 - level)) / count
    if mean in (0.0, 1.0):
        return -math.expm1(-most) if mean == 0 else 1.0

    def excess(end: float) -> float:
        return mean * math.log(mean / end) + (1 - mean) * (math.log1p(-mean) - math.log1p(-end)) - most

    last = math.nextafter(1.0, 0.0)
    return float(brentq(excess, mean, last, xtol=1e-300, rtol=1e-14)) if excess(last) > 0 else 1.0


def check_level(level: float) -> None:
    """ValueError unless the level lies strictly between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; pass a number above 0 and below 1, such as 0.95")


def _check_counts(errors: int, count: int, level: float) -> None:
    check_level(level)
    if not 0 <= errors <= count:
        raise ValueError(f"{errors} errors were given for {count} trials; pass 0 <= errors <= count")


def _log_lower_end(errors: int, count: int, level: float) -> float:
    """Logarithm of the lower end of the anytime interval, -inf where that is 0; in log p nothing underflows."""
    from scipy.optimize import brentq
    from scipy.special import betaln

    if errors == 0:
        return -math.inf
    rest = count - errors
    bound = float(betaln(errors + 0.5, rest + 0.5) - betaln(0.5, 0.5)) + math.log1p(-level)
    # errors * log p exceeds the log-likelihood, so it reaches the bound first.
    first = bound / errors
    if rest == 0:
        return first
    last = math.log(errors / count)
    return float(brentq(_excess, first, last, args=(errors, rest, bound), xtol=1e-300, rtol=1e-15))


def _excess(log_p: float, errors: int, rest: int, bound: float) -> float:
    """By how much the log-likelihood of p exceeds the bound; increasing up to p = errors / (errors + rest)."""
    # log(1 - p) without cancellation on either side.
    log_rest = math.log(-math.expm1(log_p)) if log_p > -0.5 else math.log1p(-math.exp(log_p))
    return errors * log_p + rest * log_rest - bound
