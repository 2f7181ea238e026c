"""Two rounds of affine, with twins that open determined positions first, lose a check, or need one round less."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import Parity
from mdmtheory.core.estimate import Estimate
from mdmtheory.languages.affine import Affine
from mdmtheory.languages.one_hot import one_hot
from mdmtheory.plans import GivenPlan
from mdmtheory.theory.instances import bigram3
from mdmtheory.theory.orders import distance_from_language
from mdmtheory.theory.statement import HypothesisError, Sides
from mdmtheory.theory.two_rounds import AFFINE, AFFINE_DEPTH, ONE_HOT
from tests.theory.property import refuted, scaled_twin, stands, twin


@st.composite
def codes(draw, statement, most_length=6):
    """Any matrix, and the parities of some string."""
    checks, length = draw(st.integers(1, 4)), draw(st.integers(1, most_length))
    bits = st.lists(st.integers(0, 1), min_size=length, max_size=length)
    matrix = np.array([draw(bits) for _ in range(checks)])
    return statement.setting(Affine(matrix, matrix @ np.array(draw(bits)) % 2), length)


def opened(plan_of):
    def sides(setting):
        plan = GivenPlan(tuple(np.asarray(plan_of(setting)).tolist()))
        return Sides(distance_from_language(setting, plan), Estimate.exact(0.0))

    return replace(AFFINE, sides=sides)


def test_free_positions_and_then_the_others_are_exact():
    stands(AFFINE, codes(AFFINE))


@pytest.mark.parametrize(
    "plan_of",
    [
        lambda setting: 3 - setting.language.two_rounds(setting.length),
        lambda setting: np.ones(setting.length, dtype=int),
        lambda setting: 1 + np.arange(setting.length) % 2,
    ],
    ids=["determined first", "one round", "every other"],
)
def test_other_plans_are_refuted(plan_of):
    refuted(opened(plan_of), codes(AFFINE))


def test_a_plan_that_forgets_a_check_is_refuted():
    def fewer(setting):
        language = setting.language
        return Affine(language.matrix[1:], language.offset[1:]).two_rounds(setting.length)

    with_two = codes(AFFINE).filter(lambda setting: setting.language.checks > 1)
    refuted(opened(fewer), with_two)


def test_no_affine_language_needs_a_third_round():
    stands(AFFINE_DEPTH, codes(AFFINE_DEPTH, most_length=5))
    refuted(scaled_twin(AFFINE_DEPTH, 0.5), codes(AFFINE_DEPTH, most_length=5))
    refuted(replace(AFFINE_DEPTH, tight=lambda setting: True), codes(AFFINE_DEPTH, most_length=5))


@st.composite
def blocks(draw):
    return ONE_HOT.setting(one_hot(block=draw(st.integers(2, 4))), draw(st.integers(1, 8)))


def test_one_hot_blocks_in_as_many_rounds_as_positions():
    stands(ONE_HOT, blocks(), max_examples=20)

    def fewer(setting, sides):
        block = len(setting.language.initial) // 3
        return Sides(distance_from_language(setting, "stride", block - 1), Estimate.exact(0.0))

    refuted(twin(ONE_HOT, fewer), blocks())


def test_what_the_hypotheses_exclude():
    with pytest.raises(HypothesisError, match="about affine"):
        AFFINE.check(Parity(), 4)
    with pytest.raises(HypothesisError, match="about one_hot"):
        ONE_HOT.check(bigram3(), 4)
