"""Masked diffusion held to a language: never wrong, and its law against the one-plan products by enumeration."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.conformance.goodness import follows
from mdmtheory.conformance.models import check_model
from mdmtheory.core.defaults import DenoiserDefaults
from mdmtheory.core.misfits import MisfitError
from mdmtheory.exact.enumeration import all_sequences, joint
from mdmtheory.exact.law import law_cost
from mdmtheory.exact.reveals import all_plans
from mdmtheory.models import MODELS as MODELS_REGISTER
from mdmtheory.models.block import BlockDiffusion
from mdmtheory.plans import Ancestral
from mdmtheory.samplers.planned import Planned
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
    for model in (constrained(sampler="stride"), constrained()):
        row = np.array([0, 3, 3, 3])
        given = mt.exact.law(model, Q, LENGTH, prompt=row)
        assert given.sum() == pytest.approx(1, abs=1e-12)
        answers = model.sample(3000, LENGTH, seed=1, prompt=np.tile(row, (3000, 1))).tokens
        assert follows(answers, given)
    scored = constrained(sampler="stride").log_prob(answers[:20], prompt=np.tile(row, (20, 1))).values
    law = mt.exact.law(constrained(sampler="stride"), Q, LENGTH, prompt=row)
    np.testing.assert_allclose(np.exp(scored), [law[tuple(each)] for each in answers[:20]], rtol=1e-12)


def test_at_temperature_0_a_step_takes_its_best_tokens_that_can_be_completed():
    model = constrained(steps=1, sampler="blocks:temperature=0,ties=lowest")
    laws = PERTURBED.conditionals(np.full((1, LENGTH), 3))[0]
    inside = all_sequences(3, LENGTH)[joint(Q, LENGTH).reshape(-1) > 0]
    masses = [math.prod(law[v] for law, v in zip(laws, row, strict=True)) for row in inside]
    assert model.sample(3, LENGTH, seed=0).tokens.tolist() == [inside[int(np.argmax(masses))].tolist()] * 3
    law = mt.exact.law(model, Q, LENGTH)
    assert law.max() == 1
    assert tuple(inside[int(np.argmax(masses))]) == np.unravel_index(int(law.argmax()), law.shape)
    random = constrained(sampler="ancestral:temperature=0,ties=lowest")
    assert follows(random.sample(2000, LENGTH, seed=3).tokens, mt.exact.law(random, Q, LENGTH))
    for options, said in (("", "add ties=lowest"), (",ties=lowest,nucleus=0.5", "leave these out")):
        with pytest.raises(ValueError, match=said):
            constrained(sampler=f"blocks:temperature=0{options}")


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
        ({"sampler": "ancestral:precision=float32"}, "looks at the sequence"),
        ({"sampler": "ancestral:precision=float32,constrained=true"}, "without float32 noise"),
        ({"sampler": "stride:constrained=1"}, "pass true or false"),
        ({"language": mt.EqualPairs(vocab_size=2)}, "pass a model of this language"),
    ):
        with pytest.raises(ValueError, match=said):
            constrained(blind, **options)
    with pytest.raises(MisfitError, match="no automaton"):
        mt.ConstrainedDiffusion(mt.Oracle("latin"), steps=2).sample(1, 16, seed=0)


def test_it_keeps_what_models_promise():
    model = BlockDiffusion(mt.Oracle(hmm2x3()), block=2, sampler="stride:constrained=true", steps=2)
    assert check_model(model, hmm2x3()).passed
    assert law_cost(constrained(), LENGTH) < 1e6


def test_the_option_and_the_other_name_make_one_model():
    oracle = mt.Oracle(Q)
    named = mt.MaskedDiffusion(oracle, sampler="ancestral:temperature=0.5,constrained=true", steps=2)
    for other in (
        mt.ConstrainedDiffusion(oracle, sampler="ancestral:temperature=0.5", steps=2),
        mt.MaskedDiffusion(oracle, sampler=Planned(Ancestral(), temperature=0.5, constrained=True), steps=2),
        MODELS_REGISTER.build("masked", Q, oracle, "ancestral:temperature=0.5,constrained=true", 2, "linear"),
    ):
        assert other.identity == named.identity
        assert other.spec == named.spec
        np.testing.assert_array_equal(other.sample(9, 7, seed=1).tokens, named.sample(9, 7, seed=1).tokens)
    assert named.identity != mt.MaskedDiffusion(oracle, sampler="ancestral:temperature=0.5", steps=2).identity
    assert str(mt.MaskedDiffusion(oracle, sampler="stride:constrained=false").spec) == (
        "masked:denoiser=oracle,sampler=stride,steps=64"
    )


def test_blocks_are_completed_to_the_whole_sequence():
    """Of one block masked diffusion, and of blocks of one autoregression, whose law is the language's."""
    model = {size: BlockDiffusion(PERTURBED, block=size, sampler="stride:constrained=true", steps=2) for size in (2, 4)}
    np.testing.assert_array_equal(
        mt.exact.law(model[4], Q, LENGTH), mt.exact.law(constrained(sampler="stride"), Q, LENGTH)
    )
    assert Q.in_support(model[2].sample(300, 9, seed=0).tokens).all()
    one = BlockDiffusion(mt.Oracle(Q), block=1, sampler="ancestral:constrained=true", steps=1)
    np.testing.assert_allclose(mt.exact.law(one, Q, LENGTH), joint(Q, LENGTH), atol=1e-14)


def test_a_language_is_told_where_it_is_needed_and_nowhere_else():
    class Stranger(DenoiserDefaults):
        """Says nothing of its language."""

        spec, identity, vocab_size, noises = mt.Spec("stranger"), ["stranger"], 3, frozenset({"masked"})

        def open(self, *arguments, **options):
            return mt.Oracle(Q).open(*arguments, **options)

    with pytest.raises(ValueError, match=r"the denoiser stranger does not say of which language it is; pass language="):
        mt.MaskedDiffusion(Stranger(), sampler="stride:constrained=true")
    told = mt.MaskedDiffusion(Stranger(), sampler="stride:constrained=true", language=Q, steps=2)
    assert Q.in_support(told.sample(50, 9, seed=0).tokens).all()
    assert dict(told.spec.options)["language"] == str(Q.spec)
    with pytest.raises(ValueError, match="sampler stride is held to none; leave it out"):
        mt.MaskedDiffusion(mt.Oracle(Q), sampler="stride", language=Q)
    with pytest.raises(ValueError, match="gives up where no step can be completed"):
        constrained().sample(1, 4, seed=0, finish=True)
