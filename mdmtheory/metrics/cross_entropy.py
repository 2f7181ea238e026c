"""Cross-entropy of drawn sequences under the language: what SER does not say of the law of a sampler."""

from __future__ import annotations

from typing import Any

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import Language
from mdmtheory.core.threads import within_its_threads
from mdmtheory.metrics.counts import draw_counts
from mdmtheory.metrics.estimates import LEAST_RIGHT, cross_entropy_estimate


@whole_numbers(length=1, count=1, seed=0, threads=1)
@within_its_threads
def cross_entropy(
    model: Any,
    language: Language,
    length: int,
    count: int = 1000,
    seed: int = 0,
    *,
    level: float = 0.95,
    threads: int | None = None,
) -> Estimate:
    """E[-log q(x) | x in the language]/L in nats per token, over x ~ p: the other direction than TER.

    From those of `count` drawn sequences that are in the language; over all of p it is infinite as soon as p errs, so
    read it beside SER. L times it is an upper bound of the entropy of p given the support (Gibbs): below q.entropy(L)/L
    it proves that p has lost entropy, above it that p writes what is rare in q. ValueError where fewer than
    20 sequences are right: their interval would be too short.

    >>> import mdmtheory as mt
    >>> q = mt.NGram.random(order=1, vocab_size=2, seed=0)
    >>> p = mt.MaskedDiffusion(mt.Oracle(q), "draw_confidence", steps=64)
    >>> bool(cross_entropy(p, q, 64, count=100).high < q.entropy(64).value / 64)
    True
    """
    if count < LEAST_RIGHT:
        raise ValueError(f"count is {count}; pass {LEAST_RIGHT} or more")
    counts = draw_counts(model, language, length, seed, 0, count, threads)
    right = count - counts.errors
    if right < LEAST_RIGHT:
        raise ValueError(
            f"{right} of {count} sequences are in the language; draw more, {LEAST_RIGHT} right ones give an interval"
        )
    return cross_entropy_estimate(counts, length, level)
