"""Geometric odds lose one part in N, with twins of a fifth of the constant, without ends, and of linear steps."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import EqualPairs, Parity, Permutation, Repetition, schedules
from mdmtheory.core.estimate import Estimate
from mdmtheory.theory.certified_rate import STATEMENT, fractions
from mdmtheory.theory.curves import exact_curve
from mdmtheory.theory.statement import HypothesisError
from tests.theory.property import refuted, scaled_twin, stands, twin


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


def test_the_rate():
    stands(STATEMENT, settings(), max_examples=30)
    # The ends alone hide it where the span is small.
    refuted(scaled_twin(STATEMENT, 0.2), settings(spans=(1000.0,)))


def test_without_its_ends_it_is_refuted():
    def without(setting, sides):
        curve = np.asarray(exact_curve(setting))
        span = setting.options["span"] or max(setting.length, 2)
        ends = len(curve) * (curve[0] - curve[-1]) / (1 + span)
        return replace(sides, bound=Estimate.exact(max((sides.bound.value - ends) / 4, 0.0)))

    refuted(twin(STATEMENT, without), settings(spans=(2.0,)))


def test_linear_steps_do_not_have_it():
    """Where all is learned from the first token."""

    def linear(setting, sides):
        gap = schedules.ancestral_gap(np.asarray(exact_curve(setting)), np.linspace(0, 1, setting.steps + 1))
        return replace(sides, measured=Estimate.exact(gap))

    first = STATEMENT.setting(Repetition(vocab_size=2), 512, 24, span=5000.0)
    assert STATEMENT.check_setting(first).holds
    refuted(twin(STATEMENT, linear), st.just(first))


def test_what_the_hypotheses_exclude():
    with pytest.raises(HypothesisError, match="2 \\+ 2 log s"):
        STATEMENT.check(Parity(), 8, 4)
    with pytest.raises(HypothesisError, match="above 1"):
        STATEMENT.check(Parity(), 8, 40, span=0.5)
