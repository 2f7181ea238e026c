"""An audit of a model: the price of every decoding rule, how far it is from one law, how far apart tokens may stand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.intervals import check_level, clopper_pearson
from mdmtheory.core.long_calls import counted, shows_progress
from mdmtheory.core.means import LEAST_TERMS
from mdmtheory.core.protocols import Language
from mdmtheory.core.tokens import TokensLike, as_tokens
from mdmtheory.metrics.collapse import Variety, variety
from mdmtheory.metrics.loss_by_ratio import loss_by_ratio
from mdmtheory.metrics.order_consistency import (
    AtDistance,
    at_distances,
    distances_of,
    spread_over_orders,
)
from mdmtheory.metrics.rule_prices import RULES, RulePrice, model_of, rule_prices
from mdmtheory.metrics.step_divergence import StepDivergence, step_divergence

FIXED = "fixed"
"""The rule that a loss profile prices: sizes that the schedule fixes, positions in random order."""


@dataclass(frozen=True)
class Chain:
    """A rule at a number of steps along the model's own chain: its divergence, and the variety of what it draws."""

    rule: str
    steps: int
    divergence: StepDivergence
    variety: Variety


@dataclass(frozen=True)
class Prediction:
    """What was predicted, as an interval, what was measured, and whether the two meet."""

    what: str
    low: float
    high: float
    measured: Estimate

    @property
    def inside(self) -> bool | None:
        """Whether the measured interval meets the predicted one; None where nothing was predicted (NaN)."""
        return None if math.isnan(self.low) else self.low <= self.measured.high and self.measured.low <= self.high


@dataclass(frozen=True, eq=False)
class Audit:
    """All that was measured of one denoiser on one set of sequences of `length` tokens.

    `orders` are standard deviations over random orders of log p(x), nats a token of each sequence.
    """

    length: int
    prices: list[RulePrice]
    chains: list[Chain]
    pairs: list[AtDistance]
    orders: np.ndarray
    text: Variety
    predictions: list[Prediction]


@whole_numbers(draws=1, seed=0, threads=1)
@shows_progress
def audit(
    denoiser: Any,
    tokens: TokensLike,
    *,
    steps: Sequence[int],
    rules: Sequence[str] = RULES,
    draws: int = 64,
    check: bool = False,
    language: Language | None = None,
    level: float = 0.95,
    seed: int = 0,
    threads: int | None = None,
    progress: bool | None = None,
) -> Audit:
    """Price every rule at every number of steps on held-out sequences, and follow the model's own chain.

    With `check` what the loss profile of the first half predicts is measured on the other half, and where the language
    is known, whether accuracies differ by no more than the divergence allows. ValueError for fewer sequences or draws
    than give an interval, and for rules that have no price.
    """
    check_level(level)
    tokens = as_tokens(tokens, denoiser.vocab_size)
    least = 2 * LEAST_TERMS if check else LEAST_TERMS
    if len(tokens) < least or draws < LEAST_TERMS:
        raise ValueError(
            f"there are {len(tokens)} sequences and {draws} draws; {least} and {LEAST_TERMS} are the fewest that give "
            "intervals: give a longer text, or more samples and draws"
        )
    length = tokens.shape[1]
    for number in steps:
        if not 1 <= number <= length:
            raise ValueError(f"steps is {number}; pass numbers from 1 to the length, {length}")
    models = [(rule, number, model_of(denoiser, rule, number)) for number in steps for rule in rules]
    prices = rule_prices(denoiser, tokens, rules, steps, seed, threads)
    chains = []
    for rule, number, model in counted(models, "chains"):
        divergence = step_divergence(model, draws, length, seed)
        chains.append(Chain(rule, number, divergence, variety(divergence.drawn)))
    some = tokens[: max(draws, LEAST_TERMS)]
    pairs = at_distances(denoiser, tokens, distances_of(length), seed)
    orders = spread_over_orders(denoiser, some, seed=seed)
    predictions = []
    if check:
        predictions = _of_profile(denoiser, tokens, steps, level, seed, threads)
        predictions += [] if language is None else [_of_accuracy(each, language, level) for each in chains]
    return Audit(length, prices, chains, pairs, orders, variety(tokens), predictions)


def _of_profile(
    denoiser: Any, tokens: np.ndarray, steps: Sequence[int], level: float, seed: int, threads: int | None
) -> list[Prediction]:
    """The price of fixed sizes in random order, from the losses of one half of the sequences, on the other half."""
    half, length = len(tokens) // 2, tokens.shape[1]
    profile = loss_by_ratio(denoiser, tokens[:half], seed=seed, level=level, threads=threads).profile
    found = []
    for number in steps:
        model = model_of(denoiser, FIXED, number)
        [measured] = rule_prices(denoiser, tokens[half:], [FIXED], [number], seed, threads)
        price = profile.priced(length, level).of_sizes(model.schedule.sizes(length, number), level)[0]
        what = f"nats a token of {FIXED} at {number} steps, by the losses of the other half"
        found.append(Prediction(what, price.low / length, price.high / length, measured.mean(level)))
    return found


def _of_accuracy(chain: Chain, language: Language, level: float) -> Prediction:
    """|accuracy together - accuracy one by one| against the divergence's bound; accuracy is being in the language."""
    right = [int(language.in_support(each).sum()) for each in (chain.divergence.drawn, chain.divergence.one_by_one)]
    count = len(chain.divergence.drawn)
    ends = [clopper_pearson(each, count, (1 + level) / 2) for each in right]
    away = abs(right[0] - right[1]) / count
    least = max(0.0, ends[0][0] - ends[1][1], ends[1][0] - ends[0][1])
    most = max(ends[0][1] - ends[1][0], ends[1][1] - ends[0][0])
    bound = chain.divergence.accuracy_bound(level)
    measured = Estimate(away, min(least, away), max(most, away), level, "estimate", count)
    what = f"difference of accuracies of {chain.rule} at {chain.steps} steps and one by one"
    return Prediction(what, 0.0, bound, measured)
