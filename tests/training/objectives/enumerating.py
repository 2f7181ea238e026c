"""Small languages, and every batch that an objective can make of one of their sequences, with its probability."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch

import mdmtheory as mt
from mdmtheory.theory.instances import bigram3
from tests import brute_force

LANGUAGES = {
    "hmm": (mt.HMM([0.3, 0.7], [[0.5, 0.5], [0.0, 1.0]], [[0.5, 0.5, 0.0], [0.1, 0.0, 0.9]]), 3),
    "bigram": (bigram3(), 4),
    "trigram": (mt.NGram([[0.25, 0.25], [0.5, 0]], [[[0.5, 0.5], [1, 0]], [[0.3, 0.7], [0.2, 0.8]]]), 4),
    "parity": (mt.Parity(), 4),
    "pairs": (mt.EqualPairs(vocab_size=3), 3),
    "permutation": (mt.Permutation(items=3), 3),
    "repetition": (mt.Repetition(vocab_size=2), 3),
}


def support(language, length):
    """Every sequence of positive probability, and its probability."""
    sequences = brute_force.sequences(language.vocab_size, length)
    probabilities = np.exp(language.log_prob(sequences))
    return sequences[probabilities > 0].astype(np.uint8), probabilities[probabilities > 0]


def entropy(language, length):
    """H(q) in nats."""
    _, probabilities = support(language, length)
    return -(probabilities * np.log(probabilities)).sum()


def mask_sets(length, sizes=None):
    """Every masked set (sets, length), and its probability: the size uniform among `sizes`, 1..length unless said."""
    sizes = list(range(1, length + 1)) if sizes is None else list(sizes)
    sets, chances = [], []
    for size in sizes:
        for chosen in itertools.combinations(range(length), size):
            sets.append(np.isin(np.arange(length), chosen))
            chances.append(1 / (len(sizes) * math.comb(length, size)))
    return np.array(sets), np.array(chances)


def with_every_set(sequences, probabilities, sets, chances):
    """Sequences beside sets, all combinations, and their probabilities."""
    rows = np.repeat(np.arange(len(sequences)), len(sets))
    return (
        np.ascontiguousarray(sequences[rows]),
        np.tile(sets, (len(sequences), 1)),
        np.outer(probabilities, chances).reshape(-1),
    )


def losses_of_exact_laws(objective, language, length, noised, chances, against):
    """What the exact laws lose of each row, against themselves or the tokens: H(q) in the mean, and so is the floor."""
    exact = torch.as_tensor(objective.targets(language.oracle(), noised))
    tensors = noised.tensors(dtype=torch.float64)
    loss = objective.loss(exact.log(), tensors, exact if against == "laws" else None).numpy()
    assert abs(chances @ loss - entropy(language, length)) < 1e-12
    assert abs(chances @ (loss - objective.floor(noised, exact.numpy()))) < 1e-12
    return loss
