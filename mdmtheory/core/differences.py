"""Differences of two numbers with intervals: what they come to, how likely by chance, and of several at once.

docs/theory.md, section 12, says what they are made of and how often they hold, enumerated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from mdmtheory.core.estimate import Ends
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.intervals import check_level, clopper_pearson

LEAST_P = 1e-12
"""Smaller probabilities are not told apart: no interval here is made for them."""


def difference(first: Ends, second: Ends, correlation: float = 0.0) -> Ends:
    """first - second with an interval, made of the distances of both values to their own ends (Zou and Donner 2008).

    The lower end is as far away as the lower end of the first and the upper one of the second are, added as standard
    errors of two numbers of this correlation are. Of intervals that are symmetric it is the usual one. An infinite
    first has no distances: the ends are then the least and the most that any two numbers within both come to.

    >>> [round(end, 3) for end in difference((0.5, 0.4, 0.6), (0.3, 0.3, 0.3))]
    [0.2, 0.1, 0.3]
    >>> difference((math.inf, 2.0, math.inf), (0.5, 0.25, 1.0))
    (inf, 1.0, inf)
    """
    value, low, high = first
    other, least, most = second
    if value == math.inf:
        return value, low - most, high
    below = _added(value - low, most - other, correlation)
    above = _added(high - value, other - least, correlation)
    return value - other, value - other - below, value - other + above


def _added(one: float, two: float, correlation: float) -> float:
    """The standard error of a difference, of those of two numbers that are so correlated."""
    return math.sqrt(max(one**2 - 2 * correlation * one * two + two**2, 0.0))


@whole_numbers(errors=0, count=0, other_errors=0, other_count=0)
def difference_of_shares(errors: int, count: int, other_errors: int, other_count: int, level: float) -> Ends:
    """errors/count - other_errors/other_count of independent draws: Newcombe's (1998, method 10) of exact intervals.

    With Clopper and Pearson's ends in the place of Wilson's: those miss up to 14 of 100 times near 0 and 1.

    >>> [round(end, 4) for end in difference_of_shares(30, 100, 20, 100, 0.95)]
    [0.1, -0.0269, 0.2239]
    """
    return difference(_share(errors, count, level), _share(other_errors, other_count, level))


@whole_numbers(first_alone=0, second_alone=0, count=1)
def difference_of_paired_shares(first_alone: int, second_alone: int, count: int, level: float) -> Ends:
    """The difference of two shares among the same `count` things, of which so many count for one of them alone.

    What counts for both or for neither says nothing of it. As `difference` of the two shares that do, which are parts
    of one whole, of correlation -√(pq/((1-p)(1-q))) (ours).

    >>> [round(end, 4) for end in difference_of_paired_shares(15, 5, 100, 0.95)]
    [0.1, 0.0064, 0.1946]
    """
    p, q = first_alone / count, second_alone / count
    rest = (1 - p) * (1 - q)
    correlation = -min(math.sqrt(p * q / rest), 1.0) if rest > 0 else 0.0
    return difference(_share(first_alone, count, level), _share(second_alone, count, level), correlation)


def _share(errors: int, count: int, level: float) -> Ends:
    return errors / count, *clopper_pearson(errors, count, level)


def p_value(interval: Callable[[float], Ends], null: float = 0.0) -> float:
    """The least 1 - level at which the interval leaves `null` out: how likely a difference as clear is by chance.

    So a number and its interval never contradict each other. `interval` gives wider ones at higher levels. At least
    LEAST_P.
    """

    def left_out(alpha: float) -> bool:
        _, low, high = interval(1 - alpha)
        return not low <= null <= high

    value, _, _ = interval(0.5)
    if value == null:
        return 1.0
    if left_out(LEAST_P):
        return LEAST_P
    low, high = math.log(LEAST_P), 0.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if left_out(math.exp(middle)) else (middle, high)
    return math.exp(high)


def holm(p_values: Sequence[float]) -> list[float]:
    """Each p-value as Holm (1979) corrects it for all of them: the chance of any false finding is what it says.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    found, least = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * p_values[i]))
        found[i] = least
    return found


@whole_numbers(number=1)
def simultaneous_level(level: float, number: int) -> float:
    """The level of each of so many intervals that all hold together at `level`, however they depend (Bonferroni).

    >>> round(simultaneous_level(0.95, 5), 6)
    0.99
    """
    check_level(level)
    return 1 - (1 - level) / number
