"""What plans cost on average: against enumeration of the plans, limits, and what is refused."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mdmtheory.exact import enumerated_information_curve, joint
from mdmtheory.languages.presets import as_language
from mdmtheory.schedules import (
    ancestral_gap,
    ancestral_weights,
    as_schedule,
    continuum_gap,
    fixed_weights,
    monotone,
    optimal,
    plan_averaged_gap,
    plan_averaged_nll,
)


def falling_curves(longest=12):
    drops = st.floats(0, 1) | st.just(0.0)
    return st.lists(drops, min_size=1, max_size=longest).map(lambda each: np.cumsum(each[::-1])[::-1].copy())


def compositions(length, steps):
    for cuts in itertools.combinations(range(1, length), steps - 1):
        yield np.diff([0, *cuts, length])


LANGUAGES = ["hmm:states=3,vocab_size=2", "ngram:order=3,vocab_size=2", "equal_pairs:vocab_size=3"]


def conditional_entropy(q, given, hidden):
    """H(X_hidden | X_given) from the joint law."""

    def entropy(kept):
        marginal = q.sum(axis=tuple(i for i in range(q.ndim) if i not in kept))
        mass = marginal[marginal > 0]
        return float(-(mass * np.log(mass)).sum())

    return entropy({*given, *hidden}) - entropy(set(given))


def nll_of_plan(q, plan):
    """E_q[-log p_plan(x)]: each position costs its entropy given all positions of earlier steps."""
    places = range(len(plan))
    return sum(conditional_entropy(q, [j for j in places if plan[j] < plan[i]], [i]) for i in places)


@pytest.mark.parametrize("name", LANGUAGES)
def test_fixed_sizes_cost_the_mean_over_all_plans_of_these_sizes(name):
    q = joint(as_language(name), 4)
    curve = enumerated_information_curve(q)
    for sizes in ([1, 3], [2, 2], [3, 1], [1, 2, 1], [4], [1, 1, 1, 1]):
        steps = np.repeat(np.arange(len(sizes)), sizes)
        mean = np.mean([nll_of_plan(q, plan) for plan in itertools.permutations(steps.tolist())])
        assert plan_averaged_nll(curve, sizes) == pytest.approx(mean, abs=1e-12)
        assert plan_averaged_gap(curve, sizes) == pytest.approx(mean - curve.sum(), abs=1e-12)


@pytest.mark.parametrize("name", LANGUAGES)
@pytest.mark.parametrize("fractions", [[0, 0.5, 1], [0, 0.2, 0.7, 1], [0, 1]])
def test_independent_steps_cost_the_mean_over_all_plans(name, fractions):
    q = joint(as_language(name), 4)
    curve = enumerated_information_curve(q)
    shares = np.diff(fractions)
    plans = itertools.product(range(len(shares)), repeat=4)
    mean = sum(math.prod(shares[k] for k in plan) * nll_of_plan(q, plan) for plan in plans)
    assert ancestral_gap(curve, fractions) == pytest.approx(mean - curve.sum(), abs=1e-12)


@given(falling_curves(), st.integers(1, 12))
def test_gaps_are_not_negative_and_one_token_a_step_costs_nothing(curve, steps):
    length = len(curve)
    sizes = as_schedule("cosine").sizes(length, steps)
    assert plan_averaged_gap(curve, sizes) >= -1e-12
    assert ancestral_gap(curve, as_schedule("cosine").revealed_fractions(steps)) >= -1e-12
    assert plan_averaged_gap(curve, np.ones(length, dtype=int)) == pytest.approx(0, abs=1e-12)
    assert plan_averaged_gap(curve, [length]) == pytest.approx(length * curve[0] - curve.sum(), abs=1e-12)


def test_weights_count_every_token_once():
    assert fixed_weights([2, 1, 3]).tolist() == [2, 0, 1, 3, 0, 0]
    for steps in (1, 7, 300):
        weights = ancestral_weights(as_schedule("cosine").revealed_fractions(steps), 700)
        assert weights.sum() == pytest.approx(700)


def test_long_lengths_of_independent_steps_lose_as_the_limit_says():
    """The gap per token tends to sum_k w_k g(a_{k-1}) - ∫g; docs/theory.md, section 2."""
    length, fractions = 20_000, as_schedule("linear").revealed_fractions(4)
    curve = 1 / (1 + np.arange(length) / length)
    limit = sum(0.25 / (1 + a) for a in fractions[:-1]) - math.log(2)
    assert ancestral_gap(curve, fractions) / length == pytest.approx(limit, rel=1e-3)


def test_the_continuum_gap_is_the_limit_of_the_optimal_one():
    errors = []
    for length, steps in ((1000, 20), (10_000, 60), (100_000, 200)):
        curve = np.exp(-3 * np.arange(length) / length)
        errors.append(plan_averaged_gap(curve, optimal(curve, steps)) / continuum_gap(curve, steps) - 1)
    assert np.abs(errors) == pytest.approx(0, abs=0.08)
    assert abs(errors[-1]) < 0.01 < abs(errors[0])


@given(arrays(np.float64, st.integers(1, 8), elements=st.integers(0, 9).map(float)), st.data())
def test_monotone_is_the_nearest_falling_curve(curve, data):
    weights = np.array(data.draw(st.lists(st.integers(1, 4), min_size=len(curve), max_size=len(curve))), dtype=float)
    fitted = monotone(curve, weights)
    assert (np.diff(fitted) <= 0).all()
    # No falling curve near it is nearer: moving each level set up or down, or any prefix up, only loses.
    loss = (weights * (fitted - curve) ** 2).sum()
    for _ in range(20):
        other = np.array(data.draw(st.lists(st.integers(0, 9), min_size=len(curve), max_size=len(curve))), dtype=float)
        other = np.sort(other)[::-1]
        assert (weights * (other - curve) ** 2).sum() >= loss - 1e-9


def test_monotone_leaves_falling_curves_alone_and_pools_the_rest():
    np.testing.assert_array_equal(monotone([3.0, 2.0, 2.0]), [3, 2, 2])
    np.testing.assert_allclose(monotone([3.0, 1.0, 2.0]), [3, 1.5, 1.5])
    np.testing.assert_allclose(monotone([3.0, 1.0, 2.0], [1, 3, 1]), [3, 1.25, 1.25])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plan_averaged_nll([1.0, 0.5], [1, 2]), "the sizes sum to 3 and the curve has 2 points"),
        (lambda: plan_averaged_nll([1.0, 0.5], [0, 2]), "the size of step 1 is 0"),
        (lambda: plan_averaged_gap([[1.0]], [1]), "the curve has shape \\(1, 1\\)"),
        (lambda: plan_averaged_gap([1.0, math.nan], [1, 1]), "the curve is nan at m = 1"),
        (lambda: plan_averaged_gap([], [1]), "the curve has shape \\(0,\\)"),
        (lambda: ancestral_gap([1.0, 0.5], [0, 0.5]), "end at 0.5"),
        (lambda: ancestral_weights([0, 1.0], 0), "length is 0"),
        (lambda: continuum_gap([1.0, 0.5], 0), "steps is 0"),
        (lambda: continuum_gap([0.5, 1.0], 2), "the curve rises: it is 1 nats at m = 1 after 0.5.*schedules.monotone"),
        (lambda: monotone([1.0, 0.5], [1.0]), "a positive number for each of 2 points"),
        (lambda: monotone([1.0, 0.5], [1.0, 0.0]), "a positive number for each of 2 points"),
    ],
)
def test_bad_calls(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
