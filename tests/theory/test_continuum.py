"""The optimum between two sums over the root profile, with twins one step, one ratio or one factor off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdmtheory import schedules
from mdmtheory.core.estimate import Estimate
from mdmtheory.theory.continuum import CONTINUUM_ABOVE, CONTINUUM_BELOW, continued_drops, profile_error, root_profile
from mdmtheory.theory.curves import convex_curve
from mdmtheory.theory.instances import cycle3, golden_chain, growth_chain
from mdmtheory.theory.statement import HypothesisError
from tests.languages.small import ngrams
from tests.theory.property import any_language, enumerable, refuted, reversed_twin, scaled_twin, stands, twin

BIGRAMS = st.one_of(
    ngrams(orders=(2,)), st.sampled_from([golden_chain(), growth_chain(), cycle3(), cycle3(0.5), cycle3(0.01)])
)


@st.composite
def long(draw, statement):
    return statement.setting(draw(BIGRAMS), draw(st.integers(1, 120)), draw(st.integers(1, 30)))


def instances(statement):
    return st.one_of(enumerable(statement, languages=any_language()), long(statement))


def claiming(statement, value):
    """Another bound, from the curve's continued drops and the number of steps; claimed tight nowhere."""

    def broken(setting, sides):
        drops = continued_drops(convex_curve(setting))
        steps = min(setting.steps or setting.schedule.steps, setting.length)
        return replace(sides, bound=Estimate.exact(float(value(drops, steps))))

    return replace(twin(statement, broken), tight=lambda setting: False)


@pytest.mark.parametrize("statement", [CONTINUUM_BELOW, CONTINUUM_ABOVE], ids=lambda statement: statement.id)
def test_the_optimum_keeps_to_its_side(statement):
    stands(statement, instances(statement))


@pytest.mark.parametrize("statement", [CONTINUUM_BELOW, CONTINUUM_ABOVE], ids=lambda statement: statement.id)
def test_the_reversed_direction_is_refuted(statement):
    refuted(reversed_twin(statement), instances(statement))


def root_sum(drops):
    return np.sqrt(drops).sum() ** 2


@pytest.mark.parametrize(
    "value",
    [
        lambda drops, steps: (root_sum(drops) / max(steps - 1, 0.9) - drops.sum()) / 2,
        lambda drops, steps: (1.02 * root_sum(drops) / steps - drops.sum()) / 2,
        lambda drops, steps: (root_sum(drops) / steps - drops[:-1].sum()) / 2,
        lambda drops, steps: (len(drops) * drops.sum() / steps - drops.sum()) / 2,
    ],
    ids=["one step less", "a fiftieth more", "without the continued drop", "the linear schedule's"],
)
def test_a_larger_lower_bound_is_refuted(value):
    refuted(claiming(CONTINUUM_BELOW, value), instances(CONTINUUM_BELOW))


@pytest.mark.parametrize(
    "value",
    [
        lambda drops, steps: (root_sum(drops) / steps - drops.sum()) / 2,
        lambda drops, steps: profile_error(np.full(len(drops), drops.mean()), root_profile(drops, steps)),
    ],
    ids=["the lower bound", "ratios and parts of a straight line"],
)
def test_a_smaller_upper_bound_is_refuted(value):
    refuted(claiming(CONTINUUM_ABOVE, value), instances(CONTINUUM_ABOVE))


def test_an_upper_bound_a_hundredth_smaller_is_refuted():
    refuted(scaled_twin(CONTINUUM_ABOVE, 0.99), instances(CONTINUUM_ABOVE))


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
