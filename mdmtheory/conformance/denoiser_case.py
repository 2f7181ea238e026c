"""A denoiser under trial, and the contexts that it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mdmtheory.conformance.bayes import (
    Conditionals,
    all_contexts,
    masked_marginals,
)
from mdmtheory.conformance.report import RefutedError
from mdmtheory.conformance.settings import enumerable_length, uniforms
from mdmtheory.core.guards import MOST_OFF
from mdmtheory.core.protocols import Language
from mdmtheory.core.tokens import Tokens, token_dtype

_MOST_CONTEXTS = 800
_NOISES = ("masked", "uniform", "gaussian")


@dataclass(frozen=True)
class DenoiserCase:
    """A denoiser, and contexts to show it."""

    denoiser: Any
    exact_for: Language | None

    @property
    def language(self) -> Language | None:
        """The language that it speaks of, if any is known."""
        found: Language | None = self.exact_for or self.denoiser.language
        return found

    @cached_property
    def length(self) -> int:
        """A length at which all contexts can be shown, if there is one; the only one, of a denoiser that has one."""
        only: int | None = self.denoiser.length
        return only or enumerable_length(self.denoiser.vocab_size, self._allowed) or 4

    def _allowed(self, length: int) -> bool:
        try:
            if self.language is not None:
                self.language.validate_length(length)
            self.denoiser.open(1, length, noise=self.noise)
        except ValueError:
            return False
        return True

    @property
    def noise(self) -> str:
        """One that it takes: masks, if it does."""
        known = [each for each in _NOISES if each in self.denoiser.noises]
        if not known:
            raise RefutedError(f"noises are {sorted(self.denoiser.noises)}, and none of {', '.join(_NOISES)}")
        return known[0]

    @cached_property
    def contexts(self) -> Tokens:
        """All partly masked rows with a mask, or some of them where they are too many."""
        vocab_size, length = self.denoiser.vocab_size, self.length
        if (vocab_size + 1) ** length <= _MOST_CONTEXTS:
            every = all_contexts(vocab_size, length)
        else:
            every = np.full((_MOST_CONTEXTS, length), vocab_size, dtype=token_dtype(vocab_size))
            shown = uniforms("shown", *every.shape) < 0.5
            every[shown] = (uniforms("tokens", *every.shape) * vocab_size).astype(every.dtype)[shown]
        return every[(every == vocab_size).any(axis=1)]

    @cached_property
    def marginals(self) -> tuple[Conditionals, np.ndarray]:
        """What it says at their masks, and which of them it marks impossible."""
        return masked_marginals(self.denoiser, self.contexts)

    @property
    def any_split(self) -> bool:
        """Whether it takes any number of sequences at once, and says the same of each."""
        return self.denoiser.batch(self.length) is None

    @property
    def tolerance(self) -> float:
        """What two ways of computing one marginal may differ by."""
        return 1e-9 if self.any_split else MOST_OFF
