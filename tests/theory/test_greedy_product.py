"""Greedy products, with twins of a weaker hypothesis, a term too few, and the reversed direction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import EqualPairs, NGram
from mdmtheory.theory.greedy_product import COST, MASS, MODE, nearly_sure
from mdmtheory.theory.instances import full_support
from mdmtheory.theory.statement import HypothesisError
from tests.theory.property import any_language, enumerable, stands, twins_refuted


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


COSTS = enumerable(COST, languages=any_language(), most_length=4, stepped=False)


def test_what_one_step_costs_where_all_are_sure():
    stands(COST, COSTS)


def test_each_twin_is_refuted():
    stands(MODE, pairs(MODE))
    twins_refuted(MODE, pairs(MODE))
    twins_refuted(MASS, st.one_of(ANY, pairs(MASS)))
    of_pairs = st.builds(lambda m: COST.setting(EqualPairs(vocab_size=m), 2), st.integers(2, 4))
    twins_refuted(COST, st.one_of(COSTS, of_pairs))
