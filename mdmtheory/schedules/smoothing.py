"""A smooth curve through a noisy one, to choose reveal sizes by."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Int

from mdmtheory.schedules.averages import Values, curve_values, monotone

_WIDEST = 16  # parts of the length that the widest mean covers


def smoothed(curve: Any, weights: Any = None) -> Values:
    """The curve to choose `optimal` sizes by where each point was estimated by itself: non-increasing and smooth.

    The best sizes for a noisy curve are those that fit its noise: on the preset HMM (L = 512, N = 64, 64 contexts a
    point) their gap seems to be 1.8 nats and is 5.5, where linear has 5.2. So neighbouring points are averaged, one at
    each end and twice as many from mean to mean inwards up to L/16, then `monotone`, then joined by monotone cubics.
    Not to price by: that wants the points themselves. `weights` as for `monotone`.
    """
    from scipy.interpolate import PchipInterpolator

    values = curve_values(curve)
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    starts = _starts(len(values))
    total = np.add.reduceat(weights, starts)
    place = np.add.reduceat(weights * np.arange(len(values)), starts) / total
    level = monotone(np.add.reduceat(weights * values, starts) / total, total)
    if len(starts) < 3:
        return monotone(values, weights)
    return np.minimum.accumulate(PchipInterpolator(place, level)(np.arange(len(values))))


def _starts(length: int) -> Int[np.ndarray, "means"]:
    """Where each mean begins: widths 1, 2, 4, ... from both ends, the widest in the middle."""
    widest = max(1, length // _WIDEST)
    left, width = [0], 1
    while left[-1] + width < length / 2:
        left.append(left[-1] + width)
        width = min(2 * width, widest)
    ends = [length - start for start in left[:0:-1]]
    return np.unique(np.array(left + ends, dtype=np.int64))
