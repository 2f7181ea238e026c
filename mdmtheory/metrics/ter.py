"""TER: perplexity per token of a model on sequences of the language."""

from __future__ import annotations

import math
from typing import Any

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.protocols import Language
from mdmtheory.metrics.counts import score_counts, ter_kind
from mdmtheory.metrics.estimates import ter_estimate, ter_ratio_estimate
from mdmtheory.models.autoregressive import Autoregressive


def ter(
    model: Any,
    language: Language,
    length: int,
    count: int = 1000,
    seed: int = 0,
    *,
    plans: int = 1,
    level: float = 0.95,
    threads: int | None = None,
) -> Estimate:
    """TER(p) = exp(E_q[-log p(x)]/L), perplexity per token (2502.09622).

    For a model with a law over plans this is the plan-averaged upper bound; `plans` = K averages K plans inside the
    logarithm, which tightens it. For one fixed plan it is an estimate of TER itself. The autoregressive reference is
    exact where the entropy of the language is.
    """
    if isinstance(model, Autoregressive) and model.language.digest == language.digest:
        entropy = language.entropy(length, count, seed)
        if entropy.kind == "exact":
            return Estimate.exact(math.exp(entropy.value / length))
    [counts] = score_counts([model], language, length, seed, 0, count, plans=plans, threads=threads)
    return ter_estimate(counts, length, level, ter_kind(model))


def ter_ratio(
    model: Any,
    language: Language,
    length: int,
    count: int = 1000,
    seed: int = 0,
    *,
    plans: int = 1,
    level: float = 0.95,
    threads: int | None = None,
) -> Estimate:
    """TER(p)/TER(q) = exp(KL(q||p)/L), which needs no entropy; kinds as for `ter`."""
    [counts] = score_counts([model], language, length, seed, 0, count, plans=plans, threads=threads)
    return ter_ratio_estimate(counts, length, level, ter_kind(model))
