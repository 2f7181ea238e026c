"""The rules that choose sizes: the optimal ones against every composition, the geometric ones at their worst curve."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mdmtheory.schedules import (
    continuum_gap,
    dtc_rule,
    from_density,
    optimal,
    plan_averaged_gap,
    plan_averaged_nll,
    tc_rule,
)

# Plateaus, exact and but for rounding, are where lines of the hull are parallel.
DROPS = st.floats(0, 1) | st.sampled_from([0.0, 1e-16, 1e-15, 1e-12, 1e-6, 0.5])


def falling(drops):
    return np.cumsum(np.array(drops)[::-1])[::-1].copy()


CURVES = st.lists(DROPS, min_size=1, max_size=10).map(falling)


def compositions(length, steps):
    for cuts in itertools.combinations(range(1, length), steps - 1):
        yield np.diff([0, *cuts, length])


@given(CURVES, st.integers(1, 12))
@example(np.ones(9), 4)
@example(np.array([2.0, 2, 2, 1, 1, 1, 0, 0, 0]), 3)
@example(np.array([2.0, 1, 1, 1, 1, 1, 1, 1, 0]), 3)
@example(np.array([1.97472593, 1.97472593, 1.97472593, 1.23977336, 1.23977336, 0.32747175]), 3)
@example(np.array([1.0]), 3)
def test_no_composition_is_better_than_the_optimal_sizes(curve, steps):
    sizes = optimal(curve, steps)
    assert sizes.sum() == len(curve)
    assert (sizes > 0).all()
    assert len(sizes) == min(steps, len(curve))
    fewer = [plan_averaged_nll(curve, each) for n in range(1, len(sizes) + 1) for each in compositions(len(curve), n)]
    assert plan_averaged_nll(curve, sizes) == pytest.approx(min(fewer), abs=1e-12)


def plain_optimum(curve, steps):
    """The dynamic program without the hull, O(N L²)."""
    length = len(curve)
    cost = np.concatenate([[0.0], np.full(length, np.inf)])
    for _ in range(steps):
        last = (np.arange(length + 1)[None] - np.arange(length)[:, None]) * curve[:, None]
        last[np.arange(length + 1)[None] <= np.arange(length)[:, None]] = np.inf
        cost = np.minimum(cost, (cost[:-1, None] + last).min(axis=0))
    return cost[-1]


@given(st.lists(DROPS, min_size=20, max_size=120).map(falling), st.integers(1, 30))
def test_the_hull_finds_what_the_plain_program_finds(curve, steps):
    assert plan_averaged_nll(curve, optimal(curve, steps)) == pytest.approx(plain_optimum(curve, steps), rel=1e-13)


@given(st.lists(DROPS, min_size=3, max_size=60).map(falling))
def test_the_optimum_is_convex_in_the_number_of_steps(curve):
    best = np.array([plan_averaged_nll(curve, optimal(curve, n)) for n in range(1, len(curve) + 1)])
    assert (np.diff(best, 2) >= -1e-12 * len(curve)).all()
    assert (np.diff(best) <= 1e-12 * len(curve)).all()


def test_a_curve_that_rises_by_rounding_only_is_level():
    curve = np.full(50, 0.7) + 1e-13 * np.random.default_rng(0).normal(size=50)
    assert optimal(curve, 7).sum() == 50


def dtc(curve):
    return float((curve - curve[-1]).sum())


def tc(curve):
    return float((curve[0] - curve).sum())


RULES = [(dtc_rule, dtc), (tc_rule, tc)]
DELTAS = st.floats(0.01, 3) | st.sampled_from([0.1, 0.25, 1 / 3, 0.5, 0.6, 1.0])


@pytest.mark.parametrize(("rule", "correlation"), RULES)
@given(delta=DELTAS, curve=st.lists(DROPS, min_size=1, max_size=40).map(falling))
def test_a_geometric_rule_keeps_its_promise(rule, correlation, delta, curve):
    sizes = rule(delta, len(curve))
    assert sizes.sum() == len(curve)
    assert (sizes > 0).all()
    assert plan_averaged_gap(curve, sizes) <= delta * correlation(curve) + 1e-10


@pytest.mark.parametrize(("rule", "correlation"), RULES)
@given(delta=DELTAS, length=st.integers(2, 40), data=st.data())
def test_no_block_of_a_geometric_rule_can_be_one_larger(rule, correlation, delta, length, data):
    """The curve that falls once, just behind the first token of the block, refutes it."""
    sizes = rule(delta, length)
    if len(sizes) == 1:
        return
    block = data.draw(st.integers(0, len(sizes) - 2))
    larger = sizes.copy()
    larger[block] += 1
    larger[block + 1] -= 1
    larger = larger[larger > 0]
    start = int(sizes[:block].sum())
    curve = (np.arange(length) <= start).astype(float)
    assert plan_averaged_gap(curve, sizes) <= delta * correlation(curve) + 1e-10
    assert plan_averaged_gap(curve, larger) > delta * correlation(curve)


def test_rounding_up_breaks_the_promise_of_the_second_rule():
    curve = np.array([1.0, 0.0])
    assert math.ceil(0.6 * 2) == 2
    assert plan_averaged_gap(curve, [2]) > 0.6 * tc(curve)
    assert tc_rule(0.6, 2).tolist() == [1, 1]


@pytest.mark.parametrize("rule", [dtc_rule, tc_rule])
def test_a_geometric_rule_takes_about_as_many_steps_as_said(rule):
    for delta, length in ((0.02, 100_000), (0.005, 1_000_000), (0.002, 1_000_000)):
        said = (np.euler_gamma + math.log(delta * length)) / delta
        assert len(rule(delta, length)) == pytest.approx(said, rel=delta)


DENSITIES = {
    "smooth": (lambda a: (1 + a) ** 4, (7 / 3) ** 2),
    "constant": (np.ones_like, 1.0),
    "zero at an end": (lambda a: (1 - a) ** 2, 0.25),
    "zero in the middle": (lambda a: (a - 0.5) ** 2, 0.0625),
    "zero on a stretch": (lambda a: np.maximum(a - 0.4, 0) ** 2, 0.18**2),
}


@pytest.mark.parametrize("name", DENSITIES)
def test_the_square_root_rule_reaches_its_value(name):
    density, value = DENSITIES[name]
    errors = []
    for steps in (64, 512):
        fractions = from_density(density, steps).revealed_fractions()
        # N Σ w² c, with the mean of c over each step.
        fine = fractions[:-1, None] + np.diff(fractions)[:, None] * (np.arange(64) + 0.5) / 64
        errors.append(steps * float((np.diff(fractions) ** 2 * density(fine).mean(axis=1)).sum()) / value - 1)
    assert abs(errors[0]) < 0.15
    assert abs(errors[1]) < 0.04


def test_no_power_schedule_is_better_than_the_square_root_rule():
    steps = 2000

    def first_order(fractions):
        middle = (fractions[1:] + fractions[:-1]) / 2
        return steps * float((np.diff(fractions) ** 2 * (1 - middle) ** 3).sum())

    best = first_order(from_density(lambda a: (1 - a) ** 3, steps).revealed_fractions())
    times = np.arange(steps + 1) / steps
    powers = np.arange(1, 40) / 20
    others = [first_order(1 - (1 - times) ** power) for power in powers]
    # ∫√c up to α is ∝ 1 - (1 - α)^2.5, so the rule is itself the power 0.4.
    assert powers[np.argmin(others)] == 0.4
    assert best == pytest.approx(min(others), rel=1e-3)
    assert best == pytest.approx(0.16, rel=1e-3)


def test_the_square_root_rule_with_the_curve_s_slope_is_the_continuum_optimum():
    length, steps = 200_000, 100
    curve = np.exp(-3 * np.arange(length) / length)
    sizes = from_density(lambda a: 3 * np.exp(-3 * a), steps).sizes(length)
    assert plan_averaged_gap(curve, sizes) == pytest.approx(continuum_gap(curve, steps), rel=0.02)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optimal([1.0, 0.5], 0), "steps is 0; pass 1 or more"),
        (lambda: optimal([1.0, 0.5, 0.6], 2), "rises: it is 0.6 nats at m = 2 after 0.5.*monotone\\(curve\\)"),
        (lambda: optimal(np.ones(1 << 16), 1 << 15), "at most 2e\\+09 are allowed; use fewer steps"),
        (lambda: dtc_rule(0.0, 4), "delta is 0.0; pass a positive number"),
        (lambda: tc_rule(math.inf, 4), "delta is inf"),
        (lambda: tc_rule(0.5, 0), "length is 0"),
        (lambda: from_density(np.zeros_like, 4), "0 everywhere.*use linear"),
        (lambda: from_density(lambda a: a - 0.5, 4), "the density is -0.5 at 0; it must be finite"),
        (lambda: from_density(lambda a: 1 / a[1:], 4), "the density has shape \\(1024,\\) at 1025 points"),
        (lambda: from_density(np.ones_like, 0), "steps is 0"),
    ],
)
def test_bad_calls(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
