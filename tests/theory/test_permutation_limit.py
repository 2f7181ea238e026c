"""What share of its length a permutation takes in rounds, with twins in bits, a step off, and beyond pairs."""

from __future__ import annotations

import math

import pytest
from hypothesis import strategies as st

from mdmtheory import Parity, Permutation
from mdmtheory.theory.balanced_rounds import fewest_steps
from mdmtheory.theory.permutation_limit import ABOVE, BELOW, fewest_above, fewest_below, most_error
from mdmtheory.theory.statement import HypothesisError
from tests.theory.property import stands, twins_refuted


@st.composite
def with_error(draw, statement):
    """Errors up to nine tenths of what pairs are enough for, or none."""
    length = draw(st.integers(1, 60))
    return statement.setting(
        Permutation(items=length), length, eps=draw(st.sampled_from([0, 0.1, 0.5, 0.9])) * most_error(length)
    )


def test_fewest_steps_from_both_sides():
    stands(BELOW, with_error(BELOW), max_examples=25)
    stands(ABOVE, with_error(ABOVE), max_examples=25)


def test_the_limit_of_the_paper():
    """(1 + 2^(-2 eps))/2 of the length, eps in bits."""
    bits = 0.5
    language = Permutation(items=2000)
    share = fewest_steps(language.information_curve(2000), bits * math.log(2)) / 2000
    assert share == pytest.approx((1 + 2 ** (-2 * bits)) / 2, abs=1e-3)
    assert fewest_above(2000, bits * math.log(2)) - fewest_below(2000, bits * math.log(2)) < 2


def test_what_the_hypotheses_exclude():
    with pytest.raises(HypothesisError, match="about permutation"):
        BELOW.check(Parity(), 4, eps=0.1)
    with pytest.raises(HypothesisError, match="errors from 0 to below 0.4"):
        BELOW.check(Permutation(items=9), 9, eps=0.6)
    with pytest.raises(HypothesisError, match="it is about errors"):
        ABOVE.check(Permutation(items=9), 9, eps=-0.1)


def test_each_twin_is_refuted():
    far = st.just(BELOW.setting(Permutation(items=60), 60, eps=1.5))
    twins_refuted(BELOW, st.one_of(with_error(BELOW), far))
    twins_refuted(ABOVE, with_error(ABOVE))
