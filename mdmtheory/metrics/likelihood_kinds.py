"""How log p(x) is found, kind by kind: exactly, or from what drawn plans say of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from mdmtheory.core.contracts import exact_for
from mdmtheory.core.estimate import Kind, WithheldError
from mdmtheory.core.given import Given
from mdmtheory.core.means import Moments, mean_interval, price
from mdmtheory.core.prompts import Prompt
from mdmtheory.core.sources import SOFTWARE, Sources
from mdmtheory.core.tokens import Tokens
from mdmtheory.exact.law import law_alone, law_cost
from mdmtheory.metrics.distances import CHEAP
from mdmtheory.metrics.elbo import context_terms, in_random_order
from mdmtheory.metrics.mixture import mixture_log_prob
from mdmtheory.metrics.pricing import is_ancestral, scored
from mdmtheory.metrics.ser_scored import LEAST_EFFECTIVE_SIZE
from mdmtheory.models.log_mean import log_mean_exp

Nats = Float[np.ndarray, "count"]
Terms = Float[np.ndarray, "plans count"]
Found = tuple[Nats, Nats, Nats, Nats | None, Nats]
"""`values`, `low`, `high`, `upper` and `effective` of a Likelihood."""


@dataclass(frozen=True, eq=False)
class Asked:
    """What is asked for: sequences of a model, how many plans of each, and from which streams."""

    model: Any
    tokens: Tokens
    prompt: Prompt | None
    plans: int
    seed: int
    first: int
    level: float
    threads: int | None

    @property
    def to_score(self) -> dict[str, Any]:
        """What a model is told besides the tokens."""
        return {"threads": self.threads} | ({} if self.prompt is None else {"prompt": self.prompt.tokens})

    def terms(self) -> Terms:
        """log p(x | plan) of each drawn plan; ValueError for a model that has but one."""
        model = self.model
        if getattr(model, "log_prob_terms", None) is None or _has_one_history(model):
            raise ValueError(
                f"{model.spec} draws no plan, so its log p(x) is no mean over plans but exact; use kind='exact'"
            )
        found: Terms = model.log_prob_terms(self.tokens, self.seed, first=self.first, plans=self.plans, **self.to_score)
        return found


def _has_one_history(model: Any) -> bool:
    """Whether a sequence can come about in one way alone; one position at a time in random order is not that."""
    return model.log_prob_kind == "exact" and not in_random_order(model)


def _alone(values: Nats) -> Found:
    """Of numbers that are exact."""
    return values, values, values, None, np.full(len(values), np.nan)


def _exact(of: Asked) -> Found:
    model, kind = of.model, None
    with suppress(ValueError):
        kind = model.log_prob_kind
    if kind == "exact":
        return _alone(scored(model, of.tokens, **of.to_score))
    language = None if model.denoiser is None else model.denoiser.language
    if is_ancestral(model) and language is not None and exact_for(model.denoiser) == language.digest:
        given = None if of.prompt is None else Given.of(of.prompt.given)
        return _alone(mixture_log_prob(model, language, of.tokens, of.threads, given=given))
    length = of.tokens.shape[1]
    if of.prompt is None and law_cost(model, length) <= CHEAP:
        law = law_alone(model, model.vocab_size, length, of.threads)
        with np.errstate(divide="ignore"):
            return _alone(np.log(law[tuple(of.tokens.T.astype(np.int64))]))
    _ = model.log_prob_kind  # says why, where there is no likelihood at all
    raise ValueError(
        f"{model.spec} has no exact log p(x): it draws its plans, and they are too many to enumerate; "
        "use kind='tube', 'iw' or 'elbo'"
    )


def _replay(of: Asked) -> Found:
    model = of.model
    if model.sampler is None or model.plan_law is not None:
        raise ValueError(
            f"{model.spec} has no sampler that looks at the sequence, so there is nothing to replay; use another kind"
        )
    if model.log_prob_kind != "exact":
        raise ValueError(
            f"sampler {model.sampler.spec} breaks ties at random, so a replay gives p(x) given one order of them; use "
            "ties=lowest, or kind='iw' over orders"
        )
    return _alone(scored(model, of.tokens, **of.to_score))


def _elbo(of: Asked) -> Found:
    _ = of.model.log_prob_kind  # says why, where there is no likelihood at all
    if in_random_order(of.model):
        terms = context_terms(
            of.model, of.tokens, of.seed, first=of.first, plans=of.plans, prompt=of.prompt, threads=of.threads
        )
        effective = np.full(terms.shape[1], np.nan)
    else:
        terms = of.terms()
        effective = effective_size(terms)
    # No mean of evenly spread numbers varies more than of independent ones, so these intervals hold too.
    ends = np.array([_ends(column, of.level, unseen=price(-float(column.mean()))) for column in terms.T])
    low, high = ends.reshape(-1, 2).T
    return terms.mean(axis=0), low, high, None, effective


def _iw(of: Asked) -> Found:
    terms = of.terms()
    values = log_mean_exp(terms)
    return values, values + math.log1p(-of.level), values, None, effective_size(terms)


def _tube(of: Asked) -> Found:
    if of.plans < 2:
        raise ValueError(f"plans is {of.plans}; kind tube needs 2 or more, a half for each side of the bound")
    terms = of.terms()
    halves = terms[: of.plans // 2], terms[of.plans // 2 :]
    effective = np.minimum(*map(effective_size, halves))
    values, rest = log_mean_exp(terms), (1 - of.level) / 2
    low, upper, high = np.zeros((3, len(values)))
    for own, other in (halves, halves[::-1]):
        reference = log_mean_exp(other)
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):  # ψ may be 0, and is worth no plans then
            ratios = np.exp(own - reference)
            # Each of the two holds its own part of what is left of the level, on either side.
            ends = np.array([_ends(each, 1 - rest, unseen=1.0) for each in ratios.T]).reshape(-1, 2).T
            low += (reference + np.log(ends[0])) / 2
        upper += tangent(reference, ratios.mean(axis=0)) / 2
        high += tangent(reference, ends[1]) / 2
    withheld = ~(effective >= LEAST_EFFECTIVE_SIZE)
    upper[withheld] = high[withheld] = np.nan
    return values, np.where(np.isfinite(low) & ~withheld, low, values + math.log(rest)), high, upper, effective


def tangent(reference: Nats, ratio: Nats) -> Nats:
    """log ψ + p̂/ψ - 1 from log ψ and p̂/ψ: of the log of the mean of p̂ an upper bound in the mean, if ψ is fixed.

    Where ψ = p̂ it is log p̂, which has too small a mean: ψ has to come from other plans (docs/theory.md, 13; ours).
    """
    return reference + ratio - 1


def _ends(values: Float[np.ndarray, "plans"], level: float, *, unseen: float) -> tuple[float, float]:
    """Of the interval for the mean; NaN where none would hold."""
    if np.isnan(values).any():
        return math.nan, math.nan
    try:
        return mean_interval(Moments.of(values), level, unseen=unseen)[1:]
    except WithheldError:
        return math.nan, math.nan


def effective_size(terms: Terms) -> Nats:
    """(sum w)²/sum w² of the weights whose logarithms these are, over the plans of each sequence; 0 where all are 0.

    >>> effective_size(np.log([[0.5, 0.5, 1.0], [0.5, 0.1, 1.0]])).round(2).tolist()
    [2.0, 1.38, 2.0]
    """
    best = terms.max(axis=0)
    weights = np.exp(terms - np.where(np.isfinite(best), best, 0.0))
    squares = (weights**2).sum(axis=0)
    return np.divide(weights.sum(axis=0) ** 2, squares, out=np.zeros(len(best)), where=squares > 0)


class Numbers(NamedTuple):
    """A kind: of numbers, for each sequence, in the mean, and as KL(q || p); how it is found; its sources."""

    each: Kind
    mean: Kind
    gap: Kind
    find: Callable[[Asked], Found]
    sources: Sources


KINDS: Mapping[str, Numbers] = MappingProxyType(
    {
        "exact": Numbers("exact", "estimate", "estimate", _exact, (SOFTWARE,)),
        "elbo": Numbers("lower bound", "lower bound", "upper bound", _elbo, ("sahoo2024",)),
        "iw": Numbers("lower bound", "lower bound", "upper bound", _iw, ("burda2016",)),
        "replay": Numbers("exact", "estimate", "estimate", _replay, ("turok2026",)),
        "tube": Numbers("estimate", "estimate", "estimate", _tube, ("ivanov2026",)),
    }
)
ALIASES: Mapping[str, str] = MappingProxyType({"duel": "replay"})
"""Other names of kinds: what a replay gives is published as DUEL (2603.01367)."""
