"""Laws given what stands to the left, and what a block shows: of all positions of a sequence in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens
from mdmtheory.oracles.posterior import Posterior

Laws = Float[np.ndarray, "count length vocab_size"]


class FromLeft(Posterior):
    """An exact posterior that may have quicker ways to these laws than a context for every block."""

    @whole_numbers(block=1, first=0, threads=1)
    def block_laws(
        self, clean: TokensLike, noisy: TokensLike, *, block: int, first: int = 0, threads: int | None = None
    ) -> Laws:
        """As `conditionals`, given `clean` blocks before, `noisy` tokens of the own block and masks after it.

        Blocks begin at `first`, as in `DenoiserDefaults`. Rows of which float64 may have lost something are asked for
        block by block.
        """
        clean, noisy = as_tokens(clean, self.vocab_size), as_tokens(noisy, self.vocab_size, masks=True)
        if clean.shape != noisy.shape:
            raise ValueError(f"clean tokens have shape {clean.shape} and noisy ones {noisy.shape}; pass equal shapes")
        self.language.validate_length(clean.shape[1])
        options: dict[str, Any] = {"block": block, "first": first, "threads": threads}
        # The kernel's blocks begin at the left end.
        quick = self._blocks(clean, noisy, block, threads) if self.trust == 1 and first % block == 0 else None
        if quick is None:
            return super().block_laws(clean, noisy, **options)
        found, sure = quick
        found[:, :first] = 0.0
        rows = np.flatnonzero(~sure)
        if len(rows):
            found[rows] = super().block_laws(clean[rows], noisy[rows], **options)
        return found

    @whole_numbers(first=0, threads=1)
    def next_laws(self, tokens: TokensLike, *, first: int = 0, threads: int | None = None) -> Laws:
        """q(x_i | x_<i) at every position from `first` on; zeros where x_<i is impossible."""
        tokens = as_tokens(tokens, self.vocab_size)
        self.language.validate_length(tokens.shape[1])
        quick = self._next(tokens, threads) if self.trust == 1 else None
        if quick is None:
            return super().next_laws(tokens, first=first, threads=threads)
        quick[:, :first] = 0.0
        return quick

    def _blocks(
        self, clean: Tokens, noisy: Tokens, block: int, threads: int | None
    ) -> tuple[Laws, Bool[np.ndarray, "count"]] | None:
        """The laws of blocks by a kernel, and in which rows nothing can have been lost; None where there is none."""
        return None

    def _next(self, tokens: Tokens, threads: int | None) -> Laws | None:
        """The laws of next tokens by a kernel that loses nothing; None where there is none."""
        return None
