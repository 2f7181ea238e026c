"""The best reveal sizes follow the square root of the curve's slope, and their error its integral.

Setting. The exact denoiser, uniformly random sets of N chosen sizes, a convex information curve H. Its drops
d(m) = H(m) - H(m+1), continued by d(L-1) = d(L-2), sum to D and their square roots to S.
Measured. E_plan KL(q || p_plan) of the optimal sizes, by the exact dynamic program.
Guarantee. At least 1/2 (S^2/N - D), which is never below the continuum value
1/2 [(integral of sqrt(-H'))^2/N - (H(0) - H(L-1))]; tight where the curve is a straight line and N divides L, as at two
tokens. And at most sum_k rho_k/2 (A_k^2 - D_k) over the N blocks of the root profile, which share S as evenly as whole
tokens allow: A_k and D_k are the block's parts of S and D, rho_k = sqrt(first drop/last drop) in it. As N and L/N grow,
rho_k tends to 1 and A_k to S/N where the slope is continuous and positive, so that the two bounds meet.
Proof. A block from M of size s errs by sum_{i<j<s} d(M+i), and d(M+i) lies between sqrt(d(M+i) d(M+j)) and rho times
it; sum_{i<j} sqrt(d(M+i) d(M+j)) = (A^2 - D)/2; sum_k A_k^2 >= S^2/N.
Constants. 1/2, ours.
Source. 2510.25544 has the limit; the bounds ours, docs/theory.md 2.5.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from mdmtheory import schedules
from mdmtheory.core.estimate import Estimate
from mdmtheory.core.sources import Ours
from mdmtheory.languages.ngram import NGram
from mdmtheory.theory import twins
from mdmtheory.theory.curves import convex_curve
from mdmtheory.theory.instances import bigram3, cycle3, golden_chain, growth_chain, hardest, rare_break, small_languages
from mdmtheory.theory.statement import Constant, HypothesisError, Setting, Sides, Statement, Twin, non_negative

_SEARCH = Ours(
    "information profile masked diffusion random order factorization error Riemann sum optimal schedule "
    "square root of derivative",
    "2026-11-29",
)

Drops = Float[np.ndarray, "length"]


def continued_drops(curve: Float[np.ndarray, "length"]) -> Drops:
    """H(m) - H(m+1) for m = 0..L-1, the last one that of m = L-2 again; 0 at one token."""
    drops = -np.diff(curve)
    return np.append(drops, drops[-1] if len(drops) else 0.0)


def root_profile(drops: Drops, steps: int) -> Int[np.ndarray, "n"]:
    """At most `steps` sizes whose blocks hold equal parts of the sum of sqrt(drops), to the nearest token.

    The drops must be positive.
    """
    roots = np.concatenate([[0.0], np.cumsum(np.sqrt(drops))])
    edges = np.interp(np.linspace(0, roots[-1], steps + 1), roots, np.arange(len(roots)))
    sizes: Int[np.ndarray, "n"] = np.diff(np.unique(np.append(np.rint(edges[:-1]), len(drops)))).astype(np.int64)
    return sizes


def profile_error(drops: Drops, sizes: Int[np.ndarray, "n"]) -> float:
    """sum_k rho_k/2 (A_k^2 - D_k) in nats, no less than the error of these sizes; drops positive and non-increasing."""
    first = np.cumsum(sizes) - sizes
    ratios = np.sqrt(drops[first] / drops[first + sizes - 1])
    shares = np.add.reduceat(np.sqrt(drops), first) ** 2 - np.add.reduceat(drops, first)
    return float(ratios @ shares / 2)


def _steps(setting: Setting) -> int:
    """N of the setting; more than one step a token reveals no more."""
    return min(len(setting.schedule.revealed_fractions(setting.steps)) - 1, setting.length)


def _optimal_gap(setting: Setting, curve: Float[np.ndarray, "length"]) -> float:
    return schedules.plan_averaged_gap(curve, schedules.optimal(curve, _steps(setting)))


def _below(setting: Setting) -> Sides:
    curve, steps = convex_curve(setting), _steps(setting)
    drops = continued_drops(curve)
    bound = (_root_sum(drops) / steps - float(drops.sum())) / 2
    note = f"continuum {schedules.continuum_gap(curve, steps):.6g}"
    return Sides(Estimate.exact(_optimal_gap(setting, curve)), Estimate.exact(bound), note)


def _above(setting: Setting) -> Sides:
    curve, steps = convex_curve(setting), _steps(setting)
    drops = continued_drops(curve)
    if not drops[-1] > 0:
        raise HypothesisError(f"the information curve of {setting.language.spec} does not fall at its end")
    bound = profile_error(drops, root_profile(drops, steps))
    note = f"continuum {schedules.continuum_gap(curve, steps):.6g}"
    return Sides(Estimate.exact(_optimal_gap(setting, curve)), Estimate.exact(bound), note)


def _straight(setting: Setting) -> bool:
    return setting.length <= 2 or (isinstance(setting.language, NGram) and setting.language.order == 1)


def _settings(statement: Statement) -> list[Setting]:
    rows = [statement.setting(language, 2, 1) for language in small_languages()]
    rows += [statement.setting(golden_chain(), length, 16) for length in (32, 256, 2048)]
    rows += [statement.setting(growth_chain(), 4096, steps) for steps in (4, 16, 64, 256)]
    return [*rows, hardest(statement.setting(rare_break(), 91, 7))]


def _root_sum(drops: Drops) -> float:
    """S^2."""
    return float(np.sqrt(drops).sum()) ** 2


def _of_drops(broken: str, value: Callable[[Drops, int], float], witness: twins.Witness, teaches: str) -> Twin:
    """Another bound, of the curve's continued drops and the number of steps."""

    def bound(setting: Setting, bound: float) -> float:
        return float(value(continued_drops(convex_curve(setting)), _steps(setting)))

    return twins.bounded(broken, bound, witness, teaches)


