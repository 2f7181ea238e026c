"""From losses at mask ratios to the curve behind them, as linear maps; docs/theory.md, 2.7 (ours)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from mdmtheory.schedules.binomial import binomial_pmf
from mdmtheory.schedules.prices import Fractions

Rows = Float[np.ndarray, "rows"]


def interpolation(ratios: Rows, revealed: Fractions) -> Float[np.ndarray, "points rows"]:
    """The loss at revealed fractions as a linear map of the rows: linear between them, constant beyond."""
    known = 1 - ratios[::-1]
    return np.stack([np.interp(revealed, known, row[::-1]) for row in np.eye(len(known))], axis=1)


@lru_cache(maxsize=8)
def unsmeared(ratios: tuple[float, ...], length: int) -> Float[np.ndarray, "length rows"]:
    """The curve of `LossProfile.curve` as a linear map of the rows, before it is made monotone."""
    if length < 2:
        raise ValueError(f"length is {length}; pass 2 or more")
    at = np.arange(length)
    points = interpolation(np.array(ratios), at / (length - 1))
    out = 2 * points
    piece = max(1, (1 << 17) // length)
    for m in range(0, length, piece):
        some = at[m : m + piece]
        out[some] -= binomial_pmf(at[None], length - 1, some[:, None] / (length - 1)) @ points
    out.setflags(write=False)
    return out
