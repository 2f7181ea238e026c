"""What a sequence costs in calls of the denoiser, and the number of steps at which two samplers cost the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mdmtheory.core.estimate import Estimate, WithheldError
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.means import Moments, mean_interval
from mdmtheory.core.streams import stream_states
from mdmtheory.models.finishing import TRUST
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.plans import Ancestral, FirstHitting, FixedSizes
from mdmtheory.samplers.planned import plans_alone

EVERY, FINISHED = "of every sequence", "of sequences drawn to their end"
"""Whose calls are counted. The latter flatter a bad sampler: what goes wrong late, after many calls, is left out."""


@whole_numbers(length=1, count=1, seed=0, threads=1)
def mean_calls(
    model: Any, length: int, *, count: int = 1000, seed: int = 0, level: float = 0.95, threads: int | None = None
) -> tuple[Estimate, str]:
    """Mean calls of a sequence, and of which ones.

    Of every sequence, also of those that go wrong, which are drawn to their end (`finish`). Where plans are chosen
    without looking: exact for fixed plans and for ancestral ones, sum_k 1 - (1 - w_k)^L; else from `count` plans. Of
    samplers that look, from `count` sequences; of a model that cannot finish what went wrong, from the others alone.
    ValueError where there are none.
    """
    law = None if model.plan_law is None else plans_alone(model.plan_law)
    if type(model) is MaskedDiffusion and type(law) is Ancestral:
        weights = np.diff(model.schedule.revealed_fractions(model.steps))
        return Estimate.exact(float(-np.expm1(length * np.log1p(-np.minimum(weights, 1 - 1e-16))).sum())), EVERY
    if law is not None:
        exact = law.fixed or type(law) in (FixedSizes, FirstHitting)
        states = stream_states(["calls", model.identity, length, seed], 0, 1 if exact else count)
        plans = model.draw_plans(states, length)
        ordered = np.sort(plans, axis=1)
        calls = 1.0 + (ordered[:, 1:] != ordered[:, :-1]).sum(axis=1)
        return (Estimate.exact(float(calls[0])) if exact else _mean(calls, level)), EVERY
    denoiser = getattr(model, "denoiser", None)
    can_finish = model.finishes and denoiser is not None and denoiser.trusting(TRUST) is not None
    drawn = model.sample(count, length, seed, threads=threads, **({"finish": True} if can_finish else {}))
    calls = drawn.calls[~drawn.unfinished].astype(np.float64)
    if not len(calls):
        raise ValueError(f"none of {count} sequences of {model.spec} was drawn to its end: nothing is known of calls")
    return _mean(calls, level), EVERY if can_finish else FINISHED


def _mean(calls: np.ndarray, level: float) -> Estimate:
    """A mean with its interval; one of no width where all are alike and few."""
    mean = float(calls.mean())
    try:
        value, low, high = mean_interval(Moments.of(calls), level, unseen=mean)
    except WithheldError:
        value, low, high = mean, float(calls.min()), float(calls.max())
    return Estimate(value, max(low, 1.0), high, level, "estimate", len(calls)).within(least=1.0)


def steps_at_calls(calls_at: Callable[[int], float], wanted: float, most: int) -> int:
    """The number of steps, up to `most`, whose mean calls are nearest to those wanted.

    By bisection: more steps cost no fewer calls. ValueError where `most` steps have less than half a call too few.
    """
    low, high = 1, 1
    while calls_at(high) < wanted:
        if high == most:
            return most
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if calls_at(middle) < wanted else (low, middle)
    return min((low, high), key=lambda steps: abs(calls_at(steps) - wanted))
