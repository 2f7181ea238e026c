"""Greedy products, with twins of a weaker hypothesis, a term too few, and the reversed direction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import NGram
from mdmtheory.exact.enumeration import joint
from mdmtheory.theory.greedy_product import COST, MASS, MODE, doubt, nearly_sure
from mdmtheory.theory.instances import full_support
from mdmtheory.theory.statement import HypothesisError
from tests.theory.property import any_language, enumerable, refuted, reversed_twin, scaled_twin, stands


@st.composite
def nearly(draw, statement, length=3, most=0.5):
    """Any law of three tokens, moved towards one sequence: as n-grams whose order is the length."""
    tokens = draw(st.integers(2, 3))
    weights = draw(st.lists(st.integers(0, 6), min_size=tokens**length, max_size=tokens**length))
    law = np.array(weights, dtype=float) + 1e-9
    share = draw(st.sampled_from([0.5, 0.6, 0.7, 0.75, 0.8, 0.9]))
    law = (1 - share) * law / law.sum()
    law[draw(st.integers(0, tokens**length - 1))] += share
    law = law.reshape((tokens,) * length)
    first = law.sum(axis=-1)
    return statement.setting(NGram(first, law / first[..., None]), length)


def test_the_mode_is_the_product_s_mode():
    stands(MODE, nearly(MODE))


@st.composite
def pairs(draw, statement):
    return statement.setting(nearly_sure(draw(st.sampled_from([0.1, 0.2, 0.3, 0.34, 0.4, 0.45]))), 2)


def test_one_position_less_in_the_hypothesis_is_refuted():
    """L eps <= 1 in place of (L+1) eps <= 1."""

    def weaker(setting):
        if setting.length * doubt(joint(setting.language, setting.length)) > 1:
            raise HypothesisError("not sure")

    stands(MODE, pairs(MODE))
    refuted(replace(MODE, requires=weaker), pairs(MODE))


def test_the_condition_is_sharp():
    assert MODE.check(nearly_sure(1 / 3), 2).verdict == "yes"
    beyond = replace(MODE, requires=lambda setting: None)
    assert beyond.check(nearly_sure(1 / 3 + 1e-6), 2).verdict == "no"
    with pytest.raises(HypothesisError, match="1 at most"):
        MODE.check(full_support(), 3)


ANY = enumerable(MASS, languages=any_language(), most_length=4, stepped=False)


def test_the_greedy_sequence_has_the_mass_that_is_left():
    stands(MASS, ANY)
    stands(MASS, pairs(MASS))
    assert MASS.check(nearly_sure(), 2).slack == pytest.approx(0, abs=1e-12)
    refuted(reversed_twin(MASS), ANY)
    refuted(scaled_twin(MASS, 1.01), pairs(MASS))


def test_what_one_step_costs_where_all_are_sure():
    instances = enumerable(COST, languages=any_language(), most_length=4, stepped=False)
    stands(COST, instances)
    refuted(reversed_twin(COST), instances)
    # Equal pairs reach half of what their length allows: L/2 log V of (L-1) log V.
    refuted(scaled_twin(COST, 0.49), instances)
