"""Sequences that went wrong are drawn to their end by a law that is known, and nothing else changes."""

from __future__ import annotations

import itertools
from copy import copy
from functools import cache

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.estimate import WithheldError
from mdmtheory.models.finishing import GoingOn
from tests import brute_force

BIGRAM = mt.NGram([0.5, 0.25, 0.25], [[0.5, 0.5, 0.0], [0.25, 0.25, 0.5], [0.5, 0.0, 0.5]])
ORACLE = mt.Oracle(BIGRAM)
JOINT = brute_force.ngram_joint(BIGRAM.initial, BIGRAM.conditional, 4)
MASK = 3
FIELDS = ("tokens", "calls", "rounds", "impossible")


def going_on(trust):
    """The denoiser's law at every position of a context, by Bayes' rule on the joint."""

    @cache
    def conditional(context):
        sure = brute_force.conditionals(JOINT, 3, context)
        return sure if sure.any(axis=1).all() else brute_force.conditionals(JOINT, 3, context, trust)

    return conditional


def law_of(trust):
    """p(x) of ancestral sampling in two steps: every position in either, and each plan by itself."""
    plans, conditional = itertools.product((1, 2), repeat=4), going_on(trust)
    return np.mean([brute_force.plan_law(conditional, 3, plan) for plan in plans], axis=0)


def counts_of(tokens):
    index = tokens.astype(np.int64) @ 3 ** np.arange(3, -1, -1)
    return np.bincount(index, minlength=81)


@pytest.fixture(scope="module")
def finished():
    p = mt.MaskedDiffusion(ORACLE, steps=2)
    return p.sample(40_000, 4, seed=0, finish=True, trust=0.1)


def test_the_law_of_what_is_finished_is_the_enumerated_one(finished):
    law = law_of(0.1)
    assert law.sum() == pytest.approx(1, abs=1e-12)
    assert finished.impossible.sum() > 1000
    assert brute_force.g_test(counts_of(finished.tokens), law) > 1e-4


@pytest.mark.parametrize("trust", [0.999, 0.5])
def test_another_trust_is_another_law(finished, trust):
    assert brute_force.g_test(counts_of(finished.tokens), law_of(trust)) < 1e-6


@pytest.mark.parametrize("sampler", ["confidence:ties=lowest", "entropy_bound:gamma=1.0,ties=lowest"])
def test_the_law_of_a_sampler_that_looks_is_the_enumerated_one(sampler):
    p = mt.MaskedDiffusion(ORACLE, sampler=sampler, steps=2)
    twin = copy(p)
    twin.denoiser = GoingOn(ORACLE, 0.8)
    law = mt.exact.law(twin, BIGRAM, 4)
    samples = p.sample(20_000, 4, seed=0, finish=True, trust=0.8)
    assert samples.impossible.any()
    assert brute_force.g_test(counts_of(samples.tokens), law.ravel()) > 1e-4


CONTEXTS = brute_force.contexts(3, 4)


def test_a_context_that_is_possible_is_answered_as_ever_and_no_other_is_given_up():
    found, conditional = GoingOn(ORACLE, 0.8).conditionals(CONTEXTS), going_on(0.8)
    for context, laws in zip(CONTEXTS, found, strict=True):
        masked = context == MASK
        np.testing.assert_allclose(laws[masked], conditional(tuple(context))[masked], atol=1e-12)


def test_a_perturbed_denoiser_goes_on_perturbed():
    def kl(p, q):
        return (p * np.log(p / q, where=p > 0, out=np.zeros_like(p))).sum(axis=-1)

    masked = CONTEXTS == MASK
    inside, found = (GoingOn(each, 0.8).conditionals(CONTEXTS)[masked] for each in (ORACLE, PERTURBED))
    np.testing.assert_allclose(kl(inside, found), np.minimum(0.05, kl(inside, np.full_like(inside, 1 / 3))), rtol=1e-6)


PERTURBED = mt.Perturbed(ORACLE, epsilon=0.05)


