"""Stride, with twins that look one token further, forget faster than the chain, or trust the measured rate itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import HMM, NGram
from mdmtheory.languages.presets import as_language
from mdmtheory.theory.instances import bigram3, cycle3
from mdmtheory.theory.statement import HypothesisError
from mdmtheory.theory.stride import (
    BIGRAM,
    DECAY,
    FORGETTING,
    contraction,
    flipping,
    hidden_transition,
)
from tests.languages.small import laws, ngrams
from tests.theory.property import enumerable, stands, twins_refuted

BIGRAMS = ngrams(orders=(2,))


@st.composite
def positive_rows(draw, size, columns):
    """Rows that are positive everywhere, from nearly equal to nearly deterministic."""
    entry = st.sampled_from([1e-6, 0.01, 0.3, 1, 2, 5])
    weights = np.array([draw(st.lists(entry, min_size=columns, max_size=columns)) for _ in range(size)])
    return weights / weights.sum(axis=1, keepdims=True)


@st.composite
def forgetting(draw):
    """HMMs and bigrams that leave no step out; emissions and initial laws with zeros."""
    size = draw(st.integers(2, 3))
    if draw(st.booleans()):
        return NGram(draw(laws(size)), draw(positive_rows(size, size)))
    tokens = draw(st.integers(2, 3))
    emission = np.array([draw(laws(tokens)) for _ in range(size)])
    return HMM(draw(laws(size)), draw(positive_rows(size, size)), emission)


@st.composite
def strides(draw, statement, languages, most_length=6, most_sequences=250):
    """Settings with 1 to 4 steps."""
    small = draw(
        enumerable(
            statement, languages=languages, most_length=most_length, most_sequences=most_sequences, stepped=False
        )
    )
    return replace(small, steps=draw(st.integers(1, 4)))


def test_the_divergence_of_bigrams_is_what_the_first_step_loses():
    stands(BIGRAM, strides(BIGRAM, BIGRAMS))


def test_the_identity_is_claimed_of_bigrams_alone():
    with pytest.raises(HypothesisError, match="bigrams"):
        BIGRAM.check(as_language("ngram:order=3,vocab_size=2"), 5, 2)


def test_forgetting_bounds_the_divergence():
    stands(FORGETTING, strides(FORGETTING, forgetting(), most_sequences=130))


def test_what_forgets_is_told_from_what_does_not():
    assert contraction(np.array([[0.5, 0.5], [0.5, 0.5]])) == 0
    assert contraction(np.array([[0.7, 0.0, 0.3], [0.2, 0.0, 0.8], [0.5, 0.0, 0.5]])) < 1
    assert contraction(cycle3().conditional) == 1
    with pytest.raises(HypothesisError, match="different zeros"):
        FORGETTING.check(bigram3(), 4, 2)
    with pytest.raises(HypothesisError, match="HMMs and bigrams"):
        hidden_transition(as_language("parity"))


def test_kernels_given_evidence_contract_as_claimed():
    """The step of the proof that has no other test: what two inputs tell of an output, under any tilt h."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        rows = rng.dirichlet([0.5] * 3, size=2) + 1e-9
        tilted = rows * rng.random(3) ** 4
        tilted /= tilted.sum(axis=1, keepdims=True)
        prior = rng.random()
        mixture = prior * tilted[0] + (1 - prior) * tilted[1]
        variance = 1 - (tilted[0] * tilted[1] / mixture).sum()
        assert variance <= contraction(rows) + 1e-12


@pytest.mark.parametrize(
    ("name", "steps", "verdict"),
    [("hmm", 16, "yes"), ("ngram:order=3", 8, "yes"), ("hmm:sticky=0.99", 24, "no"), ("copy", 16, "no")],
)
def test_the_conjecture_holds_where_memory_is_short(name, steps, verdict):
    check = DECAY.check(as_language(name), 128, steps, count=400)
    assert check.verdict == verdict
    assert "rho" in check.note
    assert DECAY.conjecture


def test_decay_says_nothing_without_steps():
    with pytest.raises(HypothesisError, match="steps is not given"):
        DECAY.check(as_language("parity"), 8)


FLIPS = st.sampled_from([0.001, 0.02, 0.1, 0.2, 0.3, 0.4]).map(flipping)


def test_each_twin_is_refuted():
    twins_refuted(BIGRAM, strides(BIGRAM, BIGRAMS))
    twins_refuted(FORGETTING, strides(FORGETTING, FLIPS))
