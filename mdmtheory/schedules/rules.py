"""Rules that choose how much each step reveals: the optimal sizes, two geometric rules, the square-root rule.

All are about positions revealed in random order (docs/theory.md, section 2).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.integers import whole_numbers
from mdmtheory.schedules.averages import falling_values
from mdmtheory.schedules.schedule import Schedule

Sizes = Int[np.ndarray, "n"]
Points = Float[np.ndarray, "points"]

_MOST_BYTES = 1 << 31
_POINTS = 1025  # where a density is evaluated
_FINE = 1 << 17  # where its integral is inverted


@whole_numbers(steps=1)
def optimal(curve: Any, steps: int) -> Sizes:
    """The reveal sizes that minimise `plan_averaged_nll`, at most `steps` of them: exact dynamic programming, O(N L).

    `curve` is H̄(0..L-1), non-increasing, in nats. Optimal among all ways to reveal L tokens at random in so many steps,
    and for the average over plans: neither for a chosen order nor for the mixture of the plans. ValueError where the
    curve rises: pass `monotone(curve)`. docs/theory.md, section 2 (ours).

    >>> optimal([1.0, 0.9, 0.5, 0.1, 0.1], 3).tolist()
    [2, 1, 2]
    """
    from mdmtheory.kernels.reveal_sizes import cheapest_blocks

    values = falling_values(curve)
    length = len(values)
    sizes = np.empty(min(steps, length), dtype=np.int64)
    needed = 4 * len(sizes) * length
    if needed > _MOST_BYTES:
        raise ValueError(
            f"the best {len(sizes)} sizes for length {length} take {needed:.1e} bytes, and at most "
            f"{_MOST_BYTES:.0e} are allowed; use fewer steps or a shorter length"
        )
    cheapest_blocks(np.ascontiguousarray(values), sizes)
    return sizes


@whole_numbers(length=1)
def dtc_rule(delta: float, length: int) -> Sizes:
    """Reveal sizes 1 + ⌊δ(revealed + 1)⌋, whose `plan_averaged_gap` is at most δ · DTC for any language.

    None can be one larger without breaking this for some curve. About (γ + ln δL)/δ steps, γ = 0.577
    (docs/theory.md, section 2; ours).

    >>> dtc_rule(0.5, 8).tolist()
    [1, 2, 3, 2]
    """
    return _blocks(delta, length, lambda revealed: 1 + math.floor(delta * (revealed + 1)))


@whole_numbers(length=1)
def tc_rule(delta: float, length: int) -> Sizes:
    """Reveal sizes 1 + ⌊δ(masked - 1)⌋, whose `plan_averaged_gap` is at most δ · TC for any language.

    None can be one larger without breaking this for some curve (so not ⌈δ masked⌉: L = 2, δ = 0.6).
    About (γ + ln δL)/δ steps, γ = 0.577 (docs/theory.md, section 2; ours).

    >>> tc_rule(0.5, 8).tolist()
    [4, 2, 1, 1]
    """
    return _blocks(delta, length, lambda revealed: 1 + math.floor(delta * (length - revealed - 1)))


@whole_numbers(steps=1)
def from_density(density: Callable[[Points], Any], steps: int) -> Schedule:
    """The schedule whose step size at revealed fraction α is ∝ 1/√density(α): every step has the same ∫√density.

    It minimises N Σ w_k² c(a_k) as N grows, to (∫√c)²: with c = `exact.first_order_density` the first-order
    sequence error (docs/theory.md, section 5; ours), with c = -dH̄/dα the plan-averaged gap. `density` takes an array
    of fractions in [0, 1] and returns as many numbers, none negative.
    """
    from scipy.interpolate import PchipInterpolator

    points = np.linspace(0, 1, _POINTS)
    values = np.asarray(density(points), dtype=np.float64)
    if values.shape != points.shape:
        raise ValueError(f"the density has shape {values.shape} at {_POINTS} points; return one number for each")
    wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(wrong):
        place = int(wrong[0])
        raise ValueError(f"the density is {values[place]} at {points[place]:.4g}; it must be finite and 0 or more")
    if not values.any():
        raise ValueError("the density is 0 everywhere: every schedule is as good as any other; use linear")
    fine = np.linspace(0, 1, _FINE + 1)
    integral = PchipInterpolator(points, np.sqrt(values)).antiderivative()(fine)
    integral = np.maximum.accumulate(integral / integral[-1])
    fractions = np.interp(np.arange(steps + 1) / steps, integral, fine)
    fractions[0], fractions[-1] = 0.0, 1.0
    return Schedule.from_fractions(fractions)


def _blocks(delta: float, length: int, size: Callable[[int], int]) -> Sizes:
    """Sizes chosen one after the other by the number revealed before; the last takes what is left."""
    if not 0 < delta < math.inf:
        raise ValueError(f"delta is {delta}; pass a positive number")
    sizes: list[int] = []
    revealed = 0
    while revealed < length:
        sizes.append(min(size(revealed), length - revealed))
        revealed += sizes[-1]
    return np.array(sizes, dtype=np.int64)
