"""Loss profiles of models whose truth is known: the exact denoiser's is the information curve, smeared."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

import mdmtheory as mt
from mdmtheory.metrics.loss_by_ratio import loss_by_ratio

LENGTH, COUNT = 8, 1600


@pytest.fixture(scope="module")
def q():
    return mt.NGram([0.5, 0.25, 0.25], [[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.1, 0.1, 0.8]])


def truth(q: mt.NGram, ratio: float) -> float:
    """Nats a masked token of the exact denoiser, each token masked by itself: the mean of H̄ over those revealed."""
    curve = np.array(mt.exact.information_curve(q, LENGTH).values)
    return float(binom.pmf(np.arange(LENGTH), LENGTH - 1, 1 - ratio) @ curve)


def test_the_profile_of_the_exact_denoiser_is_the_information_curve_within_its_errors(q):
    found = loss_by_ratio(mt.Oracle(q), q.sample(COUNT, LENGTH, 0), ratios=[0.15, 0.5, 0.8]).profile
    exact = [truth(q, ratio) for ratio in (0.15, 0.5, 0.8, 1.0)]
    assert found.ratios.tolist() == [0.15, 0.5, 0.8, 1.0]
    assert (np.abs(found.losses - exact) < 4 * found.errors).all()
    assert (found.errors < 0.03).all()


def test_the_check_above_refutes_one_token_more_or_fewer(q):
    found = loss_by_ratio(mt.Oracle(q), q.sample(COUNT, LENGTH, 0), ratios=[0.5]).profile
    curve = np.array(mt.exact.information_curve(q, LENGTH).values)
    chances = binom.pmf(np.arange(LENGTH), LENGTH - 1, 0.5)
    for wrong in (np.append(curve[1:], curve[-1]), np.append(curve[0], curve[:-1])):
        assert abs(found.losses[0] - chances @ wrong) > 4 * found.errors[0]


def test_more_masks_of_a_sequence_leave_less_error_and_spread_ones_less_than_independent_ones(q):
    tokens = q.sample(COUNT, LENGTH, 0)
    once, often = (loss_by_ratio(mt.Oracle(q), tokens, ratios=[0.3], masks=k).profile for k in (1, 8))
    assert often.errors[0] < 0.8 * once.errors[0]
    seeds = [loss_by_ratio(mt.Oracle(q), tokens, ratios=[0.3], seed=k).profile.losses[0] for k in range(12)]
    assert np.std(seeds) < once.errors[0]  # the same sequences each time: their share is in the error alone


def test_what_frequencies_cost_is_that_of_the_others_alone(q):
    tokens = q.sample(60, LENGTH, 0)
    found = loss_by_ratio(mt.Oracle(q), tokens, ratios=[0.5])
    own = []
    for i, row in enumerate(tokens):
        others = np.bincount(np.delete(tokens, i, axis=0).reshape(-1), minlength=3) + 0.5
        own.append(-np.log(others / others.sum())[row].mean())
    assert found.unigrams.value == pytest.approx(np.mean(own), abs=1e-12)
    assert found.over_unigrams.value == pytest.approx(found.at_one.value - np.mean(own), abs=1e-12)


def test_it_warns_of_a_model_that_never_saw_all_tokens_masked_and_of_no_other(q):
    tokens = q.sample(COUNT, LENGTH, 0)
    assert loss_by_ratio(mt.Oracle(q), tokens, ratios=[0.5]).warnings == ()
    skewed = mt.NGram([0.02, 0.02, 0.96], [[0.02, 0.02, 0.96]] * 3)
    [said] = loss_by_ratio(mt.Oracle(skewed), tokens, ratios=[0.5]).warnings
    assert "exceeds log 3 = 1.099, what knowing nothing costs" in said
    rare = skewed.sample(COUNT, LENGTH, 0)
    uniform = mt.NGram([1 / 3] * 3, [[1 / 3] * 3] * 3)
    [said] = loss_by_ratio(mt.Oracle(uniform), rare, ratios=[0.5]).warnings
    assert f"{math.log(3):.4g} nats, exceeds the" in said
    assert "of knowing how frequent tokens are" in said


@pytest.mark.parametrize(
    ("count", "options", "reason"),
    [
        (49, {}, "there are 49 sequences, and 50 are the fewest"),
        (60, {"ratios": [0.0]}, "mask ratios are 0, 1; pass some above 0"),
        (60, {"ratios": [1.5]}, "pass some above 0, up to 1"),
        (60, {"masks": 0}, "masks is 0"),
        (60, {"level": 1.0}, "level is 1"),
    ],
)
def test_what_cannot_be_measured_is_refused(q, count, options, reason):
    with pytest.raises(ValueError, match=reason):
        loss_by_ratio(mt.Oracle(q), q.sample(count, LENGTH, 0), **options)
