"""TER: perplexity per token of a model on sequences of the language."""

from __future__ import annotations

import math
from typing import Any

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import Language
from mdmtheory.core.threads import within_its_threads
from mdmtheory.metrics.counts import score_counts, ter_kind
from mdmtheory.metrics.estimates import ter_estimate, ter_ratio_estimate
from mdmtheory.metrics.mixture import check_method, mixture_counts
from mdmtheory.models.autoregressive import Autoregressive
from mdmtheory.models.fitting import held_to


@whole_numbers(length=1, count=1, seed=0, plans=1, threads=1)
@within_its_threads
def ter(
    model: Any,
    language: Language,
    length: int,
    count: int = 1000,
    seed: int = 0,
    *,
    method: str = "plans",
    plans: int = 1,
    level: float = 0.95,
    threads: int | None = None,
) -> Estimate:
    """TER(p) = exp(E_q[-log p(x)]/L), perplexity per token (2502.09622).

    For a model with a law over plans this is the plan-averaged upper bound; `plans` = K averages K plans inside the
    logarithm, which tightens it. For one fixed plan, and for samplers that look at the context only, it is an estimate
    of TER itself. The autoregressive reference is exact where the entropy of the language is.

    `method` "mixture" estimates TER itself also for ancestral plans with the exact oracle, wherever `exact.log_prob`
    and `exact.ser` are feasible (bigrams of any length, what can be enumerated); ValueError elsewhere. It is TER(q)
    times `ter_ratio` where the entropy is exact, which leaves little noise.
    """
    check_method(method)
    model, language = held_to(model, language)
    if type(model) is Autoregressive and model.language.digest == language.digest:
        entropy = language.entropy(length, count, seed)
        if entropy.kind == "exact":
            return Estimate.exact(math.exp(entropy.value / length))
    if method == "plans":
        [counts] = score_counts([model], language, length, seed, 0, count, plans=plans, threads=threads)
        return ter_estimate(counts, length, level, ter_kind(model))
    counts = mixture_counts(model, language, length, seed, 0, count, threads)
    entropy = language.entropy(length, 2, seed)
    if entropy.kind != "exact":
        return ter_estimate(counts, length, level)
    ratio, floor = ter_ratio_estimate(counts, length, level), math.exp(entropy.value / length)
    value, low, high = (floor * each for each in ratio.cut_from or (ratio.value, ratio.low, ratio.high))
    return Estimate(value, low, high, level, "estimate", count).within(least=floor)


@whole_numbers(length=1, count=1, seed=0, plans=1, threads=1)
@within_its_threads
def ter_ratio(
    model: Any,
    language: Language,
    length: int,
    count: int = 1000,
    seed: int = 0,
    *,
    method: str = "plans",
    plans: int = 1,
    level: float = 0.95,
    threads: int | None = None,
) -> Estimate:
    """TER(p)/TER(q) = exp(KL(q||p)/L), which needs no entropy; methods and kinds as for `ter`."""
    check_method(method)
    model, language = held_to(model, language)
    if method == "mixture":
        return ter_ratio_estimate(mixture_counts(model, language, length, seed, 0, count, threads), length, level)
    [counts] = score_counts([model], language, length, seed, 0, count, plans=plans, threads=threads)
    return ter_ratio_estimate(counts, length, level, ter_kind(model))
