"""TER: perplexity per token of a model on sequences of the language."""

from __future__ import annotations

import math
from typing import Any

from mdmtheory.core.estimate import Estimate, WithheldError
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.long_calls import shows_progress
from mdmtheory.core.means import LEAST_TERMS
from mdmtheory.core.protocols import Language
from mdmtheory.core.register import registered
from mdmtheory.core.threads import within_its_threads
from mdmtheory.languages.presets import LanguageLike
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.metric import Measured, Metric
from mdmtheory.metrics.mixture import check_method, mixture_sums
from mdmtheory.metrics.pricing import ter_kind
from mdmtheory.metrics.score import Score
from mdmtheory.models.autoregressive import Autoregressive
from mdmtheory.models.fitting import held_to
from mdmtheory.prompts.registry import OWN, given_positions


@registered("metric", place=2, sources=("feng2025",))
class Ter(Metric):
    """TER(p) = exp(E[-log p(x)]/L), perplexity per token; no law of tokens has less than 1."""

    name, short, unit = "ter", "TER", "perplexity per token"
    label = "TER (perplexity per token)"
    needs, sums, optional = "score", ("sequences", "nats", "nats_squared"), ("nats_cubed",)
    form = 2  # 2: Student's interval, corrected for skewness; withheld where none holds
    brings = ("ter_ratio",)  # the same sums, and a far sharper interval
    relative = True
    column = 3.0

    def estimate(self, measured: Measured, level: float = 0.95) -> Estimate:
        """From -log p(x) of scored sequences."""
        return _per_token("nats", measured, level)


@registered("metric", place=3, sources=("feng2025",))
class TerRatio(Metric):
    """TER(p)/TER(q) = exp(KL(q||p)/L), at least 1."""

    name, short, heading, label = "ter_ratio", "TER ratio", "TER(p)/TER(q)", "TER($p$) / TER($q$)"
    needs, sums, optional = "score", ("sequences", "nats", "gap", "gap_squared"), ("gap_cubed",)
    form = 2  # 2: Student's interval, corrected for skewness; withheld where none holds
    relative = True
    column = 4.0

    def estimate(self, measured: Measured, level: float = 0.95) -> Estimate:
        """From the gaps log q(x) - log p(x) of the same sequences."""
        return _per_token("gap", measured, level)


def _per_token(name: str, measured: Measured, level: float) -> Estimate:
    value, low, high = (math.exp(end / measured.length) for end in measured.mean(name, level))
    count = measured.sums.whole("sequences")
    return Estimate(value, low, high, level, measured.kind, count).within(least=1.0)


def exact_entropy(language: Language, length: int) -> float | None:
    """H(q) in nats where the language knows it without sampling, else None."""
    try:
        entropy = language.entropy(length, LEAST_TERMS, 0)
    except WithheldError:
        return None
    return entropy.value if entropy.kind == "exact" else None


@whole_numbers(length=1, count=1, seed=0, plans=1, threads=1)
@shows_progress
@within_its_threads
def ter(
    model: Any,
    language: LanguageLike,
    length: int,
    *,
    count: int = 1000,
    seed: int = 0,
    method: str = "plans",
    plans: int = 1,
    level: float = 0.95,
    threads: int | None = None,
    prompt: Any = OWN,
    progress: bool | None = None,
) -> Estimate:
    """TER(p) = exp(E_q[-log p(x)]/L), perplexity per token (2502.09622).

    For a model with a law over plans this is the plan-averaged upper bound; `plans` = K averages K plans inside the
    logarithm, which tightens it. For one fixed plan, and for samplers that look at the context only, it is an estimate
    of TER itself. The autoregressive reference is exact where the entropy of the language is.

    `method` "mixture" estimates TER itself also for ancestral plans with the exact oracle, wherever `exact.log_prob`
    and `exact.ser` are feasible (bigrams of any length, what can be enumerated); ValueError elsewhere. It is TER(q)
    times `ter_ratio` where the entropy is exact, which leaves little noise.

    The interval is Student's, corrected for skewness (docs/intervals.md says how often it holds). WithheldError, a
    ValueError, where there are too few sequences for one that holds: below 50, and where two or fewer carry it all.

    `prompt` says what is given (`prompts.registry.given_positions`), by default what the language says itself. TER is
    then exp(E_q[-log p(answer | prompt)]/n) over n tokens of an answer: each sequence of q is prompt and answer.
    """
    check_method(method)
    model, language = held_to(model, language)
    given = given_positions(prompt, language, length)
    reference = type(model) is Autoregressive and model.denoiser is None and model.language.digest == language.digest
    if given is None and reference:
        entropy = exact_entropy(language, length)
        if entropy is not None:
            return Estimate.exact(math.exp(entropy / length))
    of = Sequences(language, length, seed, 0, count, given)
    if method == "plans":
        [sums] = Score().count([model], of, threads, plans)
        return Ter().estimate(Measured(sums, of.answer_length, ter_kind(model)), level)
    measured = Measured(mixture_sums(model, of, threads), of.answer_length)
    entropy = exact_entropy(language, length) if given is None else None
    if entropy is None:
        return Ter().estimate(measured, level)
    ratio, floor = TerRatio().estimate(measured, level), math.exp(entropy / length)
    value, low, high = (floor * each for each in ratio.cut_from or (ratio.value, ratio.low, ratio.high))
    return Estimate(value, low, high, level, "estimate", count).within(least=floor)


@whole_numbers(length=1, count=1, seed=0, plans=1, threads=1)
@shows_progress
@within_its_threads
def ter_ratio(
    model: Any,
    language: LanguageLike,
    length: int,
    *,
    count: int = 1000,
    seed: int = 0,
    method: str = "plans",
    plans: int = 1,
    level: float = 0.95,
    threads: int | None = None,
    prompt: Any = OWN,
    progress: bool | None = None,
) -> Estimate:
    """TER(p)/TER(q) = exp(KL(q||p)/L), which needs no entropy; methods, kinds and prompts as for `ter`."""
    check_method(method)
    model, language = held_to(model, language)
    of = Sequences(language, length, seed, 0, count, given_positions(prompt, language, length))
    if method == "mixture":
        return TerRatio().estimate(Measured(mixture_sums(model, of, threads), of.answer_length), level)
    [sums] = Score().count([model], of, threads, plans)
    return TerRatio().estimate(Measured(sums, of.answer_length, ter_kind(model)), level)
