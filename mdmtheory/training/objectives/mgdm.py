"""MGDM's objective: masked tokens, those weighing more that are hard and sequences that are nearly done."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from jaxtyping import Bool

from mdmtheory.core.register import registered
from mdmtheory.core.tokens import Tokens
from mdmtheory.training.objectives.base import Noised, NoisedTensors
from mdmtheory.training.objectives.mdm import MaskedObjective

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = ("linear", "elbo", "none")


@registered("objective", place=7, examples=("", "alpha=1,beta=1,weights=elbo"), sources=("ye2024",))
@dataclass(frozen=True)
class WeighedObjective(MaskedObjective):
    """Masked diffusion with weights of tokens and sequences (MGDM, 2410.14157): sum of w(t) v(u) u over masked tokens.

    u is the nats that a token costs and v(u) = alpha (1 - exp(-u))^beta, focal weights, larger where the token is hard.
    Sequences weigh w = 1 - (n - 1)/L with n masks (`weights` linear), L/n, that of `mdm` (elbo), or 1 (none); masked
    sets are as there. What minimises focal weights is not the posterior but flatter (docs/theory.md, section 11), so it
    is not proper: less loss than the exact posterior's is possible, and says nothing.
    """

    name: ClassVar[str] = "mgdm"
    proper = False

    _: KW_ONLY
    alpha: float = 0.25
    beta: float = 2.0
    weights: str = "linear"

    def __post_init__(self) -> None:
        if not self.alpha > 0 or not self.beta >= 0:
            raise ValueError(f"alpha is {self.alpha} and beta {self.beta}; pass alpha above 0 and beta 0 or more")
        if self.weights not in WEIGHTS:
            raise ValueError(f"unknown weights {self.weights!r} of mgdm; known: {', '.join(WEIGHTS)}")

    def masked(self, clean: Tokens, hidden: Bool[np.ndarray, "rows length"]) -> Noised:
        """The sequences with these positions masked."""
        noised = super().masked(clean, hidden)
        if self.weights == "elbo":
            return noised
        length = clean.shape[1]
        each = np.ones(len(clean)) if self.weights == "none" else 1 - (hidden.sum(axis=1) - 1) / length
        return replace(noised, weights=np.where(hidden, each[:, None], 0.0))

    def costs(self, log_probs: Tensor, noised: NoisedTensors) -> Tensor:
        """v(u) u of every token."""
        missed = -log_probs.expm1()
        weighed: Tensor = -self.alpha * missed**self.beta * log_probs
        return weighed
