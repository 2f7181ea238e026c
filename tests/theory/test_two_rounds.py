"""Two rounds of affine, with twins that open determined positions first, lose a check, or need one round less."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import Parity
from mdmtheory.languages.affine import Affine
from mdmtheory.languages.one_hot import one_hot
from mdmtheory.theory.instances import bigram3
from mdmtheory.theory.statement import HypothesisError
from mdmtheory.theory.two_rounds import AFFINE, AFFINE_DEPTH, ONE_HOT
from tests.theory.property import stands, twins_refuted


@st.composite
def codes(draw, statement, most_length=6):
    """Any matrix, and the parities of some string."""
    checks, length = draw(st.integers(1, 4)), draw(st.integers(1, most_length))
    bits = st.lists(st.integers(0, 1), min_size=length, max_size=length)
    matrix = np.array([draw(bits) for _ in range(checks)])
    return statement.setting(Affine(matrix, matrix @ np.array(draw(bits)) % 2), length)


def test_free_positions_and_then_the_others_are_exact():
    stands(AFFINE, codes(AFFINE))


@st.composite
def blocks(draw):
    return ONE_HOT.setting(one_hot(block=draw(st.integers(2, 4))), draw(st.integers(1, 8)))


def test_what_the_hypotheses_exclude():
    with pytest.raises(HypothesisError, match="about affine"):
        AFFINE.check(Parity(), 4)
    with pytest.raises(HypothesisError, match="about one_hot"):
        ONE_HOT.check(bigram3(), 4)


def test_no_affine_language_needs_a_third_round():
    stands(AFFINE_DEPTH, codes(AFFINE_DEPTH, most_length=5))


def test_one_hot_blocks_in_as_many_rounds_as_positions():
    stands(ONE_HOT, blocks(), max_examples=20)


def test_each_twin_is_refuted():
    # One check leaves none to forget.
    twins_refuted(AFFINE, codes(AFFINE).filter(lambda setting: setting.language.checks > 1))
    twins_refuted(AFFINE_DEPTH, codes(AFFINE_DEPTH, most_length=5))
    twins_refuted(ONE_HOT, blocks())
