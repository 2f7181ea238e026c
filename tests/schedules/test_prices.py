"""Prices of schedules on exact, estimated and measured curves; smoothing where sizes are chosen by an estimate."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdmtheory.schedules import (
    ancestral_gap,
    as_schedule,
    continuum_gap,
    optimal,
    plan_averaged_gap,
    plan_averaged_nll,
    priced_curve,
    prices,
    smoothed,
)
from mdmtheory.schedules.prices import shared

LENGTH = 64
CURVE = 0.3 + np.exp(-np.arange(LENGTH) / 20)
FAMILIES = {name: as_schedule(name) for name in ("linear", "cosine")}


def found(rows, schedule, sampler, metric):
    [row] = [r for r in rows if (r["schedule"], r["sampler"], r["metric"]) == (schedule, sampler, metric)]
    return row


def test_prices_of_an_exact_curve_are_the_formulas():
    rows = list(prices(priced_curve(CURVE), FAMILIES, CURVE, 8, 0.95))
    for name, schedule in FAMILIES.items():
        sizes = schedule.sizes(LENGTH, 8)
        ter, gap = (found(rows, name, "fixed", metric) for metric in ("ter", "gap"))
        assert ter["value"] == pytest.approx(math.exp(plan_averaged_nll(CURVE, sizes) / LENGTH), rel=1e-12)
        assert gap["value"] == pytest.approx(plan_averaged_gap(CURVE, sizes), abs=1e-9)
        assert ter["sizes"].split() == list(map(str, sizes))
        assert (ter["low"], ter["high"], ter["level"], ter["kind"]) == (ter["value"], ter["value"], 1.0, "upper bound")
        drawn = found(rows, name, "ancestral", "gap")
        assert drawn["value"] == pytest.approx(ancestral_gap(CURVE, schedule.revealed_fractions(8)), abs=1e-9)
    best = found(rows, "optimal", "fixed", "gap")
    assert best["sizes"].split() == list(map(str, optimal(CURVE, 8)))
    assert best["value"] <= min(found(rows, name, "fixed", "gap")["value"] for name in FAMILIES)
    assert found(rows, "optimal", "fixed", "gap_continuum")["value"] == continuum_gap(CURVE, 8)
    assert found(rows, "optimal", "fixed", "gap_continuum")["kind"] == "exact"


def test_one_token_a_step_costs_nothing():
    for row in prices(priced_curve(CURVE), FAMILIES, CURVE, LENGTH, 0.95):
        if row["sampler"] == "fixed" and row["metric"] == "gap" and row["schedule"] != "cosine":
            assert row["value"] == 0


def test_an_unknown_error_has_no_interval():
    rows = list(prices(replace(priced_curve(CURVE), error=lambda _: None, exact=False), FAMILIES, CURVE, 8, 0.95))
    assert all(math.isnan(row["low"]) and math.isnan(row["high"]) and math.isnan(row["level"]) for row in rows)


@pytest.mark.parametrize("window", [0, 3])
def test_intervals_cover_the_price_of_the_true_curve(window):
    generator = np.random.default_rng(0)
    errors = 0.01 + 0.02 * np.arange(LENGTH) / LENGTH
    truth = list(prices(priced_curve(CURVE), FAMILIES, CURVE, 8, 0.9))
    covered = []
    for _ in range(200):
        noisy = CURVE + errors * generator.normal(size=LENGTH)
        rows = list(prices(priced_curve(noisy, errors, 100, window), FAMILIES, CURVE, 8, 0.9))
        pairs = zip(truth, rows, strict=True)
        covered.append([r["low"] <= t["value"] <= r["high"] for t, r in pairs if r["metric"] in ("ter", "gap")])
    # 200 intervals of 90 %, of each number: 0.9 give or take 0.021, three of them.
    assert np.mean(covered, axis=0) == pytest.approx(0.9, abs=0.065)


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=40), st.integers(0, 9))
def test_sharing_keeps_sums_and_prices_of_straight_lines(weights, window):
    weights = np.array(weights)
    spread = shared(weights, window)
    at = np.arange(len(weights))
    assert spread.sum() == pytest.approx(weights.sum(), abs=1e-9)
    assert spread @ at == pytest.approx(weights @ at, abs=1e-8)


def test_sharing_lowers_the_error_of_fixed_sizes():
    errors = np.full(LENGTH, 0.01)
    widths = []
    for window in (0, 3):
        rows = list(prices(priced_curve(CURVE, errors, 9, window), FAMILIES, CURVE, 8, 0.95))
        gap = found(rows, "linear", "fixed", "gap")
        widths.append(gap["high"] - gap["low"])
        assert gap["value"] == pytest.approx(plan_averaged_gap(CURVE, [8] * 8), rel=0.02)
    assert widths[1] < 0.5 * widths[0]


@pytest.mark.parametrize("length", [1, 2, 3, 7, 100])
def test_a_smoothed_curve_never_rises(length):
    noisy = np.exp(-np.arange(length) / 30) + 0.05 * np.random.default_rng(1).normal(size=length)
    curve = smoothed(noisy)
    assert curve.shape == (length,)
    assert (np.diff(curve) <= 0).all()


def test_smoothing_leaves_a_smooth_curve_almost_alone():
    curve = np.exp(-3 * np.arange(1000) / 1000)
    np.testing.assert_allclose(smoothed(curve), curve, atol=2e-3)
    assert smoothed(curve)[0] == curve[0]
    assert smoothed(curve)[-1] == curve[-1]


def test_the_sizes_that_fit_the_noise_are_worse_than_those_of_the_smoothed_curve():
    generator = np.random.default_rng(0)
    curve = 0.3 + 1.5 * np.exp(-3 * np.arange(512) / 512)
    best = plan_averaged_gap(curve, optimal(curve, 64))
    raw, smooth = [], []
    for _ in range(5):
        noisy = curve + 0.007 * generator.normal(size=512)
        raw.append(plan_averaged_gap(curve, optimal(np.minimum.accumulate(noisy), 64)))
        smooth.append(plan_averaged_gap(curve, optimal(smoothed(noisy), 64)))
    assert np.mean(smooth) < 1.03 * best
    assert np.mean(raw) > 1.06 * best


def test_no_gap_is_negative_and_what_noise_made_of_it_is_told():
    """A curve that noise lets rise: one token a step would seem to cost more than two."""
    rising = np.linspace(0.9, 1.1, 8)
    rows = list(prices(priced_curve(rising, np.full(8, 0.01), 50), FAMILIES, CURVE[:8], 4, 0.95))
    gap = found(rows, "linear", "fixed", "gap")
    assert gap["kind"].startswith("upper bound, cut from -0.11")
    assert gap["value"] == gap["low"] == 0
    for row in rows:
        assert not min(row["value"], row["low"]) < 0


def test_a_continuum_limit_below_0_is_cut_and_says_so():
    row = found(list(prices(priced_curve(CURVE), FAMILIES, CURVE, LENGTH, 0.95)), "optimal", "fixed", "gap_continuum")
    assert continuum_gap(CURVE, LENGTH) < 0
    assert row["value"] == row["low"] == 0
    assert row["kind"].startswith("exact, cut from -0.0")


def test_draws_that_all_agree_leave_the_error_unknown_and_not_0():
    errors = np.zeros(LENGTH)
    rows = list(prices(priced_curve(CURVE, errors, 100), FAMILIES, CURVE, 8, 0.95))
    for row in rows:
        assert row["kind"] in ("upper bound", "estimate")
        assert math.isnan(row["low"])
        assert math.isnan(row["level"])
    # One step prices point 0 alone, which is exact.
    [once] = [row for row in prices(priced_curve(CURVE, errors, 100), {}, CURVE, 1, 0.95) if row["metric"] == "ter"][:1]
    assert once["low"] == once["value"] == pytest.approx(math.exp(CURVE[0]))


def test_a_level_that_is_none_is_refused():
    with pytest.raises(ValueError, match="level is 1.0"):
        list(prices(priced_curve(CURVE), FAMILIES, CURVE, 8, 1.0))
