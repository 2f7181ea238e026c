"""Walks of random order in which two positions share a step: without one the exact denoiser makes no error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt64

from mdmtheory.core.contracts import exact_for
from mdmtheory.core.protocols import Language
from mdmtheory.core.tokens import Tokens
from mdmtheory.models.conditioned_steps import StepWalk, walk_steps
from mdmtheory.models.noise import uniforms_of
from mdmtheory.plans.shared_steps import in_shared_steps


@dataclass(frozen=True)
class SharedWalk:
    """Walks by whole steps through tilted plans, each from its first shared step to its last, and what each weighs.

    `ratios` are the law of the plans over the one that they were drawn from, `most` the largest that there is.
    """

    plans: Int[np.ndarray, "count length"]
    walk: StepWalk
    ratios: Float[np.ndarray, "count"]
    most: float

    @property
    def wrong(self) -> Float[np.ndarray, "count"]:
        """ratio (1 - prod Z), whose mean is SER; from 0 to `most`."""
        return self.ratios * self.walk.wrong


def check_shared(model: Any) -> None:
    """ValueError where steps of one token err, or nothing is known of which positions share a step."""
    if model.plan_law is None or model.plan_law.shared_steps is None:
        raise ValueError(
            f"of sampler {model.sampler.spec} it is not known which positions share a step; use sampler ancestral "
            "without options, or method='sharp' (ser_sharp)"
        )
    if exact_for(model.denoiser) is None:
        raise ValueError(
            f"the denoiser {model.denoiser.spec} is not exact, so that a step of one token may err; use method='sharp' "
            "(ser_sharp)"
        )


def walk_shared_of(
    model: Any, language: Language, states: UInt64[np.ndarray, "count 4"], begun: Tokens, *, threads: int | None
) -> SharedWalk:
    """Walks of masked diffusion, one from each stream (which move on), each begun in a sequence of the language.

    Until two positions share a step what is shown has the law of the language, and after the last such step Z is 1: so
    a walk begins with what `begun` has at the steps before, and ends there.
    """
    if exact_for(model.denoiser) != language.digest:
        raise ValueError(
            f"the denoiser {model.denoiser.spec} is not exact for {language.spec}; use method='sharp' (ser_sharp)"
        )
    count, length = begun.shape
    tilted = model.plan_law.shared_steps(length, model.steps, model.schedule)
    plans = model.draw_plans(states, length)
    tilted.tilt(plans, states)
    shared = in_shared_steps(plans)
    first = np.where(shared, plans, model.steps + 1).min(axis=1, keepdims=True)
    last = np.where(shared, plans, 0).max(axis=1, keepdims=True)
    shown = np.where(plans < first, begun, model.vocab_size).astype(begun.dtype)
    walked = np.where((plans >= first) & (plans <= last), plans, 0)
    uniforms = uniforms_of(states, np.arange(count), length)
    walk = walk_steps(model.denoiser, language, walked, uniforms, begun=shown, threads=threads)
    return SharedWalk(plans, walk, tilted.ratios(plans), tilted.most)
