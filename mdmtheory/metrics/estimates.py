"""From sums over sequences to numbers with intervals."""

from __future__ import annotations

import math

from mdmtheory.core.estimate import Estimate, Kind
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.intervals import anytime_binomial, clopper_pearson, normal_mean
from mdmtheory.metrics.counts import Counts

LEAST_EFFECTIVE_SIZE = 100.0
"""SER by scoring is withheld below this effective sample size: its weights are too heavy-tailed for an interval."""


@whole_numbers(max_errors=1)
def ser_estimate(counts: Counts, level: float = 0.95, max_errors: int | None = None) -> Estimate:
    """SER from drawn sequences: Clopper-Pearson at a fixed count, anytime-valid when errors stopped the drawing."""
    interval = clopper_pearson if max_errors is None else anytime_binomial
    low, high = interval(counts.errors, counts.sequences, level)
    return Estimate(counts.errors / counts.sequences, low, high, level, "estimate", counts.sequences)


@whole_numbers(length=1)
def ter_estimate(counts: Counts, length: int, level: float = 0.95, kind: Kind = "estimate") -> Estimate:
    """TER(p) = exp(E[-log p(x)]/L), perplexity per token, from scored sequences; no law of tokens has less than 1."""
    return _per_token(counts.sequences, counts.nats, counts.nats_squared, length, level, kind).within(least=1.0)


@whole_numbers(length=1)
def ter_ratio_estimate(counts: Counts, length: int, level: float = 0.95, kind: Kind = "estimate") -> Estimate:
    """TER(p)/TER(q) = exp(KL(q||p)/L) >= 1, from the gaps log q(x) - log p(x) of the same sequences."""
    return _per_token(counts.sequences, counts.gap, counts.gap_squared, length, level, kind).within(least=1.0)


LEAST_RIGHT = 20
"""A cross-entropy of fewer right sequences is withheld: the normal interval of so few is too short."""


@whole_numbers(length=1)
def cross_entropy_estimate(counts: Counts, length: int, level: float = 0.95) -> Estimate:
    """E[-log q(x) | x in the language]/L in nats per token, from the drawn sequences that are right."""
    right = counts.sequences - counts.errors
    mean, low, high = normal_mean(right, counts.nats, counts.nats_squared, level)
    return Estimate(mean / length, low / length, high / length, level, "estimate", right).within(least=0.0)


def scored_ser_estimate(counts: Counts, level: float = 0.95) -> tuple[Estimate | None, float]:
    """SER from the ratios r = p_plan(x)/q(x) and their effective size (sum r)^2 / sum r^2; None below 100."""
    if not (math.isfinite(counts.ratio_squared) and counts.ratio_squared > 0):
        return None, 0.0
    effective = counts.ratio**2 / counts.ratio_squared
    if effective < LEAST_EFFECTIVE_SIZE:
        return None, effective
    mean, low, high = normal_mean(counts.sequences, counts.ratio, counts.ratio_squared, level)
    estimate = Estimate(1 - mean, 1 - high, 1 - low, level, "estimate", counts.sequences)
    return estimate.within(0.0, 1.0), effective


def _per_token(count: int, total: float, squares: float, length: int, level: float, kind: Kind) -> Estimate:
    mean, low, high = normal_mean(count, total, squares, level)
    return Estimate(math.exp(mean / length), math.exp(low / length), math.exp(high / length), level, kind, count)
