"""Affine languages against all bit strings; the walk and one-hot blocks against what they are said to be."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

import mdmtheory as mt
from mdmtheory.exact.enumeration import all_sequences, joint
from mdmtheory.languages.affine import MOST_CHECKS, Affine
from mdmtheory.oracles.affine import MOST_WALKED


@st.composite
def systems(draw):
    checks, period, length = draw(st.integers(1, 4)), draw(st.integers(1, 5)), draw(st.integers(1, 6))
    matrix = np.array(draw(st.lists(st.integers(0, 1), min_size=checks * period, max_size=checks * period)))
    matrix = matrix.reshape(checks, period)
    return matrix, np.array(draw(st.lists(st.integers(0, 1), min_size=checks, max_size=checks))), length


@given(systems())
def test_its_sequences_are_the_solutions(system):
    matrix, offset, length = system
    whole = matrix[:, np.arange(length) % matrix.shape[1]]
    strings = all_sequences(2, length)
    solutions = (strings @ whole.T % 2 == offset).all(axis=1)
    language = Affine(matrix, offset)
    if not solutions.any():
        with pytest.raises(ValueError, match="no string of"):
            language.validate_length(length)
        return
    np.testing.assert_allclose(joint(language, length).reshape(-1), solutions / solutions.sum(), rtol=1e-12)
    assert language.entropy(length).value == pytest.approx(math.log(solutions.sum()), abs=1e-12)
    assert language.in_support(language.sample(20, length, 0)).all()
    assert not language.in_support(np.full((1, length), 2)).any()


def test_parity_is_one_row():
    rows = all_sequences(2, 6)
    np.testing.assert_array_equal(Affine([[1]]).log_prob(rows), mt.Parity().log_prob(rows))
    contexts = all_sequences(3, 5)
    found, known = mt.Oracle(Affine([[1]])).conditionals(contexts), mt.Oracle(mt.Parity()).conditionals(contexts)
    np.testing.assert_allclose(found, known, atol=1e-15)


def test_many_checks_are_eliminated_but_not_walked_through():
    language = mt.as_language(f"affine:checks={MOST_CHECKS},period=200,seed=3")
    tokens = language.sample(5, 200, 1)
    assert language.rank(200) == MOST_CHECKS
    shown = tokens.copy()
    shown[:, language.two_rounds(200) == 2] = 2
    found = mt.Oracle(language).conditionals(shown)
    np.testing.assert_array_equal(found.argmax(axis=2), tokens)
    assert (found.max(axis=2) == 1).all()
    oracle = mt.Oracle(language)
    assert oracle.noises == {"masked"}
    assert oracle.trusting(0.9) is None
    with pytest.raises(ValueError, match=f"up to {MOST_WALKED} checks"):
        mt.Oracle(language, trust=0.9)
    with pytest.raises(ValueError, match="sum over 2.checks"):
        oracle.open(1, 10, noise="uniform")


def test_elimination_and_walk_agree():
    language = mt.as_language("affine:checks=3,period=5")
    contexts = all_sequences(3, 6)
    sure, nearly = mt.Oracle(language), mt.Oracle(language, trust=1 - 1e-12)
    masked = contexts == 2
    found, walked = sure.conditionals(contexts), nearly.conditionals(contexts)
    possible = (found.sum(axis=2) > 0).all(axis=1)
    assert np.abs(found - walked)[possible[:, None] & masked].max() < 1e-9
    # Breaks where impossible contexts were taken for possible ones.
    assert (~possible).sum() > 100


def test_it_goes_through_a_pickle_and_a_file(tmp_path):
    language = Affine([[1, 0, 1], [0, 1, 1]], [1, 0])
    assert pickle.loads(pickle.dumps(language)) == language
    language.save(tmp_path / "code.npz")
    assert mt.load_language(tmp_path / "code.npz") == language
    assert repr(language) == "Affine([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]], [1.0, 0.0])"


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        (([[1, 2]],), "pass zeros and ones"),
        (([1, 0],), "shape .checks, period."),
        (([[1, 0]], [0, 1]), "offset has 2 bits and matrix 1 rows"),
        ((np.ones((MOST_CHECKS + 1, 2)),), "parity checks"),
    ],
)
def test_what_is_no_system_is_refused(given_, message):
    with pytest.raises(ValueError, match=message):
        Affine(*given_)


def test_the_preset_leaves_no_position_out():
    language = mt.as_language("affine:checks=1,period=9")
    assert (language.matrix == 1).all()
    columns = mt.as_language("affine:checks=2,period=64").columns(64)
    assert set(columns.tolist()) == {1, 2, 3}


def test_the_walk_counts_ones():
    q = joint("walk:vocab_size=6", 5)
    last = q.sum(axis=(0, 1, 2, 3))
    np.testing.assert_allclose(last, binom.pmf(np.arange(6), 5, 0.5), rtol=1e-12)
    assert (q > 0).sum() == 32
    assert mt.as_language("walk").entropy_rate().value == pytest.approx(math.log(2))


@pytest.mark.parametrize(("block", "length"), [(2, 5), (3, 6), (3, 7), (4, 6)])
def test_one_hot_sets_one_bit_of_each_block(block, length):
    q = joint(f"one_hot:block={block}", length).reshape(-1)
    expected = np.ones(2**length)
    strings = all_sequences(2, length)
    for begin in range(0, length, block):
        part = strings[:, begin : begin + block]
        ones = part.sum(axis=1)
        rest = block - part.shape[1]
        expected *= np.where(ones == 1, 1 / block, np.where((ones == 0) & (rest > 0), rest / block, 0.0))
    np.testing.assert_allclose(q, expected, atol=1e-15)
