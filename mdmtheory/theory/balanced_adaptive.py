"""Balanced bits, of rules that look: what looking is worth, and what it is not.

Setting. `balanced` at length L >= 2, K of its bits ones; the exact denoiser; deterministic rules that may look at what
is revealed, or such a rule drawn by chance, apart from the tokens.
Measured. (a) D_0, the least mean number of rounds that is exact, by search over all contexts and sets. (b), (c) The
least mean number of rounds with KL(q || p) <= eps in the mean over rules: the lower convex hull of what deterministic
rules do, which is what no single one is below, by dynamic programming over how many ones and zeros are left.
Guarantee. (a) It is L + 1 - K/(L-K+1) - (L-K)/(K+1): one bit a round until all that are left are equal.
(b) At most (1 + log+(d L))/d + 2, d = min(1, eps/T), T = log(2 L)/2, as a plan is such a rule (`balanced_rounds`).
(c) At least the hull at eps of what plans of sizes s_1, s_2, ... have in rounds, sum 2a (1 - 1/n_t), against nats,
sum a (h_n - h_(n-s) - s/n), n_t bits being left before a step, h harmonic numbers and a = 2 K (L - K)/(L (L - 1)). Let
Z be whether the last two bits differ. In a context of r ones among n bits P(Z) = 2 r (n-r)/(n (n-1)); a round costs
P(Z) (h_n - h_(n-s) - s/n) nats or more, by Pinsker's inequality, and 1 >= 2 P(Z) (1 - 1/n). So what a rule pays is at
least what it pays on strings with Z alone, of which there are a share a: along each of them it is a plan.
Constants. The bounds above, ours. The source's shapes are C (log^2 L/eps + log L) and c min(log^3 L, log^2 L/eps); the
notes to (b) and (c) tell which C and c would do.
Source. (b), (c) 2608.25505, theorem 11, whose constants were not at hand; (a) and the bounds ours, docs/theory.md 6.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.adaptive_rounds import MeanRounds, Point, Rules, mean_rounds, weighed
from mdmtheory.exact.rounds_of_bits import balanced_depth, balanced_rules
from mdmtheory.exact.serial_depth import serial_depth
from mdmtheory.languages.balanced import Balanced
from mdmtheory.theory import twins
from mdmtheory.theory.balanced_rounds import (
    balanced_of,
    fewest_steps,
    requires_bits,
    requires_error,
    steps_of_rule,
)
from mdmtheory.theory.searches import LOOKING
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, steps_of_a_sequence


def requires_nats(setting: Setting) -> None:
    """HypothesisError where an error is below 0."""
    if not setting.options["eps"] >= 0:
        raise HypothesisError(f"eps is {setting.options['eps']}; it is about an error of 0 or more")


def _requires_nats(setting: Setting) -> None:
    requires_bits(setting)
    requires_nats(setting)


def _depth(setting: Setting) -> Sides:
    ones = balanced_of(setting).ones(setting.length)
    return Sides(
        serial_depth(setting.language, setting.length), Estimate.exact(balanced_depth(ones, setting.length - ones))
    )


def _rounds(setting: Setting) -> MeanRounds:
    ones = balanced_of(setting).ones(setting.length)
    return mean_rounds(balanced_rules(ones, setting.length - ones), setting.options["eps"])


def plan_steps(setting: Setting) -> int:
    """The fewest steps of one plan with KL <= eps."""
    return fewest_steps(balanced_of(setting).information_curve(setting.length), setting.options["eps"])


def _above(setting: Setting) -> Sides:
    length, error, rounds = setting.length, setting.options["eps"], _rounds(setting)
    enough = rounds.least / (math.log(length) ** 2 / error + math.log(length))
    note = f"{plan_steps(setting)} steps of a plan; C = {enough:.3g} would do"
    return Sides(Estimate.exact(rounds.least), Estimate.exact(steps_of_rule(length, error)), note)


def unequal_rules(length: int, ones: int) -> Rules:
    """What plans do on strings whose last two bits differ: sum 2a (1 - 1/n) and sum a (h_n - h_(n-s) - s/n)."""
    return partial(_unequal, length, 2 * ones * (length - ones) / (length * (length - 1)))


def _unequal(length: int, share: float, price: float) -> Point:
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, length + 1))])
    rounds, nats = np.zeros(length + 1), np.zeros(length + 1)
    for left in range(1, length + 1):
        sizes = np.arange(1, left + 1)
        taken = 2 * share * (1 - 1 / left) + rounds[left - sizes]
        lost = share * (harmonic[left] - harmonic[left - sizes] - sizes / left) + nats[left - sizes]
        best = weighed(taken, lost, price, sizes == 1).argmin()
        rounds[left], nats[left] = taken[best], lost[best]
    return float(rounds[length]), 0.0 if price == math.inf else float(nats[length])


def rounds_below(length: int, ones: int, error: float) -> float:
    """The hull at `error`, and 1 where that is more."""
    return mean_rounds(unequal_rules(length, ones), error).least


def _below(setting: Setting) -> Sides:
    length, error, rounds = setting.length, setting.options["eps"], _rounds(setting)
    bound = rounds_below(length, balanced_of(setting).ones(length), error)
    log = math.log(length)
    enough = rounds.least / (log**2 * min(log, 1 / error if error else math.inf))
    note = f"a rule takes {rounds.reached:.6g}; c = {enough:.3g} would do"
    return Sides(Estimate.exact(rounds.least), Estimate.exact(bound), note)


DEPTH: Statement = Statement(
    id="balanced_depth",
    number=28,
    says="D_0 = L + 1 - K/(L-K+1) - (L-K)/(K+1) for balanced, K = L // 2",
    source="ours, after 2608.25505, theorem 11; docs/theory.md 6",
    sources=("wen2026", LOOKING),
    direction="=",
    sides=_depth,
    settings=lambda: [DEPTH.setting(Balanced(), length) for length in range(2, 7)],
    hypotheses="balanced of two bits or more; small enough to search",
    requires=requires_bits,
    twins=(
        twins.bounded(
            "a round for each bit",
            lambda setting, bound: setting.length,
            lambda it: it.setting(Balanced(), 3),
            "bits that are left and equal take one round together",
        ),
        twins.bounded(
            "a run of zeros at the end, and none of ones",
            lambda setting, bound: bound + setting.length // 2 / (setting.length - setting.length // 2 + 1),
            lambda it: it.setting(Balanced(), 4),
            "the last run is of either bit",
        ),
    ),
)

ABOVE: Statement = Statement(
    id="balanced_adaptive_rounds",
    number=28,
    says="least mean rounds of rules with KL(q||p) <= eps at most (1 + log+(d L))/d + 2, d = min(1, 2 eps/log(2 L))",
    source="2608.25505, theorem 11 (the upper side); the constants ours, docs/theory.md 6",
    sources=("wen2026", LOOKING),
    direction="<=",
    known=steps_of_a_sequence,
    sides=_above,
    settings=lambda: [
        ABOVE.setting(Balanced(), length, eps=error) for length in (2, 16, 128, 256) for error in (0.1, 0.5)
    ],
    hypotheses="balanced of two bits or more, exact denoiser, rules that look or not",
    requires=requires_error,
    options={"eps": 0.1},
    twins=(
        twins.scaled(0.2, lambda it: it.setting(Balanced(), 64, eps=0.02), "looking gains little at a small error"),
        twins.bounded(
            "log(L)^2/(4 eps), as real sizes would have it",
            lambda setting, bound: math.log(setting.length) ** 2 / (4 * setting.options["eps"]),
            lambda it: it.setting(Balanced(), 8, eps=0.5),
            "the continuum is no bound where errors are large",
        ),
        twins.turned(lambda it: it.setting(Balanced(), 16, eps=0.1), "it is no number of rounds that are needed"),
    ),
)

BELOW: Statement = Statement(
    id="balanced_adaptive_below",
    number=28,
    says="least mean rounds of rules with KL(q||p) <= eps at least the hull at eps of sum 2a (1 - 1/n) against "
    "sum a (h_n - h_(n-s) - s/n) over sizes, a = 2 K (L-K)/(L (L-1)), K = L // 2",
    source="ours, after 2608.25505, theorem 11; docs/theory.md 6",
    sources=("wen2026", LOOKING),
    direction=">=",
    known=steps_of_a_sequence,
    sides=_below,
    settings=lambda: [
        BELOW.setting(Balanced(), length, eps=error) for length in (3, 16, 129) for error in (0.0, 0.02, 0.1, 0.5)
    ],
    hypotheses="balanced of two bits or more, exact denoiser, rules that look or not",
    requires=_requires_nats,
    options={"eps": 0.1},
    twins=(
        twins.bounded(
            "what one plan takes",
            lambda setting, bound: plan_steps(setting),
            lambda it: it.setting(Balanced(), 8, eps=0.1),
            "a rule that looks opens what is left at once where it has come to be equal",
        ),
        twins.scaled(1.5, lambda it: it.setting(Balanced(), 16, eps=0.02), "within a half of the least"),
        twins.turned(lambda it: it.setting(Balanced(), 16, eps=0.1), "there is room above it"),
    ),
)
