"""SER a second way: from the ratios of p to q over sequences of the language, and how much those can be trusted."""

from __future__ import annotations

import math

from mdmtheory.core.estimate import Estimate, WithheldError
from mdmtheory.core.register import registered
from mdmtheory.metrics.metric import PROBABILITY, Measured, Metric
from mdmtheory.metrics.ser_walk import WALK_SEARCH

LEAST_EFFECTIVE_SIZE = 100.0
"""SER by scoring is withheld below this effective sample size: its weights are too heavy-tailed for an interval."""
LEAST_EFFECTIVE_SHARE = 0.25
"""The same as a part of the sequences: where the few of large weight are rare, most samples show none of them."""
LEAST_SCORED = 500
"""The same of sequences: of fewer, those whose effective size is large enough are not like the others."""


@registered("metric", place=6, sources=("kong1994",))
class EffectiveSize(Metric):
    """(sum r)^2 / sum r^2 of the ratios r = p_plan(x)/q(x): as many equal ones would be worth as much."""

    name, short, label, unit = "effective_size", "effective size", "", "sequences"
    needs, sums = "score_plans", ("sequences", "ratio", "ratio_squared")
    fewest = 2
    asked = False
    column = 5.0

    def estimate(self, measured: Measured, level: float = 0.95) -> Estimate:
        """Exact: it is a property of the very sample."""
        ratio, squares = measured.sums["ratio"], measured.sums["ratio_squared"]
        effective = ratio**2 / squares if math.isfinite(squares) and squares > 0 else 0.0
        return Estimate(effective, effective, effective, 1.0, "exact", measured.sums.whole("sequences"))


@registered("metric", place=5, sources=(WALK_SEARCH,))
class SerScored(Metric):
    """SER from the ratios r = p_plan(x)/q(x), whose mean is 1 - SER (ours)."""

    name, short, unit = "ser_scored", "SER by scoring", PROBABILITY
    label = "SER by scoring (probability\nthat a sequence is wrong)"
    needs, sums, optional = EffectiveSize.needs, EffectiveSize.sums, ("ratio_cubed",)
    form = 2  # 2: Student's interval, corrected for skewness; withheld where none holds
    asked = False
    column = 2.0

    def estimate(self, measured: Measured, level: float = 0.95) -> Estimate:
        """Withheld below LEAST_EFFECTIVE_SIZE, LEAST_EFFECTIVE_SHARE and LEAST_SCORED."""
        effective = EffectiveSize().estimate(measured)
        if effective.count > 1 and effective.value < LEAST_EFFECTIVE_SIZE:
            reason = f"effective size {effective.value:.1f} < {LEAST_EFFECTIVE_SIZE:.0f}"
            raise WithheldError(reason, effective.count)
        if effective.value < LEAST_EFFECTIVE_SHARE * effective.count:
            share = f"{effective.value:.1f} of {effective.count} sequences < {LEAST_EFFECTIVE_SHARE:.0%}"
            raise WithheldError(f"effective size {share}", effective.count)
        mean, low, high = measured.mean("ratio", level, least=LEAST_SCORED)
        return Estimate(1 - mean, 1 - high, 1 - low, level, "estimate", effective.count).within(0.0, 1.0)
