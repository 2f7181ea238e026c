"""SER by plans with a shared step, against exact rates: at few steps by enumeration, at many by the recursion."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import power_divergence

import mdmtheory as mt
from mdmtheory.core.streams import stream_states
from mdmtheory.exact.enumeration import error_rate, joint
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.metric import Measured
from mdmtheory.metrics.ser_shared import SerShared, SharedSize, SharedWalks
from mdmtheory.metrics.sums import Sums
from mdmtheory.plans.shared_steps import SharedSteps, in_shared_steps
from mdmtheory.theory.instances import bigram3, hmm2x3
from mdmtheory.theory.shared_steps import TILTED, tilted_terms

Q = bigram3()


def masked(q=Q, **options):
    return mt.MaskedDiffusion(mt.Oracle(q), **{"steps": 3, **options})


@pytest.mark.parametrize(
    ("q", "length", "steps", "schedule"),
    [
        (Q, 4, 2, "linear"),
        (Q, 4, 9, "cosine"),
        (hmm2x3(), 4, 5, "linear"),
        (mt.Parity(), 5, 40, "linear"),
        (mt.EqualPairs(vocab_size=3), 4, 30, "polynomial:power=2"),
    ],
)
def test_the_mean_is_the_enumerated_rate(q, length, steps, schedule):
    model, count = masked(q, steps=steps, schedule=schedule), 4000
    exact = error_rate(mt.exact.law(model, q, length), joint(q, length))
    walk = model.walk_shared(q, count, length, seed=0)
    assert walk.wrong.mean() == pytest.approx(exact, abs=4.5 * walk.wrong.std() / math.sqrt(count))
    assert (walk.wrong <= walk.most * (1 + 1e-12)).all()
    found = mt.ser(model, q, length, count=count, method="shared")
    assert found.kind == "estimate"
    assert found.value == pytest.approx(min(walk.wrong.mean(), 1), rel=1e-12)
    assert found.low <= exact <= found.high


def test_a_rate_that_few_draws_would_see_to_a_few_percent():
    q = mt.as_language("ngram:order=2,vocab_size=4")
    count, steps = 3000, 1500
    walk = masked(q, steps=steps).walk_shared(q, count, 6, seed=0)
    exact = mt.exact.ser(q, 6, steps=steps).value
    assert exact < 2e-3
    error = walk.wrong.std() / math.sqrt(count)
    assert error < 0.03 * exact
    assert walk.wrong.mean() == pytest.approx(exact, abs=4 * error, rel=0)


def test_the_interval_ends_far_below_that_of_drawing():
    q = mt.as_language("ngram:order=2,vocab_size=4")
    found = mt.ser(masked(q, steps=10**6), q, 6, count=2000, method="shared")
    assert 0 < found.low < found.value < found.high < 1e-5


@pytest.mark.parametrize(("steps", "schedule"), [(2, "linear"), (4, "cosine")])
def test_drawn_plans_have_the_tilted_law(steps, schedule):
    setting = TILTED.setting(Q, 4, steps, schedule)
    plans = masked(steps=steps, schedule=schedule).walk_shared(Q, 6000, 4, seed=1).plans
    numbers = np.bincount((plans - 1) @ steps ** np.arange(4)[::-1], minlength=steps**4)
    law = tilted_terms(setting)[0]
    assert (numbers[law == 0] == 0).all()
    assert power_divergence(numbers[law > 0], 6000 * law[law > 0], lambda_="log-likelihood").pvalue > 1e-3


def test_only_plans_without_a_shared_step_are_left_out_and_pairs_weigh_by_distance():
    tilted = SharedSteps.of(np.full(5, 0.2), 4)
    many = 4 - np.arange(1, 4)
    assert many @ tilted.pairs[1:] == pytest.approx(1)
    assert (np.diff(tilted.pairs[1:]) < 0).all()
    assert tilted.most <= 2 * 6 * 0.2
    plans = np.array([[1, 2, 3, 4], [1, 1, 2, 2], [3, 1, 2, 3], [5, 5, 5, 1]], dtype=np.int32)
    near, next_, far = tilted.pairs[1:]
    assert tilted.ratios(plans).tolist() == pytest.approx([np.inf, 0.1 / near, 0.2 / far, 0.2 / (2 * near + next_)])
    assert in_shared_steps(plans).sum(axis=1).tolist() == [0, 4, 2, 3]


def test_a_walk_begins_at_the_first_shared_step_and_ends_behind_the_last():
    walk = masked(steps=30).walk_shared(Q, 300, 8, seed=2)
    shared = in_shared_steps(walk.plans)
    first = np.where(shared, walk.plans, 99).min(axis=1, keepdims=True)
    last = np.where(shared, walk.plans, 0).max(axis=1, keepdims=True)
    shown = walk.walk.tokens < Q.vocab_size
    assert (shown == (walk.plans <= last)).all()
    before = walk.plans < first
    assert (walk.walk.tokens[before] == Q.sample(300, 8, 2)[before]).all()
    assert (walk.walk.log_kept[~shared] == 0).all()


def test_a_walk_depends_on_its_number_alone():
    whole, part = masked().walk_shared(Q, 7, 5, seed=3), masked().walk_shared(Q, 2, 5, seed=3, first=4)
    assert np.array_equal(whole.wrong[4:6], part.wrong)
    one, two = (masked().walk_shared(Q, 50, 5, seed=3, threads=each).wrong for each in (1, 2))
    assert np.array_equal(one, two)


def test_chunks_add_up_and_tell_what_they_are_worth():
    [whole] = SharedWalks().count([masked()], Sequences(Q, 5, 0, 0, 60))
    parts = [SharedWalks().count([masked()], Sequences(Q, 5, 0, first, 20))[0] for first in (0, 20, 40)]
    total = Sums.over(parts)
    assert total["wrong"] == pytest.approx(whole["wrong"], rel=1e-12)
    assert SerShared().estimate(Measured(total, 5)).value == pytest.approx(whole["wrong"] / 60)
    wrong = masked().walk_shared(Q, 60, 5, seed=0).wrong
    assert float(SharedSize().estimate(Measured(whole, 5))) == pytest.approx(wrong.sum() ** 2 / (wrong**2).sum())


def test_what_has_no_such_walk_is_refused_in_one_line():
    perturbed = mt.Perturbed(mt.Oracle(Q), epsilon=0.1)
    for model, said in (
        (masked(sampler="fixed"), "which positions share a step"),
        (masked(sampler="ancestral:temperature=0.7"), "which positions share a step"),
        (masked(sampler="confidence"), "which positions share a step"),
        (mt.MaskedDiffusion(perturbed, steps=3), "is not exact, so"),
        (mt.MaskedDiffusion(mt.Oracle(Q, trust=0.9), steps=3), "is not exact, so"),
        (masked(mt.NGram.random(order=2, vocab_size=3, seed=0)), "is not exact for"),
        (mt.Autoregressive(mt.Oracle(Q)), "no walk by shared steps"),
        (mt.BlockDiffusion(mt.Oracle(Q), block=2, steps=2), "no walk by shared steps"),
    ):
        with pytest.raises(ValueError, match=said) as refused:
            mt.ser(model, Q, 4, method="shared")
        assert "\n" not in str(refused.value)
    with pytest.raises(ValueError, match="no prompt"):
        mt.ser(masked(), Q, 4, method="shared", prompt="prefix:size=1")
    with pytest.raises(ValueError, match="no two of 1 positions"):
        mt.ser(masked(), Q, 1, method="shared")


def test_uniform_streams_are_moved_on():
    states = stream_states("tilt", 0, 3)
    before = states.copy()
    SharedSteps.of(np.full(5, 0.2), 4).tilt(np.ones((3, 4), dtype=np.int32), states)
    assert (states != before).any(axis=1).all()
