"""How far the adjacent tokens of generated sequences are from the transitions of the chain that they should follow."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.means import Moments, mean_interval
from paper_checks.claims import LEVEL
from paper_checks.pairs import Pair

GROUPS = 20
"""Groups of sequences that are left out one at a time to see how much a divergence varies."""


def transition_kl(pairs: Pair, transition: Pair) -> float:
    """Sum over y of p(y) KL(p(z|y) || transition(z|y)) in nats, for the law (or the counts) `pairs` of (y, z).

    The generated transitions against the true ones; infinite where a pair occurs that is impossible.
    """
    joint = pairs / pairs.sum()
    first = joint.sum(axis=1, keepdims=True)
    seen = joint > 0
    with np.errstate(divide="ignore"):
        ratio = np.log(joint[seen]) - np.log((first * transition)[seen])
    return float(joint[seen] @ ratio)


def counts_of_rows(tokens: Int[np.ndarray, "count length"], vocab_size: int) -> Float[np.ndarray, "count pairs"]:
    """How often each pair of adjacent tokens occurs in each row, pairs numbered y * vocab_size + z."""
    rows = tokens.astype(np.int64)
    codes = rows[:, :-1] * vocab_size + rows[:, 1:] + np.arange(len(rows))[:, None] * vocab_size**2
    return np.bincount(codes.ravel(), minlength=len(rows) * vocab_size**2).reshape(len(rows), -1).astype(np.float64)


def measured_kl(tokens: Int[np.ndarray, "count length"], transition: Pair) -> Estimate:
    """`transition_kl` of the counted pairs: what a sample shows, the noise of its own size included.

    The interval is the jackknife's over groups of sequences, around that number; the noise is not taken off.
    """
    vocab_size = len(transition)
    groups = np.array_split(np.arange(len(tokens)), min(GROUPS, len(tokens)))
    counts = counts_of_rows(tokens, vocab_size)
    each = np.array([counts[rows].sum(axis=0).reshape(vocab_size, vocab_size) for rows in groups])
    total = each.sum(axis=0)
    value = transition_kl(total, transition)
    left_out = np.array([transition_kl(total - own, transition) for own in each])
    pseudo = len(groups) * value - (len(groups) - 1) * left_out
    mean, low, high = mean_interval(Moments.of(pseudo), LEVEL, least=GROUPS)
    return Estimate(value, value - (mean - low), value + (high - mean), LEVEL, "estimate", len(tokens))


def noise_floor(pairs: int, vocab_size: int) -> float:
    """What so many exact pairs show on average, to first order: half a nat for each of V(V-1) free probabilities.

    Twice the divergence times the pairs is chi-squared in the limit (Wilks); transitions never seen make it a little
    less.
    """
    return vocab_size * (vocab_size - 1) / (2 * pairs)
