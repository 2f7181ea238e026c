"""Alias tables for all rows of a language at once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, Integer, UInt64


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
