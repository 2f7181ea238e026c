"""The bound E_plan log p(x | plan) of plans in random order, from contexts spread evenly over how much is masked."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.long_calls import counted
from mdmtheory.core.prompts import Prompt, answers_in
from mdmtheory.core.streams import stream_states
from mdmtheory.core.tokens import Tokens
from mdmtheory.metrics.pricing import curve_weights, random_walk
from mdmtheory.models.block import BlockDiffusion
from mdmtheory.models.contexts import score_contexts
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.models.noise import uniforms_of
from mdmtheory.plans import Ancestral, FirstHitting, FixedSizes
from mdmtheory.samplers.planned import Planned, is_constrained, plans_alone

CONTEXTS_AT_ONCE = 1 << 12
"""Contexts that are made together: enough to fill a denoiser's batches, few enough to need little memory."""


def in_random_order(model: Any) -> bool:
    """Whether each step of the model's plans reveals a uniformly random set of positions, of a block in blocks.

    And each token by itself: where steps are drawn together, single reveals say nothing of their price.
    """
    planned = type(model) in (MaskedDiffusion, BlockDiffusion) and model.plan_law is not None
    return (
        planned
        and not is_constrained(model.plan_law)
        and type(plans_alone(model.plan_law)) in (Ancestral, FixedSizes, FirstHitting)
    )


@whole_numbers(seed=0, first=0, plans=1, threads=1)
def context_terms(
    model: Any,
    tokens: Tokens,
    seed: int = 0,
    *,
    first: int = 0,
    plans: int = 1,
    prompt: Prompt | None = None,
    stratified: bool = True,
    threads: int | None = None,
) -> Float[np.ndarray, "plans count"]:
    """Unbiased estimates of E_plan log p(x | plan) in nats, each from one context of a plan of its own: one call.

    With m positions revealed, log p of every masked one given these is asked, and L times their mean is the term: m has
    the probability that a token of the model's plans is revealed with m others before it (`curve_weights` over L), so
    that for one position at a time, and for ancestral plans of endless many steps, it is uniform: the bound of MDLM
    (2406.07524) with exact weights. The m of one sequence are spread evenly, one in each of `plans` parts of equal
    probability, unless not `stratified`; no mean of them varies more than of independent ones (docs/theory.md, 13).

    For models `in_random_order`. Sequence number first + i takes its contexts from its own stream.
    """
    answers = answers_in(prompt, tokens)
    count, length = answers.shape
    key = ["elbo", model.denoiser.identity, tokens.shape[1], length, seed, model.block]
    states = stream_states(key, first, count)
    walk = random_walk(model.denoiser, model.block)
    uniforms = uniforms_of(states, np.arange(count), plans).T
    if stratified:
        uniforms = (np.arange(plans)[:, None] + uniforms) / plans
    reached = np.cumsum(curve_weights(model, length))
    # Rounding may leave the last of them at less than a uniform.
    last = int(np.searchsorted(reached, reached[-1]))
    revealed = np.minimum(np.searchsorted(reached, uniforms * reached[-1], side="right"), last)
    law = model.plan_law if isinstance(model.plan_law, Planned) else None
    out = np.empty((plans, count))
    together = max(1, CONTEXTS_AT_ONCE // max(count, 1))
    for a in counted(range(0, plans, together), "batches of plans"):
        some = slice(a, min(a + together, plans))
        order = np.concatenate([walk.draw_plans(states, length) for _ in range(some.start, some.stop)])
        before = revealed[some].reshape(-1, 1)
        asked = _asked(order, before, model.block)
        plan = np.where(order <= before, 1, np.where(asked, 2, 3)).astype(np.int32)
        rows = np.tile(np.arange(count), some.stop - some.start)
        given = prompt and prompt.take(rows)
        options: Any = {"law": law, "prompt": given, "only": asked, "threads": threads}
        found = score_contexts(walk.denoiser, plan, answers[rows], **options).log_probs
        term = length * np.where(asked, found, 0.0).sum(axis=1) / asked.sum(axis=1)
        out[some] = term.reshape(-1, count)
    return out


def _asked(
    order: Int[np.ndarray, "rows length"], before: Int[np.ndarray, "rows 1"], block: int | None
) -> Bool[np.ndarray, "rows length"]:
    """The positions that may come next: all that are left, of the block of the one that does."""
    masked = order > before
    if block is None:
        return masked
    following = (order == before + 1).argmax(axis=1)
    places = np.arange(order.shape[1]) // block
    return masked & (places == places[following][:, None])
