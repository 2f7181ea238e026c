"""How much two masked tokens tell of each other, from nothing but conditionals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from mdmtheory.core.tokens import Tokens

Conditionals = Callable[[Tokens], Float[np.ndarray, "count length vocab_size"]]

PIECE_ENTRIES = 1 << 22
"""Probabilities that are worked on together: some 32 megabytes."""


def pairs_by_conditionals(
    conditionals: Conditionals, tokens: Tokens, vocab_size: int, trust: float
) -> Float[np.ndarray, "count length length"]:
    """Mutual information in nats of every two masked tokens of each row given what is revealed there, else 0.

    One row of conditionals for each masked position and token there, which shows what the token does to all others.
    Where revealed tokens are soft evidence, so is that one: what the token itself would do is had by inverting
    trust * identity + (1 - trust) / V.
    """
    out = np.zeros((*tokens.shape, tokens.shape[1]))
    shown = conditionals(tokens)
    for row, token in enumerate(tokens):
        masked = np.flatnonzero(token == vocab_size)
        size = max(1, PIECE_ENTRIES // (len(token) * vocab_size**2))
        for start in range(0, len(masked), size):
            here = masked[start : start + size]
            with_token = np.tile(token, (len(here), vocab_size, 1))
            with_token[np.arange(len(here)), :, here] = np.arange(vocab_size)
            found = conditionals(with_token.reshape(-1, len(token)))[:, masked]
            own, others = shown[row, here][:, :, None, None], shown[row, masked]
            noise = (1 - trust) / vocab_size
            seen = (trust * own + noise) * found.reshape(len(here), vocab_size, len(masked), vocab_size)
            out[row][np.ix_(here, masked)] = _information((seen - noise * others) / trust)
        out[row][masked, masked] = 0.0
        # Told from either side; the two differ by rounding.
        out[row] = (out[row] + out[row].T) / 2
    return out


def _information(joint: Float[np.ndarray, "here vocab_size masked vocab_size"]) -> Float[np.ndarray, "here masked"]:
    """Mutual information in nats of the first and the second token, 0 where the context is impossible."""
    joint = np.where(joint > 0, joint, 0.0)
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=3, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(joint > 0, joint * np.log(joint / independent), 0.0)
    # Only rounding takes it below 0.
    return np.maximum(terms.sum(axis=(1, 3)), 0.0)
