"""SER: the probability that a sequence of the model is wrong."""

from __future__ import annotations

from typing import Any

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import Language
from mdmtheory.core.threads import within_its_threads
from mdmtheory.metrics.counts import Counts, draw_counts
from mdmtheory.metrics.estimates import ser_estimate
from mdmtheory.models.fitting import held_to


@whole_numbers(length=1, count=1, seed=0, max_errors=1, threads=1)
@within_its_threads
def ser(
    model: Any,
    language: Language,
    length: int,
    count: int = 1000,
    seed: int = 0,
    *,
    max_errors: int | None = None,
    level: float = 0.95,
    threads: int | None = None,
) -> Estimate:
    """SER(p) = 1 - p(support of q) (2502.09622), from `count` drawn sequences.

    With `max_errors`, drawing stops at the first batch that reaches so many errors, and the interval is the
    anytime-valid one; without, it is Clopper-Pearson.
    """
    model, language = held_to(model, language)
    batch = count if max_errors is None else max(1, (1 << 15) // length)
    counts = Counts.zero()
    while counts.sequences < count and (max_errors is None or counts.errors < max_errors):
        size = min(batch, count - counts.sequences)
        counts += draw_counts(model, language, length, seed, counts.sequences, size, threads)
    return ser_estimate(counts, level, max_errors)
