"""What prompts and answers are drawn with: numbers, picks and orders from the stream of one sequence."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, Integer, UInt64

Row = Integer[np.ndarray, "_"]
"""The tokens of one sequence, of its prompt or of its answer."""


class Draws:
    """The uniforms of one stream, one after the other; the stream moves on."""

    def __init__(self, state: UInt64[np.ndarray, "4"]) -> None:
        self.state = state

    def uniforms(self, count: int) -> Float[np.ndarray, "count"]:
        """So many uniforms in [0, 1)."""
        from mdmtheory.kernels.random import fill_uniforms

        out = np.empty((1, count))
        fill_uniforms(self.state[None], out)
        return out[0]

    def below(self, size: int, count: int = 1) -> Int[np.ndarray, "count"]:
        """Whole numbers 0..size-1, each as likely (but for 2^-53 times the size)."""
        return (self.uniforms(count) * size).astype(np.int64)

    def order(self, size: int) -> Int[np.ndarray, "size"]:
        """A uniformly random order of 0..size-1."""
        return np.argsort(self.uniforms(size), kind="stable")

    def some(self, count: int, size: int) -> Int[np.ndarray, "count"]:
        """A uniformly random set of `count` of 0..size-1, rising."""
        return np.sort(self.order(size)[:count])

    def one_of(self, weights: Float[np.ndarray, "size"]) -> int:
        """A number by its weight; never one of weight 0."""
        cumulative = np.cumsum(weights)
        drawn = np.searchsorted(cumulative, self.uniforms(1)[0] * cumulative[-1], side="right")
        return int(min(drawn, np.flatnonzero(weights)[-1]))
