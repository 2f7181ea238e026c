"""log p(x) of given sequences under a model: exact where there is such a number, else bounds from one side or from two.

Which bound belongs to which sampler: docs/theory.md, section 13, and docs/likelihood.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from mdmtheory.core.contracts import as_model
from mdmtheory.core.estimate import HEADINGS, Estimate, Kind, WithheldError
from mdmtheory.core.html_tables import html_table
from mdmtheory.core.integers import WholeNumber, whole_numbers
from mdmtheory.core.intervals import check_level
from mdmtheory.core.long_calls import shows_progress
from mdmtheory.core.means import Moments, mean_interval, price
from mdmtheory.core.printable import did_you_mean
from mdmtheory.core.prompts import answer_length, prompt_of
from mdmtheory.core.threads import within_its_threads
from mdmtheory.core.tokens import TokensLike, as_tokens
from mdmtheory.metrics.likelihood_kinds import ALIASES, KINDS, Asked, Nats
from mdmtheory.metrics.ser_scored import LEAST_EFFECTIVE_SIZE

PLANS: Mapping[str, int] = MappingProxyType({"elbo": 64, "iw": 16, "tube": 512})
"""How many plans a sequence has, unless said, by kinds that draw some."""


@dataclass(frozen=True, eq=False)
class Likelihood:
    """log p(x) in nats of each of some sequences of `length` tokens, or of answers; made by `likelihood`.

    `values` are log p(x) where the kind is exact or replay, else estimates of a lower bound. [`low`, `high`] holds with
    probability `level`: log p(x), of elbo the bound; of iw `low` alone is below log p(x), and `high` is the value
    itself, above which log p(x) often lies. NaN where no such interval is known. Of tube, `upper` are estimates of
    upper bounds. `effective` is what the `plans` of a sequence are worth, (sum w)²/sum w² of the weights
    w = p(x | plan), of tube that of the smaller half; NaN where a sequence was not scored plan by plan.

    `mean` is nats a token over the law that the sequences are independent draws of, `upper_mean` that of `upper`.
    """

    kind: str
    model: str
    length: WholeNumber
    level: float
    plans: WholeNumber
    values: Nats
    low: Nats
    high: Nats
    upper: Nats | None
    effective: Nats

    def __len__(self) -> int:
        return len(self.values)

    @whole_numbers(sequence=0)
    def of(self, sequence: int) -> Estimate:
        """Nats of one sequence; WithheldError where so few plans tell nothing that holds."""
        low, value, high = (float(each[sequence]) for each in (self.low, self.values, self.high))
        if math.isnan(low) or math.isnan(high):
            raise WithheldError(self._too_few(np.array([sequence]), f"sequence {sequence}"), self.plans)
        return Estimate(value, low, high, 1.0 if low == high else self.level, KINDS[self.kind].each, self.plans)

    @property
    def mean(self) -> Estimate:
        """Nats a token: of tube what log p(x) lies between, else an estimate of it or of a lower bound of it.

        WithheldError where there are too few sequences or plans for an interval that holds.
        """
        if self.upper is None:
            return self._one_side(self.values, KINDS[self.kind].mean)
        return self._between(self._one_side(self.values, "lower bound"), self.upper_mean)

    @property
    def upper_mean(self) -> Estimate:
        """Nats a token of the upper bound; ValueError where this kind has none, or withheld."""
        if self.upper is None:
            raise ValueError(f"kind {self.kind} has no upper bound; use kind='tube'")
        self._check_plans()
        return self._one_side(self.upper, "upper bound")

    def divergence(self, log_q: Nats) -> Estimate:
        """KL(q || p) in nats a token, where the sequences are drawn from q and have log q(x) = `log_q`.

        The same sequences in both leave little noise. A lower bound of log p makes this an upper bound.
        """
        log_q = np.asarray(log_q, dtype=np.float64)
        if log_q.shape != self.values.shape or not np.isfinite(log_q).all():
            raise ValueError(
                f"log_q has shape {log_q.shape}; pass log q(x) of the same {len(self)} sequences, all in the language"
            )
        if self.upper is None:
            return self._one_side(log_q - self.values, KINDS[self.kind].gap).within(least=0.0)
        self._check_plans()
        above = self._one_side(log_q - self.values, "upper bound")
        return self._between(above, self._one_side(log_q - self.upper, "lower bound")).within(least=0.0)

    def _between(self, value: Estimate, other: Estimate) -> Estimate:
        """What lies between two bounds, the first of which is the nearer one; each end misses half of what may be."""
        low, high = min(value.low, other.low), max(value.high, other.high)
        return Estimate(value.value, low, high, self.level, "estimate", len(self))

    def _one_side(self, nats: Nats, kind: Kind) -> Estimate:
        unseen = price(-float(self.values.mean())) if len(nats) else 1.0
        ends = mean_interval(Moments.of(nats), self.level, unseen=unseen)
        value, low, high = (end / self.length for end in ends)
        return Estimate(value, low, high, self.level, kind, len(nats))

    def _check_plans(self) -> None:
        few = np.flatnonzero(np.isnan(self.high))
        if len(few):
            raise WithheldError(self._too_few(few, f"{len(few)} of {len(self)} sequences"), len(self))

    def _too_few(self, few: np.ndarray, where: str) -> str:
        if self.upper is None:
            return f"the {self.plans} plans of {where} carry no interval, draw more"
        least = float(self.effective[few].min())
        if least >= LEAST_EFFECTIVE_SIZE:
            return f"two or fewer of {self.plans} plans carry p(x) of {where}, draw more"
        return f"effective size {least:.1f} < {LEAST_EFFECTIVE_SIZE:.0f} in half of {self.plans} plans of {where}"

    @property
    def _said(self) -> str:
        try:
            return f"{self.mean} nats a token"
        except WithheldError as withheld:
            return f"mean {withheld.kind}"

    def __repr__(self) -> str:
        plans = f", {self.plans} plans" if self.plans else ""
        return f"<Likelihood {self.kind} of {self.model}, {len(self)} × {self.length} tokens{plans}: {self._said}>"

    def _repr_html_(self) -> str:
        rows = []
        for i in range(len(self)):
            try:
                rows.append([f"sequence {i}", *self.of(i).cells])
            except WithheldError as withheld:
                rows.append([f"sequence {i}", withheld.kind, f"{self.values[i]:.6g}", "", "", ""])
        note = f"mean: {self._said}; nats of each sequence, the last column is plans"
        return html_table(["", *HEADINGS], rows, f"log p(x), {self.kind}, of {self.model}", note)


@whole_numbers(plans=1, seed=0, first=0, threads=1)
@shows_progress
@within_its_threads
def likelihood(
    model: Any,
    tokens: TokensLike,
    *,
    kind: str,
    plans: int | None = None,
    seed: int = 0,
    first: int = 0,
    level: float = 0.95,
    prompt: TokensLike | None = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Likelihood:
    """log p(x) in nats of sequences (count, length) under a model, of the `kind` asked for.

    A model that draws a plan, an order of ties or a noised path apart from the tokens has p(x) = E p(x | plan):

    - `exact`: where there is such a number: autoregression, one plan, p = q by order, rules that look at the context
      alone, the mixture over ancestral plans with the exact denoiser (`exact.log_prob`), and what is small enough to
      enumerate (`exact.law`).
    - `replay`: exact, for samplers that look at the context alone; `duel` is the same, DUEL (2603.01367).
    - `elbo`: E_plan log p(x | plan), a lower bound. Of plans in random order from one context a plan, spread evenly
      over what is masked (`metrics.elbo`): with one position at a time it is the bound of MDLM (2406.07524).
    - `iw`: log of the mean of p(x | plan) over the plans (1509.00519): in expectation a lower bound that rises with
      them. `low` is from Markov's inequality: log p(x) lies above it with probability `level`, whatever the law.
    - `tube`: `iw` below and, above, log ψ + p̂/ψ - 1 of halves of the plans, p̂ the mean of p(x | plan) over one, ψ over
      the other (after 2605.24292; derived in docs/theory.md, 13): an upper bound in expectation. Withheld where a half
      is worth fewer than 100 plans.

    All are of this very model: the bound of random order says nothing of a sampler that chooses where to look.
    Sequence number first + i has its own stream. With a `prompt` as for `log_prob`, of the answer given it. ValueError
    with the reason where the model has no number of the kind.

    >>> import mdmtheory as mt
    >>> q = mt.NGram.random(order=2, vocab_size=3, seed=1)
    >>> p = mt.MaskedDiffusion(mt.Oracle(q), steps=4)
    >>> found = likelihood(p, q.sample(200, 8, seed=0), kind="tube")
    >>> exact = likelihood(p, q.sample(200, 8, seed=0), kind="exact")
    >>> bool((found.low <= exact.values).mean() > 0.95 and (exact.values <= found.high).mean() > 0.95)
    True
    """
    kind = ALIASES.get(kind, kind)
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}{did_you_mean(kind, KINDS)}; known: {', '.join(KINDS)}")
    if plans is not None and kind not in PLANS:
        raise ValueError(f"kind {kind} draws no plans; leave plans out, or use {', '.join(PLANS)}")
    check_level(level)
    model = as_model(model)
    tokens = as_tokens(tokens, model.vocab_size)
    asked = prompt_of(prompt, tokens, model.vocab_size)
    drawn = PLANS.get(kind, 0) if plans is None else plans
    of = Asked(model, tokens, asked, drawn, seed, first, level, threads)
    length = answer_length(asked, tokens.shape[1])
    return Likelihood(kind, str(model.spec), length, level, drawn, *KINDS[kind].find(of))
