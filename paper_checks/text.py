"""The character bigram of the text that ships with the project: 27 tokens, the space and a to z."""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float, Int

import mdmtheory as mt
from mdmtheory.languages.book import corpus
from mdmtheory.languages.laws import stationary_law
from mdmtheory.languages.text import LETTERS

SMOOTHING = 0.5
"""Added to every count of adjacent letters, so that none is impossible and every divergence is finite."""


def pair_counts(tokens: Int[np.ndarray, "..."], vocab_size: int = len(LETTERS)) -> Float[np.ndarray, "vocab vocab"]:
    """How often token z follows y, at [y, z], in all rows together."""
    rows = np.atleast_2d(tokens).astype(np.int64)
    codes = rows[:, :-1] * vocab_size + rows[:, 1:]
    return np.bincount(codes.ravel(), minlength=vocab_size**2).reshape(vocab_size, vocab_size).astype(np.float64)


@cache
def character_bigram() -> mt.NGram:
    """The stationary bigram with the corpus's smoothed frequencies of adjacent letters."""
    counts = pair_counts(corpus()) + SMOOTHING
    conditional = counts / counts.sum(axis=1, keepdims=True)
    start = stationary_law(conditional, np.ones(len(counts), dtype=bool))
    return mt.NGram(start, conditional, spec=mt.Spec.of("characters", smoothing=SMOOTHING))
