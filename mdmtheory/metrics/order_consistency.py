"""How far a model is from being one law: its price in several orders, and around a square of two tokens.

One law gives a sequence one probability in whatever order its tokens are asked, and two tokens i, j in one context c
one: log p(i|c) + log p(j|c,i) = log p(j|c) + log p(i|c,j). What is left of either is an error of the model that no
number of sequences averages out; it stands beside every price of one order.

The same four numbers tell what one token says of another at a distance: log p(j|c,i) - log p(j|c) on held-out text is
the conditional mutual information, where the model is right. From where on it is nothing, tokens of a step may stand
apart: a safe stride.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.differences import simultaneous_level
from mdmtheory.core.estimate import Estimate
from mdmtheory.core.long_calls import counted
from mdmtheory.core.reveal_plans import in_single_steps
from mdmtheory.core.streams import stream_states
from mdmtheory.core.tokens import Tokens
from mdmtheory.metrics.open_means import mean_or_open
from mdmtheory.models.contexts import score_contexts
from mdmtheory.models.noise import uniforms_of

ORDERS = 4
"""Random orders in which a sequence is scored."""


@dataclass(frozen=True, eq=False)
class AtDistance:
    """Of pairs at one distance, one a sequence: what one token says of the other, and the circulation, in nats."""

    distance: int
    gain: Float[np.ndarray, "count"]
    circulation: Float[np.ndarray, "count"]


def distances_of(length: int) -> tuple[int, ...]:
    """1, 2, 3, 4, 6, 8, 12, ... below a length."""
    found = [each for k in range(20) for each in (2**k, 3 * 2**k // 2) if 0 < each < length]
    return tuple(sorted(set(found)))


def at_distances(denoiser: Any, tokens: Tokens, distances: Sequence[int], seed: int = 0) -> list[AtDistance]:
    """Pairs at each distance, in contexts of which any number of the other tokens is revealed; four calls each."""
    return [_at(denoiser, tokens, distance, seed) for distance in counted(list(distances), "distances")]


def _at(denoiser: Any, tokens: Tokens, distance: int, seed: int) -> AtDistance:
    count, length = tokens.shape
    states = stream_states(["at distance", denoiser.identity, length, distance, seed], 0, count)
    drawn = uniforms_of(states, np.arange(count), length + 2)
    rows = np.arange(count)
    first = (drawn[:, 0] * (length - distance)).astype(np.int64)
    second = first + distance
    order = drawn[:, 2:].copy()
    order[rows, first] = order[rows, second] = 2.0  # behind all others
    revealed = (drawn[:, 1] * (length - 1)).astype(np.int64)  # 0..length-2 of the others
    plan = np.where(in_single_steps(order) <= revealed[:, None], 1, 4).astype(np.int32)
    only = np.zeros(plan.shape, dtype=np.bool_)
    only[rows, first] = only[rows, second] = True
    found = []
    for turn in ((2, 3), (3, 2)):
        plan[rows, first], plan[rows, second] = turn
        log_probs = score_contexts(denoiser, plan, tokens, only=only).log_probs
        found.append((log_probs[rows, first], log_probs[rows, second]))
    (first_alone, second_given), (first_given, second_alone) = found
    gain = ((second_given - second_alone) + (first_given - first_alone)) / 2
    circulation = first_alone + second_given - second_alone - first_given
    return AtDistance(distance, gain, circulation)


def gains(found: Sequence[AtDistance], level: float) -> list[Estimate]:
    """The mean gain at each distance, nats; all intervals hold together."""
    each_level = simultaneous_level(level, max(1, len(found)))
    return [mean_or_open(each.gain, each_level) for each in found]


def safe_stride(found: Sequence[AtDistance], threshold: float, level: float) -> int | None:
    """The least distance from which on every gain that was measured is surely below so many nats; None: none is."""
    safe: int | None = None
    for each, gain in zip(reversed(found), reversed(gains(found, level)), strict=True):
        if gain.high >= threshold:
            return safe
        safe = each.distance
    return safe


def circulation(found: Sequence[AtDistance], level: float) -> Estimate:
    """The mean of |circulation| over all pairs, nats: 0 of one law."""
    values = np.abs(np.stack([each.circulation for each in found])).mean(axis=0)
    return mean_or_open(values, level).within(least=0.0)


def spread_over_orders(
    denoiser: Any, tokens: Tokens, orders: int = ORDERS, seed: int = 0
) -> Float[np.ndarray, "count"]:
    """The standard deviation over random orders, one token at a time, of log p(x), in nats a token of each sequence."""
    count, length = tokens.shape
    states = stream_states(["orders", denoiser.identity, length, seed], 0, count)
    totals = np.empty((orders, count))
    for k in counted(range(orders), "orders"):
        plan = in_single_steps(uniforms_of(states, np.arange(count), length))
        totals[k] = score_contexts(denoiser, plan, tokens).log_probs.sum(axis=1)
    return totals.std(axis=0, ddof=1) / length


def mean_spread(spreads: Float[np.ndarray, "count"], level: float) -> Estimate:
    """The mean of these standard deviations."""
    return mean_or_open(spreads, level).within(least=0.0)
