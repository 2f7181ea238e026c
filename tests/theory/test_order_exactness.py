"""One token a step, with twins that look at draws, open two positions at once, or count a position too few."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import NGram
from mdmtheory.exact.enumeration import joint
from mdmtheory.theory.instances import bigram3, independent
from mdmtheory.theory.order_exactness import (
    DRAWN_ALL_MODES,
    DRAWN_MODES,
    DRAWN_PAIR,
    ONE_AT_A_TIME,
    biased_pair,
    two_draws,
)
from mdmtheory.theory.orders import drawn_law
from mdmtheory.theory.statement import HypothesisError
from tests.languages.small import laws
from tests.theory.property import any_language, enumerable, stands, twins_refuted

RULES = ["confidence", "margin", "entropy"]


@st.composite
def single(draw, statement=ONE_AT_A_TIME, orders=(*RULES, "first_hitting", "left_to_right")):
    """Any language with as many steps as positions, opened by a rule, at random, or in any given order."""
    setting = draw(enumerable(statement, languages=any_language(), most_length=4, most_sequences=81, stepped=False))
    order = st.permutations(range(1, setting.length + 1)).map(lambda each: "-".join(map(str, each)))
    chosen = draw(st.one_of(st.sampled_from(orders), order) if len(orders) > 1 else st.sampled_from(orders))
    return statement.setting(setting.language, setting.length, setting.length, order=chosen)


@st.composite
def independents(draw, statement, most_length=5):
    """Independent tokens of 2 or 3 kinds."""
    tokens = draw(st.integers(2, 3))
    language = NGram(1.0, draw(laws(tokens)))
    return statement.setting(language, draw(st.integers(1, most_length if tokens == 2 else 4)))


def pairs(statement=DRAWN_PAIR):
    return enumerable(statement, languages=any_language(), most_length=2, stepped=False)


def test_one_position_a_step_is_exact():
    stands(ONE_AT_A_TIME, single())


@pytest.mark.parametrize(
    ("order", "steps", "message"),
    [
        ("draw_confidence", 4, "looks at what it draws"),
        ("confidence", 3, "several positions in a step; pass 4 steps"),
        ("entropy_bound:gamma=0.1", 4, "several positions"),
        ("1-2-2-3", 4, "several positions"),
        ("stride", 4, "several positions"),
    ],
)
def test_what_the_hypotheses_exclude(order, steps, message):
    with pytest.raises(HypothesisError, match=message):
        ONE_AT_A_TIME.check(bigram3(), 4, steps, order=order)


@pytest.mark.parametrize("statement", [DRAWN_MODES, DRAWN_ALL_MODES], ids=["fraction", "all"])
def test_drawn_confidence_prefers_modes_as_computed(statement):
    stands(statement, independents(statement))


def test_the_formula_holds_for_a_rare_mode():
    """p is the largest of three probabilities, and below one half."""
    language = NGram(1.0, [0.3, 0.3, 0.4])
    for statement in (DRAWN_MODES, DRAWN_ALL_MODES):
        assert statement.check(language, 4).verdict == "yes"
    with pytest.raises(HypothesisError, match="equally probable"):
        DRAWN_MODES.check(independent(0.5), 4)


def test_two_positions_under_drawn_confidence():
    stands(DRAWN_PAIR, pairs())


def test_the_example_of_two_positions():
    p = drawn_law(DRAWN_PAIR.setting(biased_pair(), 2), "draw_confidence", 2)
    np.testing.assert_allclose(p, [[0.56, 0.04], [0.28, 0.12]], rtol=1e-12)
    np.testing.assert_allclose(two_draws(joint(biased_pair(), 2)), p, rtol=1e-12)
    assert DRAWN_PAIR.check(biased_pair(), 2).note == "TV(p, q) = 0.24"


def test_each_twin_is_refuted():
    twins_refuted(ONE_AT_A_TIME, single(orders=("draw_confidence", "left_to_right")))
    twins_refuted(DRAWN_MODES, independents(DRAWN_MODES))
    twins_refuted(DRAWN_ALL_MODES, independents(DRAWN_ALL_MODES))
    twins_refuted(DRAWN_PAIR, pairs())
