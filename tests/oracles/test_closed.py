"""The oracle of languages in closed form against enumeration: posteriors hard and soft, plans drawn and scored."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.streams import stream_states
from mdmtheory.languages.paired import Copy, EqualPairs
from mdmtheory.languages.parity import Parity
from mdmtheory.languages.permutation import Permutation
from mdmtheory.languages.repetition import Repetition
from mdmtheory.models.canvas_loop import run_on_canvas
from tests import brute_force
from tests.languages.closed import CASES, IDS, index, joint_of


@pytest.mark.parametrize("trust", [1.0, 0.9, 0.25])
@pytest.mark.parametrize(("language", "length"), CASES, ids=IDS)
def test_conditionals_are_bayes_rule_in_every_context(language, length, trust):
    rows = brute_force.contexts(language.vocab_size, length)
    got = mt.Oracle(language, trust=trust).conditionals(rows)
    for row, marginals in zip(rows, got, strict=True):
        expected = brute_force.conditionals(joint_of(language, length), language.vocab_size, row, trust)
        np.testing.assert_allclose(marginals, expected, atol=1e-13, err_msg=str(row))


def test_a_possible_context_is_one_that_some_sequence_of_the_support_agrees_with():
    for language, length in CASES:
        rows = brute_force.contexts(language.vocab_size, length)
        support = brute_force.sequences(language.vocab_size, length)[joint_of(language, length) > 0]
        agree = ((rows[:, None] == support) | (rows[:, None] == language.vocab_size)).all(axis=2).any(axis=1)
        assert (language.possible(rows.astype(np.uint8)) == agree).all()


def distrusted_order_weights(tokens, items, noise):
    """Leave-one-out weights by the same sum in exact rational arithmetic, for positions[0] masked or not."""
    noise = Fraction(noise)
    out = []
    for i in range(len(tokens)):
        others = [t for j, t in enumerate(tokens) if j != i and t < items]
        row = []
        for v in range(items):
            counts = [others.count(u) for u in range(items) if u != v and u in others]
            e = [Fraction(1)]
            for c in counts:
                e = [a + c * b for a, b in zip([*e, 0], [0, *e], strict=True)]
            row.append(
                sum(
                    e[k] * (1 - noise) ** k * (noise / items) ** (len(others) - k) * math.factorial(items - 1 - k)
                    for k in range(len(e))
                )
            )
        out.append([float(weight / sum(row)) for weight in row])
    return np.array(out)


@pytest.mark.parametrize("noise", [2.0**-10, 0.5, 1 - 2.0**-20])
@pytest.mark.parametrize(("items", "length"), [(12, 12), (40, 25)])
def test_distrusted_orders_agree_with_rational_arithmetic(items, length, noise):
    generator = np.random.default_rng(0)
    tokens = generator.integers(0, items + 1, length)
    tokens[generator.random(length) < 0.3] = tokens[0]
    got = Permutation(items=items).oracle(1 - noise).conditionals(tokens[None])[0]
    np.testing.assert_allclose(got, distrusted_order_weights(tokens.tolist(), items, noise), rtol=1e-11)


@pytest.mark.parametrize("noise", [1e-9, 1e-3, 0.999])
def test_distrusted_orders_stay_finite_at_length(noise):
    items = 1500
    language = Permutation(items=items)
    tokens = language.sample(1, items, seed=0)
    tokens[0, :600] = tokens[0, 600:1200]
    tokens[0, ::3] = items
    marginals = language.oracle(1 - noise).conditionals(tokens)
    np.testing.assert_allclose(marginals.sum(axis=2), 1, rtol=1e-9)
    # A token that nobody shows is the likeliest at a masked position, and more so the more is trusted.
    unseen = np.setdiff1d(np.arange(items), tokens)
    assert marginals[0, 0, unseen].min() == marginals[0, 0].max()
    assert marginals[0, 0, unseen].sum() > 0.9999 - 20 * noise


@given(
    case=st.sampled_from(CASES),
    trust=st.sampled_from([1.0, 1.0, 0.9]),
    epsilon=st.sampled_from([0.0, 0.0, 0.05]),
    seed=st.integers(0, 10_000),
)
def test_plans_run_as_a_plain_loop_over_the_canvas_does(case, trust, epsilon, seed):
    language, length = case
    plan = np.random.default_rng(seed).integers(1, 4, (30, length)).astype(np.int32)
    oracle = language.oracle(trust)
    denoiser = mt.Perturbed(oracle, epsilon=epsilon) if epsilon else oracle
    fused_states, plain_states = stream_states("loop", seed, 30), stream_states("loop", seed, 30)
    fused = oracle.run_plan(plan, fused_states, epsilon=epsilon)
    plain = run_on_canvas(denoiser, plan, plain_states)
    for name in ("tokens", "calls", "rounds", "impossible"):
        np.testing.assert_array_equal(getattr(fused, name), getattr(plain, name), err_msg=name)
    np.testing.assert_allclose(fused.log_probs, plain.log_probs, rtol=1e-9, atol=1e-12)
    # Where a sequence stopped, its stream has not moved on; everywhere else both took one uniform a token.
    np.testing.assert_array_equal(fused_states[~fused.impossible], plain_states[~fused.impossible])


@given(
    case=st.sampled_from(CASES), trust=st.sampled_from([1.0, 1.0, 0.9]), plan=st.lists(st.integers(1, 4), min_size=6)
)
def test_scoring_a_plan_is_the_product_of_conditionals(case, trust, plan):
    language, length = case
    joint, vocab_size = joint_of(language, length), language.vocab_size
    plan = plan[:length]
    law = brute_force.plan_law(
        cache(lambda row: brute_force.conditionals(joint, vocab_size, row, trust)), vocab_size, plan
    )
    every = brute_force.sequences(vocab_size, length)
    run = language.oracle(trust).run_plan(np.tile(plan, (len(every), 1)), tokens=every)
    np.testing.assert_allclose(np.exp(run.log_probs.sum(axis=1)), law, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("language", "plan"),
    [
        (EqualPairs(vocab_size=2), [1, 1, 2, 2]),
        (Copy(distance=2, vocab_size=2), [1, 2, 1, 3]),
        (Permutation(items=4), [1, 1, 2, 2]),
        (Parity(), [1, 2, 1, 1]),
        (Repetition(vocab_size=3), [1, 1, 2, 3]),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_drawn_plans_follow_the_enumerated_law(language, plan):
    joint, vocab_size = joint_of(language, 4), language.vocab_size
    law = brute_force.plan_law(cache(lambda row: brute_force.conditionals(joint, vocab_size, row)), vocab_size, plan)
    run = language.oracle().run_plan(np.tile(plan, (10_000, 1)), stream_states(["law", language.kind], 0, 10_000))
    whole = run.tokens[~run.impossible]
    counts = np.bincount(index(whole, vocab_size), minlength=len(law))
    # What is missing from the law went to impossible contexts.
    assert brute_force.g_test([*counts, run.impossible.sum()], [*law, max(1 - law.sum(), 0)]) > 1e-4
    wrong = brute_force.plan_law(
        cache(lambda row: brute_force.conditionals(joint, vocab_size, row)), vocab_size, [1] * 4
    )
    assert brute_force.g_test([*counts, run.impossible.sum()], [*wrong, max(1 - wrong.sum(), 0)]) < 1e-4


def test_an_impossible_context_stops_the_sequence_and_scores_minus_infinity():
    oracle = EqualPairs(vocab_size=2).oracle()
    tokens = np.array([[0, 1, 1, 1], [0, 0, 1, 1]])
    run = oracle.run_plan(np.array([[1, 1, 2, 3]] * 2), tokens=tokens)
    half = -math.log(2)
    np.testing.assert_allclose(run.log_probs, [[half, half, -np.inf, -np.inf], [half, half, half, 0]])
    assert run.impossible.tolist() == [True, False]
    assert run.calls.tolist() == [2, 3]
    drawn = oracle.run_plan(np.array([[1, 1, 2, 3]] * 200), stream_states("stop", 0, 200))
    unequal = drawn.tokens[:, 0] != drawn.tokens[:, 1]
    assert 50 < unequal.sum() < 150
    assert (drawn.impossible == unequal).all()
    assert (drawn.tokens[unequal, 2:] == 2).all()
    assert np.isnan(drawn.log_probs[unequal, 2:]).all()


def test_results_do_not_depend_on_threads():
    for language in (Copy(distance=4, vocab_size=5), Permutation(items=20), Parity(), Repetition(vocab_size=300)):
        samples = [language.sample(50, 20, seed=1, threads=threads) for threads in (1, 3)]
        np.testing.assert_array_equal(*samples)
        np.testing.assert_array_equal(language.sample(7, 20, seed=1, first=11), samples[0][11:18])
        plan = np.random.default_rng(0).integers(1, 5, (50, 20))
        runs = [
            language.oracle().run_plan(plan, stream_states("threads", 0, 50), threads=threads) for threads in (1, 3)
        ]
        np.testing.assert_array_equal(runs[0].tokens, runs[1].tokens)
        np.testing.assert_array_equal(runs[0].log_probs, runs[1].log_probs)
        assert language.in_support(samples[0]).all()


def test_permanent_weights_by_hand():
    """Two items, one revealed: the other stands here with odds (1 - d + d/2) : d/2, by definition of soft evidence."""
    got = Permutation(items=2).oracle(0.8).conditionals(np.array([[0, 2]]))
    np.testing.assert_allclose(got[0], [[0.5, 0.5], [0.1, 0.9]], rtol=1e-14)
