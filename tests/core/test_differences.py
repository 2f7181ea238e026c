"""Differences of shares: how often their intervals hold, enumerated; p-values and their corrections."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.special import gammaln

from mdmtheory.core.differences import (
    LEAST_P,
    difference,
    difference_of_paired_shares,
    difference_of_shares,
    holm,
    p_value,
    simultaneous_level,
)
from mdmtheory.core.intervals import clopper_pearson

COUNT = 24


def binomial(count, p):
    k = np.arange(count + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = gammaln(count + 1) - gammaln(k + 1) - gammaln(count - k + 1)
        logs += np.where(k > 0, k * np.log(p), 0) + np.where(k < count, (count - k) * np.log1p(-p), 0)
    return np.exp(logs)


def unpaired_coverage(interval, level, truths):
    ends = np.array([[interval(a, COUNT, b, COUNT, level)[1:] for b in range(COUNT + 1)] for a in range(COUNT + 1)])
    found = []
    for p, q in truths:
        holds = (ends[..., 0] <= p - q + 1e-12) & (p - q - 1e-12 <= ends[..., 1])
        found.append(float(binomial(COUNT, p) @ holds @ binomial(COUNT, q)))
    return min(found)


def paired_coverage(interval, level, truths):
    pairs = [(a, b) for a in range(COUNT + 1) for b in range(COUNT + 1 - a)]
    ends = np.array([interval(a, b, COUNT, level)[1:] for a, b in pairs])
    first, second = np.array(pairs).T
    rest = COUNT - first - second
    weights = gammaln(COUNT + 1) - gammaln(first + 1) - gammaln(second + 1) - gammaln(rest + 1)
    found = []
    for p, q in truths:
        logs = weights.copy()
        for number, share in ((first, p), (second, q), (rest, 1 - p - q)):
            with np.errstate(divide="ignore", invalid="ignore"):
                logs += np.where(number > 0, number * np.log(max(share, 0)), 0)
        holds = (ends[:, 0] <= p - q + 1e-12) & (p - q - 1e-12 <= ends[:, 1])
        found.append(float(np.exp(logs) @ holds))
    return min(found)


SHARES = (0.0, 0.001, 0.02, 0.1, 0.3, 0.5, 0.8, 0.97)
UNPAIRED = list(product(SHARES, SHARES))
PAIRED = [(p, q) for p, q in product((0.0, 0.005, 0.03, 0.1, 0.25, 0.5), repeat=2) if p + q <= 1]


def test_the_interval_of_a_difference_holds_at_every_pair_of_shares():
    assert unpaired_coverage(difference_of_shares, 0.95, UNPAIRED) >= 0.95


def wilson(errors, count, level):
    z = {0.95: 1.959964}[level]
    share = errors / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count**2)) / (1 + z * z / count)
    return share, middle - half, middle + half


def test_with_wilsons_ends_it_would_not():
    def newcombe(a, n, b, m, level):
        return difference(wilson(a, n, level), wilson(b, m, level))

    assert unpaired_coverage(newcombe, 0.95, [*UNPAIRED, (0.003, 1.0)]) < 0.93


def test_the_interval_of_a_paired_difference_holds_at_every_law_of_pairs():
    assert paired_coverage(difference_of_paired_shares, 0.95, PAIRED) >= 0.95


def test_without_their_correlation_it_would_not():
    def alone(a, b, count, level):
        ends = ((each / count, *clopper_pearson(each, count, level)) for each in (a, b))
        return difference(*ends)

    assert paired_coverage(alone, 0.95, PAIRED) < 0.9


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_p_values_are_as_small_by_chance_as_they_say(alpha):
    p_values = np.array(
        [
            [p_value(lambda level, a=a, b=b: difference_of_shares(a, COUNT, b, COUNT, level)) for b in range(a + 1)]
            + [1.0] * (COUNT - a)
            for a in range(COUNT + 1)
        ]
    )
    p_values = np.minimum(p_values, p_values.T)
    for share in (0.05, 0.2, 0.5):
        law = binomial(COUNT, share)
        assert law @ (p_values <= alpha) @ law <= alpha


def test_a_p_value_never_contradicts_its_interval():
    for a, b in ((20, 8), (20, 14), (15, 15), (0, 3)):
        found = p_value(lambda level, a=a, b=b: difference_of_shares(a, 40, b, 40, level))
        _, low, high = difference_of_shares(a, 40, b, 40, 0.95)
        assert (found < 0.05) == (not low <= 0 <= high)
    assert p_value(lambda level: difference_of_shares(5, 40, 5, 40, level)) == 1.0
    assert p_value(lambda level: difference_of_shares(5000, 5000, 0, 5000, level)) == LEAST_P


def test_corrections_are_those_that_their_definitions_give():
    assert holm([0.001, 0.2, 0.02, 0.02]) == pytest.approx([0.004, 0.2, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert simultaneous_level(0.9, 4) == pytest.approx(0.975)


def test_intervals_that_are_symmetric_add_as_standard_errors_do():
    value, low, high = difference((1.0, 0.7, 1.3), (0.2, -0.2, 0.6), 0.0)
    assert (value, low, high) == pytest.approx((0.8, 0.3, 1.3))
    assert difference((1.0, 0.7, 1.3), (0.2, -0.1, 0.5), 1.0) == pytest.approx((0.8, 0.8, 0.8))
