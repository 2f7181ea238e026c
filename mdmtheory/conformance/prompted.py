"""A denoiser of a task as one of answers to one prompt alone, which the suite can try as any other."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Int

from mdmtheory.conformance.denoiser_case import DenoiserCase
from mdmtheory.conformance.settings import uniforms
from mdmtheory.core.defaults import DenoiserDefaults
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, as_tokens

_CONTEXTS = 200


class OfAnswers(DenoiserDefaults):
    """What a denoiser says of the answers to the `number`-th prompt of its task, sequences being answers."""

    def __init__(self, denoiser: Any, number: int) -> None:
        self.base, task = denoiser, denoiser.language
        self.vocab_size, self.noises, self.trust = denoiser.vocab_size, denoiser.noises, denoiser.trust
        self.answered: Int[np.ndarray, "length"] = np.flatnonzero(~task.given)
        self.length: int | None = len(self.answered)
        self._prompt = task.prompts(1, 11, first=number)[0]
        self.right_answers: Tokens = task.answers(self._prompt[task.given]).tokens
        self.spec, self.identity = Spec.of("answers"), ["answers", denoiser.identity, self._prompt.tolist()]

    def open(
        self,
        count: int,
        length: int,
        *,
        noise: str = "masked",
        prompt: Tokens | None = None,
        threads: int | None = None,
    ) -> Any:
        """A canvas of answers, of a part of them where one is given."""
        shown = np.repeat(self._prompt[None], count, axis=0)
        if length != self.length:
            raise ValueError(f"length is {length}, and answers have {self.length} tokens")
        if prompt is not None:
            shown[:, self.answered] = as_tokens(prompt, self.vocab_size, masks=True)
        inside = self.base.open(count, shown.shape[1], noise=noise, prompt=shown, threads=threads)
        return _AnswersCanvas(inside, self.answered)


class AnswersCase(DenoiserCase):
    """Contexts of which half agree with a right answer, and in the others one token is any."""

    @cached_property
    def contexts(self) -> Tokens:
        """Some partly masked answers, each with a mask."""
        right = self.denoiser.right_answers
        numbers = uniforms("of answers", _CONTEXTS, 3 + right.shape[1])
        out = right[(numbers[:, 0] * len(right)).astype(np.int64)].copy()
        places = (numbers[::2, 1] * out.shape[1]).astype(np.int64)
        out[np.arange(0, _CONTEXTS, 2), places] = (numbers[::2, 2] * self.denoiser.vocab_size).astype(out.dtype)
        hidden = numbers[:, 3:] < 0.5
        hidden[~hidden.any(axis=1), 0] = True
        out[hidden] = self.denoiser.vocab_size
        return out


class _AnswersCanvas:
    def __init__(self, inside: Any, answered: Int[np.ndarray, "length"]) -> None:
        self._inside, self._answered = inside, answered

    def write(self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"], tokens: Int[np.ndarray, "n"]) -> None:
        self._inside.write(rows, self._answered[positions], tokens)

    def marginals(self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"]) -> Any:
        return self._inside.marginals(rows, self._answered[positions])

    @property
    def calls(self) -> Any:
        return self._inside.calls

    @property
    def rounds(self) -> Any:
        return self._inside.rounds

    @property
    def impossible(self) -> Any:
        return self._inside.impossible
