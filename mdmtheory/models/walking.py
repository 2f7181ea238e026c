"""Walks of masked diffusion that stay possible under a language, by which SER is told without waiting for errors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from jaxtyping import UInt64

from mdmtheory.core.defaults import ModelDefaults
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.misfits import MisfitError
from mdmtheory.core.prompts import answer_length, as_prompt
from mdmtheory.core.protocols import Language
from mdmtheory.core.tokens import TokensLike
from mdmtheory.models.conditioned_steps import StepWalk, check_plans, walk_steps_of
from mdmtheory.models.conditioned_walk import Walk, check_sampler, walk_of
from mdmtheory.models.shared_walks import SharedWalk, check_shared, walk_shared_of
from mdmtheory.models.tilted_walks import TiltedWalk, check_tilted, walk_tilted_of
from mdmtheory.plans import PlanLawBase
from mdmtheory.samplers.base import SamplerBase


class Walking(ModelDefaults, ABC):
    """Token by token, by whole steps, through plans in which two positions share a step, and where mass dies."""

    sampler: Any
    constraint: Any
    vocab_size: int

    @abstractmethod
    def _streams(self, what: str, length: int, seed: int, first: int, count: int) -> UInt64[np.ndarray, "count 4"]:
        """Streams for `what` of sequences first..first+count-1."""

    def _check_may_err(self) -> None:
        if self.constraint is not None:
            raise MisfitError(
                f"sampler {self.sampler.spec} writes nothing that the language excludes, so there is no error to be "
                "seen before it is made; count (ser)"
            )

    def check_walks(self) -> None:
        """ValueError with the reason where a sampler has no law over what it sets given what stands."""
        self._check_may_err()
        require_closed_law(self.sampler)
        check_sampler(self.sampler)

    @whole_numbers(count=0, length=1, seed=0, first=0, threads=1)
    def walk(
        self,
        language: Language,
        count: int,
        length: int,
        seed: int,
        *,
        first: int = 0,
        prompt: TokensLike | None = None,
        threads: int | None = None,
    ) -> Walk:
        """Walks first..first+count-1 that stay possible under the language, with streams of their own.

        Those of the sampler that log p(x) is replayed with, which draws by the same law. With a `prompt` of the
        answers. ValueError where there are none (`check_walks`).
        """
        self.check_walks()
        asked = as_prompt(prompt, count, length, self.vocab_size)
        streams = self._streams("walk", length, seed, first, count)
        return walk_of(self, language, streams, answer_length(asked, length), prompt=asked, threads=threads)

    def check_step_walks(self) -> None:
        """ValueError with the reason where it has no `walk_steps`."""
        self._check_may_err()
        require_closed_law(self.sampler)
        check_plans(self)

    @whole_numbers(count=0, length=1, seed=0, first=0, threads=1)
    def walk_steps(
        self,
        language: Language,
        count: int,
        length: int,
        seed: int,
        *,
        first: int = 0,
        prompt: TokensLike | None = None,
        threads: int | None = None,
    ) -> StepWalk:
        """Walks by whole steps first..first+count-1 that stay possible under the language, with streams of their own.

        Of laws over plans, and languages that say what can be completed (`Language.support`). With a `prompt` of the
        answers.
        ValueError where there are none (`check_step_walks`).
        """
        self.check_step_walks()
        asked = as_prompt(prompt, count, length, self.vocab_size)
        streams = self._streams("walk by steps", length, seed, first, count)
        return walk_steps_of(self, language, streams, answer_length(asked, length), prompt=asked, threads=threads)

    def check_shared_walks(self) -> None:
        """ValueError with the reason where it has no `walk_shared`."""
        check_shared(self)

    @whole_numbers(count=0, length=1, seed=0, first=0, threads=1)
    def walk_shared(
        self,
        language: Language,
        count: int,
        length: int,
        seed: int,
        *,
        first: int = 0,
        prompt: TokensLike | None = None,
        threads: int | None = None,
    ) -> SharedWalk:
        """Walks through plans in which two positions share a step, first..first+count-1, with streams of their own.

        Of random order and a denoiser that is exact for the language, which says what can be completed. ValueError
        where there are none (`check_shared_walks`), and for a prompt.
        """
        self.check_shared_walks()
        if prompt is not None:
            raise ValueError("walks by shared steps take no prompt; use method='sharp' (ser_sharp)")
        streams = self._streams("walk by shared steps", length, seed, first, count)
        begun = language.sample(count, length, seed, first=first, threads=threads)
        return walk_shared_of(self, language, streams, begun, threads=threads)

    def check_tilted_walks(self) -> None:
        """ValueError with the reason where it has no `walk_tilted`."""
        self._check_may_err()
        check_tilted(self)

    @whole_numbers(count=0, length=1, seed=0, first=0, threads=1)
    def walk_tilted(
        self,
        language: Language,
        count: int,
        length: int,
        seed: int,
        *,
        first: int = 0,
        prompt: TokensLike | None = None,
        threads: int | None = None,
    ) -> TiltedWalk:
        """Walks through contexts in which mass is likely to die, first..first+count-1, with streams of their own.

        Of fixed plans and a denoiser that is exact for the language, which is a chain of hidden states. ValueError
        where there are none (`check_tilted_walks`), and for a prompt.
        """
        self.check_tilted_walks()
        if prompt is not None:
            raise ValueError("tilted walks take no prompt; use method='sharp' (ser_sharp)")
        streams = self._streams("tilted walk", length, seed, first, count)
        return walk_tilted_of(self, language, streams, length, threads=threads)


def require_closed_law(sampler: PlanLawBase | SamplerBase) -> None:
    """ValueError where a sampler draws with noise of too few bits."""
    if not sampler.has_closed_law:
        raise ValueError(
            f"sampler {sampler.spec} draws with float32 noise, whose law has no closed form; measure ser, or use "
            "precision=float64"
        )
