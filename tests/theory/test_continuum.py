"""The optimum between two sums over the root profile, with twins one step, one ratio or one factor off."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdmtheory import schedules
from mdmtheory.theory.continuum import CONTINUUM_ABOVE, CONTINUUM_BELOW, continued_drops, profile_error, root_profile
from mdmtheory.theory.curves import convex_curve
from mdmtheory.theory.instances import cycle3, golden_chain, growth_chain
from mdmtheory.theory.statement import HypothesisError
from tests.languages.small import ngrams
from tests.theory.property import any_language, enumerable, stands, twins_refuted

BIGRAMS = st.one_of(
    ngrams(orders=(2,)), st.sampled_from([golden_chain(), growth_chain(), cycle3(), cycle3(0.5), cycle3(0.01)])
)


@st.composite
def long(draw, statement):
    return statement.setting(draw(BIGRAMS), draw(st.integers(1, 120)), draw(st.integers(1, 30)))


def instances(statement):
    return st.one_of(enumerable(statement, languages=any_language()), long(statement))


@pytest.mark.parametrize("statement", [CONTINUUM_BELOW, CONTINUUM_ABOVE], ids=lambda statement: statement.id)
def test_the_optimum_keeps_to_its_side(statement):
    stands(statement, instances(statement))


@pytest.mark.parametrize("steps", [8, 32, 128])
def test_the_two_sides_meet_as_length_and_steps_grow(steps):
    sides = [each.sides(each.setting(growth_chain(), 2048, steps)) for each in (CONTINUUM_BELOW, CONTINUUM_ABOVE)]
    optimum, below, above = sides[0].measured.value, sides[0].bound.value, sides[1].bound.value
    assert below <= optimum <= above
    # The ratio in a block differs from 1 by O(1/N).
    assert above - below < 0.4 / steps * optimum
    continuum = schedules.continuum_gap(convex_curve(CONTINUUM_BELOW.setting(growth_chain(), 2048, steps)), steps)
    assert optimum / continuum == pytest.approx(1, abs=0.2 / steps)


@given(BIGRAMS, st.integers(2, 60), st.integers(1, 30))
def test_the_profile_has_its_error_within_its_bound(language, length, steps):
    try:
        curve = convex_curve(CONTINUUM_ABOVE.setting(language, length, steps))
    except HypothesisError:
        return
    drops = continued_drops(curve)
    if not drops[-1] > 0:
        return
    sizes = root_profile(drops, steps)
    assert sizes.sum() == length
    assert (sizes > 0).all()
    assert len(sizes) <= steps
    assert schedules.plan_averaged_gap(curve, sizes) <= profile_error(drops, sizes) * (1 + 1e-9) + 1e-9


@pytest.mark.parametrize("statement", [CONTINUUM_BELOW, CONTINUUM_ABOVE], ids=lambda statement: statement.id)
def test_each_twin_is_refuted(statement):
    twins_refuted(statement, instances(statement))
