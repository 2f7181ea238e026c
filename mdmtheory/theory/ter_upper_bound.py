"""A number of steps that does not depend on the length brings TER close to its floor.

Setting. The exact denoiser and random order: optimal sizes, or ancestral plans on the linear or cosine schedule; in the
paper an n-gram language over V tokens and L of at least the order of N.
Measured. The fewest steps N whose plan average of log TER(p) - log TER(q) is at most 4 epsilon log V. TER of the
mixture over plans is at most the plan average, so those N reach it too.
Guarantee. The paper's: N <= C (n-1)/epsilon^(n+1/2) for epsilon up to 1; it needs no shortest length. Ours, for every
language, every length and the linear schedule: N <= ceil((H(0) - H(L-1))/(4 epsilon log V)) with the information curve
H, which is at most ceil(1/(4 epsilon)), without n and without L; tight for Repetition, once it is long enough for N - 1
steps to miss. The paper's follows, for cosine with pi/2 times as many steps.
Constants. C = 1 (ours; the paper hides it). The notes tell the smallest C that would do here, and N at shorter lengths.
Source. 2502.09622; ours, docs/theory.md 2.4.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from itertools import count

import numpy as np

from mdmtheory import schedules
from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.curve import Curve
from mdmtheory.exact.information import information_curve
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.presets import as_language
from mdmtheory.languages.repetition import Repetition
from mdmtheory.schedules import as_schedule
from mdmtheory.theory import twins
from mdmtheory.theory.curves import exact_curve
from mdmtheory.theory.instances import (
    bigram,
    bigram3,
    cycle3,
    golden_chain,
    growth_chain,
    hardest,
    independent,
    small_languages,
)
from mdmtheory.theory.searches import FEW_STEPS
from mdmtheory.theory.statement import Constant, HypothesisError, Setting, Sides, Statement, steps_of_a_sequence
from mdmtheory.theory.table import rounded

CONSTANT = 1.0

SIZES = ("optimal", "linear", "cosine")

LEVEL = 0.999999
"""Estimated curves must not refute a theorem by chance."""


def fewest_steps(curve: Curve, family: str, target: float) -> Estimate:
    """The fewest steps whose plan-averaged gap is at most `target` nats in all, for optimal sizes or a family's shares.

    From the ends of the curve's intervals, taken against it and for it at once, where it is an estimate.
    """
    values = np.asarray(curve)
    half = np.asarray(curve.high) - values

    def within(steps: int, doubt: float) -> bool:
        if family == "optimal":
            falling = schedules.monotone(values)
            weights = schedules.fixed_weights(schedules.optimal(falling, steps))
        else:
            fractions = as_schedule(family).revealed_fractions(steps)
            weights = schedules.ancestral_weights(fractions, len(values))
        return float((weights - 1) @ values + doubt * (np.abs(weights - 1) @ half)) <= target

    if curve.kind == "exact":
        return Estimate.exact(float(next(steps for steps in count(1) if within(steps, 0.0))))
    low, value, high = (float(next(n for n in count(1) if within(n, doubt))) for doubt in (-1.0, 0.0, 1.0))
    return Estimate(value, low, high, curve.level, "estimate", curve.count)


def _target(setting: Setting) -> float:
    """4 epsilon log V nats a token, for all tokens; slightly more, as rounding must not add a step."""
    nats = 4 * setting.options["epsilon"] * math.log(setting.language.vocab_size)
    return nats * setting.length * (1 + 1e-12)


def _requires_any(setting: Setting) -> None:
    epsilon = setting.options["epsilon"]
    if not 0 < epsilon <= 1:
        raise HypothesisError(f"epsilon is {epsilon}; it must lie above 0 and at most at 1")
    if setting.language.vocab_size < 2:
        raise HypothesisError("one token alone has no entropy to lose")


def _paper_steps(setting: Setting) -> float:
    """C (n-1)/epsilon^(n+1/2)."""
    assert isinstance(setting.language, NGram)
    order, epsilon = setting.language.order, setting.options["epsilon"]
    steps: float = CONSTANT * (order - 1) / epsilon ** (order + 0.5)
    return steps


def _requires(setting: Setting) -> None:
    _requires_any(setting)
    if not isinstance(setting.language, NGram) or setting.language.order < 2:
        raise HypothesisError(f"it is about n-grams with n of 2 or more, not {setting.language.spec}")
    if setting.options["sizes"] not in SIZES:
        raise HypothesisError(f"sizes are {setting.options['schedule']!r}; it is about {', '.join(SIZES)}")


@lru_cache(maxsize=8)
def _curve(language: NGram, length: int, count: int) -> Curve:
    """The information curve, kept: one serves all sizes and epsilons."""
    return information_curve(language, length, count=count, level=LEVEL)


def _sides(setting: Setting) -> Sides:
    assert isinstance(setting.language, NGram)
    curve = _curve(setting.language, setting.length, setting.options["count"])
    steps = fewest_steps(curve, setting.options["sizes"], _target(setting))
    bound = _paper_steps(setting)
    note = f"C = {rounded(CONSTANT * steps.high / bound, '<=', 2)} would do"
    return Sides(steps, Estimate.exact(bound), note)


def _shares(setting: Setting) -> float:
    """(H(0) - H(L-1))/(4 epsilon log V)."""
    values = np.asarray(exact_curve(setting))
    return float(values[0] - values[-1]) * setting.length / _target(setting)


def _linear_sides(setting: Setting) -> Sides:
    steps = fewest_steps(exact_curve(setting), "linear", _target(setting))
    return Sides(steps, Estimate.exact(float(max(1, math.ceil(_shares(setting))))))


def _linear_tight(setting: Setting) -> bool:
    """Where N - 1 steps leave Repetition more than 4 epsilon log V: at least log V (1/(N-1) - 1/L)."""
    if not isinstance(setting.language, Repetition):
        return isinstance(setting.language, NGram) and setting.language.order == 1
    epsilon = setting.options["epsilon"]
    bound = _most_steps(epsilon)
    return bound == 1 or 1 / (bound - 1) - 1 / setting.length > 4 * epsilon * (1 + 1e-9)


def _most_steps(epsilon: float) -> int:
    """ceil(1/(4 epsilon)), where rounding must not add a step."""
    return max(1, math.ceil(1 / (4 * epsilon) * (1 - 1e-12)))


def _lengths(setting: Setting) -> list[int]:
    """1, 2, 4, ... and the setting's own."""
    return [*(1 << k for k in range((setting.length - 1).bit_length())), setting.length]


