"""The factor (s-1)/s with its remainders, and twins with other factors or without the remainder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import EqualPairs, NGram, Repetition
from mdmtheory.exact.enumeration import error_rate, joint
from mdmtheory.exact.law import law
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.schedules import Schedule
from mdmtheory.theory.fixed_sizes import (
    DOUBLED_STEP,
    FIXED_GAP_ABOVE,
    FIXED_GAP_BELOW,
    FIXED_PAIRS,
    _gaps,
    fixed_pairs_right,
    pairs_remainder,
)
from mdmtheory.theory.instances import cycle3, golden_chain, growth_chain
from tests.languages.small import ngrams
from tests.theory.property import any_language, enumerable, stands, twins_refuted

BIGRAMS = st.one_of(
    ngrams(orders=(2,)),
    st.sampled_from([golden_chain(), growth_chain(), cycle3(), cycle3(0.5), NGram([0.5, 0.5], np.eye(2))]),
    st.sampled_from([Repetition(vocab_size=2), EqualPairs(vocab_size=2)]),
)


@st.composite
def equal_steps(draw, statement, languages=BIGRAMS):
    steps, size = draw(st.integers(1, 40)), draw(st.integers(1, 8))
    return statement.setting(draw(languages), steps * size, steps)


@st.composite
def pairs(draw):
    size, steps = draw(st.integers(2, 5)), draw(st.sampled_from([1, 2, 3, 8, 50, 300]))
    return FIXED_PAIRS.setting(EqualPairs(vocab_size=draw(st.sampled_from([2, 3, 16]))), size * steps, steps)


@pytest.mark.parametrize("statement", [FIXED_GAP_ABOVE, FIXED_GAP_BELOW], ids=lambda statement: statement.id)
def test_the_gap_is_that_share_up_to_its_remainder(statement):
    stands(statement, equal_steps(statement))


def test_the_factor_is_reached_as_the_length_grows():
    for length in (64, 256, 1024):
        fixed, expected, room = _gaps(FIXED_GAP_ABOVE.setting(growth_chain(), length, length // 4))
        # Two positions share a step L/(L-1) times as often as in the limit.
        assert fixed / expected == pytest.approx(length / (length - 1), rel=0.2 / length)
        assert room - 1 < 12 / length


def test_equal_pairs_are_right_as_often_as_the_law_says_up_to_its_remainder():
    stands(FIXED_PAIRS, pairs())


@pytest.mark.parametrize(
    ("vocab_size", "sizes"),
    [
        (2, (2, 2, 2)),
        (2, (3, 3)),
        (2, (4, 4)),
        (3, (2, 2, 2)),
        (2, (6,)),
        (2, (1,) * 6),
        (2, (3, 1, 2)),
        (2, (2, 4, 1)),
    ],
)
def test_pairs_in_closed_form_are_those_of_the_enumerated_law(vocab_size, sizes):
    language, length = EqualPairs(vocab_size=vocab_size), sum(sizes)
    model = MaskedDiffusion(language.oracle(), sampler="fixed", steps=None, schedule=Schedule.from_sizes(sizes))
    expected = error_rate(law(model, language, length), joint(language, length))
    assert 1 - fixed_pairs_right(vocab_size, length, length // 2, sizes) == pytest.approx(expected, abs=1e-12)


def test_pairs_that_are_hardly_ever_all_right_keep_their_digits():
    """Everything in one step: each pair agrees by chance; the alternating sum over moments of C would cancel."""
    assert fixed_pairs_right(16, 64, 32, [64]) == pytest.approx(16.0**-32, rel=1e-9)
    assert fixed_pairs_right(16, 60, 20, [60]) == pytest.approx(16.0**-20, rel=1e-9)


def test_the_remainder_falls_as_one_over_the_steps():
    for size in (2, 3, 4):
        scaled = [steps * pairs_remainder(16, size, steps) for steps in (100, 1000)]
        assert scaled[1] == pytest.approx(scaled[0], rel=0.1)


def test_one_doubled_step_tells_the_first_order_constant():
    stands(DOUBLED_STEP, enumerable(DOUBLED_STEP, languages=any_language(), most_length=4, stepped=False))


@pytest.mark.parametrize("statement", [FIXED_GAP_ABOVE, FIXED_GAP_BELOW, FIXED_PAIRS], ids=lambda each: each.id)
def test_each_twin_is_refuted(statement):
    twins_refuted(statement, pairs() if statement is FIXED_PAIRS else equal_steps(statement))


def test_another_share_of_the_doubled_steps_is_refuted():
    twins_refuted(DOUBLED_STEP, enumerable(DOUBLED_STEP, languages=any_language(), most_length=4, stepped=False))
