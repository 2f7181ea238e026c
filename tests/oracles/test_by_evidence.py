"""Oracles around one pass over the evidence, against sums over all sequences: uniform noise, likelihoods, zeros."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.exact.enumeration import all_sequences, joint
from mdmtheory.languages.affine import Affine
from mdmtheory.languages.balanced import Balanced
from mdmtheory.languages.forest import Forest

LANGUAGES = [
    Affine([[1, 0, 1, 1], [0, 1, 1, 0]], [1, 0]),
    Balanced(),
    Forest([0.3, 0.7, 0.0], [[0.9, 0.1, 0.0], [0.2, 0.3, 0.5], [0.0, 1.0, 0.0]], [-1, 0, 0, 2]),
]


def by_sums(language, length, likelihood, leave_one_out):
    """The posterior of each token from all sequences, each weighed with its likelihoods."""
    q, sequences = joint(language, length).reshape(-1), all_sequences(language.vocab_size, length).astype(int)
    out = np.zeros(likelihood.shape)
    for row, evidence in enumerate(likelihood):
        terms = evidence[np.arange(length), sequences]
        for position in range(length):
            kept = np.arange(length) != position if leave_one_out else np.ones(length, dtype=bool)
            weights = q * terms[:, kept].prod(axis=1)
            np.add.at(out[row, position], sequences[:, position], weights)
    totals = out.sum(axis=2, keepdims=True)
    return np.divide(out, totals, out=np.zeros_like(out), where=totals > 0)


@pytest.mark.parametrize("leave_one_out", [False, True])
@pytest.mark.parametrize("language", LANGUAGES, ids=["affine", "balanced", "forest"])
def test_any_evidence(language, leave_one_out):
    rng = np.random.default_rng(3)
    likelihood = rng.random((40, 4, language.vocab_size)) * (rng.random((40, 4, language.vocab_size)) < 0.8)
    likelihood[likelihood.sum(axis=2) == 0] = 1.0
    with np.errstate(divide="ignore"):
        # A constant of each position changes nothing.
        logs = np.log(likelihood) + rng.normal(size=(40, 4, 1)) * 50
    found = mt.Oracle(language).posterior(logs, leave_one_out=leave_one_out)
    expected = by_sums(language, 4, likelihood, leave_one_out)
    possible = expected.any(axis=(1, 2)) & by_sums(language, 4, likelihood, False).any(axis=(1, 2))
    np.testing.assert_allclose(found[possible], expected[possible], atol=1e-11)


@pytest.mark.parametrize("language", LANGUAGES, ids=["affine", "balanced", "forest"])
def test_uniform_noise(language):
    tokens = language.sample(20, 4, 0)
    tokens[:, 1] = 0
    evidence = mt.UniformEvidence(tokens, 0.4, language.vocab_size)
    oracle = mt.Oracle(language)
    expected = by_sums(language, 4, evidence.likelihood(), False)
    np.testing.assert_allclose(oracle.posterior(evidence), expected, atol=1e-11)
    canvas = oracle.open(20, 4, noise="uniform")
    np.testing.assert_allclose(canvas.posterior(evidence), expected, atol=1e-11)
    assert (np.asarray(canvas.calls) == 1).all()


@pytest.mark.parametrize("language", LANGUAGES, ids=["affine", "balanced", "forest"])
def test_what_is_refused(language):
    oracle = mt.Oracle(language)
    with pytest.raises(ValueError, match="pass .count, length"):
        oracle.posterior(np.zeros((2, 4, 5)))
    with pytest.raises(ValueError, match="NaN or"):
        oracle.posterior(np.full((1, 4, language.vocab_size), np.nan))
    with pytest.raises(ValueError, match="takes no 'salt' noise; known: gaussian, masked, uniform"):
        oracle.open(1, 4, noise="salt")
    with pytest.raises(ValueError, match="use trust 1"):
        mt.Oracle(language, trust=0.9).open(1, 4, noise="gaussian")
    with pytest.raises(ValueError, match="use masked noise"):
        oracle.open(1, 4, noise="uniform", prompt=np.zeros((1, 4), dtype=np.uint8))


@pytest.mark.parametrize("name", ["forest", "affine", "balanced", "pdfa"])
def test_likelihoods_that_no_float_holds_leave_a_law(name):
    q = {
        "forest": lambda: mt.as_language("tree:arity=2,nodes=6,vocab_size=3"),
        "affine": lambda: mt.Affine([[1, 1, 0, 1, 1, 0], [0, 1, 1, 1, 0, 1]], [0, 1]),
        "balanced": lambda: mt.as_language("balanced"),
        "pdfa": lambda: mt.PDFA([0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0], [0.5, 0.5, 0.25, 0.75], vocab_size=2),
    }[name]()
    length, tokens = 6, q.sample(1, 6, seed=0)[0]
    # Every token of a sequence that is possible is e^-900 times as likely as another, of which too little is possible.
    evidence = np.zeros((1, length, q.vocab_size))
    evidence[0, np.arange(length), tokens] = -900.0
    everything = all_sequences(q.vocab_size, length)
    logs = q.log_prob(everything) + evidence[0, np.arange(length), everything].sum(axis=1)
    weights = np.exp(logs - logs.max())
    wanted = [np.bincount(everything[:, i], weights, q.vocab_size) / weights.sum() for i in range(length)]
    given = evidence.copy()
    assert np.allclose(q.oracle().posterior(evidence)[0], wanted, atol=1e-12)
    assert np.array_equal(evidence, given)
