"""Intervals for means of what nobody has bounded: hand values, what is withheld, and coverage by simulation."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import skew, t

from mdmtheory.core.estimate import WithheldError
from mdmtheory.core.means import (
    LEAST_TERMS,
    LEAST_WITHOUT_SKEWNESS,
    Moments,
    mean_interval,
    skewed_interval,
    stratified_interval,
    unseen_share,
)

RUNS = 4000
LEVELS = {0.5: 0.48, 0.95: 0.94, 0.99: 0.985}
"""Nominal levels and what they must hold at least."""

# Each with its mean.
LAWS = {
    "normal": (lambda generator, size: generator.normal(size=size), 0.0),
    "uniform": (lambda generator, size: generator.random(size), 0.5),
    "exponential": (lambda generator, size: generator.exponential(size=size), 1.0),
    "two values": (lambda generator, size: (generator.random(size) < 0.2).astype(float), 0.2),
    "gamma, skewness 2.8": (lambda generator, size: generator.gamma(0.5, size=size), 0.5),
}


def sums(values):
    return float(values.sum()), float((values**2).sum()), float((values**3).sum())


def test_moments_of_values_are_those_of_scipy_and_of_their_sums():
    values = np.random.default_rng(0).exponential(size=300) + 2
    found, summed = Moments.of(values), Moments.from_sums(300, *sums(values))
    for moments, tolerance in ((found, 1e-13), (summed, 1e-9)):
        assert moments.mean == pytest.approx(values.mean(), rel=tolerance)
        assert moments.variance == pytest.approx(values.var(ddof=1), rel=tolerance)
        assert moments.skewness == pytest.approx(skew(values, bias=False), rel=tolerance)
    assert Moments.from_sums(300, *sums(values)[:2]).skewness is None


def test_without_skewness_it_is_students_interval():
    mean, low, high = mean_interval(Moments(400, 3.0, 4.0, 0.0), 0.9)
    half = float(t.ppf(0.95, 399)) * 2 / 20
    assert (mean, low, high) == pytest.approx((3.0, 3.0 - half, 3.0 + half), rel=1e-12)


@pytest.mark.parametrize("bend", [0.05, -0.2, 0.6])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_the_ends_solve_halls_cubic_where_they_reach_beyond_students(bend, level):
    degrees = 60
    quantile = float(t.ppf((1 + level) / 2, degrees)) * (1 + bend**2)
    _, low, high = skewed_interval(0.0, 1.0, bend, degrees, level)

    def cubic(value):
        return value + bend * value**2 / 3 + bend**2 * value**3 / 27 + bend / 6

    # An end is minus the studentised mean that it belongs to.
    solved = [cubic(-end) for end in (low, high)]
    expected = [quantile, -quantile]
    reaching = [low < -quantile, high > quantile]
    assert any(reaching)
    for own, wanted, beyond in zip(solved, expected, reaching, strict=True):
        assert not beyond or own == pytest.approx(wanted, rel=1e-9)
    assert low <= -quantile
    assert high >= quantile


def test_it_is_mirrored_and_scales():
    _, low, high = mean_interval(Moments(100, 1.0, 4.0, 1.5), 0.95)
    assert mean_interval(Moments(100, -1.0, 4.0, -1.5), 0.95)[1:] == pytest.approx((-high, -low), rel=1e-12)
    assert mean_interval(Moments(100, 10.0, 400.0, 1.5), 0.95)[1:] == pytest.approx((10 * low, 10 * high), rel=1e-12)
    assert high - 1 > 1 - low


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("count", [LEAST_TERMS, 300])
def test_it_holds_as_often_as_it_says(law, count, level):
    draw, truth = LAWS[law]
    values = draw(np.random.default_rng(3), (RUNS, count))
    summed = zip(*(np.sum(values**power, axis=1).tolist() for power in (1, 2, 3)), strict=True)
    inside = given_ = 0
    for each in summed:
        try:
            _, low, high = mean_interval(Moments.from_sums(count, *each), level)
        except WithheldError:
            continue
        given_ += 1
        inside += low <= truth <= high
    assert given_ > 0.9 * RUNS
    least = LEVELS[level]
    assert inside / given_ >= least - 2 * math.sqrt(least * (1 - least) / given_)


def test_wide_enough_does_not_mean_wide():
    values = np.random.default_rng(4).exponential(size=(500, 1000))
    widths = []
    for row in values:
        _, low, high = mean_interval(Moments.of(row), 0.95)
        widths.append((high - low) / (2 * 1.959964 * row.std(ddof=1) / math.sqrt(1000)))
    assert 1 <= np.mean(widths) < 1.05


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=LEAST_TERMS, max_size=80),
    st.floats(0.01, 0.999),
)
def test_it_never_is_a_point_and_holds_the_mean(values, level):
    array = np.array(values)
    for moments in (Moments.of(array), Moments.from_sums(len(array), *sums(array))):
        try:
            mean, low, high = mean_interval(moments, level)
        except WithheldError:
            continue
        assert low < mean < high
        assert mean == pytest.approx(array.mean(), rel=1e-9, abs=1e-9)


@given(st.lists(st.floats(-50, 50), min_size=60, max_size=60), st.floats(0.1, 0.9), st.floats(0.01, 0.09))
def test_it_widens_with_its_level(values, level, more):
    try:
        _, low, high = mean_interval(Moments.of(np.array(values)), level)
        _, lower, higher = mean_interval(Moments.of(np.array(values)), level + more)
    except WithheldError:
        return
    assert lower < low
    assert high < higher


def test_equal_numbers_leave_room_for_what_was_not_seen():
    share = unseen_share(200, 0.95)
    assert (1 - share) ** 200 == pytest.approx(0.025, rel=1e-12)
    values = np.full(200, 7.25)
    for moments in (Moments.of(values), Moments.from_sums(200, *sums(values))):
        assert mean_interval(moments, 0.95, unseen=30.0) == pytest.approx((7.25, 7.25 - 30 * share, 7.25 + 30 * share))


def test_what_rounding_leaves_of_equal_numbers_is_no_spread():
    noisy = np.random.default_rng(5).normal(size=200) * 1e-13
    assert mean_interval(Moments.of(noisy), 0.95, unseen=40.0)[2] > 0.1
    large = 300 + noisy * 1e3
    assert mean_interval(Moments.from_sums(200, *sums(large)), 0.95, unseen=300.0)[2] - 300 > 0.1


def test_a_skewness_that_rounding_hides_is_not_known():
    values = 1e5 + np.random.default_rng(6).exponential(size=600)
    hidden, seen = Moments.from_sums(600, *sums(values)), Moments.of(values)
    assert hidden.skewness is None
    assert seen.skewness == pytest.approx(2, abs=0.5)
    assert mean_interval(hidden, 0.95)[0] == pytest.approx(values.mean())


def test_infinite_numbers_have_an_infinite_mean_and_squares_that_overflow_no_end():
    assert mean_interval(Moments.from_sums(60, math.inf, math.inf, math.inf), 0.95) == (math.inf,) * 3
    assert mean_interval(Moments.of(np.append(np.ones(60), math.inf)), 0.95) == (math.inf,) * 3
    mean, low, high = mean_interval(Moments.from_sums(600, 1e200, math.inf, math.inf), 0.95)
    assert (low, high) == (-math.inf, math.inf)
    assert mean == pytest.approx(1e200 / 600)


@pytest.mark.parametrize(
    ("moments", "message", "count"),
    [
        (Moments(1, 3.0, 0.0, None), "1 sequence, draw 50 or more", 1),
        (Moments(LEAST_TERMS - 1, 3.0, 1.0, 0.0), "49 sequences, draw 50 or more", 49),
        (Moments(100, 3.0, 1.0, 9.0), "skewness 9 of 100 sequences, draw 203 or more", 100),
        (
            Moments(LEAST_WITHOUT_SKEWNESS - 1, 3.0, 1.0, None),
            "499 sequences of unknown skewness (no sums of cubes), draw 500 or more",
            499,
        ),
    ],
)
def test_what_cannot_hold_is_withheld_with_its_count(moments, message, count):
    with pytest.raises(WithheldError, match=f"^{re.escape(message)}$") as withheld:
        mean_interval(moments, 0.95)
    assert withheld.value.count == count
    assert isinstance(withheld.value, ValueError)


def test_one_odd_number_carries_a_mean_alone_and_three_do_not():
    for odd, carries in ((1, True), (2, True), (3, False)):
        values = np.zeros(400)
        values[:odd] = 1
        if carries:
            with pytest.raises(WithheldError, match="skewness"):
                mean_interval(Moments.of(values), 0.95)
        else:
            assert mean_interval(Moments.of(values), 0.95)[1] < odd / 400


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Moments.from_sums(5, math.nan, 1.0), "the sum is nan"),
        (lambda: Moments.from_sums(5, 1.0, math.nan), "the sum of squares nan"),
        (lambda: mean_interval(Moments(60, 1.0, 1.0, 0.0), 1.0), "level is 1.0; pass a number above 0 and below 1"),
    ],
)
def test_bad_input_is_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_one_stratum_is_a_mean_of_its_own():
    values = Moments.of(np.random.default_rng(0).exponential(size=80))
    assert stratified_interval([values], [1.0], 0.95, unseen=1.0) == pytest.approx(mean_interval(values, 0.95))


def test_strata_leave_out_what_differs_between_them_and_hold_as_often_as_they_say():
    generator, held, width, runs = np.random.default_rng(1), 0, 0.0, 2000
    shares = [0.5, 0.3, 0.2]
    exact = 0.5 * 1 + 0.3 * 11 + 0.2 * 21
    for _ in range(runs):
        strata = [Moments.of(10 * k + generator.exponential(size=size)) for k, size in enumerate((50, 30, 20))]
        _, low, high = stratified_interval(strata, shares, 0.95, unseen=1.0)
        held += low <= exact <= high
        width += (high - low) / runs
    assert held / runs > 0.94
    assert width < 0.7


def test_strata_of_which_one_number_carries_all_are_withheld():
    lone = Moments.of(np.array([1000.0] + [0.0] * 99))
    with pytest.raises(WithheldError, match="two or fewer of 200 sequences carry the mean"):
        stratified_interval([lone, Moments.of(np.zeros(100))], [0.5, 0.5], 0.95, unseen=1.0)
    with pytest.raises(WithheldError, match="draw 2 or more for each"):
        stratified_interval([lone, Moments.of(np.zeros(1))], [0.5, 0.5], 0.95, unseen=1.0)
