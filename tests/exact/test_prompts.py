"""The probability of what is given, and of an answer given it, against enumeration."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.conformance.settings import LENGTH, small_languages
from mdmtheory.exact.prompts import answer_log_prob, prompt_log_prob
from mdmtheory.prompts.registry import given_positions

KINDS = ("prefix:size=2", "suffix:size=1", "infill:size=1", "every:stride=2", "random:size=3")


def marginal(q, given):
    """q of the given part of every sequence, by enumeration."""
    law = mt.exact.joint(q, given.length)
    hidden = tuple(np.flatnonzero(~given.positions))
    return np.broadcast_to(law.sum(axis=hidden, keepdims=True), law.shape).reshape(-1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("q", small_languages(), ids=lambda q: str(q.spec))
def test_a_prompt_has_its_enumerated_probability_in_every_sequence(q, kind):
    given = given_positions(kind, q, LENGTH)
    sequences = mt.exact.all_sequences(q.vocab_size, LENGTH)
    of_prompt = np.exp(prompt_log_prob(q, sequences, kind))
    np.testing.assert_allclose(of_prompt, marginal(q, given), rtol=0, atol=1e-12)
    answer = np.exp(answer_log_prob(q, sequences, given))
    joint = mt.exact.joint(q, LENGTH).reshape(-1)
    np.testing.assert_allclose(answer * of_prompt, joint, rtol=0, atol=1e-12)
    sums = np.bincount(np.unique(sequences[:, given.positions], axis=0, return_inverse=True)[1].reshape(-1), answer)
    np.testing.assert_allclose(sums[sums > 0], 1, rtol=0, atol=1e-10)


def test_nothing_given_is_certain_and_leaves_the_whole_sequence():
    q = mt.Parity()
    tokens = q.sample(5, 6, 0)
    assert prompt_log_prob(q, tokens, "none").tolist() == [0.0] * 5
    np.testing.assert_array_equal(answer_log_prob(q, tokens, None), q.log_prob(tokens))


def test_long_prompts_lose_nothing():
    q = mt.as_language("hmm")
    tokens = q.sample(3, 400, 0)
    shorter = q.log_prob(tokens[:, :399].copy())
    np.testing.assert_allclose(prompt_log_prob(q, tokens, "prefix:size=399"), shorter, rtol=1e-12)
