"""What holds a model to a language: the tokens of a step are drawn together, given that they can be completed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int, UInt64

from mdmtheory.core.contracts import check_vocabularies
from mdmtheory.core.prompts import Prompt
from mdmtheory.core.protocols import PlanRun
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.presets import LanguageLike, as_language
from mdmtheory.models.completable import check_completes
from mdmtheory.models.conditioned_steps import StepWalk, walk_steps
from mdmtheory.models.noise import uniforms_of
from mdmtheory.samplers.planned import Planned, is_constrained

CONSTRAINED_VERSION = 1
"""Raise it when constrained steps draw or score other numbers."""


@dataclass(frozen=True, eq=False)
class Constraint:
    """The language that completes the steps of a law over plans that is constrained."""

    language: Any
    law: Planned

    @property
    def greedy(self) -> bool:
        """Whether a step takes its most probable tokens that can be completed."""
        return self.law.temperature == 0

    def check(self, denoiser: Any, length: int) -> None:
        """MisfitError where the language does not say how steps of the denoiser are completed at this length."""
        check_completes(self.language, length, denoiser)

    def run(
        self,
        denoiser: Any,
        plan: Int[np.ndarray, "count length"],
        states: UInt64[np.ndarray, "count 4"] | None,
        tokens: Tokens | None,
        prompt: Prompt | None,
        threads: int | None,
    ) -> PlanRun:
        """Draw tokens, a uniform a position from each stream, or score the tokens given; with a prompt, of the answers.

        Tokens of a step have no probability of their own: its log p, less log Z, is spread over its positions. Where a
        step has Z = 0 the context is impossible; so is whatever is given outside the language, of which nothing is
        asked.
        """
        options: dict[str, Any] = {"law": self.law, "prompt": prompt, "threads": threads}
        if tokens is not None and not self.greedy:
            return self._scored(denoiser, plan, tokens, options)
        uniforms = None
        if not self.greedy:
            assert states is not None
            uniforms = uniforms_of(states, np.arange(len(states)), plan.shape[1])
        walk = walk_steps(denoiser, self.language, plan, uniforms, greedy=self.greedy, **options)
        impossible = _ended(walk)
        if tokens is not None:
            # What is sure is followed, or not.
            log_probs = np.where(walk.tokens == tokens, 0.0, -np.inf)
            log_probs[impossible] = -np.inf
            return PlanRun(tokens, log_probs, walk.calls, walk.rounds, impossible)
        log_probs = np.zeros(plan.shape) if self.greedy else walk.log_probs - walk.log_kept
        log_probs[walk.tokens == denoiser.vocab_size] = np.nan
        return PlanRun(walk.tokens, log_probs, walk.calls, walk.rounds, impossible)

    def _scored(self, denoiser: Any, plan: Any, tokens: Tokens, options: dict[str, Any]) -> PlanRun:
        prompt: Prompt | None = options["prompt"]
        whole = tokens if prompt is None else prompt.joined(tokens)
        rows = np.flatnonzero(self.language.in_support(whole))
        own = {**options, "prompt": prompt and prompt.take(rows)}
        walk = walk_steps(denoiser, self.language, plan[rows], tokens=tokens[rows], **own)
        ended = _ended(walk)
        log_probs, impossible = np.full(plan.shape, -np.inf), np.ones(len(plan), dtype=np.bool_)
        log_probs[rows[~ended]] = (walk.log_probs - walk.log_kept)[~ended]
        impossible[rows] = ended
        calls, rounds = np.zeros((2, len(plan)), dtype=np.int64)
        calls[rows], rounds[rows] = walk.calls, walk.rounds
        return PlanRun(tokens, log_probs, calls, rounds, impossible)


def _ended(walk: StepWalk) -> Any:
    return np.asarray(np.isneginf(walk.log_kept).any(axis=1))


def constraint_of(sampler: Any, denoiser: Any, language: LanguageLike | None) -> Constraint | None:
    """The constraint of a model, by its sampler; None without one.

    Its language is that of the denoiser, unless given. ValueError where nobody says it, and where it is not needed.
    """
    if not is_constrained(sampler):
        if language is not None:
            raise ValueError(
                f"a language is given, and sampler {sampler.spec} is held to none; leave it out, or use a law over "
                "plans with constrained=true"
            )
        return None
    known = denoiser.language if language is None else language
    if known is None:
        raise ValueError(
            f"sampler {sampler.spec} completes its steps, and the denoiser {denoiser.spec} does not say of which "
            "language it is; pass language="
        )
    found = as_language(known)
    check_vocabularies(denoiser, found)
    return Constraint(found, sampler)


def needed(language: Any, sampler: Any) -> dict[str, Any]:
    """What a model has to be told besides its sampler: the language, where steps are completed to it."""
    return {"language": language} if is_constrained(sampler) else {}
