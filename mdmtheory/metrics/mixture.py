"""log p(x) of the mixture over plans itself, where it can be had, and what follows from it with little noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.contracts import exact_for
from mdmtheory.core.given import Given
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.means import Moments, is_carried_by_few
from mdmtheory.core.protocols import Language
from mdmtheory.core.tokens import Tokens
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.pricing import is_ancestral, scored
from mdmtheory.metrics.score import scores
from mdmtheory.metrics.sums import Sums
from mdmtheory.models.fitting import held_to

METHODS = ("plans", "mixture")
"""One drawn plan a sequence, or the mixture over all plans."""

LEAST_LOW_NOISE = 1000
"""The low-noise form is taken from so many sequences on: its terms are lopsided, and fewer tell that too little."""
LEAST_EVENNESS = 0.5
"""Effective size of weights over their number from which they are even enough for the low-noise form."""


def check_method(method: str) -> None:
    """ValueError unless the method is known."""
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; pass one of {', '.join(METHODS)}")


@whole_numbers(threads=1)
def mixture_log_prob(
    model: Any, language: Language, tokens: Tokens, threads: int | None = None, *, given: Given | None = None
) -> Float[np.ndarray, "count"]:
    """log p(x) in nats of the model itself, never a bound; ValueError with what is possible where there is none.

    With positions `given`, of the answer given the prompt: of ancestral plans by enumeration.
    """
    from mdmtheory import exact

    model, language = held_to(model, language)
    if model.log_prob_kind == "exact":
        prompt: Any = {} if given is None else {"prompt": given.prompts_of(tokens, language.vocab_size)}
        return scored(model, tokens, threads=threads, **prompt)
    if not _ancestral_oracle(model, language):
        raise ValueError(
            f"{model.spec} has no exact log p(x); the mixture is known for ancestral plans with the language's exact "
            "oracle, for fixed plans and for samplers that look at the context only and break no tie at random "
            "(ties=lowest): use those, or method='plans'"
        )
    options: Any = {"block": model.block, "prompt": given, "threads": threads}
    return exact.log_prob(language, tokens, steps=model.steps, schedule=model.schedule, **options)


@whole_numbers(threads=1)
def mixture_sums(model: Any, of: Sequences, threads: int | None = None) -> Sums:
    """Score sequences of the language under the mixture; `gap` sums log q(x) - log p(x), or of answers to prompts.

    For ancestral plans Z = 1 - SER is exact, and so KL = -log Z + E[-log u] with u = p/(qZ), E_q[u] = 1, is taken with
    little noise (`low_noise`).
    """
    [model], language = of.held([model]), of.language
    tokens = of.tokens(threads)
    log_q = of.log_q(tokens, threads)
    gap = log_q - mixture_log_prob(model, language, tokens, threads, given=of.given)
    support = known_support(model, language, of.length, threads, given=of.given)
    if support is not None:
        gap = low_noise(-gap - math.log(support)) - math.log(support)
    return scores(gap - log_q, gap, of.answer_length)


def low_noise(log_weights: Float[np.ndarray, "count"]) -> Float[np.ndarray, "count"]:
    """Values with the mean of -log w and less noise, given that E[w] = 1: w - 1 - log w, of second order.

    docs/theory.md, section 3 (ours). -log w itself where that form's interval would not hold: for few sequences
    (LEAST_LOW_NOISE), uneven weights (LEAST_EVENNESS), and where its terms are too lopsided for their number.
    """
    count = len(log_weights)
    weights = np.exp(log_weights - log_weights.max())
    even = weights.sum() ** 2 / (weights**2).sum() >= LEAST_EVENNESS * count
    low = np.expm1(log_weights) - log_weights
    lopsided = is_carried_by_few((Moments.of(low).skewness or 0.0) / math.sqrt(count))
    return low if count >= LEAST_LOW_NOISE and even and not lopsided else -log_weights


@whole_numbers(length=1, threads=1)
def known_support(
    model: Any, language: Language, length: int, threads: int | None = None, *, given: Given | None = None
) -> float | None:
    """1 - SER of the mixture over ancestral plans, exact, with prompts drawn from q where some positions are `given`.

    None for other models.
    """
    from mdmtheory import exact

    model, language = held_to(model, language)
    if not _ancestral_oracle(model, language):
        return None
    options = {"block": model.block, "prompt": given, "threads": threads}
    support = 1 - exact.ser(language, length, steps=model.steps, schedule=model.schedule, **options).value
    if support <= 0:
        raise ValueError(f"SER of {model.spec} at length {length} rounds to 1 in float64; use more steps")
    return support


def _ancestral_oracle(model: Any, language: Language) -> bool:
    """Whether the model is the one that has an exact mixture: ancestral plans and the exact oracle."""
    return is_ancestral(model) and exact_for(model.denoiser) == language.digest
