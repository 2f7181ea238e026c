"""RDM (2302.05737): reparameterised diffusion, the cross-entropy of masked tokens with weights of the steps."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.register import registered
from mdmtheory.training.objectives.d3pm import MaskedChain

WEIGHTS = ("linear", "elbo", "none")


@registered("objective", place=10, examples=("", "steps=4,weights=elbo"), sources=("zheng2023",))
@dataclass(frozen=True)
class ReparameterisedObjective(MaskedChain):
    """Masks in T steps, the cross-entropy of masked tokens weighing lambda_t: RDM's objective (2302.05737).

    Routing a token from noise to its clean value leaves of each step's divergence the cross-entropy of the tokens that
    are noise, times a weight. `weights` linear is that paper's lambda_t = 1 - (t - 1)/T, elbo that of `d3pm`, which is
    the bound, none is 1. The exact posterior is best at every step, whatever it weighs.
    """

    name: ClassVar[str] = "rdm"

    _: KW_ONLY
    weights: str = "linear"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights not in WEIGHTS:
            raise ValueError(f"unknown weights {self.weights!r} of rdm; known: {', '.join(WEIGHTS)}")

    def of_masked(self, step: Int[np.ndarray, "rows"]) -> Float[np.ndarray, "rows"]:
        """lambda_t."""
        if self.weights == "elbo":
            return self.in_the_bound(step)
        return np.asarray(1 - (step - 1) / self.steps if self.weights == "linear" else np.ones(len(step)))
