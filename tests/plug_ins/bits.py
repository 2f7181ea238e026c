"""Somebody's metric: what a token costs who stores the language's sequences with the model."""

from __future__ import annotations

import math
from typing import Any

import mdmtheory as mt


class Bits:
    """Bits a token of q's sequences under p: log2 of TER."""

    name, needs, sums = "bits", "score", ("sequences", "nats", "nats_squared")
    optional = ("nats_cubed",)
    label = unit = "bits"

    def estimate(self, measured: Any, level: float) -> Any:
        """The mean of -log2 p(x), by length."""
        ends = (end / measured.length / math.log(2) for end in measured.mean("nats", level))
        return mt.Estimate(*ends, level, measured.kind, measured.sums.whole("sequences"))
