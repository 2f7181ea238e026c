"""What two masked tokens tell of each other, against the enumerated joint law."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.oracles.base import OracleBase
from tests import brute_force
from tests.languages.small import hmms, ngrams

TRIGRAM = mt.NGram([[0.25, 0.25], [0.5, 0]], [[[0.5, 0.5], [1, 0]], [[0.3, 0.7], [0.2, 0.8]]])
CLOSED = [mt.EqualPairs(vocab_size=3), mt.Permutation(items=4), mt.Parity(), mt.Repetition(vocab_size=3)]


def information(joint, vocab_size, token, trust):
    """By Bayes' rule on the joint law of whole sequences."""
    length = len(token)
    every = brute_force.sequences(vocab_size, length)
    weights = joint.reshape(-1).copy()
    for i, v in enumerate(token):
        if v < vocab_size:
            weights *= trust * (every[:, i] == v) + (1 - trust) / vocab_size
    out = np.zeros((length, length))
    if weights.sum() == 0:
        return out
    for i in range(length):
        for j in range(length):
            if i != j and token[i] == token[j] == vocab_size:
                both = np.zeros((vocab_size, vocab_size))
                np.add.at(both, (every[:, i], every[:, j]), weights / weights.sum())
                first, second = np.nonzero(both)
                some = both[first, second]
                out[i, j] = (some * np.log(some / (both.sum(axis=1)[first] * both.sum(axis=0)[second]))).sum()
    return out


def compare(language, length, trust, number):
    contexts = brute_force.contexts(language.vocab_size, length)
    contexts = contexts[np.random.default_rng(number).permutation(len(contexts))[:40]]
    joint = mt.exact.joint(language, length)
    expected = [information(joint, language.vocab_size, token, trust) for token in contexts]
    oracle = mt.Oracle(language, trust=trust)
    found = oracle.pairs(contexts)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert (found == found.transpose(0, 2, 1)).all()
    np.testing.assert_allclose(OracleBase._pairs(oracle, contexts.astype(np.uint8), 1), expected, atol=1e-12)


@given(
    language=st.one_of(hmms(most_states=3), ngrams()),
    length=st.integers(1, 4),
    trust=st.sampled_from([1.0, 1.0, 0.9]),
    number=st.integers(0, 100),
)
def test_chains(language, length, trust, number):
    compare(language, length, trust, number)


@pytest.mark.parametrize("trust", [1.0, 0.8])
@pytest.mark.parametrize("language", [*CLOSED, TRIGRAM], ids=lambda each: each.spec.name)
def test_other_languages(language, trust):
    compare(language, 4, trust, 0)


def test_long_sequences_are_cut_where_the_chain_has_forgotten():
    q = mt.HMM.random(states=5, vocab_size=3, seed=1)
    tokens = np.full((1, 60), 3)
    tokens[0, [5, 30]] = 1
    found = mt.Oracle(q).pairs(tokens)
    by_conditionals = OracleBase._pairs(mt.Oracle(q), tokens.astype(np.uint8), 1)
    np.testing.assert_allclose(found, by_conditionals, atol=1e-13)
    assert (found[0, 5] == 0).all()
    assert found[0, 40, 58] == 0 < found[0, 40, 42]


def test_enumeration_refutes_a_chain_that_forgets_too_soon(monkeypatch):
    from mdmtheory.languages import chain

    monkeypatch.setattr(chain, "ALIKE", 0.5)
    with pytest.raises(AssertionError):
        compare(mt.HMM([0.5, 0.5], [[0.6, 0.4], [0.5, 0.5]], [[0.9, 0.1], [0.2, 0.8]]), 4, 1.0, 0)


def test_large_vocabularies_are_taken_piece_by_piece(monkeypatch):
    from mdmtheory.oracles import pairs

    q = mt.Permutation(items=6)
    tokens = np.array([[6, 2, 6, 6], [6, 6, 6, 6]])
    whole = mt.Oracle(q).pairs(tokens)
    monkeypatch.setattr(pairs, "PIECE_ENTRIES", 1)
    np.testing.assert_allclose(mt.Oracle(q).pairs(tokens), whole, atol=1e-15)
    assert (whole[0, 1] == 0).all()
    assert whole[1, 0, 1] == pytest.approx(np.log(6 / 5))