def _length_free_sides(setting: Setting) -> Sides:
    steps = {}
    for length in _lengths(setting):
        shorter = Setting(setting.language, length, options=setting.options)
        steps[length] = fewest_steps(exact_curve(shorter), "linear", _target(shorter))
    note = "N at length " + ", ".join(f"{length}: {each.value:.0f}" for length, each in steps.items())
    bound = float(_most_steps(setting.options["epsilon"]))
    return Sides(max(steps.values(), key=float), Estimate.exact(bound), note)


def _settings() -> list[Setting]:
    rows = [TER_UPPER_BOUND.setting(growth_chain(), 4096, epsilon=0.036, sizes=sizes) for sizes in SIZES]
    for order, length in ((2, 1024), (3, 128), (4, 128)):
        language = as_language(f"ngram:order={order},vocab_size=4,prune=0.5")
        rows += [
            TER_UPPER_BOUND.setting(language, length, epsilon=epsilon, sizes=sizes)
            for epsilon in (0.2, 0.05, 0.01)
            for sizes in SIZES
        ]
    return rows


def _linear_settings() -> list[Setting]:
    rows = [STEPS_FOR_TER.setting(language, 5, epsilon=0.01) for language in (*small_languages(), independent())]
    rows += [STEPS_FOR_TER.setting(growth_chain(), length, epsilon=0.01) for length in (16, 128, 1024)]
    rows += [STEPS_FOR_TER.setting(Repetition(vocab_size=4), 4096, epsilon=e) for e in (0.1, 0.03, 0.01)]
    return [*rows, hardest(STEPS_FOR_TER.setting(cycle3(0.001), 254, epsilon=0.03))]


