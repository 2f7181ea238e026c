"""Rounds of balanced bits, with twins of a fifth of the steps, of half as much again, and of a half too many."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import Balanced, MaskedDiffusion, Parity
from mdmtheory.exact.enumeration import entropy_nats, expected_nll, joint
from mdmtheory.exact.law import law
from mdmtheory.plans import GivenPlan
from mdmtheory.schedules import optimal
from mdmtheory.schedules.rules import tc_rule
from mdmtheory.theory.balanced_rounds import ABOVE, BELOW, best_cost, cost_below, fewest_steps, steps_of_rule
from mdmtheory.theory.statement import HypothesisError
from tests.theory.property import stands, twins_refuted

ERRORS = st.sampled_from([0.003, 0.02, 0.1, 0.5, 2.0])


@st.composite
def with_error(draw):
    return ABOVE.setting(Balanced(), draw(st.integers(2, 80)), eps=draw(ERRORS))


@st.composite
def with_steps(draw):
    length = draw(st.integers(2, 80))
    return BELOW.setting(Balanced(), length, draw(st.integers(1, length)))


@pytest.mark.parametrize(("length", "steps"), [(4, 2), (5, 2), (6, 3)])
def test_the_best_cost_is_the_divergence_of_the_best_sizes(length, steps):
    language = Balanced()
    curve = language.information_curve(length)
    plan = GivenPlan(tuple(np.repeat(np.arange(steps) + 1, optimal(curve, steps)).tolist()))
    q = joint(language, length)
    p = law(MaskedDiffusion(language.oracle(), sampler=plan), language, length)
    assert best_cost(curve, steps) == pytest.approx(expected_nll(p, q) - entropy_nats(q), abs=1e-12)


@pytest.mark.parametrize("length", [2, 3, 17, 200])
@pytest.mark.parametrize("error", [0.01, 0.3])
def test_the_rule_itself_takes_no_more(length, error):
    sizes = tc_rule(min(1.0, error / (math.log(2 * length) / 2)), length)
    curve = Balanced().information_curve(length)
    assert fewest_steps(curve, error) <= len(sizes) <= steps_of_rule(length, error)
    assert best_cost(curve, len(sizes)) <= error + 1e-12


def test_it_meets_the_continuum_as_lengths_grow():
    """log(L)^2/(4 R) is what the best real sizes cost; the bound is below it, and within a tenth of the truth here."""
    best = best_cost(Balanced().information_curve(512), 8)
    assert 0.9 * best < cost_below(512, 8) < best < math.log(512) ** 2 / 32


def test_what_the_hypotheses_exclude():
    with pytest.raises(HypothesisError, match="about balanced"):
        BELOW.check(Parity(), 4, 2)
    with pytest.raises(HypothesisError, match="several bits"):
        BELOW.check(Balanced(), 1, 1)
    with pytest.raises(HypothesisError, match="pass steps"):
        BELOW.check(Balanced(), 4)
    with pytest.raises(HypothesisError, match="error above 0"):
        ABOVE.check(Balanced(), 4, eps=0.0)


def test_rounds_from_above():
    stands(ABOVE, with_error(), max_examples=20)


def test_cost_from_below():
    stands(BELOW, with_steps(), max_examples=20)


def test_each_twin_is_refuted():
    twins_refuted(ABOVE, with_error())
    twins_refuted(BELOW, with_steps())
