"""SER by scoring is SER by drawing, and where the distances between p and q lie.

Setting. Masked diffusion with any denoiser and plans. What a model loses to impossible contexts is one more outcome,
of probability 0 under q.
Measured. By scoring: 1 - E_{x~q, plan}[p_plan(x)/q(x)], every sequence of q scored under every plan. By drawing: the
mass of the enumerated law off the support. On a language too large for that: both by sampling. Total variation
TV = E_q[(1 - p/q)+] and Hellinger distance H^2 = 1 - E_q[sqrt(p/q)] of the mixture.
Guarantee. Scoring and drawing agree. SER <= TV, with equality where p is a constant share of q on the support
(EqualPairs); H^2 <= TV <= H sqrt(2 - H^2), both 0 where p = q.
Constants. None.
Source. Ours, docs/theory.md 7; the last two are known (Le Cam).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.estimate import Estimate, WithheldError
from mdmtheory.denoisers.perturbed import Perturbed
from mdmtheory.exact.enumeration import all_sequences, check_feasible, error_rate, joint
from mdmtheory.exact.law import law
from mdmtheory.exact.reveals import all_plans
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.metric import Measured
from mdmtheory.metrics.score import ScorePlans
from mdmtheory.metrics.ser import ser
from mdmtheory.metrics.ser_scored import EffectiveSize, SerScored
from mdmtheory.metrics.ser_walk import WALK_SEARCH
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.theory import twins
from mdmtheory.theory.curves import require_random_subsets
from mdmtheory.theory.instances import (
    bigram3,
    certain,
    full_support,
    growth_chain,
    hardest,
    hmm2x3,
    independent,
    sink,
    small_languages,
)
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, Twin, probability

Law = Float[np.ndarray, "sequences"]

LEVEL = 0.999999
"""Sampled sides must not refute a theorem by chance."""


def _model(setting: Setting) -> MaskedDiffusion:
    denoiser = setting.language.oracle()
    epsilon = setting.options["epsilon"]
    if epsilon > 0:
        denoiser = Perturbed(denoiser, epsilon=epsilon)
    return MaskedDiffusion(denoiser, sampler=setting.options["sampler"], steps=setting.steps, schedule=setting.schedule)


def _by_scoring(setting: Setting, model: MaskedDiffusion) -> float:
    """1 - E_{x~q, plan}[p_plan(x)/q(x)] by scoring each sequence of the support under each plan."""
    q = joint(setting.language, setting.length).reshape(-1)
    tokens, weights = all_sequences(setting.language.vocab_size, setting.length)[q > 0], q[q > 0]
    plans, probabilities = all_plans(model, setting.length)
    rows = float(len(plans) * len(tokens))
    check_feasible(rows * setting.length, 32 * rows * setting.length, "every sequence under every plan")
    each_plan = np.repeat(plans.astype(np.int32), len(tokens), axis=0)
    log_p = model.run(each_plan, tokens=np.tile(tokens, (len(plans), 1))).log_probs.sum(axis=1)
    ratios = np.exp(log_p.reshape(len(plans), len(tokens)) - np.log(weights))
    return 1 - float(probabilities @ ratios @ weights)


def _scoring(setting: Setting) -> Sides:
    model = _model(setting)
    drawn = error_rate(law(model, setting.language, setting.length), joint(setting.language, setting.length))
    return Sides(Estimate.exact(_by_scoring(setting, model)), Estimate.exact(drawn))


def _sampled_scoring(setting: Setting) -> Sides:
    model, count = _model(setting), setting.options["count"]
    [sums] = ScorePlans().count([model], Sequences(setting.language, setting.length, 0, 0, count), None)
    measured = Measured(sums, setting.length)
    effective = EffectiveSize().estimate(measured).value
    try:
        scored = SerScored().estimate(measured, LEVEL)
    except WithheldError:
        raise HypothesisError(
            f"the effective size of {count} scored sequences is {effective:.1f}, and below 100"
        ) from None
    drawn = ser(model, setting.language, setting.length, count=count, level=LEVEL)
    return Sides(scored, drawn, f"effective size {effective:.0f} of {count}")


def _laws(setting: Setting) -> tuple[Float[np.ndarray, "sequences"], Float[np.ndarray, "sequences"]]:
    """p and q on the support of q."""
    q = joint(setting.language, setting.length)
    p = law(_model(setting), setting.language, setting.length)
    return p[q > 0], q[q > 0]


def total_variation(p: Float[np.ndarray, "sequences"], q: Float[np.ndarray, "sequences"]) -> float:
    """E_q[(1 - p/q)+], p and q on the support of q."""
    return float(np.maximum(q - p, 0.0).sum())


def hellinger_squared(p: Float[np.ndarray, "sequences"], q: Float[np.ndarray, "sequences"]) -> float:
    """1 - E_q[sqrt(p/q)], p and q on the support of q; as half the sum of squares it has no cancellation at p = q."""
    return float(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() + 1 - p.sum()) / 2


def _above_ser(setting: Setting) -> Sides:
    p, q = _laws(setting)
    return Sides(Estimate.exact(total_variation(p, q)), Estimate.exact(1 - float(p.sum())))


def _above_hellinger(setting: Setting) -> Sides:
    p, q = _laws(setting)
    return Sides(Estimate.exact(total_variation(p, q)), Estimate.exact(hellinger_squared(p, q)))


def _below_hellinger(setting: Setting) -> Sides:
    p, q = _laws(setting)
    squared = min(max(hellinger_squared(p, q), 0.0), 1.0)
    return Sides(Estimate.exact(total_variation(p, q)), Estimate.exact(math.sqrt(squared * (2 - squared))))


def _same_law(setting: Setting) -> bool:
    return setting.options["epsilon"] == 0 and (
        setting.length == 1 or (isinstance(setting.language, NGram) and setting.language.order == 1)
    )


def _constant_share(setting: Setting) -> bool:
    return _same_law(setting) or (setting.options["epsilon"] == 0 and isinstance(setting.language, EqualPairs))


def _settings(statement: Statement) -> list[Setting]:
    rows = [
        *(statement.setting(language, 4, 3) for language in small_languages()),
        statement.setting(hmm2x3(), 4, 4, "cosine", sampler="fixed"),
        statement.setting(EqualPairs(vocab_size=3), 4, 2),
        statement.setting(bigram3(), 4, 3, epsilon=0.05),
        statement.setting(independent(), 5, 3),
    ]
    if statement is not SCORING:
        rows += [hardest(statement.setting(sink(), 4, 1)), hardest(statement.setting(certain(), 4, 3, epsilon=1.0))]
    return rows


def _sampled_settings() -> list[Setting]:
    return [
        SAMPLED_SCORING.setting(growth_chain(), 24, 32, count=40_000),
        SAMPLED_SCORING.setting(hmm2x3(), 24, 24, epsilon=0.01, count=20_000),
    ]


def _by_logarithms(setting: Setting, measured: float) -> float:
    model = _model(setting)
    q = joint(setting.language, setting.length).reshape(-1)
    tokens = all_sequences(setting.language.vocab_size, setting.length)[q > 0]
    plans, probabilities = all_plans(model, setting.length)
    log_p = sum(
        probability * model.run(np.tile(plan, (len(tokens), 1)).astype(np.int32), tokens=tokens).log_probs.sum(axis=1)
        for plan, probability in zip(plans, probabilities, strict=True)
    )
    return float(1 - np.exp(log_p).sum())


def _another_denoiser(setting: Setting) -> Sides:
    wrong = replace(setting, options={**setting.options, "epsilon": 0.02})
    return Sides(_sampled_scoring(wrong).measured, _sampled_scoring(setting).bound)


def _of_laws(broken: str, bound: Callable[[Law, Law], Any], witness: twins.Witness, teaches: str) -> Twin:
    """Another bound, of p and q on the support."""
    return twins.bounded(broken, lambda setting, _: float(bound(*_laws(setting))), witness, teaches)


def _of_pairs(it: Statement) -> Setting:
    return it.setting(EqualPairs(vocab_size=3), 4, 2)


SCORING: Statement = Statement(
    id="scoring",
    number=22,
    says="1 - E_q[p_plan(x)/q(x)] = SER by drawing",
    source="ours; docs/theory.md 7",
    sources=(WALK_SEARCH,),
    direction="=",
    sides=_scoring,
    settings=lambda: _settings(SCORING),
    hypotheses="any language, ancestral plans or fixed sizes; small enough to enumerate",
    requires=require_random_subsets,
    options={"sampler": "ancestral", "epsilon": 0.0},
    twins=(
        twins.measuring(
            "by the mean of log p_plan",
            _by_logarithms,
            lambda it: it.setting(bigram3(), 3, 2),
            "the probabilities of plans are averaged, not their logarithms",
        ),
    ),
)

SAMPLED_SCORING: Statement = Statement(
    id="sampled_scoring",
    number=22,
    says="1 - E_q[p_plan(x)/q(x)] = SER by drawing, both sampled",
    source="ours; docs/theory.md 7",
    sources=(WALK_SEARCH,),
    direction="=",
    sides=_sampled_scoring,
    settings=_sampled_settings,
    hypotheses="any language and plans, where the effective size reaches 100",
    options={"sampler": "ancestral", "epsilon": 0.0, "count": 10_000},
    twins=(
        twins.claiming(
            "a denoiser that errs by 0.02 scored, and the exact one drawn",
            _another_denoiser,
            lambda it: it.setting(growth_chain(), 24, 32, count=20_000),
            "both ways see the same denoiser, and tell one that is slightly wrong",
        ),
    ),
)

DISTANCE_ABOVE_SER: Statement = Statement(
    id="distance_above_ser",
    number=22,
    says="TV >= SER",
    source="the definition of TV; docs/theory.md 7",
    sources=("polyanskiy2025",),
    direction=">=",
    known=probability,
    sides=_above_ser,
    settings=lambda: _settings(DISTANCE_ABOVE_SER),
    hypotheses="any language, ancestral plans or fixed sizes; small enough to enumerate",
    requires=require_random_subsets,
    tight=_constant_share,
    options={"sampler": "ancestral", "epsilon": 0.0},
    twins=(
        twins.turned(lambda it: it.setting(full_support(), 4, 3), "a law that is right can still be unfaithful"),
        _of_laws(
            "SER a hundredth larger",
            lambda p, q: 1.01 * (1 - p.sum()),
            _of_pairs,
            "on pairs nothing but errors is lost",
        ),
        _of_laws(
            "both signs",
            lambda p, q: np.abs(q - p).sum(),
            lambda it: it.setting(full_support(), 4, 3),
            "TV counts what is missing once",
        ),
    ),
)

DISTANCE_ABOVE_HELLINGER: Statement = Statement(
    id="distance_above_hellinger",
    number=22,
    says="TV >= H^2",
    source="known (Le Cam); docs/theory.md 7",
    sources=("polyanskiy2025",),
    direction=">=",
    known=probability,
    sides=_above_hellinger,
    settings=lambda: _settings(DISTANCE_ABOVE_HELLINGER),
    hypotheses="any language, ancestral plans or fixed sizes; small enough to enumerate",
    requires=require_random_subsets,
    tight=_same_law,
    options={"sampler": "ancestral", "epsilon": 0.0},
    twins=(
        twins.turned(lambda it: it.setting(bigram3(), 4, 3), "H^2 is the smaller one"),
        _of_laws(
            "the whole sum of squares",
            lambda p, q: 2 * hellinger_squared(p, q),
            lambda it: it.setting(bigram3(), 4, 1),
            "H^2 is half of it",
        ),
        _of_laws(
            "lost mass twice",
            lambda p, q: hellinger_squared(p, q) + (1 - p.sum()) / 2,
            lambda it: it.setting(sink(), 4, 1),
            "what the model loses is one outcome more, and counts once",
        ),
    ),
)

DISTANCE_BELOW_HELLINGER: Statement = Statement(
    id="distance_below_hellinger",
    number=22,
    says="TV <= H sqrt(2 - H^2)",
    source="known (Le Cam); docs/theory.md 7",
    sources=("polyanskiy2025",),
    direction="<=",
    known=probability,
    sides=_below_hellinger,
    settings=lambda: _settings(DISTANCE_BELOW_HELLINGER),
    hypotheses="any language, ancestral plans or fixed sizes; small enough to enumerate",
    requires=require_random_subsets,
    options={"sampler": "ancestral", "epsilon": 0.0},
    twins=(
        twins.turned(lambda it: it.setting(bigram3(), 4, 3), "TV is the smaller one"),
        twins.scaled(0.9, lambda it: it.setting(certain(), 4, 3, epsilon=1.0), "it is nearly reached by laws apart"),
        _of_laws(
            "H alone",
            lambda p, q: np.sqrt(hellinger_squared(p, q)),
            lambda it: it.setting(certain(), 4, 3, epsilon=1.0),
            "TV can be larger than H, by up to sqrt(2)",
        ),
    ),
)
