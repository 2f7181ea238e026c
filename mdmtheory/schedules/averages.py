"""What random-order plans cost on average, from an information curve; docs/theory.md, section 2.

A curve is H̄(0..L-1) in nats: the mean entropy of a masked token by the number of tokens revealed, as an array or
anything that `np.asarray` makes one of (`exact.Curve`). All of this is about positions revealed in random order, and
about E_plan KL(q || p_plan), which is an upper bound of the KL of the sampler; a chosen order can do far better.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.integers import whole_numbers
from mdmtheory.schedules.binomial import binomial_pmf
from mdmtheory.schedules.schedule import Numbers, Schedule

Values = Float[np.ndarray, "length"]

ROUNDING = 1e-10
"""A curve may rise by so much of its largest value before it counts as rising: closed forms round."""


def curve_values(curve: Any) -> Values:
    """The curve as float64; ValueError unless it is a row of finite numbers."""
    values = np.asarray(curve, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"the curve has shape {values.shape}; pass the entropies H̄(0), ..., H̄(L-1), one for each m")
    if not np.isfinite(values).all():
        m = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ValueError(f"the curve is {values[m]} at m = {m}; pass finite nats")
    return values


def falling_values(curve: Any) -> Values:
    """The same of a curve that must not rise; ValueError says where it does.

    Rises within rounding (1e-10 of the largest value) are levelled.
    """
    values = curve_values(curve)
    level = np.minimum.accumulate(values)
    rises = np.flatnonzero(values - level > ROUNDING * np.abs(values).max())
    if len(rises):
        m = int(rises[0])
        raise ValueError(
            f"the curve rises: it is {values[m]:.6g} nats at m = {m} after {level[m]:.6g}, and more revealed tokens "
            "never raise the entropy of a masked one; a measured curve is made monotone by schedules.monotone(curve)"
        )
    return level


def monotone(curve: Any, weights: Any = None) -> Values:
    """The non-increasing curve nearest to a measured one: isotonic regression by weighted least squares.

    `weights` are those of the points, 1/variance where that is known; equal by default.
    """
    from scipy.optimize import isotonic_regression

    values = curve_values(curve)
    if weights is not None:
        weights = np.asarray(weights, dtype=np.float64)
        if weights.shape != values.shape or not (np.isfinite(weights) & (weights > 0)).all():
            raise ValueError(
                f"weights of shape {weights.shape}; pass a positive number for each of {len(values)} points"
            )
    return np.ascontiguousarray(isotonic_regression(values, weights=weights, increasing=False).x)


def fixed_weights(sizes: Numbers) -> Values:
    """How many tokens are revealed with m others revealed before, m = 0..L-1: s_k at M_k = s_1 + ... + s_{k-1}."""
    counts = np.asarray(Schedule.from_sizes(sizes).reveal_sizes, dtype=np.int64)
    weights = np.zeros(int(counts.sum()))
    weights[np.cumsum(counts) - counts] = counts
    return weights


@whole_numbers(length=1)
def ancestral_weights(fractions: Numbers, length: int) -> Values:
    """The same in expectation for i.i.d. steps with the revealed fractions a_k: L sum_k w_k Binomial(L-1, a_{k-1})."""
    revealed = Schedule.from_fractions(fractions).revealed_fractions()
    shares = np.diff(revealed)
    weights = np.zeros(length)
    # A hundred thousand probabilities at a time: scipy makes many copies.
    piece = max(1, (1 << 17) // length)
    for k in range(0, len(shares), piece):
        some = shares[k : k + piece]
        weights += some @ binomial_pmf(np.arange(length)[None], length - 1, revealed[k : k + len(some), None])
    return weights * length


def plan_averaged_nll(curve: Any, sizes: Numbers) -> float:
    """E[-log p_plan(x)] in nats, over x ~ q and random-order plans that reveal `sizes` tokens a step.

    The left Riemann sum of the curve on the grid that the sizes make: sum_k s_k H̄(M_k) (docs/theory.md, 2.1;
    2511.04647, and 2510.25544 as an information profile).

    >>> plan_averaged_nll([1.0, 0.5, 0.25], [1, 2])
    2.0
    """
    weights = fixed_weights(sizes)
    return float(weights @ _of_length(curve, len(weights)))


def plan_averaged_gap(curve: Any, sizes: Numbers) -> float:
    """E_plan KL(q || p_plan) in nats for `sizes` in random order: `plan_averaged_nll` minus H(q) = sum(curve)."""
    weights = fixed_weights(sizes)
    return float((weights - 1) @ _of_length(curve, len(weights)))


def ancestral_gap(curve: Any, fractions: Numbers) -> float:
    """E_plan KL(q || p_plan) in nats for i.i.d. steps: L sum_k w_k E H̄(Bin(L-1, a_{k-1})) - sum(curve).

    `fractions` are the revealed fractions a_0 = 0 < ... < a_N = 1 (docs/theory.md, 2.1).
    """
    values = curve_values(curve)
    return float((ancestral_weights(fractions, len(values)) - 1) @ values)


@whole_numbers(steps=1)
def continuum_gap(curve: Any, steps: int) -> float:
    """What `plan_averaged_gap` of the optimal sizes tends to for steps far below the length, in nats.

    1/2 [(∫√(-H̄'))²/N - (H̄(0) - H̄(L-1))], reached by step sizes ∝ 1/√(-H̄') (docs/theory.md, 2; 2510.25544 has the
    limit). It treats sizes
    as real numbers, so it says nothing where the best ones are near 1, and may be negative there. ValueError for a
    curve that rises.
    """
    values = falling_values(curve)
    root = float(np.sqrt(-np.diff(values)).sum())
    return 0.5 * (root**2 / steps - float(values[0] - values[-1]))


def _of_length(curve: Any, length: int) -> Values:
    values = curve_values(curve)
    if len(values) != length:
        raise ValueError(f"the sizes sum to {length} and the curve has {len(values)} points; they must agree")
    return values
