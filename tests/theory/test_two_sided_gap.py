"""The gap per token from both sides, with twins that are a little stronger, and one that forgets convexity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from mdmtheory import Parity, Repetition, schedules
from mdmtheory.core.estimate import Estimate
from mdmtheory.exact import information_curve
from mdmtheory.schedules import as_schedule
from mdmtheory.theory.instances import bigram3, cycle3, golden_chain
from mdmtheory.theory.statement import Sides
from mdmtheory.theory.two_sided_gap import GAP_ABOVE, GAP_BELOW
from tests.theory import property as search
from tests.theory.property import any_language, enumerable, refuted, reversed_twin, scaled_twin, stands, twin

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


def test_a_hundredth_more_or_less_is_refuted():
    refuted(scaled_twin(GAP_ABOVE, 0.99), above(), max_examples=1000)
    refuted(scaled_twin(GAP_BELOW, 1.01), below())


def test_the_mean_share_in_place_of_the_largest_is_refuted():
    def broken(setting, sides):
        shares = np.diff(setting.schedule.revealed_fractions(setting.steps))
        bound = sides.bound.value / shares.max() * shares.mean()
        return replace(sides, bound=Estimate.exact(float(bound)))

    refuted(twin(GAP_ABOVE, broken), above())


def test_the_reversed_directions_are_refuted():
    refuted(reversed_twin(GAP_ABOVE), above())
    refuted(reversed_twin(GAP_BELOW), below())


def test_without_convexity_the_lower_bound_is_refuted():
    def sides(setting):
        curve = np.asarray(information_curve(setting.language, setting.length))
        gap = schedules.ancestral_gap(curve, setting.schedule.revealed_fractions(setting.steps)) / setting.length
        bound = (curve[0] - curve[-1]) / (2 * setting.steps)
        return Sides(Estimate.exact(gap), Estimate.exact(float(bound)))

    refuted(replace(GAP_BELOW, sides=sides, tight=lambda setting: False), below())
