"""Posteriors under any evidence against Bayes' rule on the enumerated joint, also where float64 would lose them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.oracles.evidence import GaussianEvidence, UniformEvidence
from tests import brute_force
from tests.languages.small import hmms, ngrams

CLOSED = {
    "pairs": mt.EqualPairs(vocab_size=3),
    "copy": mt.Copy(distance=2, vocab_size=2),
    "parity": mt.Parity(),
    "repetition": mt.Repetition(vocab_size=3),
    "permutation": mt.Permutation(items=4),
}
FINITE = st.floats(-9, 3, allow_nan=False)


def by_bayes(language, logs, leave_one_out=False):
    """(L, V) posteriors of one row by summing over all sequences, in logarithms."""
    length, vocab_size = logs.shape
    every = brute_force.sequences(vocab_size, length)
    prior = language.log_prob(every)
    out = np.zeros((length, vocab_size))
    total = logs[np.arange(length), every]
    if np.logaddexp.reduce(prior + total.sum(axis=1)) == -np.inf:
        return out
    for i in range(length):
        left_out = [j for j in range(length) if j != i or not leave_one_out]
        weights = prior + total[:, left_out].sum(axis=1)
        found = np.array([np.logaddexp.reduce(weights[every[:, i] == v]) for v in range(vocab_size)])
        out[i] = np.exp(found - found.max())
        out[i] /= out[i].sum()
    return out


def check(language, logs, leave_one_out, atol=1e-12):
    got = language.oracle().posterior(logs, leave_one_out=leave_one_out)
    for row, found in zip(logs, got, strict=True):
        np.testing.assert_allclose(found, by_bayes(language, row, leave_one_out), rtol=1e-9, atol=atol)


@given(language=st.one_of(hmms(), ngrams()), length=st.integers(1, 4), out=st.booleans(), data=st.data())
def test_chains_weigh_any_evidence(language, length, out, data):
    size = length * language.vocab_size
    rows = data.draw(st.lists(st.lists(FINITE, min_size=size, max_size=size), min_size=1, max_size=3))
    check(language, np.array(rows).reshape(-1, length, language.vocab_size), out)


@given(language=st.one_of(hmms(), ngrams()), length=st.integers(1, 4), seed=st.integers(0, 99), data=st.data())
def test_evidence_that_excludes_tokens_or_shouts_is_weighed_without_loss(language, length, seed, data):
    size = length * language.vocab_size
    loud = st.sampled_from([-math.inf, -40_000.0, -900.0, -700.0, -1.0, 0.0])
    rows = data.draw(st.lists(st.lists(loud, min_size=size, max_size=size), min_size=1, max_size=3))
    logs = np.array(rows).reshape(-1, length, language.vocab_size)
    check(language, logs, leave_one_out=False)
    # A row that the own evidence alone makes impossible has no law to leave it out of.
    possible = language.oracle().posterior(logs).sum(axis=2).all(axis=1)
    if possible.any():
        check(language, logs[possible], leave_one_out=True)


@pytest.mark.parametrize("name", CLOSED)
@given(length=st.integers(1, 4), out=st.booleans(), data=st.data())
def test_closed_forms_weigh_any_evidence(name, length, out, data):
    language = CLOSED[name]
    size = length * language.vocab_size
    loud = st.one_of(FINITE, st.sampled_from([-math.inf, -40_000.0, -900.0]))
    rows = data.draw(st.lists(st.lists(loud, min_size=size, max_size=size), min_size=1, max_size=3))
    check(language, np.array(rows).reshape(-1, length, language.vocab_size), out)


@pytest.mark.parametrize("lang", ["hmm:states=6", "dyck", "ngram:order=1", "ngram:order=2", "ngram:order=3"])
def test_the_pass_in_logs_agrees_with_the_plain_one(lang, monkeypatch):
    language = mt.as_language(lang)
    logs = 3 * np.random.default_rng(0).standard_normal((70, 40, language.vocab_size))
    for out in (False, True):
        plain = language.oracle().posterior(logs, leave_one_out=out)
        with monkeypatch.context() as patch:
            patch.setattr(type(language.oracle()), "_quick", lambda oracle, leave_out: None)
            in_logs = language.oracle().posterior(logs, leave_one_out=out)
        assert (in_logs != plain).any()
        np.testing.assert_allclose(in_logs, plain, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("kept", [0.0, 1e-9, 0.3, 0.999])
@pytest.mark.parametrize("out", [False, True])
@given(language=st.one_of(hmms(), ngrams(), st.sampled_from(list(CLOSED.values()))), length=st.integers(1, 4))
def test_uniform_noise_is_soft_evidence_of_every_token(kept, out, language, length):
    rows = brute_force.sequences(language.vocab_size, length)[::3]
    evidence = UniformEvidence(rows, kept, language.vocab_size)
    got = language.oracle().posterior(evidence, leave_one_out=out)
    for logs, found in zip(evidence.log_likelihood(), got, strict=True):
        np.testing.assert_allclose(found, by_bayes(language, logs, out), rtol=1e-9, atol=1e-12)


def test_uniform_noise_needs_no_permanent():
    language = mt.Permutation(items=14)
    rows = np.array([[0, 0, 13], [5, 6, 7]])
    evidence = UniformEvidence(rows, 0.7, 14)
    got = language.oracle().posterior(evidence)
    for logs, found in zip(evidence.log_likelihood(), got, strict=True):
        np.testing.assert_allclose(found, by_bayes(language, logs), rtol=1e-9, atol=1e-12)


def test_two_halves_that_contradict_each_other_are_weighed_however_sure_they_are():
    """Two frozen states: 40 tokens speak for one, 41 for the other, each by a factor of 1e15."""
    language = mt.HMM([0.5, 0.5], np.eye(2), np.eye(2))
    tokens = np.array([[0] * 40 + [1] * 41])
    got = language.oracle().posterior(UniformEvidence(tokens, 1 - 2e-15, 2))
    np.testing.assert_allclose(got[0], [[0, 1]] * 81, atol=1e-14)
    values = np.where(tokens == 0, 1.0, -1.0)[:, :, None]
    got = language.oracle().posterior(GaussianEvidence(values, 1 - 1e-6, np.array([[1.0], [-1.0]])))
    np.testing.assert_allclose(got[0], [[0, 1]] * 81, atol=1e-14)
    # Forty against forty is a draw, also where each speaks by exp(-40,000).
    logs = np.zeros((1, 80, 2))
    logs[0, :40, 1] = logs[0, 40:, 0] = -40_000.0
    np.testing.assert_allclose(language.oracle().posterior(logs), 0.5, atol=1e-9)


def test_gaussian_evidence_is_the_density_up_to_a_constant():
    rng = np.random.default_rng(0)
    embedding, values = rng.standard_normal((5, 3)), rng.standard_normal((2, 4, 3))
    logs = GaussianEvidence(values, 0.6, embedding).log_likelihood()
    density = -((values[:, :, None] - np.sqrt(0.6) * embedding) ** 2).sum(axis=3) / 0.8
    difference = logs - density
    np.testing.assert_allclose(difference, difference[:, :, :1] * np.ones(5), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("lang", ["hmm", "ngram:order=4", "copy", "parity", "permutation:items=9"])
def test_posteriors_do_not_depend_on_threads_or_neighbours(lang):
    language = mt.as_language(lang)
    logs = 4 * np.random.default_rng(1).standard_normal((67, 9, language.vocab_size))
    whole = language.oracle().posterior(logs, threads=2)
    pieces = [language.oracle().posterior(logs[a:b], threads=1) for a, b in ((0, 1), (1, 30), (30, 67))]
    assert (np.concatenate(pieces) == whole).all()


@pytest.mark.parametrize(
    ("oracle", "ask", "reason"),
    [
        (mt.Oracle(mt.Permutation(items=13)), np.zeros((1, 2, 13)), "takes no 'gaussian'.*permanent.*known: masked"),
        (
            mt.Oracle(mt.Parity(), trust=0.9),
            np.zeros((1, 2, 2)),
            "takes no 'gaussian' noise.*use trust 1; known: masked",
        ),
        (mt.Oracle(mt.Parity(), trust=0.9), UniformEvidence(np.zeros((1, 2), int), 0.5, 2), "takes no 'uniform' noise"),
        (mt.Oracle(mt.Parity()), np.zeros((1, 2, 3)), "pass \\(count, length, 2\\)"),
        (mt.Oracle(mt.Parity()), np.full((1, 2, 2), np.nan), "holds NaN"),
        (mt.Oracle(mt.Parity()), np.full((1, 2, 2), np.inf), "holds NaN or .inf"),
    ],
)
def test_what_has_no_posterior_is_refused_in_one_line(oracle, ask, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        oracle.posterior(ask)
    assert "\n" not in str(caught.value)


def test_canvases_of_noise_count_calls_and_take_no_prompt():
    oracle = mt.Oracle(mt.as_language("hmm"))
    canvas = oracle.open(3, 5, noise="uniform")
    canvas.posterior(UniformEvidence(np.zeros((3, 5), int), 0.5, 8))
    assert (canvas.calls == 1).all()
    assert (canvas.rounds == 1).all()
    with pytest.raises(ValueError, match="given a prompt is known under"):
        oracle.open(1, 2, noise="gaussian", prompt=np.array([[0, 8]]))
    with pytest.raises(ValueError, match="takes no 'pink' noise; known: gaussian, masked, uniform"):
        oracle.open(1, 2, noise="pink")
    with pytest.raises(ValueError, match="kept is 1.*nothing to infer"):
        UniformEvidence(np.zeros((3, 5), int), 1, 8)


@given(epsilon=st.sampled_from([0.01, 0.3]), kept=st.sampled_from([0.2, 0.9]))
def test_perturbed_posteriors_are_epsilon_away(epsilon, kept):
    language = mt.as_language("hmm:states=4,vocab_size=3")
    evidence = UniformEvidence(language.sample(10, 6, 0), kept, 3)
    exact, moved = (
        denoiser.open(10, 6, noise="uniform").posterior(evidence)
        for denoiser in (mt.Oracle(language), mt.Perturbed(mt.Oracle(language), epsilon=epsilon))
    )
    terms = np.where(exact > 0, exact * np.log(np.where(exact > 0, exact, 1) / moved), 0.0).sum(axis=2)
    furthest = np.where(exact > 0, exact * np.log(np.where(exact > 0, exact, 1) * 3), 0.0).sum(axis=2)
    np.testing.assert_allclose(terms, np.minimum(epsilon, furthest), rtol=1e-7, atol=1e-12)