def _length_free_settings() -> list[Setting]:
    languages = (golden_chain(), growth_chain(), Repetition(vocab_size=4))
    return [
        TER_LENGTH_FREE.setting(language, 2048, epsilon=epsilon) for language in languages for epsilon in (0.1, 0.01)
    ]


def _of_copies(it: Statement) -> Setting:
    return it.setting(Repetition(vocab_size=4), 512, epsilon=0.03)


TER_UPPER_BOUND = Statement(
    id="ter_upper_bound",
    number=1,
    says="N <= C (n-1)/epsilon^(n+1/2) steps reach log TER(p) <= log TER(q) + 4 epsilon log V",
    source="2502.09622",
    sources=("feng2025",),
    direction="<=",
    known=steps_of_a_sequence,
    sides=_sides,
    settings=_settings,
    hypotheses="n-grams with n of 2 or more, epsilon up to 1, exact denoiser, random order",
    requires=_requires,
    constants=(Constant("C", CONSTANT, "ours"),),
    options={"epsilon": 0.5, "sizes": "optimal", "count": 64},
    twins=(
        twins.scaled(
            0.9,
            lambda it: it.setting(growth_chain(), 16, epsilon=1.0),
            "at epsilon 1 the bound is the one step that it takes",
        ),
        twins.bounded(
            "1/(5 epsilon) steps",
            lambda setting, bound: max(1.0, 0.2 / setting.options["epsilon"]),
            lambda it: it.setting(bigram("copies", np.eye(2), [0.5, 0.5]), 400, epsilon=0.01, sizes="linear"),
            "copies in equal steps take 1/(4 epsilon) of them",
        ),
        twins.turned(
            lambda it: it.setting(growth_chain(), 64, epsilon=0.1), "the paper's number is far from the fewest"
        ),
    ),
)

STEPS_FOR_TER = Statement(
    id="steps_for_ter",
    number=1,
    says="N <= ceil((H(0) - H(L-1))/(4 epsilon log V)) steps of the linear schedule reach 4 epsilon log V",
    source="this number ours, 2510.25544 has bounds by tokens a step; docs/theory.md 2.4",
    sources=("lavenant2025", FEW_STEPS),
    direction="<=",
    known=steps_of_a_sequence,
    sides=_linear_sides,
    settings=_linear_settings,
    hypotheses="any language whose curve is known exactly, exact denoiser, ancestral plans, linear schedule",
    requires=_requires_any,
    tight=_linear_tight,
    options={"epsilon": 0.1},
    twins=(
        twins.bounded(
            "rounded down",
            lambda setting, bound: max(1.0, math.floor(_shares(setting))),
            _of_copies,
            "a part of a step is a step",
        ),
        twins.bounded(
            "a fifth less",
            lambda setting, bound: max(1.0, math.ceil(0.8 * _shares(setting))),
            _of_copies,
            "copies take as many steps as are claimed",
        ),
        twins.turned(lambda it: it.setting(bigram3(), 5, epsilon=0.01), "most languages take fewer"),
    ),
)

TER_LENGTH_FREE = Statement(
    id="ter_length_free",
    number=1,
    says="no length needs more than N = ceil(1/(4 epsilon)) steps of the linear schedule for 4 epsilon log V",
    source="2502.09622 and 2510.25544 have steps without the length; this number ours, docs/theory.md 2.4",
    sources=("feng2025", "lavenant2025", FEW_STEPS),
    direction="<=",
    known=steps_of_a_sequence,
    sides=_length_free_sides,
    settings=_length_free_settings,
    hypotheses="any language whose curve is known exactly, exact denoiser, ancestral plans, linear schedule",
    requires=_requires_any,
    tight=_linear_tight,
    options={"epsilon": 0.1},
    twins=(
        twins.scaled(
            0.9, lambda it: it.setting(Repetition(vocab_size=4), 512, epsilon=0.1), "long copies need all of them"
        ),
        twins.bounded(
            "what two tokens need",
            lambda setting, bound: _linear_sides(replace(setting, length=2)).measured.value,
            lambda it: it.setting(Repetition(vocab_size=4), 64, epsilon=0.03),
            "short sequences do not show what long ones need",
        ),
        twins.turned(lambda it: it.setting(golden_chain(), 64, epsilon=0.01), "chains that forget need fewer"),
    ),
)
