"""Generation from left to right with the language's own next-token law: the reference p = q."""

from __future__ import annotations

from typing import Any

import numpy as np

from mdmtheory.core.defaults import ModelDefaults
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import Denoiser, Language, LogProb, Parallel, Samples
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import TokensLike
from mdmtheory.languages.presets import LanguageLike, as_language


class Autoregressive(ModelDefaults):
    """Draws token i from q(x_i | x_<i) exactly, one call and one round a token."""

    parallel: Parallel = "threads"

    def __init__(self, language: LanguageLike) -> None:
        self.language = as_language(language)
        self.vocab_size = self.language.vocab_size
        self.spec = Spec.of("ar")

    def __repr__(self) -> str:
        return f"Autoregressive({self.language!r})"

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value."""
        return ["ar", self.language.digest]

    @whole_numbers(count=0, length=1, seed=0, first=0, threads=1)
    def sample(self, count: int, length: int, seed: int, *, first: int = 0, threads: int | None = None) -> Samples:
        """Sequences of the language's own stream for this seed, so they are those that `language.sample` draws."""
        tokens = self.language.sample(count, length, seed, first=first, threads=threads)
        cost = np.full(count, length, dtype=np.int64)
        return Samples(tokens, cost, cost.copy(), np.zeros(count, dtype=np.bool_))

    @whole_numbers(seed=0, first=0, plans=1, threads=1)
    def log_prob(
        self, tokens: TokensLike, seed: int = 0, *, first: int = 0, plans: int = 1, threads: int | None = None
    ) -> LogProb:
        """log q(x) in nats, exact."""
        return LogProb(self.language.log_prob(tokens, threads=threads), "exact")


@registered("model", "ar", version=1, place=5, family="autoregressive", needs=(), exact=True)
def named(language: Language, denoiser: Denoiser, sampler: str, steps: int | None, schedule: Any) -> Autoregressive:
    """Left to right with the language's own next-token law; takes no denoiser, sampler, steps or schedule."""
    return Autoregressive(language)
