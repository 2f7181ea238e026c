"""Walks of fixed plans through contexts in which mass is likely to die, besides walks of the model as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt64

from mdmtheory.core.contracts import exact_for
from mdmtheory.core.misfits import MisfitError
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.models.conditioned_steps import StepWalk, walk_steps
from mdmtheory.models.lost_contexts import LostContexts
from mdmtheory.models.noise import uniforms_of
from mdmtheory.samplers.planned import Planned

PLAIN_SHARE = 0.5
"""The share of the walks that are the model's own, of which no term is more than 1/PLAIN_SHARE."""


@dataclass(frozen=True)
class TiltedWalk:
    """Walks by whole steps, whole ones of the model and, to the step of a target, ones through contexts of its law.

    `targets` are the positions, -1 for the model's own; `wrong` are terms from 0 to `most` whose mean is SER.
    """

    tokens: Tokens
    targets: Int[np.ndarray, "count"]
    wrong: Float[np.ndarray, "count"]
    most: float


def check_tilted(model: Any) -> None:
    """ValueError where a plan is random, tokens are drawn by other laws, or steps of one token err."""
    if model.plan_law is None or not model.plan_law.fixed or isinstance(model.plan_law, Planned):
        raise ValueError(
            f"sampler {model.sampler.spec} has no plan that is known beforehand, or options; use stride, bit_reversed, "
            "blocks or another fixed plan without options, or method='sharp' (ser_sharp)"
        )
    if exact_for(model.denoiser) is None:
        raise ValueError(
            f"the denoiser {model.denoiser.spec} is not exact, so that a step of one token may err; use method='sharp' "
            "(ser_sharp)"
        )


def check_chain(language: Any) -> None:
    """MisfitError for a language that is no chain of hidden states."""
    if language.chain is None:
        raise MisfitError(
            f"{language.spec} is no chain of hidden states, of which tilted walks are; use an HMM or an n-gram of few "
            "contexts, or method='sharp' (ser_sharp)",
            between=("sampler", "language"),
        )


def walk_tilted_of(
    model: Any, language: Any, states: UInt64[np.ndarray, "count 4"], length: int, *, threads: int | None
) -> TiltedWalk:
    """Walks of masked diffusion, one from each stream (which move on).

    The share d of the mass that dies at a position is a function of what stands before its step, and 1 - prod Z is the
    sum over positions of g = d times what is left of the mass of earlier steps, and of its own left of it. A walk is
    the model's own with probability PLAIN_SHARE = a, or one to a target. Where c has the probabilities p(c) and q'(c),
    g counts g / (a + (1 - a) P(target) q'(c)/p(c)), of whichever it was drawn from, so that its mean is that of g.
    """
    check_chain(language)
    if exact_for(model.denoiser) != language.digest:
        raise ValueError(
            f"the denoiser {model.denoiser.spec} is not exact for {language.spec}; use method='sharp' (ser_sharp)"
        )
    count = len(states)
    plans = model.draw_plans(states, length)
    if not count:
        return TiltedWalk(plans.astype(np.uint8), np.empty(0, np.int64), np.empty(0), 1 / PLAIN_SHARE)
    contexts = LostContexts.of(language.chain, plans[0])
    plain_share = PLAIN_SHARE if contexts.chances.any() else 1.0
    numbers = _numbers(contexts.chances, plain_share, uniforms_of(states, np.arange(count), 1)[:, 0])
    plain, aimed = np.flatnonzero(numbers < 0), np.flatnonzero(numbers >= 0)
    own, more = uniforms_of(states, plain, length), uniforms_of(states, aimed, 3 * length)
    tokens, wrong = np.empty((count, length), dtype=token_dtype(model.vocab_size)), np.zeros(count)
    walk = walk_steps(model.denoiser, language, plans[plain], own, threads=threads)
    tokens[plain] = walk.tokens
    for number, target in enumerate(contexts.targets):
        dying = np.flatnonzero(walk.log_kept[:, target.position] < 0)
        wrong[plain[dying]] += _terms(contexts, number, plain_share, walk, dying)
    tokens[aimed] = contexts.draw(numbers[aimed], more.reshape(-1, length, 3))
    positions = np.array([-1, *(each.position for each in contexts.targets)])[numbers + 1]
    last = plans[aimed, positions[aimed]][:, None]
    walked, begun = np.where(plans[aimed] <= last, plans[aimed], 0), np.full_like(tokens[aimed], model.vocab_size)
    walk = walk_steps(model.denoiser, language, walked, tokens=tokens[aimed], begun=begun, threads=threads)
    for number in np.unique(numbers[aimed]):
        rows = np.flatnonzero(numbers[aimed] == number)
        wrong[aimed[rows]] = _terms(contexts, int(number), plain_share, walk, rows)
    return TiltedWalk(tokens, positions, wrong, 1 / plain_share)


def _terms(
    contexts: LostContexts, number: int, plain_share: float, walk: StepWalk, rows: Int[np.ndarray, "some"]
) -> Float[np.ndarray, "some"]:
    """g of a target along some of the walks, over how likely each context is under both laws together."""
    plan, position = contexts.plan, contexts.targets[number].position
    earlier = plan < plan[position]
    before = earlier | ((plan == plan[position]) & (np.arange(len(plan)) < position))
    kept = walk.log_kept[rows]
    dies = -np.expm1(kept[:, position]) * np.exp(np.where(before, kept, 0.0).sum(axis=1))
    chance = contexts.chances[number]
    if chance == 0:
        return dies / plain_share
    log_p = np.where(earlier, walk.log_probs[rows] - kept, 0.0).sum(axis=1)
    with np.errstate(over="ignore"):
        ratio = np.exp(contexts.log_prob(number, walk.tokens[rows]) - log_p)
    return dies / (plain_share + (1 - plain_share) * chance * ratio)


def _numbers(
    chances: Float[np.ndarray, "targets"], plain_share: float, uniforms: Float[np.ndarray, "count"]
) -> Int[np.ndarray, "count"]:
    """Which target each walk goes to, -1 for none."""
    ends = plain_share + (1 - plain_share) * np.cumsum(chances)
    last = int(np.flatnonzero(chances)[-1]) if chances.any() else -1
    found = np.minimum(np.searchsorted(ends, uniforms, side="right"), last)
    return np.where(uniforms < plain_share, -1, found)
