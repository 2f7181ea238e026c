"""Somebody's denoiser: the exact one, too sure of itself."""

from __future__ import annotations

from typing import Any

import numpy as np

import mdmtheory as mt
from mdmtheory.oracles.canvas import ConditionalsCanvas


class Bolder:
    """The exact posterior to a power above 1."""

    version = 3
    noises = frozenset({"masked"})

    def __init__(self, language: Any, *, power: float = 2.0) -> None:
        self.exact, self.power, self.vocab_size = mt.Oracle(language), power, language.vocab_size
        self.spec, self.identity = mt.Spec.of("bolder", power=power), ["bolder", power, language.digest]

    def conditionals(self, tokens: Any, *, threads: int | None = None) -> Any:
        """Marginals at every position."""
        weights = self.exact.conditionals(tokens, threads=threads) ** self.power
        totals = weights.sum(axis=2, keepdims=True)
        return np.divide(weights, totals, out=np.zeros_like(weights), where=totals > 0)

    def open(
        self, count: int, length: int, *, noise: str = "masked", prompt: Any = None, threads: int | None = None
    ) -> Any:
        """A canvas that asks for them."""
        if noise != "masked":
            raise ValueError(f"takes no {noise} noise")
        return ConditionalsCanvas(self, count, length, prompt, threads)
