"""Geometric odds lose one part in N, with twins of a fifth of the constant, without ends, and of linear steps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import EqualPairs, Parity, Permutation, Repetition
from mdmtheory.theory.certified_rate import STATEMENT, fractions
from mdmtheory.theory.statement import HypothesisError
from tests.theory.property import stands, twins_refuted


@st.composite
def settings(draw, spans=(0.0, 2.0, 50.0, 1000.0)):
    length = draw(st.integers(1, 12))
    language = draw(
        st.sampled_from([EqualPairs(vocab_size=3), Parity(), Permutation(items=12), Repetition(vocab_size=2)])
    )
    length += isinstance(language, EqualPairs) * (length % 2)
    span = draw(st.sampled_from(spans))
    least = 2 + math.ceil(2 * math.log(span or max(length, 2)))
    return STATEMENT.setting(language, length, draw(st.integers(least, least + 30)), span=span)


def test_the_grid_goes_from_0_to_1_in_odds_that_rise_by_one_factor():
    grid = fractions(20.0, 9)
    odds = grid[1:-1] / (1 - grid[1:-1])
    assert (grid[0], grid[-1], len(grid)) == (0, 1, 10)
    np.testing.assert_allclose(odds[1:] / odds[:-1], odds[1] / odds[0])
    np.testing.assert_allclose(odds[[0, -1]], [1 / 20, 20])


def test_what_the_hypotheses_exclude():
    with pytest.raises(HypothesisError, match="2 \\+ 2 log s"):
        STATEMENT.check(Parity(), 8, 4)
    with pytest.raises(HypothesisError, match="above 1"):
        STATEMENT.check(Parity(), 8, 40, span=0.5)


def test_the_rate():
    stands(STATEMENT, settings(), max_examples=30)


def test_each_twin_is_refuted():
    """The ends alone hide the factor where the span is small, and the odds where not all is learned at once."""
    first = st.just(STATEMENT.setting(Repetition(vocab_size=2), 512, 24, span=5000.0))
    twins_refuted(STATEMENT, st.one_of(settings(spans=(2.0,)), settings(spans=(1000.0,)), first))
