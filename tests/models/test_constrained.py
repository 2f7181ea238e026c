"""Masked diffusion held to a language: never wrong, and its law against the one-plan products by enumeration."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.conformance.goodness import follows
from mdmtheory.conformance.models import check_model
from mdmtheory.exact.enumeration import all_sequences, joint
from mdmtheory.exact.law import law_cost
from mdmtheory.exact.reveals import all_plans
from mdmtheory.theory.instances import bigram3, hmm2x3

LENGTH = 4
Q = bigram3()
PERTURBED = mt.Perturbed(mt.Oracle(Q), epsilon=0.1)


def constrained(denoiser=PERTURBED, **options):
    return mt.ConstrainedDiffusion(denoiser, **{"language": Q, "steps": 2, **options})


MODELS = {
    "ancestral": constrained(),
    "fixed, tempered": constrained(sampler="fixed:temperature=0.5"),
    "stride": constrained(sampler="stride"),
    "one step": constrained(steps=1),
    "the exact denoiser": constrained(mt.Oracle(Q)),
    "blind": constrained(mt.Window(Q, width=0), sampler="blocks"),
}


def by_hand(model):
    """The mean over plans of what whole sequences of the support have under the steps' products, each divided by Z."""
    plain = mt.MaskedDiffusion(model.denoiser, sampler=model.sampler.spec.name, steps=model.steps)
    inside = all_sequences(3, LENGTH)[joint(Q, LENGTH).reshape(-1) > 0]
    found = np.zeros(joint(Q, LENGTH).shape)
    for plan, weight in zip(*all_plans(plain, LENGTH), strict=True):
        for row in inside:
            p = weight
            for step in np.unique(plan):
                shown, here = np.where(plan < step, row, 3)[None], plan == step
                laws = model.denoiser.conditionals(shown)[0][here] ** (1 / getattr(model.sampler, "temperature", 1.0))
                laws /= laws.sum(axis=1, keepdims=True)
                others = {tuple(each[here]) for each in inside if (each[plan < step] == row[plan < step]).all()}
                masses = {each: math.prod(law[v] for law, v in zip(laws, each, strict=True)) for each in others}
                p *= masses[tuple(row[here])] / sum(masses.values())
            found[tuple(row)] += p
    return found


@pytest.mark.parametrize("name", MODELS)
def test_its_law_is_that_of_steps_given_that_they_can_be_completed(name):
    found = mt.exact.law(MODELS[name], Q, LENGTH)
    assert found.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(found, by_hand(MODELS[name]), atol=1e-13)
    assert follows(MODELS[name].sample(4000, LENGTH, seed=5).tokens, found)


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_wrong(name):
    drawn = MODELS[name].sample(300, 9, seed=1)
    assert Q.in_support(drawn.tokens).all()
    assert not drawn.impossible.any()
    assert mt.ser(MODELS[name], Q, 9, count=200).value == 0


def test_one_token_a_step_of_the_exact_denoiser_is_the_language():
    model = constrained(mt.Oracle(Q), sampler="first_hitting")
    np.testing.assert_allclose(mt.exact.law(model, Q, LENGTH), joint(Q, LENGTH), atol=1e-14)


def test_the_product_of_z_makes_the_unconstrained_law_of_it():
    """p(x | plan) = p_constrained(x | plan) prod Z on the support: the mean of prod Z is what is right (5.2)."""
    model = constrained(sampler="stride")
    plain = mt.MaskedDiffusion(PERTURBED, sampler="stride", steps=2)
    tokens = Q.sample(20, LENGTH, seed=0)
    plan = np.tile(plain.draw_plans(np.zeros((1, 4), dtype=np.uint64), LENGTH), (20, 1))
    ratio = plain.run(plan, tokens=tokens).log_probs.sum(axis=1) - model.log_prob(tokens).values
    assert (ratio < 0).all()
    assert mt.exact.error_rate(mt.exact.law(plain, Q, LENGTH), joint(Q, LENGTH)) == pytest.approx(
        mt.ser(plain, Q, LENGTH, count=2000, method="sharp").value, rel=0.1
    )


def test_log_prob_of_drawn_plans_is_a_lower_bound_whose_terms_have_the_law_for_their_mean():
    model = constrained()
    tokens = Q.sample(5, LENGTH, seed=0)
    law = mt.exact.law(model, Q, LENGTH)
    terms = model.log_prob_terms(tokens, plans=600)
    np.testing.assert_allclose(np.exp(terms).mean(axis=0), [law[tuple(row)] for row in tokens], rtol=0.25)
    assert model.log_prob(tokens).kind == "lower bound"
    assert constrained(sampler="stride").log_prob([[0, 2, 0, 0]]).values.tolist() == [-np.inf]


def test_prompts_stay_and_answers_are_right():
    prompt = np.full((50, 6), 3)
    prompt[:, [0, 3]] = Q.sample(50, 6, seed=2)[:, [0, 3]]
    drawn = constrained(steps=1).sample(50, 6, seed=0, prompt=prompt)
    assert Q.in_support(drawn.tokens).all()
    assert (drawn.tokens[:, [0, 3]] == prompt[:, [0, 3]]).all()
    model = constrained(sampler="stride")
    given = mt.exact.law(model, Q, LENGTH, prompt=[0, 3, 3, 3])
    assert given.sum() == pytest.approx(1, abs=1e-12)


def test_at_temperature_0_a_step_takes_its_best_tokens_that_can_be_completed():
    model = constrained(steps=1, sampler="blocks:temperature=0,ties=lowest")
    laws = PERTURBED.conditionals(np.full((1, LENGTH), 3))[0]
    inside = all_sequences(3, LENGTH)[joint(Q, LENGTH).reshape(-1) > 0]
    masses = [math.prod(law[v] for law, v in zip(laws, row, strict=True)) for row in inside]
    assert model.sample(3, LENGTH, seed=0).tokens.tolist() == [inside[int(np.argmax(masses))].tolist()] * 3
    with pytest.raises(ValueError, match="draws nothing"):
        model.log_prob(inside)
    with pytest.raises(ValueError, match="add ties=lowest"):
        constrained(sampler="blocks:temperature=0")


def test_a_step_that_nothing_of_the_language_is_left_to_is_impossible():
    cycle = mt.NGram([0.4, 0.3, 0.3], np.roll(np.eye(3), 2, 1))
    drawn = constrained(mt.Oracle(cycle), sampler="left_to_right").sample(50, LENGTH, seed=0)
    assert drawn.impossible.any()
    assert (drawn.tokens[drawn.impossible] == 3).any(axis=1).all()


def test_what_it_cannot_be_is_refused():
    blind = mt.Window(Q, width=0)
    for options, said in (
        ({"sampler": "confidence"}, "looks at the sequence"),
        ({"sampler": "stride:precision=float32"}, "float32"),
        ({"language": mt.EqualPairs(vocab_size=2)}, "pass a model of this language"),
    ):
        with pytest.raises(ValueError, match=said):
            constrained(blind, **options)
    with pytest.raises(ValueError, match="no automaton"):
        mt.ConstrainedDiffusion(mt.Oracle("permutation:items=4"), steps=2).sample(1, 4, seed=0)


def test_it_keeps_what_models_promise():
    assert check_model(mt.ConstrainedDiffusion(mt.Oracle(hmm2x3()), sampler="stride", steps=2), hmm2x3()).passed
    assert law_cost(constrained(), LENGTH) < 1e6
