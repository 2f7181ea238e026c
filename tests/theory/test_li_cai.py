"""Two bounds by the largest step, with twins that round the wrong way, count one token less, or take the mean step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import Parity, Repetition
from mdmtheory.exact.reveals import all_plans
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.theory.instances import bigram3
from mdmtheory.theory.li_cai import LARGEST_STEP, LI_CAI, largest_step_law
from tests.theory.property import any_language, enumerable, schedules, stands, twins_refuted


@st.composite
def long_and_structured(draw, statement):
    """Lengths that enumeration does not reach, of languages with a closed curve."""
    language = draw(st.sampled_from([Repetition(vocab_size=2), Parity(), bigram3()]))
    schedule, steps = draw(schedules())
    sampler = draw(st.sampled_from(["fixed", "ancestral"]))
    return statement.setting(language, draw(st.integers(1, 24)), steps, schedule, sampler=sampler)


def instances(statement):
    sampler = st.sampled_from(["fixed", "ancestral"])
    return st.one_of(enumerable(statement, languages=any_language(), sampler=sampler), long_and_structured(statement))


@pytest.mark.parametrize("statement", [LI_CAI, LARGEST_STEP], ids=lambda statement: statement.id)
def test_the_bound_stands(statement):
    stands(statement, instances(statement))


@pytest.mark.parametrize(("schedule", "steps"), [("linear", 3), ("cosine", 4), ([0, 0.7, 0.8, 1], None)])
def test_the_law_of_the_largest_step_is_that_of_all_plans(schedule, steps):
    setting = LARGEST_STEP.setting(bigram3(), 5, steps, schedule, sampler="ancestral")
    plans, probabilities = all_plans(
        MaskedDiffusion(bigram3().oracle(), sampler="ancestral", steps=steps, schedule=schedule), 5
    )
    largest = np.array([np.bincount(plan).max() for plan in plans])
    expected = np.bincount(largest, probabilities, minlength=6)
    np.testing.assert_allclose(largest_step_law(setting), expected, atol=1e-14)


@pytest.mark.parametrize("statement", [LI_CAI, LARGEST_STEP], ids=lambda statement: statement.id)
def test_each_twin_is_refuted(statement):
    twins_refuted(statement, instances(statement))
