"""The objective of SSD-LM against all sequences, and its networks block by block."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import mdmtheory as mt
from mdmtheory.oracles.evidence import EvidenceBesideTokens, GaussianEvidence
from mdmtheory.training.objectives.registry import as_objective
from tests.training.objectives.enumerating import LANGUAGES, support


@pytest.mark.parametrize("name", ["hmm", "bigram", "parity", "repetition"])
def test_targets_are_bayes_rule_given_the_blocks_before(name):
    language, length = LANGUAGES[name]
    objective = as_objective("ssd:size=2", language.vocab_size)
    noised = objective.noised(language.sample(6, length, 0), np.random.default_rng(0))
    targets = objective.targets(language.oracle(), noised)
    sequences, probabilities = support(language, length)
    for row in range(6):
        kept = 1 - noised.level[row]
        for start in range(0, length, 2):
            own = slice(start, min(start + 2, length))
            fits = (sequences[:, :start] == noised.clean[row, :start]).all(axis=1)
            off = noised.seen[row, own].astype(float) - np.sqrt(kept) * objective.vectors[sequences[:, own]]
            logs = np.where(fits, -(off**2).sum(axis=(1, 2)) / (2 * noised.level[row]), -np.inf)
            weights = np.exp(logs - logs.max()) * probabilities
            for v in range(language.vocab_size):
                expected = weights @ (sequences[:, own] == v) / weights.sum()
                np.testing.assert_allclose(targets[row, own, v], expected, atol=1e-8)
    exact = torch.as_tensor(targets)
    worse = (0.9 * exact + 0.1 / language.vocab_size).log()
    assert (
        objective.loss(worse, noised.tensors(dtype=torch.float64), exact).numpy() > objective.floor(noised, targets)
    ).all()


def test_a_network_answers_a_block_as_it_was_trained_to_whatever_it_keeps(tmp_path):
    q = mt.as_language("ngram:order=1,vocab_size=4")
    small = {"length": 6, "size": "layers=1,width=8,heads=2", "batch": 4, "tokens": 20 * 4 * 6, "device": "cpu"}
    run = mt.train("ssd:size=2,k=2.0", lang=q, out=tmp_path / "run", **small)
    net, objective = mt.Network(run, device="cpu"), as_objective("ssd:size=2,k=2.0", 4)
    clean = q.sample(3, 6, 1)
    made = objective.at_level(clean, np.random.default_rng(0).standard_normal((3, 6, 4)), np.full(3, 0.4))
    with torch.no_grad():
        trained = objective.logits(net.transformer, made.tensors()).softmax(dim=2)
    canvas = net.open(3, 6, noise="gaussian")
    for start in (0, 2, 4, 4, 2):
        where, known = np.arange(start, start + 2), clean.copy()
        known[:, start:] = 4
        seen = GaussianEvidence(made.seen[:, where].astype(float), 0.4, objective.vectors)
        found = canvas.posterior(EvidenceBesideTokens(seen, where, known, 4))
        torch.testing.assert_close(found[:, where], trained[:, where], atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="one block of 2"):
        canvas.posterior(GaussianEvidence(made.seen.astype(float), 0.4, objective.vectors))
    with pytest.raises(ValueError, match="blocks of 2"):
        mt.SimplexDiffusion(net, block=3)


def test_what_cannot_be_is_refused():
    for spec, reason in (("ssd:size=2,k=0.0", "k is 0.0"), ("ssd:size=0", "size is 0"), ("ssd", "needs size")):
        with pytest.raises(ValueError, match=reason):
            as_objective(spec, 3)
    with pytest.raises(ValueError, match="longer than sequences"):
        as_objective("ssd:size=8", 3).validate_length(7)
