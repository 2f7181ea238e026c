"""Balanced bits: rounds like the square of a logarithm, from above and from below, with constants.

Setting. `balanced` at length L >= 2; the exact denoiser; one plan. All sets of one size are alike, so that KL(q || p)
is that of its sizes; of the mixture of random sets of these sizes it is less.
Measured, KL in nats. (a) The fewest steps of which the best sizes have KL(q || p) <= eps. (b) KL(q || p) of the best
sizes of R steps (`schedules.optimal`).
Guarantee. (a) At most (1 + log+(d L))/d + 2, d = min(1, eps/T), T = log(2 L)/2, which is about log(L)^2/(2 eps): sizes
1 + floor(d (M - 1)), M bits being left, lose d TC at most (`tc_rule`), TC <= T, and M - 1 falls by a share d, or by 1.
(b) At least a (H_L - 1 - (R - 1)(1 - L^(-1/(R-1)))), which is about log(L)^2/(4 R): H_L the harmonic number and a =
2 K (L - K)/(L (L - 1)), K ones, which is 1/2 but for a part of 1/L. By Pinsker's inequality the i-th bit after n are
left tells 2 Var of the share, so a step of s of n costs a (h_n - h_(n-s) - s/n) or more, h_n harmonic; the first terms
telescope, and of the shares s/n the means inequality says what their sum is at most.
Constants. None of the paper's were at hand; these are ours.
Source. 2608.25505, theorem 11, which has the shapes, C (log^2 L/eps + log L) and c min(log^3 L, log^2 L/eps), for rules
that look at the tokens too; ours, docs/theory.md 6, are of plans, which do not.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from mdmtheory import schedules
from mdmtheory.core.estimate import Estimate
from mdmtheory.languages.balanced import Balanced
from mdmtheory.theory import twins
from mdmtheory.theory.searches import FEW_ROUNDS
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, non_negative


def balanced_of(setting: Setting) -> Balanced:
    """The language; HypothesisError for another one."""
    if not isinstance(setting.language, Balanced):
        raise HypothesisError(f"it is about balanced, not {setting.language.spec}")
    return setting.language


def requires_bits(setting: Setting) -> None:
    """HypothesisError for another language, or one bit."""
    balanced_of(setting)
    if setting.length < 2:
        raise HypothesisError("length is 1; it is about several bits")


def requires_error(setting: Setting) -> None:
    """HypothesisError where no error is allowed, too."""
    requires_bits(setting)
    if not setting.options["eps"] > 0:
        raise HypothesisError(f"eps is {setting.options['eps']}; it is about an error above 0")


def _requires_steps(setting: Setting) -> None:
    requires_bits(setting)
    if setting.steps is None:
        raise HypothesisError("it is about the best sizes; pass steps")


def best_cost(curve: Float[np.ndarray, "length"], steps: int) -> float:
    """The KL in nats of the best sizes of so many steps."""
    return schedules.plan_averaged_gap(curve, schedules.optimal(curve, steps))


def fewest_steps(curve: Float[np.ndarray, "length"], error: float) -> int:
    """How many steps have best sizes that cost no more than an error, but for rounding: by halving, as costs fall."""
    least, most = 1, len(curve)
    while least < most:
        middle = (least + most) // 2
        least, most = (least, middle) if best_cost(curve, middle) <= error + 1e-12 else (middle + 1, most)
    return least


def steps_of_rule(length: int, error: float) -> float:
    """(1 + log+(d L))/d + 2, d = min(1, eps/T), T = log(2 L)/2."""
    share = min(1.0, error / (math.log(2 * length) / 2))
    return (1 + max(math.log(share * length), 0.0)) / share + 2


def _above(setting: Setting) -> Sides:
    length, error = setting.length, setting.options["eps"]
    steps = fewest_steps(balanced_of(setting).information_curve(length), error)
    note = f"log(L)^2/(4 eps) = {math.log(length) ** 2 / (4 * error):.6g}"
    return Sides(Estimate.exact(float(steps)), Estimate.exact(steps_of_rule(length, error)), note)


def cost_below(length: int, steps: int) -> float:
    """a (H_L - 1 - (R - 1)(1 - L^(-1/(R-1)))) in nats."""
    ones = length // 2
    factor = 2 * ones * (length - ones) / (length * (length - 1))
    harmonic = math.fsum(1 / n for n in range(1, length + 1))
    most = 1.0 if steps == 1 else 1 - (steps - 1) * math.expm1(-math.log(length) / (steps - 1))
    return factor * (harmonic - most)


def _below(setting: Setting) -> Sides:
    assert setting.steps is not None
    length, steps = setting.length, min(setting.steps, setting.length)
    cost, bound = best_cost(balanced_of(setting).information_curve(length), steps), cost_below(length, steps)
    note = f"log(L)^2/(4 R) = {math.log(length) ** 2 / (4 * steps):.6g}"
    return Sides(Estimate.exact(cost), Estimate.exact(bound), note)


ABOVE: Statement = Statement(
    id="balanced_rounds",
    number=28,
    says="fewest steps with KL(q||p) <= eps at most (1 + log+(d L))/d + 2, d = min(1, 2 eps/log(2 L))",
    source="ours, after 2608.25505, theorem 11; docs/theory.md 6",
    sources=("wen2026", FEW_ROUNDS),
    direction="<=",
    known=lambda setting: (1.0, float(setting.length)),
    sides=_above,
    settings=lambda: [
        ABOVE.setting(Balanced(), length, eps=error) for length in (2, 16, 128, 1024) for error in (0.02, 0.1, 0.5)
    ],
    hypotheses="balanced of two bits or more, exact denoiser, one plan",
    requires=requires_error,
    options={"eps": 0.1},
    twins=(
        twins.scaled(0.2, lambda it: it.setting(Balanced(), 128, eps=0.02), "rounds rise like a square of log L"),
        twins.bounded(
            "log(L)^2/(4 eps), as real sizes would have it",
            lambda setting, bound: math.log(setting.length) ** 2 / (4 * setting.options["eps"]),
            lambda it: it.setting(Balanced(), 16, eps=0.5),
            "the continuum is no bound where errors are large",
        ),
        twins.turned(lambda it: it.setting(Balanced(), 16, eps=0.1), "it is no number of rounds that are needed"),
    ),
)

BELOW: Statement = Statement(
    id="balanced_cost",
    number=28,
    says="optimal KL of R steps >= a (H_L - 1 - (R-1)(1 - L^(-1/(R-1)))), a = 2 K (L-K)/(L (L-1)), K = L // 2",
    source="ours, after 2608.25505, theorem 11; docs/theory.md 6",
    sources=("wen2026", FEW_ROUNDS),
    direction=">=",
    known=non_negative,
    sides=_below,
    settings=lambda: [
        BELOW.setting(Balanced(), length, steps) for length in (2, 16, 129, 1024) for steps in (1, 2, 8, 64)
    ],
    hypotheses="balanced of two bits or more, exact denoiser, one plan",
    requires=_requires_steps,
    twins=(
        twins.scaled(1.5, lambda it: it.setting(Balanced(), 129, 8), "within a half of the best cost"),
        twins.bounded(
            "without the 1 that the last step takes",
            lambda setting, bound: bound + 0.5,
            lambda it: it.setting(Balanced(), 16, 2),
            "the last step reveals all that is left, whatever it costs",
        ),
        twins.bounded(
            "log(L)^2/(4 R), as real sizes would have it",
            lambda setting, bound: math.log(setting.length) ** 2 / (4 * min(setting.steps or 1, setting.length)),
            lambda it: it.setting(Balanced(), 16, 8),
            "the continuum is above the best whole sizes",
        ),
    ),
)
