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
    length = tokens.shape[1]
    shown, masked = conditionals(tokens), tokens == vocab_size
    noise = (1 - trust) / vocab_size
    out = np.zeros((*tokens.shape, length))
    rows, positions = np.nonzero(masked)
    size = max(1, PIECE_ENTRIES // (length * vocab_size**2))
    for start in range(0, len(rows), size):
        row, position = rows[start : start + size], positions[start : start + size]
        with_token = np.repeat(tokens[row][:, None], vocab_size, axis=1)
        with_token[np.arange(len(row)), :, position] = np.arange(vocab_size)
        found = conditionals(with_token.reshape(-1, length)).reshape(len(row), vocab_size, length, vocab_size)
        own = shown[row, position][:, :, None, None]
        joint = ((trust * own + noise) * found - noise * shown[row][:, None]) / trust
        out[row, position] = np.where(masked[row], _information(joint), 0.0)
    out[:, np.arange(length), np.arange(length)] = 0.0
    # Told from either side; the two differ by rounding.
    return (out + out.transpose(0, 2, 1)) / 2


def _information(joint: Float[np.ndarray, "n vocab_size length vocab_size"]) -> Float[np.ndarray, "n length"]:
    """Mutual information in nats of the first and the second token, 0 where the context is impossible."""
    joint = np.where(joint > 0, joint, 0.0)
    one, other = joint.sum(axis=3, keepdims=True), joint.sum(axis=1, keepdims=True)
    apart = other * one
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # A product of two faint tokens may be too small for float64, the ratio of their pair to either is not.
        ratio = np.where(apart > 1e-290, joint / apart, joint / one / other)
        terms = np.where(joint > 0, joint * np.log(ratio), 0.0)
    # Only rounding takes it below 0.
    return np.maximum(terms.sum(axis=(1, 3)), 0.0)
