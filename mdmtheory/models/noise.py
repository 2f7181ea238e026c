"""Uniforms of many streams at once, and float32 noise made of one for every token that might be drawn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from mdmtheory.core.protocols import Answers
from mdmtheory.models.asking import LAW_ENTRIES, home
from mdmtheory.samplers.gumbel import float32_draws

States = UInt64[np.ndarray, "count 4"]


def uniforms_of(states: States, rows: Int[np.ndarray, "rows"], number: int) -> Float[np.ndarray, "rows number"]:
    """The next uniforms of the streams of some rows, which move on."""
    from mdmtheory.kernels.random import fill_uniforms

    uniforms = np.empty((len(rows), number))
    streams = states[rows]
    fill_uniforms(streams, uniforms)
    states[rows] = streams
    return uniforms


def wanted_uniforms(
    states: States, rows: Int[np.ndarray, "rows"], wanted: Bool[np.ndarray, "rows length"], number: int
) -> Float[np.ndarray, "n number"]:
    """So many uniforms for each position that is wanted, row by row; the streams move on by as many for the others."""
    from mdmtheory.kernels.random import fill_wanted_uniforms

    uniforms = np.empty((int(np.count_nonzero(wanted)), number))
    streams = states[rows]
    fill_wanted_uniforms(streams, np.require(wanted, requirements=["C", "W"]), uniforms)
    states[rows] = streams
    return uniforms


def pieces(
    named: Int[np.ndarray, "rows"], rows: Int[np.ndarray, "n"], each: int
) -> Iterator[tuple[Int[np.ndarray, "some"], Int[np.ndarray, "own"]]]:
    """Rows, in rising order, a few at a time, and which of the n entries are theirs, if any.

    So few that `each` numbers a row are LAW_ENTRIES at most, but for those of one row.
    """
    size = max(1, LAW_ENTRIES // each)
    for a in range(0, len(named), size):
        some = named[a : a + size]
        yield some, np.flatnonzero((rows >= some[0]) & (rows <= some[-1]))


def noisy_draws(answers: Answers, states: States, rows: Int[np.ndarray, "n"]) -> Int[np.ndarray, "n"]:
    """A token from each law by float32 noise: position after position, as many of its row's uniforms as tokens."""
    drawn = np.empty(len(rows), dtype=np.int64)
    vocab_size = answers.vocab_size
    sizes = np.bincount(rows)
    for size in np.unique(sizes[sizes > 0]):  # rows with equally many positions take equally many uniforms
        alike = np.flatnonzero(sizes[rows] == size)
        for some, own in pieces(np.unique(rows[alike]), rows[alike], int(size) * vocab_size):
            entries = alike[own]
            noise = uniforms_of(states, some, int(size) * vocab_size).reshape(-1, vocab_size)
            drawn[entries] = float32_draws(home(answers.take(entries)), noise)
    return drawn
