"""HMM and NGram against enumeration of the joint: probabilities, support, entropy, and the oracle in every context."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.streams import stream_states
from mdmtheory.languages.ngram import NGram
from tests import brute_force
from tests.languages.small import hmms, ngrams


def joint_of(language, length):
    if isinstance(language, NGram):
        return brute_force.ngram_joint(language.initial, language.conditional, length)
    return brute_force.hmm_joint(language.initial, language.transition, language.emission, length)


@given(language=st.one_of(hmms(), ngrams()), length=st.integers(1, 4))
def test_log_prob_support_and_entropy_are_those_of_the_joint(language, length):
    joint = joint_of(language, length)
    every = brute_force.sequences(language.vocab_size, length)
    np.testing.assert_allclose(np.exp(language.log_prob(every)), joint, rtol=1e-11, atol=1e-300)
    assert (language.in_support(every) == (joint > 0)).all()
    assert joint.sum() == pytest.approx(1, abs=1e-9)
    if isinstance(language, NGram):
        positive = joint[joint > 0]
        entropy = language.entropy(length)
        assert entropy.kind == "exact"
        assert float(entropy) == pytest.approx(-(positive * np.log(positive)).sum(), abs=1e-11)


@given(language=st.one_of(hmms(), ngrams()), length=st.integers(1, 4), trust=st.sampled_from([1.0, 0.9]))
def test_conditionals_are_bayes_rule_in_every_context(language, length, trust):
    joint = joint_of(language, length)
    rows = brute_force.contexts(language.vocab_size, length)
    got = mt.Oracle(language, trust=trust).conditionals(rows)
    for row, marginals in zip(rows, got, strict=True):
        expected = brute_force.conditionals(joint, language.vocab_size, row, trust)
        np.testing.assert_allclose(marginals, expected, atol=1e-11, err_msg=str(row))


@given(
    language=st.one_of(hmms(), ngrams()),
    plan=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    trust=st.sampled_from([1.0, 1.0, 0.9]),
    recompute=st.booleans(),
)
def test_scoring_a_plan_is_the_product_of_conditionals(language, plan, trust, recompute):
    joint = joint_of(language, len(plan))
    vocab_size = language.vocab_size
    law = brute_force.plan_law(
        cache(lambda row: brute_force.conditionals(joint, vocab_size, row, trust)), vocab_size, plan
    )
    every = brute_force.sequences(vocab_size, len(plan))
    plans = np.tile(plan, (len(every), 1))
    run = language.oracle(trust).run_plan(plans, tokens=every, recompute=recompute)
    np.testing.assert_allclose(np.exp(run.log_probs.sum(axis=1)), law, rtol=1e-10, atol=1e-14)


@given(
    language=st.one_of(hmms(), ngrams(orders=(2, 3))),
    steps=st.integers(1, 8),
    length=st.integers(1, 12),
    seed=st.integers(0, 1000),
    epsilon=st.sampled_from([0.0, 0.05]),
)
def test_recomputing_every_message_draws_the_same_tokens(language, steps, length, seed, epsilon):
    plan = np.random.default_rng(seed).integers(1, steps + 1, (20, length))
    oracle = language.oracle()
    fast = oracle.run_plan(plan, stream_states("recompute", seed, 20), epsilon=epsilon)
    slow = oracle.run_plan(plan, stream_states("recompute", seed, 20), recompute=True, epsilon=epsilon)
    assert (fast.tokens == slow.tokens).all()
    assert (fast.impossible == slow.impossible).all()
    assert (fast.calls == slow.calls).all()
    np.testing.assert_allclose(fast.log_probs, slow.log_probs, rtol=1e-9, atol=1e-9)


@given(language=ngrams(orders=(2, 3)), seed=st.integers(0, 1000), trust=st.sampled_from([1.0, 0.9]))
def test_messages_on_contexts_and_on_hidden_states_draw_the_same_tokens(language, seed, trust):
    import mdmtheory.languages.ngram as ngram
    import mdmtheory.oracles.ngram as ngram_oracle

    plan = np.random.default_rng(seed).integers(1, 6, (20, 9))
    quick = language.oracle(trust).run_plan(plan, stream_states("contexts", seed, 20))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngram, "CHAIN_STATES", 0)
        patch.setattr(ngram_oracle, "POWER_BYTES", 0)
        other = ngram.NGram(language.initial, language.conditional)
        assert other.chain is None
        general = other.oracle(trust).run_plan(plan, stream_states("contexts", seed, 20))
    assert (quick.tokens == general.tokens).all()
    assert (quick.calls == general.calls).all()
    np.testing.assert_allclose(quick.log_probs, general.log_probs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("lang", ["hmm", "hmm:sticky=0.99", "ngram:order=2", "ngram:order=3", "ngram:order=4", "dyck"])
def test_recomputing_draws_the_same_tokens_at_length(lang):
    language = mt.as_language(lang)
    plan = np.random.default_rng(0).integers(1, 200, (4, 200))
    oracle = mt.Oracle(language)
    fast = oracle.run_plan(plan, stream_states("long", 0, 4))
    slow = oracle.run_plan(plan, stream_states("long", 0, 4), recompute=True)
    assert (fast.tokens == slow.tokens).all()
    assert (fast.calls == slow.calls).all()


@pytest.mark.parametrize("lang", ["hmm", "ngram:order=2", "ngram:order=3", "ngram:order=4", "ngram:order=5"])
def test_one_position_at_a_time_is_exactly_q(lang):
    language = mt.as_language(lang)
    x = language.sample(30, 100, seed=3)
    plan = np.argsort(np.random.default_rng(1).random((30, 100)), axis=1) + 1
    run = mt.Oracle(language).run_plan(plan, tokens=x)
    np.testing.assert_allclose(run.log_probs.sum(axis=1), language.log_prob(x), rtol=1e-10)


def test_slow_chains_and_long_hops_use_two_powers_and_agree(monkeypatch):
    import mdmtheory.languages.chain as chain

    language = mt.as_language("hmm:states=6,sticky=0.995,prune_transition=0.0")
    x = language.sample(5, 300, seed=0)
    plan = np.random.default_rng(0).integers(1, 40, (5, 300))
    whole = language.oracle().run_plan(plan, tokens=x).log_probs
    monkeypatch.setattr(chain, "POWER_BYTES", 0)
    tables = language.chain.tables(300, 1.0)
    assert len(tables.powers) < 30 < len(tables.powers) * (len(tables.giants) + 1)
    split = language.oracle().run_plan(plan, tokens=x).log_probs
    np.testing.assert_allclose(split, whole, rtol=1e-9, atol=1e-12)


def test_an_impossible_context_stops_the_sequence_and_keeps_its_masks():
    language = mt.HMM(
        [0.5, 0.5, 0, 0],
        [[0, 0, 1, 0], [0, 0, 0, 1], [0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0]],
        [[1, 0], [0, 1], [1, 0], [0, 1]],
    )
    run = language.oracle().run_plan(np.tile([1, 1, 2, 2], (400, 1)), stream_states("pairs", 0, 400))
    unequal = run.tokens[:, 0] != run.tokens[:, 1]
    assert 100 < unequal.sum() < 300
    assert (run.impossible == unequal).all()
    assert (run.tokens[unequal, 2:] == 2).all()
    assert (run.tokens[~unequal] < 2).all()
    assert np.isnan(run.log_probs[unequal, 2:]).all()
    assert (run.calls == 2).all()
    assert not language.in_support(run.tokens)[unequal].any()


@pytest.mark.refutes("2.1")
def test_underflow_is_no_impossible_context():
    faint = 1e-200
    language = mt.HMM([0.5, 0.5], np.eye(2), [[1 - faint, faint, 0.0], [faint, 0.5, 0.5]])
    tokens = np.array([[0, 0, 2, 0]])
    run = language.oracle().run_plan(np.array([[1, 2, 3, 4]]), tokens=tokens)
    assert not run.impossible[0]
    assert run.log_probs.sum() == pytest.approx(np.log(0.25) + 3 * np.log(faint), rel=1e-12)
    assert language.log_prob(tokens)[0] == pytest.approx(np.log(0.25) + 3 * np.log(faint), rel=1e-12)


@pytest.mark.parametrize(
    ("language", "length"),
    [
        (mt.HMM([0.3, 0.7], [[0.5, 0.5], [0.0, 1.0]], [[0.5, 0.5, 0.0], [0.1, 0.0, 0.9]]), 4),
        (mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0], [0, 0.6, 0.4], [0.5, 0, 0.5]]), 5),
        (mt.NGram([[0.25, 0.25], [0.5, 0]], [[[0.5, 0.5], [1, 0]], [[0.3, 0.7], [0.2, 0.8]]]), 6),
        (mt.NGram(1.0, [0.2, 0.0, 0.8]), 3),
    ],
)
@pytest.mark.parametrize("joint_columns", [1 << 20, 0])
def test_sampled_sequences_follow_the_joint(language, length, joint_columns, monkeypatch):
    import mdmtheory.languages.hmm as hmm

    monkeypatch.setattr(hmm, "JOINT_COLUMNS", joint_columns)
    x = language.sample(20_000, length, seed=1)
    index = x.astype(int) @ language.vocab_size ** np.arange(length)[::-1]
    joint = joint_of(language, length)
    assert brute_force.g_test(np.bincount(index, minlength=len(joint)), joint) > 1e-4


def test_the_check_above_refutes_a_sampler_with_one_wrong_row():
    language = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0], [0, 0.6, 0.4], [0.5, 0, 0.5]])
    wrong = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0], [0, 0.6, 0.4], [0.45, 0, 0.55]])
    x = wrong.sample(20_000, 5, seed=1)
    joint = joint_of(language, 5)
    counts = np.bincount(x.astype(int) @ 3 ** np.arange(5)[::-1], minlength=len(joint))
    assert brute_force.g_test(counts, joint) < 1e-4


@pytest.mark.parametrize("plan", [[1, 1, 1, 1], [1, 2, 1, 2], [2, 1, 1, 3], [4, 2, 3, 1]])
@pytest.mark.parametrize("kind", ["hmm", "bigram", "trigram"])
def test_drawn_plans_follow_the_enumerated_law(kind, plan):
    language = {
        "hmm": mt.HMM([0.3, 0.7], [[0.5, 0.5], [0.0, 1.0]], [[0.5, 0.5, 0.0], [0.1, 0.0, 0.9]]),
        "bigram": mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0], [0, 0.6, 0.4], [0.5, 0, 0.5]]),
        "trigram": mt.NGram([[0.25, 0.25], [0.5, 0]], [[[0.5, 0.5], [1, 0]], [[0.3, 0.7], [0.2, 0.8]]]),
    }[kind]
    vocab_size = language.vocab_size
    joint = joint_of(language, 4)
    law = brute_force.plan_law(cache(lambda row: brute_force.conditionals(joint, vocab_size, row)), vocab_size, plan)
    run = language.oracle().run_plan(np.tile(plan, (20_000, 1)), stream_states(["law", kind], 0, 20_000))
    whole = run.tokens[~run.impossible]
    counts = np.bincount(whole.astype(int) @ vocab_size ** np.arange(4)[::-1], minlength=len(law))
    counts = np.append(counts, run.impossible.sum())
    # What is missing from the law went to impossible contexts.
    assert brute_force.g_test(counts, np.append(law, max(1 - law.sum(), 0))) > 1e-4
