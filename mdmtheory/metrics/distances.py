"""How far the whole law of a model is from the language, in several measures, each with its kind."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.estimate import HEADINGS, Estimate, Kind, WithheldError
from mdmtheory.core.html_tables import html_table
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.intervals import bounded_mean, clopper_pearson
from mdmtheory.core.long_calls import shows_progress
from mdmtheory.core.means import LEAST_TERMS, Moments, mean_interval, price
from mdmtheory.core.threads import within_its_threads
from mdmtheory.exact.enumeration import Law, entropy_nats, error_rate, expected_nll, joint
from mdmtheory.exact.law import law, law_cost
from mdmtheory.languages.presets import LanguageLike
from mdmtheory.metrics.kl_parts import unfaithful, wrong_nats
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.mixture import check_method, known_support, low_noise, mixture_log_prob
from mdmtheory.metrics.pricing import scored, ter_kind
from mdmtheory.models.fitting import check_takes_prompts, held_to
from mdmtheory.prompts.registry import OWN, given_positions

CHEAP = 1e7
"""Operations of an enumeration that is preferred to sampling."""


@dataclass(frozen=True)
class Distances:
    """Between a model p and a language q; KL in nats, the others from 0 to 1. Sequences that p gave up count as p's.

    `total_variation` is half of sum |p - q|, `squared_hellinger` 1 - sum sqrt(p q), `kl` is KL(q || p). Reversed, KL is
    infinite as soon as p errs, so `kl_on_support` is KL(p given the support || q), to be read beside `ser`; None where
    p(x) is not known. Either is None where so few sequences carry it that no interval would hold (core/means.py).
    KL is two parts, `wrong` and `unfaithful` (metrics/kl_parts.py).
    """

    total_variation: Estimate
    squared_hellinger: Estimate
    kl: Estimate | None
    kl_on_support: Estimate | None
    ser: Estimate

    @property
    def wrong(self) -> Estimate:
        """-log(1 - SER) in nats: the part of KL that errors cost, with the interval of SER."""
        value, low, high = wrong_nats((self.ser.value, self.ser.low, self.ser.high))
        return Estimate(value, low, high, self.ser.level, self.ser.kind, self.ser.count)

    @property
    def unfaithful(self) -> Estimate | None:
        """KL(q || p given the support) in nats, the other part, of the kind of KL (metrics/kl_parts.py).

        None where KL is not known, and where it was sampled and no sequence was right.
        """
        wrong = self.wrong
        if self.kl is None or (wrong.value == math.inf and self.kl.kind != "exact"):
            return None
        if self.kl.kind == "exact":
            return Estimate.exact(max(self.kl.value - wrong.value, 0.0) if wrong.value < math.inf else math.inf)
        kl = self.kl.cut_from or (self.kl.value, self.kl.low, self.kl.high)
        return unfaithful(kl, (wrong.value, wrong.low, wrong.high), self.kl.kind, self.kl.level, self.kl.count)

    def _repr_html_(self) -> str:
        names = [one.name for one in fields(self)]
        # The parts of KL stand below it.
        names[names.index("kl") + 1 : names.index("kl") + 1] = ["wrong", "unfaithful"]
        each = {name: getattr(self, name) for name in names}
        rows = [[name, *(found.cells if found else ("not known",))] for name, found in each.items()]
        return html_table(["distance", *HEADINGS], rows)


@whole_numbers(length=1, count=1, seed=0, threads=1)
@shows_progress
@within_its_threads
def distances(
    model: Any,
    language: LanguageLike,
    length: int,
    *,
    count: int = 1000,
    seed: int = 0,
    method: str = "plans",
    level: float = 0.95,
    threads: int | None = None,
    prompt: Any = OWN,
    progress: bool | None = None,
) -> Distances:
    """Distances of a model from the language: by enumeration where that is cheap, else from `count` sequences of each.

    Sampled ones come from r = p(x)/q(x) over x ~ q (docs/theory.md, section 7): TV = E(1 - r)+ and Hellinger² =
    1 - E√r with intervals that hold for every law of r and every count (empirical Bernstein), KL = E[-log r] with
    Student's, corrected for skewness (core/means.py). With `method` "plans" a law over plans is scored by one plan a
    sequence, which makes them estimates of upper bounds, by convexity; "mixture" as for `ter`. ValueError where the
    model has no log p, and below LEAST_TERMS sequences.

    `prompt` says what is given, as for `ser`. Then p is q(prompt) p(answer | prompt), so that each distance is the mean
    over prompts of q of that between the laws of the answer, but for KL on the support, which is of sequences.
    """
    check_method(method)
    model, language = held_to(model, language)
    of = Sequences(language, length, seed, 0, count, given_positions(prompt, language, length))
    if of.given is not None:
        check_takes_prompts(model)
    if law_cost(model, length, of.given) <= CHEAP:
        p = law(model, language, length, prompt=of.given, threads=threads)
        return distances_of_laws(p, joint(language, length))
    if count < LEAST_TERMS:
        raise ValueError(f"count is {count}; pass {LEAST_TERMS} or more, or KL has no interval that holds")
    tokens = of.tokens(threads)
    log_q = of.log_q(tokens, threads)
    if method == "mixture":
        kind: Kind = "estimate"
        support = known_support(model, language, length, threads, given=of.given)
        log_ratio = mixture_log_prob(model, language, tokens, threads, given=of.given) - log_q
    else:
        kind, support = ter_kind(model), None
        log_ratio = scored(model, tokens, seed, threads=threads, **of.to_score(tokens)) - log_q
    drawn = model.sample(count, length, seed, threads=threads, **of.to_draw(threads))
    valid = language.in_support(drawn.tokens) & ~drawn.impossible
    errors, on_support = int(count - valid.sum()), None
    cost = price(-float(log_q.mean()))
    if kind == "estimate":
        inside = drawn.tokens[valid]
        drawn_ratio = mixture_log_prob(model, language, inside, threads, given=of.given) - of.log_q(inside, threads)
        on_support = divergence_on_support(drawn_ratio, count, support, level, cost)
    ser = Estimate(errors / count, *clopper_pearson(errors, count, level), level, "estimate", count)
    return Distances(
        total_variation(log_ratio, level, kind),
        squared_hellinger(log_ratio, level, kind),
        divergence(log_ratio, support, level, kind, cost),
        on_support,
        ser if support is None else Estimate.exact(1 - support),
    )


def distances_of_laws(p: Law, q: Law) -> Distances:
    """The distances of a law p over all sequences from q, exact; what p lacks to 1 it gave up."""
    inside = q > 0
    support = float(p[inside].sum())
    given = p[inside] / support if support > 0 else p[inside]
    with np.errstate(divide="ignore", invalid="ignore"):
        reverse = float(np.where(given > 0, given * np.log(given / q[inside]), 0.0).sum())
    values = [
        float(np.maximum(q - p, 0).sum()),
        1 - float(np.sqrt(p * q).sum()),
        expected_nll(p, q) - entropy_nats(q),
        error_rate(p, q),
    ]
    variation, hellinger, kl, ser = (Estimate.exact(value).within(least=0.0) for value in values)
    on_support = Estimate.exact(reverse).within(least=0.0) if support > 0 else None
    return Distances(variation, hellinger.within(most=1.0), kl, on_support, ser)


def total_variation(log_ratio: Float[np.ndarray, "count"], level: float, kind: Kind) -> Estimate:
    """E(1 - r)+: all of q's mass that p lacks, so what p put elsewhere needs no look."""
    short = np.maximum(-np.expm1(np.minimum(log_ratio, 0.0)), 0.0)
    mean, low, high = bounded_mean(len(short), float(short.sum()), float((short**2).sum()), level)
    return Estimate(mean, low, high, level, kind, len(short))


