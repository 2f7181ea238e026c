"""Draws of several laws over plans with common random numbers: what one of them draws well, another may too.

Each position of each sequence has one uniform for the time at which it is revealed and one for its token. What is
drawn of each model has that model's own law; together they are correlated, so that differences vary less.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.protocols import Language
from mdmtheory.core.streams import stream_states
from mdmtheory.models.canvas_loop import run_on_canvas
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.plans import Ancestral, FirstHitting, FixedSizes, Plans
from mdmtheory.samplers.planned import plans_alone

Uniforms = Float[np.ndarray, "count length"]

OWN_PLANS = "common uniforms for tokens; the plans of {} are its own"
COMMON = "common uniforms for plans and tokens"
TOGETHER = 1 << 17
"""Tokens that are drawn at once."""


def check_can_share(models: Iterable[Any]) -> None:
    """ValueError with the reason where a model's draws cannot be made of common uniforms."""
    for model in models:
        if type(model) is not MaskedDiffusion or model.plan_law is None or not model.plan_law.has_closed_law:
            raise ValueError(
                f"common random numbers are for masked diffusion over a law of plans, in float64, and {model.spec} is "
                "none: what it draws decides what it draws next; leave common out, and draws are independent"
            )
        if model.constraint is not None:
            raise ValueError(
                f"common random numbers are for tokens that are drawn one by one, and {model.spec} draws those of a "
                "step together; leave common out, and draws are independent"
            )


def how_shared(models: Iterable[Any]) -> str:
    """What the draws of these models have in common, in words."""
    own = [str(model.plan_law.spec) for model in models if not _from_times(model)]
    return OWN_PLANS.format(" and ".join(dict.fromkeys(own))) if own else COMMON


def common_errors(
    models: list[Any], language: Language, length: int, count: int, seed: int, threads: int | None
) -> Bool[np.ndarray, "models count"]:
    """Which sequences of each model are wrong, sequence i of all of them being drawn from the same uniforms."""
    from mdmtheory.kernels.random import fill_uniforms

    wrong = np.empty((len(models), count), dtype=np.bool_)
    size = max(1, TOGETHER // length)
    for first in range(0, count, size):
        here = min(size, count - first)
        uniforms = np.empty((here, 2 * length))
        fill_uniforms(stream_states(["common draws", language.digest, length, seed], first, here), uniforms)
        times, tokens = np.ascontiguousarray(uniforms[:, :length]), np.ascontiguousarray(uniforms[:, length:])
        for row, model in enumerate(models):
            states = stream_states(["common draws, own plans", model.identity, length, seed], first, here)
            plan = plans_at(model, times) if _from_times(model) else model.draw_plans(states, length)
            run = run_on_canvas(model.denoiser, plan, uniforms=tokens, law=model.plan_law, threads=threads)
            wrong[row, first : first + here] = ~(language.in_support(run.tokens) & ~run.impossible)
    return wrong


def plans_at(model: Any, times: Uniforms) -> Plans:
    """Plans of the model's law, each position being revealed the earlier the smaller its time.

    Ancestral plans are positions independent, of step k where the time lies between the revealed fractions of k - 1 and
    k; sizes that are fixed are filled in the order of times, which is uniformly random.
    """
    law = plans_alone(model.plan_law)
    count, length = times.shape
    if type(law) is Ancestral:
        edges = model.schedule.revealed_fractions(model.steps)
        return (1 + np.searchsorted(edges[1:-1], times, side="right")).astype(np.int32)
    if law.fixed:
        return model.draw_plans(stream_states("fixed", 0, count), length)
    sizes = model.schedule.sizes(length, model.steps) if type(law) is FixedSizes else np.ones(length, dtype=np.int64)
    rising = np.repeat(np.arange(1, len(sizes) + 1, dtype=np.int32), sizes)
    plan = np.empty((count, length), dtype=np.int32)
    np.put_along_axis(plan, times.argsort(axis=1), np.broadcast_to(rising, plan.shape), axis=1)
    return plan


def _from_times(model: Any) -> bool:
    law = plans_alone(model.plan_law)
    return law.fixed or type(law) in (Ancestral, FixedSizes, FirstHitting)
