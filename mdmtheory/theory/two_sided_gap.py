"""The plan-averaged gap per token, from above and from below, with no length in it.

Setting. The exact denoiser and ancestral plans of N steps; g(alpha) = E[H(Bin(L-1, alpha))] is what a token costs when
each other one is revealed with probability alpha, H the information curve (g(0) = H(0), g(1) = H(L-1)).
Measured. E_plan KL(q || p_plan)/L = sum_k w_k g(a_{k-1}) - (integral of g).
Guarantee. At most max_k w_k (g(0) - g(1)) for every language and schedule, that is (g(0) - g(1))/N for linear; and at
least (g(0) - g(1))/(2N) for linear where the curve is convex, which makes g convex. The lower bound is tight where g is
a straight line, as at two tokens; the upper one is reached in the limit of long Repetition in one step, at L - 1 of L
of its value.
Constants. 1 and 1/2, ours.
Source. 2510.25544 has a bound of this kind from above; these ours, docs/theory.md 2.4.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from mdmtheory import schedules
from mdmtheory.core.estimate import Estimate
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.languages.parity import Parity
from mdmtheory.languages.repetition import Repetition
from mdmtheory.theory import twins
from mdmtheory.theory.curves import convex_curve, exact_curve
from mdmtheory.theory.instances import (
    bigram3,
    early_choice,
    golden_chain,
    growth_chain,
    hardest,
    independent,
    rare_break,
    small_languages,
)
from mdmtheory.theory.searches import FEW_STEPS
from mdmtheory.theory.statement import Constant, HypothesisError, Setting, Sides, Statement, non_negative


def _above(setting: Setting) -> Sides:
    curve = np.asarray(exact_curve(setting))
    fractions = setting.schedule.revealed_fractions(setting.steps)
    gap = schedules.ancestral_gap(curve, fractions) / setting.length
    return Sides(Estimate.exact(gap), Estimate.exact(float(np.diff(fractions).max() * (curve[0] - curve[-1]))))


def _independent(setting: Setting) -> bool:
    return setting.length == 1 or (isinstance(setting.language, NGram) and setting.language.order == 1)


def _requires_line(setting: Setting) -> None:
    if np.ptp(np.diff(setting.schedule.revealed_fractions(setting.steps))) > 1e-12:
        raise HypothesisError(f"the steps of {setting.schedule.spec} are not equal; it is about the linear schedule")


def _below(setting: Setting) -> Sides:
    return _against_half(setting, convex_curve(setting))


def _against_half(setting: Setting, curve: Float[np.ndarray, "length"]) -> Sides:
    fractions = setting.schedule.revealed_fractions(setting.steps)
    gap = schedules.ancestral_gap(curve, fractions) / setting.length
    return Sides(Estimate.exact(gap), Estimate.exact(float((curve[0] - curve[-1]) / (2 * (len(fractions) - 1)))))


def _straight(setting: Setting) -> bool:
    return setting.length <= 2 or _independent(setting)


def _above_settings() -> list[Setting]:
    rows = [GAP_ABOVE.setting(language, 5, 3) for language in (*small_languages(), EqualPairs(vocab_size=2))]
    rows += [GAP_ABOVE.setting(growth_chain(), 512, steps, "cosine") for steps in (1, 16, 256)]
    rows += [GAP_ABOVE.setting(Repetition(vocab_size=3), 1024, steps) for steps in (1, 4)]
    return [*rows, GAP_ABOVE.setting(independent(), 6, 3), hardest(GAP_ABOVE.setting(early_choice(), 300, 1))]


def _below_settings() -> list[Setting]:
    rows = [GAP_BELOW.setting(language, 2, 3) for language in small_languages()]
    rows += [GAP_BELOW.setting(golden_chain(), length, 16) for length in (16, 64, 256)]
    rows += [GAP_BELOW.setting(growth_chain(), 512, steps) for steps in (1, 16, 256)]
    return [*rows, hardest(GAP_BELOW.setting(rare_break(), 30, 6))]


def _mean_share(setting: Setting, bound: float) -> float:
    shares = np.diff(setting.schedule.revealed_fractions(setting.steps))
    return float(bound / shares.max() * shares.mean())


GAP_ABOVE = Statement(
    id="gap_above",
    number=13,
    says="E_plan KL/L <= max_k w_k (g(0) - g(1))",
    source="a bound of this kind in 2510.25544, this one ours; docs/theory.md 2.4",
    sources=("lavenant2025", FEW_STEPS),
    direction="<=",
    sides=_above,
    settings=_above_settings,
    hypotheses="any language whose curve is known exactly, exact denoiser, ancestral plans",
    tight=_independent,
    constants=(Constant("factor", 1.0, "ours"),),
    twins=(
        twins.scaled(
            0.99, lambda it: it.setting(Repetition(vocab_size=3), 1024, 1), "copies lose all but one of L in one step"
        ),
        twins.bounded(
            "the mean share in place of the largest",
            _mean_share,
            lambda it: it.setting(Repetition(vocab_size=3), 64, None, [0.0, 0.7, 1.0]),
            "the first share decides alone where the first token tells everything",
        ),
        twins.turned(lambda it: it.setting(bigram3(), 5, 3), "most languages do not tell all at once"),
    ),
)

GAP_BELOW = Statement(
    id="gap_below",
    number=13,
    says="E_plan KL/L >= (g(0) - g(1))/(2N)",
    source="ours; docs/theory.md 2.4",
    sources=(FEW_STEPS,),
    direction=">=",
    known=non_negative,
    sides=_below,
    settings=_below_settings,
    hypotheses="a convex information curve that is known exactly, exact denoiser, ancestral plans, linear schedule",
    requires=_requires_line,
    tight=_straight,
    constants=(Constant("factor", 0.5, "ours"),),
    twins=(
        twins.scaled(
            1.01,
            lambda it: it.setting(bigram3(), 2, 3),
            "two tokens: the curve is a line, and half of the share is lost",
        ),
        twins.claiming(
            "curves that are not convex",
            lambda setting: _against_half(setting, np.asarray(exact_curve(setting))),
            lambda it: it.setting(Parity(), 4, 2),
            "parity tells nothing until the last token, so early steps are free",
        ),
        twins.turned(lambda it: it.setting(golden_chain(), 16, 4), "a curve that bends loses more in its first steps"),
    ),
)
