"""Numbers spread evenly over a batch, each uniform by itself, and sets of positions of given sizes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int

from mdmtheory.metrics.strata import first_places


def stratified(rows: int, outcomes: int, generator: np.random.Generator) -> Int[np.ndarray, "rows"]:
    """A number 0..outcomes-1 for each row: each is uniform, and as many rows have one as another, but for one row.

    The low-discrepancy sampler of 2107.00630 (appendix I.1) on a grid, so that its law is finite.
    """
    return strata(rows, outcomes, int(generator.integers(rows * outcomes)))


def strata(rows: int, outcomes: int, start: int) -> Int[np.ndarray, "rows"]:
    """What `stratified` gives where it starts at `start`, one of rows*outcomes places that are equally probable.

    >>> strata(4, 8, 5).tolist()
    [1, 3, 5, 7]
    """
    places = rows * outcomes
    return (start + outcomes * np.arange(rows)) % places // rows


def random_sets(
    sizes: Int[np.ndarray, "rows"], length: int, generator: np.random.Generator
) -> Bool[np.ndarray, "rows length"]:
    """A set of so many positions for each row, all sets of that size equally probable."""
    return first_places(generator.random((len(sizes), length)), sizes)