@pytest.mark.parametrize("language", [BIGRAM, mt.Parity()], ids=["chain", "closed"])
def test_a_window_that_trusts_less_is_the_posterior_of_who_sees_so_far(language):
    size, window = language.vocab_size, mt.Window(language, width=1).trusting(0.8)
    every = brute_force.sequences(size, 4)
    joint = np.where(language.in_support(every), np.exp(language.log_prob(every)), 0)
    contexts = brute_force.contexts(size, 4)
    found = window.conditionals(contexts)
    for context, laws in zip(contexts, found, strict=True):
        for i in np.flatnonzero(context == size):
            seen = np.where(np.abs(np.arange(4) - i) <= 1, context, size)
            np.testing.assert_allclose(laws[i], brute_force.conditionals(joint, size, seen, 0.8)[i], atol=1e-12)


HMM = mt.HMM.random(states=6, vocab_size=4, seed=0, prune_transition=1.2, prune_emission=1.0)
EXACT, NOISY = mt.Oracle(HMM), mt.Perturbed(mt.Oracle(HMM), epsilon=0.02)
SAMPLERS = ["ancestral", "fixed", "ancestral:temperature=0.8", "ancestral:precision=float32", "confidence"]
SAMPLERS += ["margin:temperature=0.8", "entropy_bound:gamma=2.0"]
MODELS = [
    *(mt.MaskedDiffusion(EXACT, sampler=sampler, steps=6) for sampler in SAMPLERS),
    mt.MaskedDiffusion(NOISY, steps=6),
    mt.MaskedDiffusion(NOISY, sampler="verify:k=4"),
    mt.MaskedDiffusion(mt.Window(HMM, width=2), sampler="margin", steps=6),
    mt.BlockDiffusion(EXACT, block=8, steps=4),
    mt.BlockDiffusion(EXACT, block=8, steps=4, sampler="confidence"),
    mt.Autoregressive(NOISY),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model.spec))
def test_sequences_that_never_go_wrong_are_the_same_and_wrong_ones_begin_the_same(model):
    plain, whole = (model.sample(60, 24, seed=3, finish=finish) for finish in (False, True))
    wrong = plain.impossible
    assert wrong.any()
    assert (whole.impossible == wrong).all()
    for name in FIELDS:
        assert (getattr(plain, name)[~wrong] == getattr(whole, name)[~wrong]).all(), name
    shown = plain.tokens < HMM.vocab_size
    assert (plain.tokens[shown] == whole.tokens[shown]).all()
    assert (~shown).any()
    assert (whole.tokens < HMM.vocab_size).all()
    # A sampler that checks what it drew costs the more the more of it is left to check.
    assert "verify" in str(model.spec) or (whole.calls[wrong] >= plain.calls[wrong]).all()
    # What was impossible stays so, whatever stands there in the end.
    assert not HMM.in_support(whole.tokens[wrong]).any()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model.spec))
def test_what_is_finished_depends_on_its_number_alone(model):
    whole = model.sample(20, 24, seed=3, finish=True, threads=2)
    pieces = [model.sample(n, 24, seed=3, first=first, finish=True, threads=1) for first, n in ((0, 7), (7, 13))]
    for name in FIELDS:
        assert (np.concatenate([getattr(piece, name) for piece in pieces]) == getattr(whole, name)).all(), name


def test_a_fixed_number_of_steps_costs_all_of_them_in_the_end():
    p = mt.MaskedDiffusion(EXACT, sampler="fixed", steps=6)
    plain, whole = (p.sample(200, 24, seed=0, finish=finish) for finish in (False, True))
    assert plain.calls.mean() < 6
    assert (whole.calls == 6).all()
    assert (whole.rounds == 6).all()


def test_answers_to_prompts_that_are_impossible_are_finished_too():
    p = mt.MaskedDiffusion(ORACLE, steps=2)
    prompt = [0, 2, MASK, MASK]  # no sequence of the language begins so
    assert p.sample(5, 4, seed=0, prompt=prompt).unfinished.all()
    whole = p.sample(5, 4, seed=0, prompt=prompt, finish=True)
    assert (whole.tokens[:, :2] == [0, 2]).all()
    assert (whole.tokens < MASK).all()
    assert whole.impossible.all()
    ar = mt.Autoregressive(BIGRAM).sample(5, 4, seed=0, prompt=prompt, finish=True)
    assert (ar.tokens < MASK).all()


