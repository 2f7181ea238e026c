"""The gap per token from both sides, with twins that are a little stronger, and one that forgets convexity."""

from __future__ import annotations

from hypothesis import strategies as st

from mdmtheory import Parity, Repetition
from mdmtheory.schedules import as_schedule
from mdmtheory.theory.instances import bigram3, cycle3, golden_chain
from mdmtheory.theory.two_sided_gap import GAP_ABOVE, GAP_BELOW
from tests.theory import property as search
from tests.theory.property import any_language, enumerable, stands, twins_refuted

CLOSED = st.sampled_from([Repetition(vocab_size=2), bigram3(), golden_chain(), cycle3(), cycle3(0.001), Parity()])


@st.composite
def long(draw, statement, *, linear):
    schedule, steps = (as_schedule("linear"), draw(st.integers(1, 40))) if linear else draw(search.schedules())
    return statement.setting(draw(CLOSED), draw(st.integers(1, 300)), steps, schedule)


def above():
    return st.one_of(enumerable(GAP_ABOVE, languages=any_language()), long(GAP_ABOVE, linear=False))


@st.composite
def small(draw):
    setting = draw(enumerable(GAP_BELOW, languages=any_language(), stepped=False))
    return GAP_BELOW.setting(setting.language, setting.length, draw(st.integers(1, 6)))


def below():
    return st.one_of(small(), long(GAP_BELOW, linear=True))


def test_the_gap_is_at_most_the_largest_share_of_what_the_rest_tells():
    stands(GAP_ABOVE, above())


def test_the_gap_is_at_least_half_of_an_equal_share_where_the_curve_is_convex():
    stands(GAP_BELOW, below())


def test_each_twin_is_refuted():
    twins_refuted(GAP_ABOVE, st.one_of(above(), long(GAP_ABOVE, linear=True)))
    twins_refuted(GAP_BELOW, below())
