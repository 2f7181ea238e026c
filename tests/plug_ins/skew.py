"""Somebody's metric: how lopsided the nats of scored sequences are."""

from __future__ import annotations

from typing import Any

from mdmtheory import Estimate
from mdmtheory.core.estimate import WithheldError


class Skew:
    """The third moment of -log p(x) about its mean, over the second to the power 3/2."""

    name, needs, sums = "skew", "score", ("sequences", "nats", "nats_squared", "nats_cubed")
    label = "skewness of $-\\log p$"

    def estimate(self, measured: Any, level: float) -> Estimate:
        """Without a claim: from nothing to anything, as wide as its level says."""
        count = measured.sums["sequences"]
        if count < 2:
            raise WithheldError("1 sequence has no shape", count)
        first, second, third = (measured.sums[name] / count for name in self.sums[1:])
        spread = second - first**2
        if spread <= 1e-12 * second:
            raise WithheldError("all sequences have one probability", count)
        value = (third - 3 * first * second + 2 * first**3) / spread**1.5
        half = 10 * level
        return Estimate(value, value - half, value + half, level, "estimate", count)