@pytest.mark.parametrize("make", [mt.UniformDiffusion, mt.GaussianDiffusion])
def test_where_every_token_may_change_nothing_is_left_to_finish(make):
    p = make(ORACLE, steps=3)
    plain, whole = (p.sample(20, 4, seed=0, finish=finish) for finish in (False, True))
    assert (plain.tokens == whole.tokens).all()
    assert not plain.unfinished.any()


class Sure:
    """A denoiser of one's own that gives up, and says no more."""

    vocab_size, spec, noises, identity = 3, mt.Spec.of("sure"), frozenset({"masked"}), "sure"
    open = staticmethod(ORACLE.open)


class LessSure(Sure):
    trusting = staticmethod(lambda trust: mt.Oracle(BIGRAM, trust=trust))


def test_a_denoiser_of_ones_own_says_how_it_goes_on_or_is_refused():
    p = mt.MaskedDiffusion(Sure(), steps=2)
    with pytest.raises(ValueError, match=r"sure gives up at impossible contexts .* give it `trusting\(trust\)`"):
        p.sample(200, 4, seed=0, finish=True)
    whole = mt.MaskedDiffusion(LessSure(), steps=2).sample(200, 4, seed=0, finish=True)
    assert whole.impossible.any()
    assert (whole.tokens < MASK).all()
    assert not p.sample(1, 1, seed=0, finish=True).impossible.any()  # nothing was given up


@pytest.mark.parametrize("options", [{"trust": 0.9}, {"finish": True, "trust": 1}, {"finish": True, "trust": 0.0}])
@pytest.mark.parametrize("model", [mt.MaskedDiffusion(ORACLE), mt.UniformDiffusion(ORACLE), mt.Autoregressive(BIGRAM)])
def test_a_trust_that_is_none_is_refused(model, options):
    with pytest.raises(ValueError, match=r"^trust "):
        model.sample(1, 4, seed=0, **options)


# ------------------------------------------------------------------------------------------------- what was drawn says


def test_masks_are_no_tokens_and_calls_of_what_was_given_up_no_price():
    p = mt.MaskedDiffusion(EXACT, sampler="fixed", steps=6)
    plain, whole = (p.sample(400, 24, seed=0, finish=finish) for finish in (False, True))
    assert (plain.unfinished == (plain.tokens == HMM.vocab_size).any(axis=1)).all()
    assert len(plain.finished) == 400 - plain.impossible.sum() > 50
    assert (plain.finished < HMM.vocab_size).all()
    assert plain.calls.mean() < 6 == float(plain.mean_calls()) == float(plain.mean_rounds())
    assert plain.mean_calls(0.9).level == 0.9
    assert (plain.mean_calls().kind, plain.mean_calls().count) == ("estimate", len(plain.finished))
    assert (len(whole.finished), float(whole.mean_calls())) == (400, 6)
    assert f"{plain.impossible.sum()} impossible, {plain.impossible.sum()} unfinished" in repr(plain)
    assert f"{plain.impossible.sum()} impossible, 0 unfinished" in repr(whole)
    with pytest.raises(WithheldError, match="draw 50 or more"):
        p.sample(10, 24, seed=0).mean_calls()


def test_mean_calls_are_those_of_the_table(tmp_path):
    [cell] = mt.cells("ngram:order=2", length=32, steps=8, metrics="ser", samples=1024)
    frame = mt.collect([cell], out=tmp_path / "store.sqlite")
    q = mt.as_language("ngram:order=2")
    drawn = mt.MaskedDiffusion(mt.Oracle(q), steps=8).sample(1024, 32, seed=0)
    assert drawn.impossible.any()
    assert float(drawn.mean_calls()) == pytest.approx(frame["calls"][0], rel=1e-12)
    assert float(drawn.mean_rounds()) == pytest.approx(frame["rounds"][0], rel=1e-12)
