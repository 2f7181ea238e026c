"""Confidence intervals: hand values, edges, and coverage by simulation."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy.special import betaln

from mdmtheory.core.intervals import anytime_binomial, bounded_mean, clopper_pearson

RUNS = 4000
LEVEL = 0.95
NOISE = 3 * math.sqrt(LEVEL * (1 - LEVEL) / RUNS)


def test_clopper_pearson_hand_values():
    # No errors: the upper end solves (1 - p)^n = 2.5 %. One of two: the ends solve (1 - p)^2 = 97.5 % and p^2 = 97.5 %.
    assert clopper_pearson(0, 10, 0.95) == pytest.approx((0.0, 1 - 0.025**0.1), rel=1e-13)
    assert clopper_pearson(10, 10, 0.95) == pytest.approx((0.025**0.1, 1.0), rel=1e-13)
    assert clopper_pearson(1, 2, 0.95) == pytest.approx((1 - math.sqrt(0.975), math.sqrt(0.975)), rel=1e-12)
    assert clopper_pearson(0, 0, 0.95) == (0.0, 1.0)


def test_clopper_pearson_ends_have_their_tails():
    errors, count = 7, 30
    low, high = clopper_pearson(errors, count, 0.9)

    def below(p, k):
        return sum(math.comb(count, j) * p**j * (1 - p) ** (count - j) for j in range(k + 1))

    assert 1 - below(low, errors - 1) == pytest.approx(0.05, rel=1e-10)
    assert below(high, errors) == pytest.approx(0.05, rel=1e-10)


@pytest.mark.parametrize("count", [1, 10, 1000, 10**9])
def test_anytime_edges_have_closed_forms(count):
    bound = (betaln(0.5, count + 0.5) - math.log(math.pi) + math.log(0.05)) / count
    assert anytime_binomial(0, count, 0.95) == pytest.approx((0.0, -math.expm1(bound)), rel=1e-12)
    assert anytime_binomial(count, count, 0.95) == pytest.approx((math.exp(bound), 1.0), rel=1e-12)


def test_anytime_of_nothing_is_everything():
    assert anytime_binomial(0, 0, 0.95) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("errors", "count"), [(1, 2), (5, 10), (1, 10**6), (9_991, 10_000), (3, 10**12), (499, 1000), (1, 10**15)]
)
@pytest.mark.parametrize("level", [1e-9, 0.5, 0.95, 1 - 1e-12])
def test_anytime_ends_solve_the_mixture_equation(errors, count, level):
    low, high = anytime_binomial(errors, count, level)
    assert 0 < low < errors / count < high < 1
    bound = betaln(errors + 0.5, count - errors + 0.5) - math.log(math.pi) + math.log1p(-level)

    def log_likelihood(p):
        return errors * math.log(p) + (count - errors) * math.log1p(-p)

    # An end near 1 is known to half a unit in its last place, which moves the likelihood by count - errors such units.
    for end in (low, high):
        slack = abs(errors / end - (count - errors) / (1 - end)) * 2e-16
        assert log_likelihood(end) == pytest.approx(bound, rel=1e-9, abs=1e-9 + slack)


def test_anytime_contains_clopper_pearson_at_moderate_levels():
    for errors in range(51):
        exact, anytime = clopper_pearson(errors, 50, 0.95), anytime_binomial(errors, 50, 0.95)
        assert anytime[0] <= exact[0] <= exact[1] <= anytime[1]


def test_intervals_mirror_each_other():
    for interval in (clopper_pearson, anytime_binomial):
        low, high = interval(3, 40, 0.9)
        assert interval(37, 40, 0.9) == pytest.approx((1 - high, 1 - low), rel=1e-12)


def covers(interval, errors, counts, p):
    """How often `interval` of (errors, count) covers p; each distinct pair is computed once."""
    pairs, index = np.unique(np.stack([errors, counts]), axis=1, return_inverse=True)
    inside = [low <= p <= high for low, high in (interval(int(k), int(n), LEVEL) for k, n in pairs.T)]
    return np.mean(np.array(inside)[index.reshape(-1)])


@pytest.mark.parametrize("p", [0.01, 0.3, 0.9])
def test_fixed_count_coverage(p):
    generator = np.random.default_rng(0)
    counts = np.full(RUNS, 200)
    errors = generator.binomial(200, p, size=RUNS)
    assert covers(clopper_pearson, errors, counts, p) >= LEVEL - NOISE
    assert covers(anytime_binomial, errors, counts, p) >= LEVEL - NOISE


@pytest.mark.parametrize("p", [0.02, 0.3])
def test_stopping_at_the_tenth_error_or_a_cap_keeps_both_intervals_valid(p):
    generator = np.random.default_rng(1)
    most, cap = 10, 300
    wrong = generator.random((RUNS, cap)) < p
    seen = np.cumsum(wrong, axis=1)
    counts = np.where(seen[:, -1] >= most, (seen >= most).argmax(axis=1) + 1, cap)
    errors = seen[np.arange(RUNS), counts - 1]
    assert covers(clopper_pearson, errors, counts, p) >= LEVEL - NOISE
    assert covers(anytime_binomial, errors, counts, p) >= LEVEL - NOISE


def stopped_when_excluded(interval, p, looks, batch):
    """Errors and counts of runs that look after every batch and stop as soon as their interval leaves p out.

    The worst optional stopping there is: coverage is then the chance that no interval of the run ever leaves p out.
    """
    generator = np.random.default_rng(2)
    errors = np.cumsum(generator.binomial(batch, p, size=(RUNS, looks)), axis=1)
    counts = np.broadcast_to(batch * np.arange(1, looks + 1), errors.shape)
    left_out = np.empty(errors.shape, dtype=bool)
    for look in range(looks):
        for k in np.unique(errors[:, look]):
            low, high = interval(int(k), int(counts[0, look]), LEVEL)
            left_out[errors[:, look] == k, look] = not low <= p <= high
    stop = np.where(left_out.any(axis=1), left_out.argmax(axis=1), looks - 1)
    rows = np.arange(RUNS)
    return errors[rows, stop], counts[rows, stop]


def test_optional_stopping_in_batches_keeps_the_anytime_interval_valid():
    errors, counts = stopped_when_excluded(anytime_binomial, 0.3, looks=60, batch=25)
    assert covers(anytime_binomial, errors, counts, 0.3) >= LEVEL - NOISE


def test_clopper_pearson_undercovers_under_the_same_optional_stopping():
    errors, counts = stopped_when_excluded(clopper_pearson, 0.3, looks=60, batch=25)
    assert covers(clopper_pearson, errors, counts, 0.3) < 0.85
    assert covers(anytime_binomial, errors, counts, 0.3) >= LEVEL - NOISE


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: clopper_pearson(3, 2, 0.95), "3 errors were given for 2 trials; pass 0 <= errors <= count"),
        (lambda: anytime_binomial(-1, 2, 0.95), "errors is -1; pass 0 or more"),
        (lambda: clopper_pearson(1, 2, 1.0), "level is 1.0; pass a number above 0 and below 1"),
        (lambda: anytime_binomial(1, 2, float("nan")), "level is nan"),
    ],
)
def test_bad_input_is_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_importing_the_module_loads_no_scipy():
    code = "import sys, mdmtheory.core.intervals; sys.exit(any(name.startswith('scipy') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


LAWS_ON_AN_INTERVAL = {
    "rare": lambda generator, size: (generator.random(size) < 0.01).astype(float),
    "often": lambda generator, size: (generator.random(size) < 0.6).astype(float),
    "spread": lambda generator, size: generator.beta(0.1, 3.0, size),
    "narrow": lambda generator, size: 0.5 + 0.01 * generator.random(size),
}
MEANS = {"rare": 0.01, "often": 0.6, "spread": 0.1 / 3.1, "narrow": 0.505}


def coverage_of_means(interval, law, count):
    values = LAWS_ON_AN_INTERVAL[law](np.random.default_rng(3), (1000, count))
    found = [interval(count, float(row.sum()), float((row**2).sum()), LEVEL) for row in values]
    return np.mean([low <= MEANS[law] <= high for _, low, high in found])


@pytest.mark.parametrize("count", [10, 100])
@pytest.mark.parametrize("law", LAWS_ON_AN_INTERVAL)
def test_bounded_means_are_covered_whatever_the_law(law, count):
    assert coverage_of_means(bounded_mean, law, count) >= LEVEL


def test_bounded_mean_narrows_with_the_variance_and_scales():
    mean, low, high = bounded_mean(1000, 500.0, 250.0, 0.95)
    tail = math.log(4 / 0.05)
    assert (mean, high - mean) == pytest.approx((0.5, 7 * tail / (3 * 999)), rel=1e-12)
    wide = bounded_mean(1000, 500.0, 500.0, 0.95)
    assert wide[2] - wide[1] > 3 * (high - low)
    assert bounded_mean(1000, 1500.0, 4500.0, 0.95, 3.0) == pytest.approx([3 * end for end in wide], rel=1e-12)
    assert bounded_mean(2, 2.0, 2.0, 0.95)[1:] == (0.0, 1.0)


@pytest.mark.parametrize(
    ("count", "total", "bound", "message"),
    [
        (1, 0.5, 1.0, "draw 2 or more"),
        (2, 2.5, 1.0, "from 0 to 1"),
        (3, -0.1, 2.0, "from 0 to 2"),
        (2, math.nan, 1.0, "nan"),
    ],
)
def test_bounded_mean_refuses_what_is_not_bounded(count, total, bound, message):
    with pytest.raises(ValueError, match=message):
        bounded_mean(count, total, 1.0, 0.95, bound)
