"""Masked diffusion: masked tokens from those that are revealed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool

from mdmtheory.core.register import registered
from mdmtheory.core.tokens import Tokens
from mdmtheory.training.objectives.base import Noised, Objective
from mdmtheory.training.objectives.strata import random_sets, stratified


@registered("objective", place=1, sources=("sahoo2024", "ou2025"))
@dataclass(frozen=True)
class MaskedObjective(Objective):
    """The continuous-time bound of masked diffusion (MDLM, 2406.07524) over numbers of masks.

    The number of masks n is uniform on 1..L and spread evenly over a batch, the masked set uniform among those of n
    positions, and each of them weighs L/n: that is the integral over masking rates, done in closed form (as RADD,
    2406.03736, does; docs/theory.md, section 11). The exact posterior's is H(q).
    """

    name: ClassVar[str] = "mdm"
    of_conditionals: ClassVar[bool] = True

    def noised(self, clean: Tokens, generator: np.random.Generator) -> Noised:
        """Mask a set of each sequence."""
        rows, length = clean.shape
        return self.masked(clean, random_sets(1 + stratified(rows, length, generator), length, generator))

    def masked(self, clean: Tokens, hidden: Bool[np.ndarray, "rows length"]) -> Noised:
        """The sequences with these positions masked."""
        length = clean.shape[1]
        masks = hidden.sum(axis=1)
        weights = np.where(hidden, length / masks[:, None], 0.0)
        return Noised(clean, np.where(hidden, self.vocab_size, clean).astype(np.int64), masks / length, weights)

    def targets(self, oracle: Any, noised: Noised, threads: int | None = None, *, first: int = 0) -> Any:
        """q(x_i | what is revealed), which of a set position is its token."""
        return oracle.conditionals(noised.seen, threads=threads)
