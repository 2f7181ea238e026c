"""Enough steps and a small enough learning error make sequences right.

Setting. Any language (an HMM in the paper), ancestral plans on the linear schedule, any denoiser with
KL(q(x_i | context) || p(x_i | context)) at most epsilon in every context; here the oracle mixed with the uniform law.
Measured. SER of the mixture over plans, by enumeration, or by drawing where the language is too large.
Guarantee. With d = -log(1 - delta): learning error epsilon <= d/(2L) and N >= 2 L log(V)/d steps give SER <= delta. For
any N and epsilon, SER <= 1 - exp(-(E_plan KL + L epsilon)), E_plan KL being that of the exact denoiser; tight for
EqualPairs in one step without error, and reached by a certain sequence with errors only. The second gives the first:
E_plan KL is at most L (H(0) - H(L-1))/N, and H(0) at most log V.
Constants. The paper has epsilon < O(delta/L) and N large enough; 1/2 and 2 are ours. The note tells the fewest steps
that would do.
Source. 2502.09622; the constants and the proof ours, docs/theory.md 2.4, 2.6 and 7.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import count
from typing import Any

from mdmtheory import schedules
from mdmtheory.core.estimate import Estimate
from mdmtheory.denoisers.perturbed import Perturbed
from mdmtheory.exact.enumeration import error_rate, joint
from mdmtheory.exact.law import law
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.languages.presets import as_language
from mdmtheory.languages.repetition import Repetition
from mdmtheory.metrics.ser import ser
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.schedules.families import power_of
from mdmtheory.theory import twins
from mdmtheory.theory.curves import exact_curve
from mdmtheory.theory.instances import bigram3, certain, golden_chain, hardest, hmm2x3, small_languages
from mdmtheory.theory.searches import ACCURACY
from mdmtheory.theory.statement import Constant, HypothesisError, Setting, Sides, Statement, Twin, probability

SHARE_OF_LEARNING, STEPS_FACTOR = 0.5, 2.0

LEVEL = 0.999999
"""Sampled sides must not refute a theorem by chance."""


def _model(setting: Setting, steps: int | None, epsilon: float) -> MaskedDiffusion:
    denoiser: Any = setting.language.oracle()
    if epsilon > 0:
        denoiser = Perturbed(denoiser, epsilon=epsilon)
    return MaskedDiffusion(denoiser, sampler="ancestral", steps=steps, schedule=setting.schedule)


def _enumerated_ser(setting: Setting, steps: int | None, epsilon: float) -> float:
    model = _model(setting, steps, epsilon)
    return error_rate(law(model, setting.language, setting.length), joint(setting.language, setting.length))


def _requires(setting: Setting) -> None:
    if not 0 < setting.options["delta"] < 1:
        raise HypothesisError(f"delta is {setting.options['delta']}; it must lie between 0 and 1")
    if power_of(setting.schedule) != 1:
        raise HypothesisError(f"it is about the linear schedule, not {setting.schedule.spec}")


def prescribed(setting: Setting) -> tuple[int, float]:
    """Steps N = 2 L log(V)/d and learning error d/(2L) for d = -log(1 - delta)."""
    nats = -math.log1p(-setting.options["delta"])
    steps = STEPS_FACTOR * setting.length * math.log(setting.language.vocab_size) / nats
    return max(1, math.ceil(steps)), SHARE_OF_LEARNING * nats / setting.length


def _sides(setting: Setting) -> Sides:
    steps, epsilon = prescribed(setting)
    bound = Estimate.exact(setting.options["delta"])
    drawn = setting.options["count"]
    if drawn:
        model = _model(setting, steps, epsilon)
        rate = ser(model, setting.language, setting.length, count=drawn, level=LEVEL)
        return Sides(rate, bound, f"{steps} steps, learning error {epsilon:.3g}")
    measured = _enumerated_ser(setting, steps, epsilon)
    enough = next(n for n in count(1) if n >= steps or _enumerated_ser(setting, n, epsilon) <= bound.value)
    return Sides(Estimate.exact(measured), bound, f"{steps} steps, learning error {epsilon:.3g}; {enough} would do")


def _requires_budget(setting: Setting) -> None:
    if setting.options["epsilon"] < 0:
        raise HypothesisError(f"epsilon is {setting.options['epsilon']}; a divergence is 0 or more")


def _budget_sides(setting: Setting) -> Sides:
    epsilon = setting.options["epsilon"]
    gap = schedules.ancestral_gap(exact_curve(setting), setting.schedule.revealed_fractions(setting.steps))
    bound = -math.expm1(-(gap + setting.length * epsilon))
    return Sides(Estimate.exact(_enumerated_ser(setting, setting.steps, epsilon)), Estimate.exact(bound))


def _budget_tight(setting: Setting) -> bool:
    if setting.options["epsilon"] > 0:
        return False
    alone = setting.length == 1 or (isinstance(setting.language, NGram) and setting.language.order == 1)
    return alone or (setting.steps == 1 and isinstance(setting.language, EqualPairs))


def _settings() -> list[Setting]:
    rows = [ACCURATE.setting(language, 4, delta=delta) for language in small_languages() for delta in (0.5, 0.1)]
    rows += [ACCURATE.setting(EqualPairs(vocab_size=2), 6, delta=delta) for delta in (0.5, 0.1)]
    rows.append(hardest(ACCURATE.setting(Repetition(vocab_size=2), 4, delta=0.9)))
    large = as_language("hmm")
    return rows + [ACCURATE.setting(large, 64, delta=delta, count=4000) for delta in (0.5, 0.1)]


def _budget_settings() -> list[Setting]:
    rows = [BUDGET.setting(language, 4, 8, epsilon=0.01) for language in small_languages()]
    rows += [BUDGET.setting(EqualPairs(vocab_size=3), 4, 1), BUDGET.setting(golden_chain(), 8, 16, epsilon=0.001)]
    rows += [BUDGET.setting(bigram3(), 5, 4, "cosine"), BUDGET.setting(hmm2x3(), 4, 4, "geometric")]
    return [*rows, hardest(BUDGET.setting(certain(), 4, 4, epsilon=0.05))]


def _prescribing(broken: str, steps_share: float, error_share: float, witness: twins.Witness, teaches: str) -> Twin:
    """The promise with other steps and another learning error than those prescribed."""

    def measured(setting: Setting, measured: float) -> float:
        steps, epsilon = prescribed(setting)
        return _enumerated_ser(setting, max(1, round(steps_share * steps)), error_share * epsilon)

    return twins.measuring(broken, measured, witness, teaches)


ACCURATE = Statement(
    id="accurate_hmm",
    number=2,
    says="SER <= delta with N >= 2 L log(V)/d and epsilon <= d/(2L), d = -log(1 - delta)",
    source="2502.09622, with constants of ours; docs/theory.md 2 and 7",
    sources=("feng2025", ACCURACY),
    direction="<=",
    known=probability,
    sides=_sides,
    settings=_settings,
    hypotheses="any language, ancestral plans, linear schedule, a denoiser within epsilon nats of the exact one",
    requires=_requires,
    constants=(
        Constant("epsilon L/d", SHARE_OF_LEARNING, "ours"),
        Constant("N d/(L log V)", STEPS_FACTOR, "ours"),
    ),
    options={"delta": 0.5, "count": 0},
    twins=(
        _prescribing(
            "a tenth of the steps",
            0.1,
            1.0,
            lambda it: it.setting(Repetition(vocab_size=2), 4, delta=0.5),
            "too few steps err whatever is learned",
        ),
        _prescribing(
            "2.1 times the learning error",
            1.0,
            2.1,
            lambda it: it.setting(certain(), 4, delta=0.5),
            "with one sequence all errors are learning errors, and twice as large a one is all that is allowed",
        ),
        twins.turned(lambda it: it.setting(bigram3(), 4, delta=0.5), "two bounds are added, and neither is reached"),
    ),
)

BUDGET = Statement(
    id="accurate_budget",
    number=2,
    says="SER <= 1 - exp(-(E_plan KL + L epsilon))",
    source="ours, with the two errors of 2510.25544; docs/theory.md 2.6 and 7",
    sources=("lavenant2025", ACCURACY),
    direction="<=",
    known=probability,
    sides=_budget_sides,
    settings=_budget_settings,
    hypotheses="any language whose curve is known exactly, ancestral plans, a denoiser within epsilon nats",
    requires=_requires_budget,
    tight=_budget_tight,
    options={"epsilon": 0.0},
    twins=(
        twins.scaled(
            0.99, lambda it: it.setting(EqualPairs(vocab_size=3), 4, 1), "pairs in one step lose nothing but errors"
        ),
        twins.bounded(
            "the learning error alone",
            lambda setting, bound: -math.expm1(-setting.length * setting.options["epsilon"]),
            lambda it: it.setting(EqualPairs(vocab_size=3), 4, 1),
            "steps of several tokens err with a perfect denoiser",
        ),
        twins.bounded(
            "the gap alone",
            lambda setting, bound: _budget_sides(replace(setting, options={"epsilon": 0.0})).bound.value,
            lambda it: it.setting(certain(), 4, 4, epsilon=0.05),
            "a denoiser that is wrong errs with any number of steps",
        ),
    ),
)
