"""Alias tables for all rows of a language at once, and walks by them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, Integer, UInt64

from mdmtheory.core.threads import over_rows
from mdmtheory.core.tokens import Tokens


def alias_rows(
    rows: Iterable[Float[np.ndarray, "outcomes"]], labels: Integer[np.ndarray, "outcomes"], count: int, bits: int
) -> UInt64[np.ndarray, "columns 2"]:
    """The alias tables of `count` rows of probabilities, 2^bits columns each; outcomes of probability 0 take none."""
    from mdmtheory.kernels.alias import alias_table

    table = np.empty((count << bits, 2), dtype=np.uint64)
    for index, row in enumerate(rows):
        support = np.flatnonzero(row)
        weights = row[support]
        alias_table(
            weights / weights.sum(), labels[support].astype(np.int64), table[index << bits : (index + 1) << bits]
        )
    return table


def automaton_table(
    laws: Iterable[Float[np.ndarray, "_"]], labels: Iterable[Integer[np.ndarray, "_"]], states: int, outcomes: int
) -> tuple[UInt64[np.ndarray, "columns 2"], int]:
    """Tables of an automaton each of whose states has labels of its own, `outcomes` at most; and log2 of their size.

    A label is the next state and, in its lowest bits, the token (`kernels.sampling.sample_automaton`).
    """
    bits = max(outcomes - 1, 0).bit_length()
    table = np.empty((states << bits, 2), dtype=np.uint64)
    for state, (law, label) in enumerate(zip(laws, labels, strict=True)):
        table[state << bits : (state + 1) << bits] = alias_rows([law], label, 1, bits)
    return table, bits


def automaton_walks(
    table: tuple[UInt64[np.ndarray, "columns 2"], int, int],
    start: int,
    streams: UInt64[np.ndarray, "count 4"],
    out: Tokens,
    threads: int | None,
) -> Tokens:
    """Fill `out` (count, length) with walks of an automaton from a state, one from each stream; and return it.

    `table` is that of the automaton, log2 of the size of each state's, and the bits of a token.
    """
    from mdmtheory.kernels.sampling import sample_automaton

    columns, column_bits, token_bits = table
    over_rows(
        lambda a, b: sample_automaton(columns, column_bits, token_bits, start, streams[a:b], out[a:b]),
        len(out),
        threads,
    )
    return out
