"""Means whose interval has no ends where nothing is known of them, so that the other numbers of a report stand."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from mdmtheory.core.estimate import Estimate, Kind, WithheldError
from mdmtheory.core.means import LEAST_TERMS, Moments, mean_interval


def mean_or_open(
    values: Float[np.ndarray, "count"], level: float, kind: Kind = "estimate", *, unseen: float = 1.0
) -> Estimate:
    """The mean of independent numbers as `mean_interval` has it; from -inf to inf where two or fewer of them carry it.

    WithheldError for fewer than 50 numbers.

    >>> found = mean_or_open(np.array([100.0] + [0.0] * 99), 0.95)
    >>> found.value, found.low, found.high
    (1.0, -inf, inf)
    """
    try:
        ends = mean_interval(Moments.of(values), level, unseen=unseen)
    except WithheldError:
        if len(values) < LEAST_TERMS:
            raise
        ends = (float(values.mean()), -math.inf, math.inf)
    return Estimate(*ends, level, kind, len(values))
