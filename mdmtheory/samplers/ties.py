"""Shuffles of the positions of a sequence, by which a sampler ranks those that tie."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from jaxtyping import UInt64

from mdmtheory.core.integers import whole_number
from mdmtheory.samplers.protocol import Order

MOST_SHUFFLES = 1 << 16
"""Shuffles beyond which they are not listed."""


def shuffled(states: UInt64[np.ndarray, "count 4"], length: int) -> Order:
    """A uniformly random order from each stream, by `length` of its uniforms; the streams move on."""
    from mdmtheory.kernels.random import fill_uniforms

    uniforms = np.empty((len(states), length))
    fill_uniforms(states, uniforms)
    return np.argsort(uniforms, axis=1, kind="stable")


def as_orders(order: Any, count: int, length: int) -> Order:
    """Ranks of positions, a row each of `count` sequences or one row for all of them; ValueError for what is none."""
    found = np.asarray(order)
    shape = (count, length)
    if found.ndim == 1:
        found = found[None]
    if found.shape not in (shape, (1, length)) or found.dtype.kind not in "iu":
        raise ValueError(
            f"order has shape {np.shape(order)} and dtype {found.dtype}; pass integers of shape {shape}, or "
            f"{(length,)} for all sequences"
        )
    if (np.sort(found, axis=1)[:, 1:] == np.sort(found, axis=1)[:, :-1]).any():
        raise ValueError("order has two positions of one rank; pass a permutation of the positions")
    return np.broadcast_to(found, shape)


def shuffle_count(length: int) -> float:
    """L!, infinite where float64 does not hold it."""
    return float(math.factorial(length)) if length <= 170 else math.inf


def all_orders(length: int) -> Order:
    """The L! orders, one a row; ValueError where they are too many.

    >>> len(all_orders(4))
    24
    """
    length = whole_number(length, "length", 1)
    if shuffle_count(length) > MOST_SHUFFLES:
        raise ValueError(
            f"there are {shuffle_count(length):.1e} shuffles of {length} positions, and at most "
            f"{MOST_SHUFFLES:,} are listed; use shorter sequences, or ties=lowest"
        )
    return np.array(list(itertools.permutations(range(length))))
