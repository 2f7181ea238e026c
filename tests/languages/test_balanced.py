"""Balanced bits against all bit strings: law, curve, clashes, support; evidence that speaks against all."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.exact.enumeration import all_sequences, joint
from mdmtheory.languages.support import Support

LENGTHS = (1, 2, 5, 6)


@pytest.mark.parametrize("length", LENGTHS)
def test_it_is_uniform_over_strings_of_which_half_are_ones(length):
    q, strings = mt.Balanced(), all_sequences(2, length)
    right = strings.sum(axis=1) == length // 2
    np.testing.assert_allclose(joint(q, length).reshape(-1), right / right.sum(), rtol=1e-12)
    assert q.entropy(length).value == pytest.approx(math.log(math.comb(length, length // 2)), abs=1e-12)
    drawn = q.sample(2000, length, 0)
    assert q.in_support(drawn).all()
    assert not q.in_support(np.full((1, length), 2)).any()
    counts = np.unique(drawn, axis=0, return_counts=True)[1]
    assert len(counts) == right.sum()
    # Each string comes as often as the others, within five standard errors.
    assert np.abs(counts - 2000 / right.sum()).max() <= 5 * math.sqrt(2000 / right.sum())


@pytest.mark.parametrize("length", [2, 5, 6])
def test_curve_and_clashes_are_those_of_the_law(length):
    """Exchangeable, so that one order tells the curve, and one pair the clashes."""
    q = mt.Balanced()
    law = joint(q, length)

    def entropy(bits):
        kept = law.sum(axis=tuple(range(bits, length)))
        return -float((kept[kept > 0] * np.log(kept[kept > 0])).sum())

    curve = np.diff([entropy(bits) for bits in range(length + 1)])
    np.testing.assert_allclose(q.information_curve(length), curve, atol=1e-12)
    oracle = mt.Oracle(q)
    for known, clashes in enumerate(q.pair_clashes(length)):
        contexts = np.full((2**known, length), 2)
        contexts[:, :known] = all_sequences(2, known) if known else np.empty((1, 0))
        weights = law.sum(axis=tuple(range(known, length))).reshape(-1)
        shares = oracle.conditionals(contexts)[:, known]
        pairs = law.sum(axis=tuple(range(known + 2, length))).reshape(-1, 2, 2)
        product = shares[:, :, None] * shares[:, None, :]
        assert clashes == pytest.approx((weights[:, None, None] * product * (pairs == 0)).sum(), abs=1e-12)


def test_the_automaton_has_its_strings_and_no_others():
    q = mt.Balanced()
    found = q.support(5)
    assert isinstance(found, Support)
    model = mt.MaskedDiffusion(mt.Oracle(q), sampler="stride", steps=2)
    exact = 1 - float(mt.exact.law(model, q, 5)[joint(q, 5) > 0].sum())
    sharp = mt.ser(model, q, 5, count=4000, method="sharp")
    assert sharp.low <= exact <= sharp.high
    assert sharp.value == pytest.approx(exact, abs=0.02)


def test_evidence_that_hardly_allows_the_law_loses_nothing():
    """All of 300 bits are seen as ones: 149 of the others are wrong if this one is 0, and 150 of them if it is 1."""
    found = mt.Oracle(mt.Balanced(), trust=1 - 1e-9).conditionals(np.ones((1, 300), dtype=int))
    odds = 0.5e-9 / (1 - 0.5e-9)
    np.testing.assert_allclose(found, np.broadcast_to([1 / (1 + odds), odds / (1 + odds)], (1, 300, 2)), rtol=1e-6)


def test_what_is_impossible_is_zeros():
    found = mt.Oracle(mt.Balanced()).conditionals([[1, 1, 1, 2], [1, 1, 2, 2], [2, 2, 2, 2]])
    np.testing.assert_array_equal(found[0, 3], [0, 0])
    np.testing.assert_array_equal(found[1, 2:], [[1, 0], [1, 0]])
    np.testing.assert_array_equal(found[2], np.full((4, 2), 0.5))


def test_it_goes_through_a_pickle_and_a_file(tmp_path):
    language = mt.Balanced()
    assert pickle.loads(pickle.dumps(language)) == language == mt.as_language("balanced")
    language.save(tmp_path / "balanced.npz")
    assert mt.load_language(tmp_path / "balanced.npz") == language
