"""What observers of limited sight have in common: a task, a prompt that they read in part, laws of masked positions."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Integer

from mdmtheory.core.defaults import DenoiserDefaults
from mdmtheory.core.evaluable import call
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.misfits import MisfitError
from mdmtheory.core.protocols import MarginalsCanvas
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens
from mdmtheory.languages.presets import LanguageLike, as_language
from mdmtheory.oracles.canvas import ConditionalsCanvas

Part = Integer[np.ndarray, "count _"]
"""The tokens of some sequences at positions of the prompt, or of the answer."""


class Observer(DenoiserDefaults):
    """A denoiser of one task, which makes less of the prompt and of what is revealed than could be made of it.

    A class says its `task`, and `_laws`.
    """

    task: ClassVar[str]
    """The kind of language that it is for."""
    noises = frozenset({"masked"})
    trust = 1.0
    # What is revealed is what it sees with: a sampler that asks what it thinks of it would learn nothing.

    def __init__(self, language: LanguageLike, **options: int) -> None:
        task: Any = as_language(language)
        name = type(self).__name__.lower()
        if getattr(task, "kind", None) != self.task:
            raise MisfitError(f"denoiser {name} is for {self.task}, not for {task.spec}")
        self.language: Any = task
        self.vocab_size: int = task.vocab_size
        self.length: int | None = task.length
        self._options = options
        self.spec = Spec.of(name, **options)

    def __repr__(self) -> str:
        return call(type(self).__name__, self.language, **self._options)

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value."""
        return [self.spec.name, *self._options.values(), self.language.digest]

    def validate_length(self, length: int) -> None:
        """ValueError for another length than the task's."""
        self.language.validate_length(length)

    @abstractmethod
    def _laws(
        self, prompts: Part, answers: Part
    ) -> tuple[Float[np.ndarray, "count answered vocab_size"], Bool[np.ndarray, "count"]]:
        """Laws at all positions of partly masked answers to prompts (count, given), and what it sees to be possible.

        Laws at revealed positions, and those of what is not possible, are not read.
        """

    @whole_numbers(threads=1)
    def conditionals(
        self, tokens: TokensLike, *, threads: int | None = None
    ) -> Float[np.ndarray, "count length vocab_size"]:
        """Laws at masked positions, zeros where it sees that no answer agrees; one-hot at revealed tokens.

        ValueError for what is no prompt of the task, and where a token of the prompt is masked.
        """
        tokens = as_tokens(tokens, self.vocab_size, masks=True)
        self.validate_length(tokens.shape[1])
        given = self.language.given
        self.language.counts(np.unique(tokens[:, given], axis=0))
        found = np.zeros((*tokens.shape, self.vocab_size))
        laws, seen_possible = self._laws(tokens[:, given], tokens[:, ~given])
        found[:, ~given] = laws * seen_possible[:, None, None]
        shown = tokens < self.vocab_size
        found[shown] = np.eye(self.vocab_size)[tokens[shown]]
        return found

    @whole_numbers(count=0, length=1, threads=1)
    def open(
        self,
        count: int,
        length: int,
        *,
        noise: str = "masked",
        prompt: Tokens | None = None,
        threads: int | None = None,
    ) -> MarginalsCanvas:
        """A canvas of sequences that begin as `prompt`."""
        if noise not in self.noises:
            raise ValueError(f"the denoiser {self.spec} takes no {noise!r} noise; known: masked")
        self.validate_length(length)
        return ConditionalsCanvas(self, count, length, prompt, threads)
