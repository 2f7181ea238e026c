"""What a plan of one-hot blocks costs, with twins of another constant and of the harmonic mean left out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import MaskedDiffusion, Parity
from mdmtheory.exact.enumeration import entropy_nats, expected_nll, joint
from mdmtheory.exact.law import law
from mdmtheory.languages.one_hot import one_hot
from mdmtheory.plans import GivenPlan
from mdmtheory.theory.one_hot_cost import STATEMENT
from mdmtheory.theory.statement import HypothesisError
from tests.theory.property import stands, twins_refuted


@st.composite
def plans(draw):
    """Any plan of one to three blocks."""
    block, blocks = draw(st.integers(2, 6)), draw(st.integers(1, 3))
    steps = draw(st.lists(st.integers(1, block + 1), min_size=block * blocks, max_size=block * blocks))
    plan = GivenPlan(tuple((np.unique(steps, return_inverse=True)[1] + 1).tolist()))
    return STATEMENT.setting(one_hot(block=block), block * blocks, sampler=plan)


@pytest.mark.parametrize(
    ("block", "plan"),
    [(3, (1, 2, 1)), (4, (1, 1, 2, 2)), (2, (1, 1, 2, 1)), (3, (1, 1, 1, 3, 2, 2)), (4, (2, 1, 3, 2))],
)
def test_the_cost_is_the_divergence(block, plan):
    language, length = one_hot(block=block), len(plan)
    q = joint(language, length)
    p = law(MaskedDiffusion(language.oracle(), sampler=GivenPlan(plan)), language, length)
    setting = STATEMENT.setting(language, length, sampler=GivenPlan(plan))
    assert STATEMENT.sides(setting).measured.value == pytest.approx(expected_nll(p, q) - entropy_nats(q), abs=1e-12)


def test_what_the_hypotheses_exclude():
    for language, length, steps, options, message in (
        (Parity(), 4, 2, {}, "about one_hot"),
        (one_hot(block=3), 4, 2, {}, "whole blocks of 3"),
        (one_hot(block=3), 6, 2, {"sampler": "ancestral"}, "about one plan"),
        (one_hot(block=3), 6, 2, {"sampler": "confidence"}, "about one plan"),
        (one_hot(block=3), 6, None, {}, "pass steps"),
    ):
        with pytest.raises(HypothesisError, match=message):
            STATEMENT.check(language, length, steps, **options)


def test_few_rounds_err():
    stands(STATEMENT, plans())


def test_each_twin_is_refuted():
    twins_refuted(STATEMENT, plans())