def squared_hellinger(log_ratio: Float[np.ndarray, "count"], level: float, kind: Kind) -> Estimate:
    """1 - E√r, unbiased but for being cut to 0..1; the interval holds whatever the tail of r.

    √r has no bound, but (√r - c)+ <= r/(4c) and E r <= 1: cut at c it lacks at most 1/(4c). The c that makes the
    interval shortest depends on count and level alone.
    """
    count = len(log_ratio)
    root = np.exp(log_ratio / 2)
    value = 1 - float(root.mean())
    bound = max(1.0, math.sqrt(3 * count / (28 * math.log(4 / (1 - level)))))
    cut = np.minimum(root, bound)
    _, low, high = bounded_mean(count, float(cut.sum()), float((cut**2).sum()), level, bound)
    least, most = max(1 - high - 1 / (4 * bound), 0.0), min(1 - low, 1.0)
    return Estimate(value, min(value, least), max(value, most), level, kind, count).within(0.0, 1.0)


def divergence(
    log_ratio: Float[np.ndarray, "count"], support: float | None, level: float, kind: Kind, cost: float
) -> Estimate | None:
    """E[-log r], with little noise where `support` = E[r] is known; `cost` is what a sequence costs in nats."""
    gap = -log_ratio
    if support is not None:
        gap = low_noise(log_ratio - math.log(support)) - math.log(support)
    try:
        mean, low, high = mean_interval(Moments.of(gap), level, unseen=cost)
    except WithheldError:
        return None
    return Estimate(mean, low, high, level, kind, len(gap)).within(least=0.0)


def divergence_on_support(
    log_ratio: Float[np.ndarray, "valid"], count: int, support: float | None, level: float, cost: float
) -> Estimate | None:
    """KL(p given the support || q) = E[log p/q over valid draws] - log Z; None for too few of them.

    Z is `support`, with which E[qZ/p over valid draws] = 1 and the noise is little, or else the share of valid draws:
    then half of 1 - level is given to it, and half to the mean.
    """
    if support is not None:
        return divergence(math.log(support) - log_ratio, 1.0, level, "estimate", cost)
    valid, own_level = len(log_ratio), (1 + level) / 2
    try:
        mean, low, high = mean_interval(Moments.of(log_ratio), own_level, unseen=cost)
    except WithheldError:
        return None
    share_low, share_high = clopper_pearson(valid, count, own_level)
    value = mean - math.log(valid / count)
    low, high = low - math.log(share_high), high - math.log(share_low)
    return Estimate(value, low, high, level, "estimate", count).within(least=0.0)
