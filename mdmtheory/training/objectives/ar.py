"""Autoregression: every next token from those before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from mdmtheory.core.register import registered
from mdmtheory.core.sources import SOFTWARE
from mdmtheory.core.tokens import Tokens
from mdmtheory.training.objectives.base import Noised, Objective


@registered("objective", place=2, sources=(SOFTWARE,))
@dataclass(frozen=True)
class NextTokens(Objective):
    """The next token at every position of a causal network, which shifts inside.

    -log p(x) itself, nothing being noised; its floor is H(q).
    """

    name: ClassVar[str] = "ar"
    attention = "causal"

    def noised(self, clean: Tokens, generator: np.random.Generator) -> Noised:
        """The sequences as they are."""
        return Noised(clean, clean.astype(np.int64), None, np.ones(clean.shape))

    def targets(
        self, oracle: Any, noised: Noised, threads: int | None = None, *, first: int = 0
    ) -> Float[np.ndarray, "rows length vocab_size"]:
        """q(x_i | x_<i)."""
        found: Float[np.ndarray, "rows length vocab_size"] = oracle.next_laws(
            noised.clean, first=first, threads=threads
        )
        return found
