"""A walk that goes up by fair bits: a Markov chain in which the middle tells much of both halves."""

from __future__ import annotations

import numpy as np

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.register import registered
from mdmtheory.languages.ngram import NGram


@registered(
    "language",
    completable=True,
    place=10,
    said="walk over {vocab_size}",
    examples=("", "vocab_size=5"),
    sources=("wen2026",),
)
@whole_numbers(vocab_size=2)
def walk(*, vocab_size: int = 16) -> NGram:
    """A walk from 0: each token is the one before or the next higher, equally likely, counted modulo vocab_size.

    Up to a length of vocab_size - 1 it is how many of so many fair bits are ones so far (2608.25505, theorem 3).
    """
    stay, rise = np.eye(vocab_size), np.roll(np.eye(vocab_size), 1, axis=1)
    initial = np.zeros(vocab_size)
    initial[:2] = 0.5
    return NGram(initial, 0.5 * stay + 0.5 * rise)
