"""The linear programme over falling curves: against the same programme put another way, and against curves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.stats import binom

from mdmtheory.core.estimate import WithheldError
from mdmtheory.schedules import FallingCurves, as_schedule, fixed_weights
from mdmtheory.schedules import falling as module
from mdmtheory.schedules.falling import least_at_one

LENGTH = 24
RATIOS = np.array([0.05, 0.2, 0.35, 0.6, 0.8, 1.0])


def mixtures(length, ratios):
    return binom.pmf(np.arange(length)[None], length - 1, 1 - ratios[:, None])


def with_losses_of(curve, ratios=RATIOS, off=1e-3):
    losses = mixtures(len(curve), ratios) @ curve
    return FallingCurves(len(curve), ratios, losses - off, losses + off)


FALLING = st.lists(st.floats(0, 1), min_size=LENGTH, max_size=LENGTH).map(
    lambda drops: np.cumsum(np.array(drops)[::-1] ** 3)[::-1].copy()
)


@pytest.mark.parametrize("steps", [1, 3, 8])
@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_ends_are_those_of_the_programme_in_the_curve_itself(schedule, steps):
    """Unknown H̄(m), falls as constraints, the simplex: another way to put it and another solver."""
    curve = 0.3 + np.exp(-np.arange(LENGTH) / 6)
    curves, weights = with_losses_of(curve), fixed_weights(as_schedule(schedule).sizes(LENGTH, steps)) - 1.0
    losses, falls = mixtures(LENGTH, RATIOS), np.diff(np.eye(LENGTH), axis=0)
    for sign, found in ((-1, curves.costliest(weights)), (1, curves.cheapest(weights))):
        expected = linprog(
            sign * weights,
            A_ub=np.vstack([losses, -losses, falls]),
            b_ub=np.concatenate([curves.most, -curves.least, np.zeros(LENGTH - 1)]),
            method="highs-ds",
        )
        assert found == pytest.approx(sign * expected.fun, abs=1e-5)


@given(FALLING, st.lists(st.floats(-3, 3), min_size=6, max_size=6), st.integers(1, 8))
def test_any_prices_of_losses_bound_what_a_curve_costs(curve, prices, steps):
    """Weak duality after the repair: what makes the bound one, whatever the solver returned."""
    gains = np.cumsum(fixed_weights(as_schedule("cosine").sizes(LENGTH, steps)) - 1.0)
    drops = -np.diff(np.append(curve, 0.0))
    assert with_losses_of(curve)._value(gains, np.array(prices)) >= gains @ drops - 1e-9


def test_a_solver_that_is_wrong_makes_a_worse_bound_and_no_false_one(monkeypatch):
    curve = 0.3 + np.exp(-np.arange(LENGTH) / 6)
    curves, weights = with_losses_of(curve), fixed_weights(np.array([12, 12])) - 1.0
    right = curves.costliest(weights)
    dual = FallingCurves._dual
    monkeypatch.setattr(FallingCurves, "_dual", lambda *given: 0.9 * dual(*given))
    assert curves.costliest(weights) >= right
    assert curves.costliest(weights) >= weights @ curve


@pytest.mark.parametrize("schedule", ["linear", "geometric"])
def test_drops_that_are_left_out_at_first_change_nothing(monkeypatch, schedule):
    length = 400
    curve = np.where(np.arange(length) < 150, 2.0, 0.5) + np.exp(-np.arange(length) / 90)
    curves = with_losses_of(curve, np.arange(1, 31) / 30, 1e-6)
    weights = fixed_weights(as_schedule(schedule).sizes(length, 16)) - 1.0
    whole = curves.costliest(weights), curves.cheapest(weights)
    monkeypatch.setattr(module, "_COARSE", 100)
    for few, all_of_them in zip((curves.costliest(weights), curves.cheapest(weights)), whole, strict=True):
        assert few == pytest.approx(all_of_them, abs=2e-3)
    assert curves.costliest(weights) >= weights @ curve - 1e-9


@pytest.mark.parametrize(
    ("least", "most"),
    [([0.5, 0.3], [0.6, 0.4]), ([0.1, 9.0], [0.1001, 1.0])],
    ids=["losses that fall", "an interval that is none"],
)
def test_no_curve_means_no_number(least, most):
    curves = FallingCurves(16, np.array([0.3, 1.0]), np.array(least), np.array(most))
    assert "no falling curve has these losses within their error" in curves.trouble
    for end in (curves.costliest, curves.cheapest):
        with pytest.raises(WithheldError, match="give stderr"):
            end(np.ones(16))


@pytest.mark.parametrize("status", [1, 2, 3, 4])
def test_any_status_but_optimal_is_no_bound(monkeypatch, status):
    class Failed:
        pass

    Failed.status = status
    monkeypatch.setattr("scipy.optimize.linprog", lambda *_, **__: Failed())
    with pytest.raises(WithheldError, match="no falling curve" if status == 2 else f"HiGHS status {status}"):
        with_losses_of(np.ones(LENGTH)).costliest(np.ones(LENGTH))


@pytest.mark.parametrize("last", [0.5, 0.8])
def test_the_least_loss_at_ratio_1_is_that_of_the_programme_in_the_curve_itself(last):
    curve, ratios = 0.3 + np.exp(-np.arange(LENGTH) / 6), RATIOS[last >= RATIOS]
    losses, falls = mixtures(LENGTH, ratios), np.diff(np.eye(LENGTH), axis=0)
    least, most = losses @ curve - 1e-3, losses @ curve + 1e-3
    expected = linprog(
        np.eye(LENGTH)[0],
        A_ub=np.vstack([losses, -losses, falls]),
        b_ub=np.concatenate([most, -least, np.zeros(LENGTH - 1)]),
        method="highs-ds",
    )
    assert least_at_one(LENGTH, ratios, least, most) == pytest.approx(expected.fun, abs=1e-5)


def test_losses_that_need_more_at_ratio_1_than_any_vocabulary_costs_have_no_curve():
    with pytest.raises(WithheldError, match="no falling curve"):
        least_at_one(16, np.array([0.1, 0.11]), np.array([1.0, 4.0]), np.array([1.001, 4.001]))