CONTINUUM_BELOW: Statement = Statement(
    id="continuum_below",
    number=8,
    says="optimal E_plan KL >= (S^2/N - D)/2, S the sum of the roots of the curve's drops and D their sum",
    source="the limit in 2510.25544, this bound ours; docs/theory.md 2.5",
    sources=("lavenant2025", _SEARCH),
    direction=">=",
    known=non_negative,
    sides=_below,
    settings=lambda: _settings(CONTINUUM_BELOW),
    hypotheses="a convex information curve that is known exactly, exact denoiser, random subsets of N sizes",
    tight=_straight,
    constants=(Constant("factor", 0.5, "ours"),),
    twins=(
        _of_drops(
            "one step less",
            lambda drops, steps: (_root_sum(drops) / max(steps - 1, 0.9) - drops.sum()) / 2,
            lambda it: it.setting(golden_chain(), 32, 16),
            "N steps share the roots in N parts",
        ),
        _of_drops(
            "S^2 a fiftieth larger",
            lambda drops, steps: (1.02 * _root_sum(drops) / steps - drops.sum()) / 2,
            lambda it: it.setting(growth_chain(), 64, 2),
            "the constant is right to leading order",
        ),
        _of_drops(
            "without the continued drop",
            lambda drops, steps: (_root_sum(drops) / steps - drops[:-1].sum()) / 2,
            lambda it: it.setting(bigram3(), 2, 1),
            "L tokens have L - 1 drops, and the last token needs one too",
        ),
        _of_drops(
            "the linear schedule's error",
            lambda drops, steps: (len(drops) * drops.sum() / steps - drops.sum()) / 2,
            lambda it: it.setting(cycle3(), 16, 4),
            "sizes that follow the slope do better than equal ones",
        ),
        twins.turned(lambda it: it.setting(golden_chain(), 32, 16), "whole tokens cannot follow the roots exactly"),
    ),
)

CONTINUUM_ABOVE: Statement = Statement(
    id="continuum_above",
    number=8,
    says="optimal E_plan KL <= sum_k rho_k (A_k^2 - D_k)/2 over the blocks of the root profile",
    source="the limit in 2510.25544, this bound ours; docs/theory.md 2.5",
    sources=("lavenant2025", _SEARCH),
    direction="<=",
    sides=_above,
    settings=lambda: _settings(CONTINUUM_ABOVE),
    hypotheses="a convex information curve that falls to its end and is known exactly, random subsets of N sizes",
    tight=_straight,
    constants=(Constant("factor", 0.5, "ours"),),
    twins=(
        twins.scaled(0.99, lambda it: it.setting(bigram3(), 2, 1), "two tokens in one step: nothing is left to choose"),
        _of_drops(
            "the lower bound in its place",
            lambda drops, steps: (_root_sum(drops) / steps - drops.sum()) / 2,
            lambda it: it.setting(golden_chain(), 32, 16),
            "the optimum lies between the two",
        ),
        _of_drops(
            "ratios and parts of a straight line",
            lambda drops, steps: profile_error(np.full(len(drops), drops.mean()), root_profile(drops, steps)),
            lambda it: it.setting(growth_chain(), 64, 4),
            "a curve that bends costs more than a line with the same ends",
        ),
        twins.turned(lambda it: it.setting(golden_chain(), 32, 16), "the blocks' ratios are not all lost"),
    ),
)
