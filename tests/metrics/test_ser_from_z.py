"""SER as z has it: right where z is the same everywhere, and its miss beside it where it is not."""

from __future__ import annotations

import math

import pytest

import mdmtheory as mt
from mdmtheory.exact.enumeration import error_rate, joint
from tests.metrics.test_ser_walk import Seldom, golden_chain

Q = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0.0], [0.0, 0.6, 0.4], [0.5, 0.0, 0.5]])
LENGTH = 5


@pytest.mark.parametrize(("steps", "method"), [(2, "walk"), (2, "draws"), (64, "walk")])
def test_its_parts_are_what_they_say(steps, method):
    model = mt.MaskedDiffusion(mt.Perturbed(mt.Oracle(Q), epsilon=0.01), steps=steps)
    found = mt.ser_from_z(model, Q, LENGTH, count=2000, contexts=1000, level=0.9999, method=method)
    assert found.oracle == mt.exact.ser(Q, LENGTH, steps=steps)
    assert found.expected.value == pytest.approx(
        1 - (1 - found.oracle.value) * math.exp(-LENGTH * found.z.value), rel=1e-12
    )
    exact = error_rate(mt.exact.law(model, Q, LENGTH), joint(Q, LENGTH))
    assert found.measured.low <= exact <= found.measured.high
    assert found.miss.value == pytest.approx(found.measured.value - found.expected.value)
    assert found.miss.low < found.miss.value < found.miss.high
    assert found.measured == mt.ser(model, Q, LENGTH, count=2000, level=0.9999, method=method)


def test_one_position_at_a_time_the_oracle_makes_no_error():
    denoiser = mt.Perturbed(mt.Oracle(Q), epsilon=0.001)
    for model in (mt.MaskedDiffusion(denoiser, sampler="first_hitting"), mt.Autoregressive(denoiser)):
        found = mt.ser_from_z(model, Q, LENGTH, count=500, contexts=500)
        assert found.oracle == mt.Estimate.exact(0.0)
        assert 0 < abs(found.miss.value) < 0.3 * found.measured.value


def test_a_sampler_that_looks_has_the_oracles_error_measured():
    model = mt.MaskedDiffusion(mt.Perturbed(mt.Oracle(Q), epsilon=0.001), sampler="confidence", steps=2)
    found = mt.ser_from_z(model, Q, LENGTH, count=300, contexts=100)
    assert found.oracle.kind == "estimate"


def test_it_fails_where_the_mass_sits_in_few_sequences():
    model = mt.MaskedDiffusion(Seldom(), sampler="left_to_right")
    found = mt.ser_from_z(model, golden_chain(), 40, count=1000, contexts=1000, level=0.9999)
    assert found.miss.high < 0


def test_it_is_shown_as_a_table():
    model = mt.MaskedDiffusion(mt.Perturbed(mt.Oracle(Q), epsilon=0.01), steps=2)
    shown = mt.ser_from_z(model, Q, LENGTH, count=60, contexts=60)._repr_html_()
    assert all(f"<td>{name}</td>" in shown or f">{name}<" in shown for name in ("oracle", "z", "expected", "miss"))


def test_a_model_without_a_denoiser_is_refused():
    with pytest.raises(ValueError, match="has no denoiser"):
        mt.ser_from_z(mt.Autoregressive(Q), Q, LENGTH)


def test_of_answers_to_prompts_the_length_is_that_of_an_answer():
    model = mt.MaskedDiffusion(mt.Perturbed(mt.Oracle(Q), epsilon=0.01), steps=2)
    options = {"count": 500, "prompt": "prefix:size=2"}
    found = mt.ser_from_z(model, Q, LENGTH, contexts=500, **options)
    assert found.measured == mt.ser(model, Q, LENGTH, method="walk", **options)
    assert found.oracle == mt.ser(mt.MaskedDiffusion(mt.Oracle(Q), steps=2), Q, LENGTH, method="walk", **options)
    expected = 1 - (1 - found.oracle.value) * math.exp(-(LENGTH - 2) * found.z.value)
    assert found.expected.value == pytest.approx(expected, rel=1e-12)
