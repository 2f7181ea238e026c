"""log p(x) of the mixture over plans, against enumeration on and off the support."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.exact import scores
from tests.exact.bigrams import CHAINS, GROWTH_CHAIN, fractions, recursion_languages

REFERENCE = json.loads((Path(__file__).parent / "reference.json").read_text())


def enumerated(language, length, schedule, steps=None):
    model = mt.MaskedDiffusion(mt.Oracle(language), sampler="ancestral", steps=steps, schedule=schedule)
    return mt.exact.law(model, language, length, threads=1).reshape(-1)


@given(language=recursion_languages(), length=st.integers(1, 5), edges=fractions())
def test_every_sequence_has_its_enumerated_probability(language, length, edges):
    p = enumerated(language, length, edges)
    sequences = mt.exact.all_sequences(language.vocab_size, length)
    values = mt.exact.log_prob(language, sequences, schedule=edges)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(values, np.log(p), rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize(
    ("schedule", "steps"), [("linear", 4), ("cosine", 3), ("polynomial:power=2", 5), ("geometric", 6)]
)
def test_every_family_of_schedules(name, schedule, steps):
    language = CHAINS[name]
    p = enumerated(language, 5, schedule, steps)
    sequences = mt.exact.all_sequences(language.vocab_size, 5)
    with np.errstate(divide="ignore"):
        expected = np.log(p)
    np.testing.assert_allclose(
        mt.exact.log_prob(language, sequences, steps=steps, schedule=schedule), expected, rtol=0, atol=1e-11
    )


@pytest.mark.parametrize("name", [each for each in REFERENCE if each.startswith("bigram3")])
def test_the_reference_values(name):
    entry = REFERENCE[name]
    language = mt.NGram(entry["language"]["initial"], entry["language"]["conditional"])
    q = mt.exact.joint(language, entry["length"])
    sequences = mt.exact.all_sequences(3, entry["length"])[q.reshape(-1) > 0]
    values = mt.exact.log_prob(language, sequences, schedule=entry["revealed_fractions"])
    assert -(q[q > 0] * values).sum() == pytest.approx(entry["expected_nll_nats"], rel=1e-12)


@pytest.mark.parametrize("name", ["growth", "unstationary", "periodic", "leaky"])
def test_ends_out_of_sight_change_nothing(monkeypatch, name):
    language, steps = CHAINS[name], 5
    tokens = language.sample(3, 110, seed=0)
    # One row outside the support, at a length where ends are out of sight.
    tokens[2, 40:43] = tokens[2, 39]
    fast = mt.exact.log_prob(language, tokens, steps=steps)
    monkeypatch.setattr(scores, "SIGHT", -1.0)
    full = mt.exact.log_prob(language, tokens, steps=steps)
    np.testing.assert_allclose(fast, full, rtol=1e-12)
    # The twin that must fail: what is called out of sight is not.
    monkeypatch.setattr(scores, "SIGHT", 0.5)
    finite = np.isfinite(full)
    assert np.abs(mt.exact.log_prob(language, tokens[finite], steps=steps) - full[finite]).max() > 1e-4


def test_one_step_is_the_product_of_marginals_whatever_the_size():
    # Rare moves one after the other: q(x) is e^-1700, far below float64, and p(x) is not.
    language = mt.NGram([0.5, 0.5], [[1 - 1e-6, 1e-6], [1e-6, 1 - 1e-6]])
    tokens = np.arange(128)[None] % 2
    assert mt.exact.log_prob(language, tokens, steps=1)[0] == pytest.approx(-128 * np.log(2), rel=1e-12)
    two = mt.exact.log_prob(language, tokens, steps=2)[0]
    assert language.log_prob(tokens)[0] < two < -128 * np.log(2)


def test_one_token_at_a_time_tends_to_q():
    tokens = GROWTH_CHAIN.sample(4, 24, seed=1)
    gaps = [
        mt.exact.log_prob(GROWTH_CHAIN, tokens, steps=steps) - GROWTH_CHAIN.log_prob(tokens) for steps in (400, 800)
    ]
    np.testing.assert_allclose(gaps[0], 2 * gaps[1], rtol=0.1, atol=1e-4)
    assert np.abs(gaps[1]).max() < 0.05


def test_a_long_sequence_needs_no_more_than_float64():
    tokens = GROWTH_CHAIN.sample(1, 300, seed=2)
    values = mt.exact.log_prob(GROWTH_CHAIN, tokens, steps=4)
    plans = mt.MaskedDiffusion(mt.Oracle(GROWTH_CHAIN), sampler="ancestral", steps=4).log_prob(tokens, 0, plans=50)
    # The mean over drawn plans is a lower bound in expectation, and a poor one.
    assert plans.values[0] < values[0] < 0


def test_rows_do_not_depend_on_threads_or_company():
    tokens = GROWTH_CHAIN.sample(5, 20, seed=3)
    values = mt.exact.log_prob(GROWTH_CHAIN, tokens, steps=6, threads=1)
    np.testing.assert_array_equal(mt.exact.log_prob(GROWTH_CHAIN, tokens, steps=6, threads=3), values)
    np.testing.assert_array_equal(mt.exact.log_prob(GROWTH_CHAIN, tokens[3], steps=6), values[3:4])


def test_other_languages_are_enumerated_while_that_is_feasible():
    hmm = mt.HMM([0.3, 0.7], [[0.5, 0.5], [0.0, 1.0]], [[0.5, 0.5, 0.0], [0.1, 0.0, 0.9]])
    sequences = mt.exact.all_sequences(3, 4)
    with np.errstate(divide="ignore"):
        expected = np.log(enumerated(hmm, 4, "cosine", 3))
    np.testing.assert_array_equal(mt.exact.log_prob(hmm, sequences, steps=3, schedule="cosine"), expected)
    with pytest.raises(ValueError, match="is no bigram, so that its law is enumerated: enumerating .* takes"):
        mt.exact.log_prob(hmm, np.zeros((1, 64), dtype=int), steps=3)


def test_tokens_that_cannot_occur():
    language = mt.NGram([0.5, 0.5, 0], [[0.5, 0.5, 0], [1, 0, 0], [0.5, 0, 0.5]])
    assert mt.exact.log_prob(language, [[0, 2, 0], [1, 0, 0]], steps=2)[0] == -np.inf


def test_refusals():
    with pytest.raises(ValueError, match="serves any number of steps; pass steps"):
        mt.exact.log_prob(GROWTH_CHAIN, [[0, 1]])
    with pytest.raises(ValueError, match="token 4 at row 0, position 1 is outside the vocabulary"):
        mt.exact.log_prob(GROWTH_CHAIN, [[0, 4]], steps=2)
    with pytest.raises(ValueError, match=r"2 sequences of length 4096 in 4096 steps take 1.9e\+14 operations or more"):
        mt.exact.log_prob(GROWTH_CHAIN, np.zeros((2, 4096), dtype=int), steps=4096)


@pytest.mark.refutes("2.1")
def test_faint_sequences_are_scored_in_logarithms():
    faint = 1e-150
    language = mt.NGram([0.5, 0.0, 0.5], [[1.0, faint, 0.0], [0.0, 1.0, faint], [0.0, 0.0, 1.0]])
    first, second, third = mt.exact.log_prob(language, [[0, 1, 2], [0, 0, 0], [2, 2, 2]], steps=2)
    # Both ends in one step, and then what alone fits between them.
    assert first == pytest.approx(np.log(1 / 32), rel=1e-12)
    assert second < 0
    assert third < 0
    rare = mt.NGram([0.5, 0.5], [[1.0, 1e-300], [0.5, 0.5]])
    tokens = [[0, 1, 0, 1, 0, 1], [0, 0, 0, 0, 0, 0]]
    # Longer plans tend to one token at a time.
    gaps = [mt.exact.log_prob(rare, tokens, steps=steps) - rare.log_prob(tokens) for steps in (1, 1000)]
    assert gaps[0][0] > 600
    assert abs(mt.exact.log_prob(rare, [tokens[0]], steps=2)[0]) < 2000
    np.testing.assert_array_equal(
        mt.exact.log_prob(rare, [tokens[1]], steps=2), mt.exact.log_prob(rare, tokens, steps=2)[1:]
    )


@given(language=recursion_languages(), length=st.integers(1, 4), edges=fractions(), block=st.integers(1, 4))
def test_the_recursion_in_logarithms_is_the_plain_one(language, length, edges, block):
    sequences = mt.exact.all_sequences(language.vocab_size, length)
    plain = mt.exact.log_prob(language, sequences, schedule=edges, block=block)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mdmtheory.exact.scores.FAINT", 2.0)
        in_logs = mt.exact.log_prob(language, sequences, schedule=edges, block=block)
    np.testing.assert_allclose(in_logs, plain, rtol=0, atol=1e-11)


@pytest.mark.refutes("2.1")
def test_an_enumerated_probability_too_small_for_float64_is_no_zero():
    language = mt.HMM([1.0], [[1.0]], [[1.0, 1e-200]])
    assert mt.exact.log_prob(language, [[0, 0, 1]], steps=2)[0] == pytest.approx(np.log(1e-200), rel=1e-12)
    with pytest.raises(FloatingPointError, match="sequence 1 has a probability below the smallest float64"):
        mt.exact.log_prob(language, [[0, 0, 1], [1, 0, 1]], steps=2)
    # What cannot be is still a zero.
    split = mt.HMM([0.5, 0.5], np.eye(2), [[0.5, 0.5, 0], [0.5, 0.5, 0]])
    assert mt.exact.log_prob(split, [[0, 2, 1]], steps=2)[0] == -np.inf
