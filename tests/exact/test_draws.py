"""Laws of samplers that look: by replay, by enumerating draws, by drawing, and by hand; docs/theory.md, section 6."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.exact.draws import _numbered, law_by_draws
from tests import brute_force
from tests.languages.small import hmms, ngrams

HMM = mt.HMM([0.3, 0.7], [[0.5, 0.5], [0.0, 1.0]], [[0.5, 0.5, 0.0], [0.1, 0.0, 0.9]])
BIGRAM = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0], [0, 0.6, 0.4], [0.5, 0, 0.5]])
TRIGRAM = mt.NGram([[0.25, 0.25], [0.5, 0]], [[[0.5, 0.5], [1, 0]], [[0.3, 0.7], [0.2, 0.8]]])
LANGUAGES = {"hmm": HMM, "bigram": BIGRAM, "trigram": TRIGRAM, "equal_pairs": mt.EqualPairs(vocab_size=2)}
RULES = [
    "confidence",
    "confidence:temperature=0.5",
    "margin",
    "entropy",
    "entropy_bound:gamma=0.5",
    "entropy_bound:gamma=1,temperature=2",
    "entropy_sum:h=1.2",
    "threshold:tau=0.6",
    "threshold:tau=0.6,temperature=0",
    "independent:mu=0.1",
    "entropy:nucleus=0.8",
]
DRAWN = ["draw_confidence", "draw_confidence:temperature=0.5", "draw_confidence:temperature=0"]


def cells_of(samples, law):
    """Counts of the whole sequences, and of those that met an impossible context."""
    counts = np.zeros(law.shape)
    np.add.at(counts, tuple(samples.tokens[~samples.impossible].T.astype(int)), 1)
    return [*counts.reshape(-1), samples.impossible.sum()]


def with_failures(law):
    # What is missing by rounding alone is not possible.
    return [*law.reshape(-1), max(round(1 - law.sum(), 12), 0.0)]


@pytest.mark.parametrize("rule", RULES + DRAWN)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_model_draws_from_its_law(rule, lang):
    language = LANGUAGES[lang]
    model = mt.MaskedDiffusion(mt.Oracle(language), sampler=rule, steps=2, schedule="cosine")
    law = mt.exact.law(model, language, 4)
    assert law.shape == (language.vocab_size,) * 4
    cells = cells_of(model.sample(8_000, 4, seed=3), law)
    assert brute_force.g_test(cells, with_failures(law)) > 1e-4


@pytest.mark.parametrize(
    ("rule", "twin"),
    [
        ("confidence", "draw_confidence"),
        ("draw_confidence", "confidence"),
        ("entropy_bound:gamma=1.2", "entropy_sum:h=1.2"),
        ("threshold:tau=0.6", "threshold:tau=0.6,temperature=0.9"),
    ],
)
def test_draws_refute_another_rule(rule, twin):
    model = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler=rule, steps=2)
    other = mt.exact.law(mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler=twin, steps=2), BIGRAM, 4)
    assert brute_force.g_test(cells_of(model.sample(8_000, 4, seed=3), other), with_failures(other)) < 1e-4


@given(
    language=st.one_of(hmms(most_states=3), ngrams()),
    rule=st.sampled_from(RULES),
    length=st.integers(1, 4),
    steps=st.integers(1, 4),
)
def test_replay_is_the_enumeration_of_draws(language, rule, length, steps):
    model = mt.MaskedDiffusion(mt.Oracle(language), sampler=rule, steps=steps)
    replayed = mt.exact.law(model, language, length)
    np.testing.assert_allclose(replayed, law_by_draws(model, length), rtol=1e-9, atol=1e-13)
    assert replayed.sum() <= 1 + 1e-9


@pytest.mark.parametrize(
    "denoiser", [mt.Perturbed(mt.Oracle(HMM), epsilon=0.05), mt.Window(HMM, width=1), mt.Oracle(HMM, trust=0.9)]
)
def test_replay_is_the_enumeration_of_draws_for_other_denoisers(denoiser):
    model = mt.MaskedDiffusion(denoiser, sampler="margin", steps=3)
    np.testing.assert_allclose(mt.exact.law(model, HMM, 4), law_by_draws(model, 4), rtol=1e-9, atol=1e-14)


@given(language=st.one_of(hmms(most_states=3), ngrams()), length=st.integers(1, 4))
def test_one_at_a_time_is_exact_unless_the_choice_looks_at_draws(language, length):
    q = mt.exact.joint(language, length)
    for rule in ("confidence", "margin", "entropy"):
        p = mt.exact.law(mt.MaskedDiffusion(mt.Oracle(language), sampler=rule, steps=length), language, length)
        np.testing.assert_allclose(p, q, rtol=1e-9, atol=1e-13)
    p = mt.exact.law(mt.MaskedDiffusion(mt.Oracle(language), sampler="draw_confidence", steps=length), language, length)
    # One at a time never leaves the support; the law inside it is another.
    assert p.sum() == pytest.approx(1)
    assert p[q == 0].sum() == pytest.approx(0, abs=1e-12)


def test_drawn_confidence_is_biased_at_one_token_a_call():
    language = mt.NGram([[0.4, 0.1], [0.2, 0.3]], np.full((2, 2, 2), 0.5))
    p = mt.exact.law(mt.MaskedDiffusion(mt.Oracle(language), sampler="draw_confidence", steps=2), language, 2)
    np.testing.assert_allclose(p, [[0.56, 0.04], [0.28, 0.12]], atol=1e-12)


@pytest.mark.parametrize("p", [0.55, 0.7, 0.9])
@pytest.mark.parametrize("length", [1, 3, 6])
def test_drawn_confidence_on_independent_tokens(p, length):
    language = mt.NGram(1.0, [p, 1 - p])
    law = mt.exact.law(
        mt.MaskedDiffusion(mt.Oracle(language), sampler="draw_confidence", steps=length), language, length
    )
    left = np.arange(1, length + 1)
    assert law[(0,) * length] == pytest.approx(np.prod(1 - (1 - p) ** left), rel=1e-12)
    modes = (mt.exact.all_sequences(2, length) == 0).mean(axis=1) @ law.reshape(-1)
    assert modes == pytest.approx(1 - ((1 - p) ** left).mean(), rel=1e-12)


def test_the_entropy_that_drawn_confidence_leaves():
    # The number of rare tokens is a sum of independent indicators of probability (1-p)^m. If ties were broken by a
    # random order the sequence would be uniform given that number; a fixed order can only leave less.
    p, length = 0.7, 64
    counts = np.ones(1)
    for m in range(1, length + 1):
        rare = (1 - p) ** m
        counts = np.convolve(counts, [1 - rare, rare])
    inside = counts > 0
    entropy = -(counts[inside] * np.log(counts[inside])).sum()
    entropy += sum(c * math.log(math.comb(length, k)) for k, c in enumerate(counts))
    assert entropy == pytest.approx(2.55, abs=5e-3)
    assert length * -(p * math.log(p) + (1 - p) * math.log(1 - p)) == pytest.approx(39.1, abs=5e-2)
    model = mt.MaskedDiffusion(mt.Oracle(mt.NGram(1.0, [p, 1 - p])), sampler="draw_confidence", steps=length)
    rare = model.sample(1_500, length, seed=0).tokens.sum(axis=1)
    assert brute_force.g_test(np.bincount(rare, minlength=length + 1), counts) > 1e-4


def divergence_and_calls(language, length, gamma):
    """KL(q || p) and E_q[calls] of the entropy bound, by enumeration."""
    model = mt.MaskedDiffusion(mt.Oracle(language), sampler=f"entropy_bound:gamma={gamma}")
    q = mt.exact.joint(language, length).reshape(-1)
    inside = q > 0
    run = model.replay(mt.exact.all_sequences(language.vocab_size, length)[inside])
    divergence = q[inside] @ (np.log(q[inside]) - run.log_probs.sum(axis=1))
    return divergence, q[inside] @ run.calls


@given(
    language=st.one_of(hmms(), ngrams()),
    length=st.integers(1, 4),
    gamma=st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0]),
)
def test_the_entropy_bound_bounds_the_divergence(language, length, gamma):
    divergence, calls = divergence_and_calls(language, length, gamma)
    assert divergence <= gamma * calls + 1e-9
    assert 1 - 1e-9 <= calls <= length + 1e-9


def test_the_entropy_bound_is_attained_by_two_equal_tokens_and_its_twin_refuted():
    divergence, calls = divergence_and_calls(mt.EqualPairs(vocab_size=2), 2, math.log(2))
    assert calls == 1
    assert divergence == pytest.approx(math.log(2), rel=1e-12)
    assert divergence > 0.999 * math.log(2) * calls


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: mt.exact.law(mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="draw_confidence"), BIGRAM, 12),
            "what draw_conf",
        ),
        (
            lambda: mt.exact.law(mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="entropy"), BIGRAM, 40),
            r"3\^40 sequences",
        ),
        (lambda: law_by_draws(mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="stride"), 3), "pass an adaptive sampler"),
    ],
)
def test_what_cannot_be_enumerated_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_no_whole_number_of_steps_is_needed_by_what_has_no_budget():
    model = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="entropy_sum:h=1")
    other = mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="entropy_sum:h=1", steps=3, schedule="cosine")
    np.testing.assert_array_equal(mt.exact.law(model, BIGRAM, 4), mt.exact.law(other, BIGRAM, 4))


@pytest.mark.parametrize("columns", [1, 4, 70])
def test_rows_are_numbered_in_their_order_however_many_columns_they_have(columns):
    drawn = np.random.default_rng(columns).integers(0, 3, (200, columns))
    drawn[100:] = drawn[:100]
    found = _numbered([drawn[:, : columns // 2].astype(np.uint8), drawn[:, columns // 2 :] / 7 - 0.2])
    ranks, expected = (np.unique(each, axis=0, return_inverse=True)[1].reshape(-1) for each in (found[:, None], drawn))
    np.testing.assert_array_equal(ranks, expected)
