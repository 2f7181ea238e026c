"""A denoiser that was shown a prompt, as a denoiser of the answer alone: what makes exact laws exact laws given it."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.defaults import DenoiserDefaults
from mdmtheory.core.protocols import MarginalsCanvas
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens
from mdmtheory.oracles.canvas import ConditionalsCanvas


class ShownPrompt(DenoiserDefaults):
    """The denoiser inside with one prompt revealed from the start; positions are those of the answer, from the left.

    `prompt` has the mask, and one mask at least, where nothing is given.
    """

    noises = frozenset({"masked"})

    def __init__(self, denoiser: Any, prompt: Tokens) -> None:
        self._inside, self._prompt = denoiser, prompt
        self.vocab_size, self.trust = denoiser.vocab_size, denoiser.trust
        self._answer: Bool[np.ndarray, "length"] = prompt[0] == self.vocab_size
        self.spec = Spec.of("shown", of=str(denoiser.spec))
        self.pairs = None if denoiser.pairs is None else self._pairs

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value."""
        return ["shown", self._inside.identity, self._prompt[0].tolist()]

    def open(
        self, count: int, length: int, *, noise: str = "masked", prompt: Any = None, threads: int | None = None
    ) -> MarginalsCanvas:
        """A canvas of `count` answers; ValueError for another length than theirs."""
        if length != self._answer.sum() or noise != "masked":
            raise ValueError(f"answers of {length} tokens under {noise} noise; pass {self._answer.sum()}, masked")
        return ConditionalsCanvas(self, count, length, prompt, threads)

    def conditionals(
        self, tokens: TokensLike, *, threads: int | None = None
    ) -> Float[np.ndarray, "count length vocab_size"]:
        """The marginals inside at the answer's positions."""
        found: Float[np.ndarray, "count whole vocab_size"] = self._inside.conditionals(
            self._whole(tokens), threads=threads
        )
        return np.ascontiguousarray(found[:, self._answer])

    def _pairs(self, tokens: TokensLike, *, threads: int | None = None) -> Float[np.ndarray, "count length length"]:
        found = self._inside.pairs(self._whole(tokens), threads=threads)
        return np.ascontiguousarray(found[:, self._answer][:, :, self._answer])

    def _whole(self, answers: TokensLike) -> Tokens:
        answers = as_tokens(answers, self.vocab_size, masks=True)
        whole = np.repeat(self._prompt, len(answers), axis=0)
        whole[:, self._answer] = answers
        return whole
