"""What statements about draws that are ranked share: how often the most probable of independent tokens are kept."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

Sizes = Int[np.ndarray, "steps"]


def best_kept(share: float, sizes: Sizes) -> float:
    """How many tokens of an independent sequence drawn confidence takes from the most probable ones, in expectation.

    `share` is what the most probable tokens, any number of them, have together; `sizes` how many positions each step
    reveals. Of M draws the step keeps its s best, min(s, Binomial(M, share)) of which are such tokens, whatever was
    kept before (order statistics; ours, docs/theory.md, section 6).

    >>> round(best_kept(0.7, np.array([1, 1])), 12)
    1.61
    """
    kept = 0.0
    for masked, size in _masked_before(sizes):
        count = np.arange(masked + 1)
        kept += float(np.minimum(count, size) @ _binomial(masked, share))
    return kept


def best_surviving(share: float, sizes: Sizes) -> float:
    """The same where tokens that were set compete again in every step, as in `topk_remask` (2410.14157).

    After a step in which K positions stand, min(K, A + Binomial(L - K', share)) are such tokens, A of the K' that stood
    before having been some: a recursion over the law of A (ours).
    """
    law, stood = np.ones(1), 0
    for masked, size in _masked_before(sizes):
        found = np.convolve(law, _binomial(masked, share))
        stood += size
        law = found[: stood + 1]
        law[-1] += found[stood + 1 :].sum()
    return float(law @ np.arange(len(law)))


def _masked_before(sizes: Sizes) -> list[tuple[int, int]]:
    """How many positions are masked before each step, and the step's size."""
    before = sizes.sum() - (np.cumsum(sizes) - sizes)
    return list(zip(before.tolist(), sizes.tolist(), strict=True))


def _binomial(count: int, share: float) -> Float[np.ndarray, "outcomes"]:
    from scipy.stats import binom

    # Sums of probabilities may exceed 1 by rounding.
    return np.asarray(binom.pmf(np.arange(count + 1), count, min(share, 1.0)), dtype=np.float64)
