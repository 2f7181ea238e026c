"""Perturbed and Window: what they promise at every context, and that a canvas and a fused run are the same thing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.streams import stream_states
from mdmtheory.models.canvas_loop import run_on_canvas
from tests import brute_force
from tests.languages.small import hmms, ngrams


@given(language=st.one_of(hmms(), ngrams()), length=st.integers(1, 3), epsilon=st.sampled_from([1e-6, 0.01, 0.3, 5.0]))
def test_perturbed_is_epsilon_away_at_every_context_or_as_far_as_it_can_be(language, length, epsilon):
    rows = brute_force.contexts(language.vocab_size, length)
    exact = mt.Oracle(language).conditionals(rows)
    moved = mt.Perturbed(mt.Oracle(language), epsilon=epsilon).conditionals(rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        divergence = np.where(exact > 0, exact * np.log(exact / moved), 0.0).sum(axis=2)
        furthest = np.where(exact > 0, exact * np.log(exact * language.vocab_size), 0.0).sum(axis=2)
    masked = (rows == language.vocab_size) & (exact.sum(axis=2) > 0)
    np.testing.assert_allclose(divergence[masked], np.minimum(epsilon, furthest[masked]), rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(moved[masked].sum(axis=1), 1)
    assert (moved[~masked] == exact[~masked]).all()


@given(language=st.one_of(hmms(), ngrams()), length=st.integers(1, 4), width=st.integers(0, 4))
def test_window_is_the_oracle_with_everything_else_masked(language, length, width):
    rows = brute_force.contexts(language.vocab_size, length)
    window = mt.Window(language, width=width).conditionals(rows)
    oracle = mt.Oracle(language)
    for i in range(length):
        hidden = np.abs(np.arange(length) - i) > width
        seen = np.where(hidden, language.vocab_size, rows)
        here = rows[:, i] == language.vocab_size
        np.testing.assert_allclose(window[here, i], oracle.conditionals(seen)[here, i], atol=1e-12)


def test_a_window_over_a_language_without_a_chain_asks_its_oracle():
    language = mt.EqualPairs(vocab_size=3)
    rows = brute_force.contexts(3, 4)
    near = mt.Window(language, width=1).conditionals(rows)
    # An impossible pair elsewhere is out of sight.
    possible = mt.Oracle(language).conditionals(rows).sum(axis=2).all(axis=1)
    np.testing.assert_allclose(near[possible], mt.Oracle(language).conditionals(rows)[possible])
    assert 0 < possible.sum() < len(rows)
    blind = mt.Window(language, width=0).conditionals(rows)
    np.testing.assert_allclose(blind[rows == 3], 1 / 3)


@pytest.mark.parametrize(
    "lang", ["hmm", "ngram:order=2", "ngram:order=3", "copy:distance=3", "permutation:items=8", "parity", "repetition"]
)
@pytest.mark.parametrize("epsilon", [0.0, 0.02])
def test_a_fused_run_is_the_loop_over_a_canvas_on_the_same_uniforms(lang, epsilon):
    language = mt.as_language(lang)
    denoiser = mt.Oracle(language) if epsilon == 0 else mt.Perturbed(mt.Oracle(language), epsilon=epsilon)
    plan = np.random.default_rng(0).integers(1, 6, (40, 8))
    fused = denoiser.run_plan(plan, stream_states(lang, 0, 40))
    looped = run_on_canvas(denoiser, plan.astype(np.int32), stream_states(lang, 0, 40))
    assert (fused.tokens == looped.tokens).all()
    assert (fused.impossible == looped.impossible).all()
    assert (fused.calls == looped.calls).all()
    assert (fused.rounds == looped.rounds).all()
    np.testing.assert_allclose(fused.log_probs, looped.log_probs, rtol=1e-9, atol=1e-12)
    x = language.sample(40, 8, seed=1)
    scored = denoiser.run_plan(plan, tokens=x)
    np.testing.assert_allclose(
        scored.log_probs, run_on_canvas(denoiser, plan.astype(np.int32), tokens=x).log_probs, rtol=1e-9, atol=1e-12
    )


def test_a_denoiser_of_a_denoiser_is_perturbed_twice_through_its_canvas():
    language = mt.as_language("hmm:states=4")
    once = mt.Perturbed(mt.Oracle(language), epsilon=0.05)
    twice = mt.Perturbed(once, epsilon=0.05)
    p = mt.MaskedDiffusion(twice, steps=4)
    x = language.sample(50, 12, seed=0)
    assert mt.MaskedDiffusion(once, steps=4).log_prob(x).values.mean() > p.log_prob(x).values.mean()
    assert str(twice.spec) == "perturbed:epsilon=0.05,of=perturbed:epsilon=0.05"


def test_a_prompt_is_revealed_and_never_charged():
    language = mt.EqualPairs(vocab_size=4)
    prompt = np.array([[2, 4, 4, 1]])
    canvas = mt.Oracle(language).open(1, 4, prompt=prompt)
    assert canvas.calls.tolist() == [0]
    marginals = canvas.marginals(np.array([0, 0]), np.array([1, 2]))
    assert marginals.argmax(axis=1).tolist() == [2, 1]
    assert canvas.calls.tolist() == [1]
    canvas.write(np.array([0]), np.array([1]), np.array([4]))
    assert canvas.marginals(np.array([0]), np.array([1]))[0, 2] == 1


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda q: mt.Oracle(q, trust=0.0), "trust is 0.0"),
        (lambda q: mt.Oracle(q, trust=1.5), "trust is 1.5"),
        (lambda q: mt.Perturbed(mt.Oracle(q), epsilon=0.0), "epsilon is 0.0"),
        (lambda q: mt.Window(q, width=-1), "width is -1"),
        (lambda q: mt.Oracle(q).open(1, 4, noise="pink"), "takes no 'pink' noise"),
        (lambda q: mt.Oracle(q).open(1, 4, prompt=np.zeros((2, 4), dtype=int)), "the prompt has shape (2, 4)"),
        (lambda q: mt.Oracle(q).run_plan(np.ones((1, 4), dtype=int)), "neither tokens nor streams"),
        (
            lambda q: mt.Oracle(q).run_plan(np.zeros((1, 4), dtype=int), np.zeros((1, 4), dtype=np.uint64)),
            "number steps from 1",
        ),
        (
            lambda q: mt.Oracle(q).run_plan(np.ones((1, 4), dtype=int), tokens=np.zeros((1, 3), dtype=int)),
            "one plan row for each",
        ),
        (lambda q: mt.Oracle(q).conditionals([[9, 0]]), "outside the vocabulary; use 0..7 or the mask 8"),
    ],
)
def test_bad_calls_say_how_to_mend(build, message):
    with pytest.raises(ValueError, match=".") as error:
        build(mt.as_language("hmm:states=4"))
    assert message in str(error.value)


BIGRAM = mt.NGram([0.5, 0.5], [[0.5, 0.5], [1.0, 0.0]])
TAKES_TOKENS = {
    "oracle conditionals": lambda x: mt.Oracle(BIGRAM).conditionals(x),
    "oracle pairs": lambda x: mt.Oracle(BIGRAM).pairs(x),
    "perturbed conditionals": lambda x: mt.Perturbed(mt.Oracle(BIGRAM), epsilon=0.1).conditionals(x),
    "perturbed window conditionals": lambda x: mt.Perturbed(mt.Window(BIGRAM, width=1), epsilon=0.1).conditionals(x),
    "window conditionals": lambda x: mt.Window(BIGRAM, width=1).conditionals(x),
    "in_support": lambda x: BIGRAM.in_support(x),
    "hmm in_support": lambda x: mt.HMM([1.0], [[1.0]], [[0.5, 0.5]]).in_support(x),
    "parity in_support": lambda x: mt.Parity().in_support(x),
}
TAKES_WHOLE_TOKENS = {
    "log_prob": lambda x: BIGRAM.log_prob(x),
    "hmm log_prob": lambda x: mt.HMM([1.0], [[1.0]], [[0.5, 0.5]]).log_prob(x),
    "parity log_prob": lambda x: mt.Parity().log_prob(x),
    "exact.log_prob": lambda x: mt.exact.log_prob(BIGRAM, x, steps=2),
    "masked log_prob": lambda x: mt.MaskedDiffusion(mt.Oracle(BIGRAM), steps=2).log_prob(x, 0).values,
    "rule log_prob": lambda x: mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="entropy", steps=2).log_prob(x, 0).values,
    "replay": lambda x: mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="entropy", steps=2).replay(x).log_probs,
    "block log_prob": lambda x: mt.BlockDiffusion(mt.Oracle(BIGRAM), block=2, steps=2).log_prob(x, 0).values,
    "ar log_prob": lambda x: mt.Autoregressive(BIGRAM).log_prob(x, 0).values,
    "uniform elbo": lambda x: mt.UniformDiffusion(mt.Oracle(BIGRAM), steps=2).elbo(x, 0),
    "gaussian log_prob": lambda x: mt.GaussianDiffusion(mt.Oracle(BIGRAM), steps=2).log_prob(x, 0).values,
}


@pytest.mark.parametrize("name", [*TAKES_TOKENS, *TAKES_WHOLE_TOKENS])
def test_one_sequence_is_a_batch_of_one(name):
    one = [0, 2, 2, 1] if name in TAKES_TOKENS else [0, 1, 0, 0]
    call = {**TAKES_TOKENS, **TAKES_WHOLE_TOKENS}[name]
    for kind in (list, np.array):
        np.testing.assert_array_equal(call(kind(one)), call([one]))


@pytest.mark.refutes("1.8")
def test_a_perturbed_denoiser_takes_one_sequence():
    perturbed = mt.Perturbed(mt.Oracle(BIGRAM), epsilon=0.1)
    np.testing.assert_array_equal(perturbed.conditionals([0, 2, 2]), perturbed.conditionals([[0, 2, 2]]))
