"""Sums over embeddings, eight columns at a time, are the plain sums to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.kernels.noised import gaussian_log_likelihood, mean_embedding

KEPT = 0.3


@pytest.mark.parametrize(("vocab_size", "dim"), [(3, 2), (8, 8), (13, 16), (21, 9)])
def test_sums_over_embeddings(vocab_size: int, dim: int) -> None:
    generator = np.random.default_rng(dim)
    embedding, values = generator.normal(size=(vocab_size, dim)), generator.normal(size=(2, 3, dim))
    posterior = generator.dirichlet(np.ones(vocab_size), size=(2, 3))
    likelihood, mean = np.empty((2, 3, vocab_size)), np.empty((2, 3, dim))
    gaussian_log_likelihood(values, embedding, KEPT, likelihood)
    mean_embedding(posterior, embedding, mean)
    for row, i in np.ndindex(2, 3):
        for v in range(vocab_size):
            along = squares = 0.0
            for d in range(dim):
                along += values[row, i, d] * embedding[v, d]
                squares += embedding[v, d] * embedding[v, d]
            assert likelihood[row, i, v] == (np.sqrt(KEPT) * along - 0.5 * KEPT * squares) / (1 - KEPT)
        for d in range(dim):
            assert mean[row, i, d] == sum(posterior[row, i, v] * embedding[v, d] for v in range(vocab_size))


def test_an_embedding_whose_columns_lie_together_is_the_same() -> None:
    oracle = mt.Oracle(mt.HMM.random(states=3, vocab_size=8, seed=0))
    embedding = np.random.default_rng(0).normal(size=(8, 9))
    drawn = [
        mt.GaussianDiffusion(oracle, embedding=each, steps=3).sample(2, 5, seed=0, threads=1).tokens
        for each in (embedding, np.asfortranarray(embedding))
    ]
    assert drawn[0].tolist() == drawn[1].tolist()
