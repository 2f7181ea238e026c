"""The error budget, with twins that leave a term out, reverse a divergence, or read the context a step late."""

from __future__ import annotations

import math

import pytest
from hypothesis import strategies as st

from mdmtheory.denoisers import DENOISERS
from mdmtheory.exact.enumeration import expected_nll, joint
from mdmtheory.exact.law import law
from mdmtheory.exact.reveals import all_plans
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.plans import GivenPlan
from mdmtheory.theory.error_budget import STATEMENT
from mdmtheory.theory.instances import bigram3, golden_chain, trigram2
from tests.theory.property import any_language, assert_stands, enumerable, stands, twins_refuted

SAMPLERS = ["ancestral", "fixed", "first_hitting", "left_to_right", "blocks", "stride", "bisection", "bit_reversed"]
DENOISERS_HERE = ["oracle", "perturbed:epsilon=0.01", "perturbed:epsilon=1.0", "window:width=0", "window:width=1"]
INSTANCES = enumerable(
    STATEMENT,
    languages=any_language(),
    most_length=4,
    most_sequences=81,
    sampler=st.sampled_from(SAMPLERS),
    denoiser=st.sampled_from(DENOISERS_HERE),
)


def test_the_score_is_entropy_and_gap_and_learning_error():
    stands(STATEMENT, INSTANCES)


def test_a_denoiser_that_misses_a_token_makes_both_sides_infinite():
    setting = STATEMENT.setting(trigram2(), 4, 2, denoiser=golden_chain().oracle(), sampler="ancestral")
    check = STATEMENT.check_setting(setting)
    assert math.isinf(check.measured.value)
    assert_stands(check)


def parts(setting):
    denoiser = DENOISERS.build(setting.options["denoiser"], setting.language)
    model = MaskedDiffusion(
        denoiser, sampler=setting.options["sampler"], steps=setting.steps, schedule=setting.schedule
    )
    return model, *all_plans(model, setting.length)


def test_the_measured_side_is_the_enumerated_law_of_each_plan():
    """By a second way: the law of every plan, by enumeration, instead of the model's own scores."""
    for denoiser in DENOISERS_HERE:
        setting = STATEMENT.setting(bigram3(), 4, 2, "cosine", denoiser=denoiser)
        model, plans, chances = parts(setting)
        q = joint(setting.language, 4)
        models = [MaskedDiffusion(model.denoiser, sampler=GivenPlan(tuple(plan))) for plan in plans.tolist()]
        nats = [expected_nll(law(each, bigram3(), 4), q) for each in models]
        assert chances @ nats == pytest.approx(STATEMENT.check_setting(setting).measured.value, rel=1e-12)


def test_each_twin_is_refuted():
    twins_refuted(STATEMENT, INSTANCES)
