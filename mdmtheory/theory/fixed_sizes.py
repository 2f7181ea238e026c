"""Fixed sizes s in place of independent steps multiply the first-order constants by (s-1)/s.

Setting. The exact denoiser and random order, L = s N: uniformly random sets of s positions a step, or ancestral plans
with N equal steps, which reveal s positions a step on average. Two positions fall into one step with probability
(s-1)/(L-1) or 1/N.
Measured and guaranteed, with explicit remainders that vanish as L grows:
- `fixed_gap_above`, `fixed_gap_below`. The plan-averaged gap of fixed sizes is (s-1)/s of that of ancestral plans up to
  a factor between 1/(1 + s d/D) and 1 + s d/D, for a convex information curve of first drop d and whole drop D: d/D is
  of the order of 1/L where the limit curve is smooth at 0.
- `fixed_pairs`. On EqualPairs(m), 1 - SER of fixed sizes is exp(-(1 - 1/m)(s-1)/2), the first-order law
  exp(-kappa L/N) with kappa = (1 - 1/m)/2 times (s-1)/s, up to R = O(1/N), R being summed from bounds on every
  factorial moment of the number of pairs that fall into one step.
- `doubled_step`. For any language, lim N SER of ancestral plans is L/2 times the sum over m of the SER with one step
  of two after m tokens and all other steps of one: an identity, which tells what the constants count.
Constants. None but those; ours.
Source. Ours, docs/theory.md 5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from mdmtheory import schedules
from mdmtheory.core.estimate import Estimate
from mdmtheory.core.sources import Ours
from mdmtheory.exact.enumeration import error_rate, joint
from mdmtheory.exact.first_order_constant import first_order
from mdmtheory.exact.law import law
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.schedules import Schedule
from mdmtheory.schedules.families import power_of
from mdmtheory.theory import twins
from mdmtheory.theory.curves import convex_curve
from mdmtheory.theory.instances import (
    bigram3,
    cycle3,
    full_support,
    golden_chain,
    growth_chain,
    hardest,
    rare_break,
    small_languages,
)
from mdmtheory.theory.searches import FIRST_ORDER
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, Twin, non_negative

_SEARCH_OF_FIXED = Ours(
    "masked diffusion fixed number of tokens per step versus binomial ancestral sampling, ratio of KL gap (s-1)/s",
    "2026-11-29",
)


def _requires(setting: Setting) -> None:
    if power_of(setting.schedule) != 1 or setting.steps is None:
        raise HypothesisError("it is about equal steps; pass the linear schedule and a number of steps")
    if setting.length % setting.steps:
        raise HypothesisError(f"{setting.steps} steps cannot reveal the same number of {setting.length} tokens each")


def _size(setting: Setting) -> int:
    assert setting.steps is not None
    return setting.length // setting.steps


def _gaps(setting: Setting) -> tuple[float, float, float]:
    """The gap of fixed sizes, (s-1)/s of that of ancestral plans, and 1 + s d/D."""
    curve, size = convex_curve(setting), _size(setting)
    fixed = schedules.plan_averaged_gap(curve, [size] * (setting.length // size))
    ancestral = schedules.ancestral_gap(curve, setting.schedule.revealed_fractions(setting.steps))
    drop = float(curve[0] - curve[-1])
    room = 1 + size * float(curve[0] - curve[1]) / drop if drop > 0 else 1.0
    return fixed, (size - 1) / size * ancestral, room


def _gap_above(setting: Setting) -> Sides:
    fixed, expected, room = _gaps(setting)
    return Sides(Estimate.exact(fixed), Estimate.exact(room * expected), _ratio_note(fixed, expected))


def _gap_below(setting: Setting) -> Sides:
    fixed, expected, room = _gaps(setting)
    return Sides(Estimate.exact(fixed), Estimate.exact(expected / room), _ratio_note(fixed, expected))


def _ratio_note(fixed: float, expected: float) -> str:
    return f"{fixed / expected:.6g} times (s-1)/s of the ancestral gap" if expected > 1e-12 else ""


def _nothing_shared(setting: Setting) -> bool:
    return setting.length == setting.steps or (isinstance(setting.language, NGram) and setting.language.order == 1)


def fixed_pairs_right(vocab_size: int, length: int, pairs: int, sizes: Iterable[int]) -> float:
    """1 - SER of `pairs` pairs of equal tokens among `length` positions, revealed in random sets of these sizes.

    E[(1/m)^C], C being how many pairs fall into one step. A step takes its s positions from u untouched pairs, which it
    may open, or take together at 1/m, and from f positions whose partner is known or missing: the law of f after each
    step, so weighed, is a recursion of positive terms (ours), O(L s^2) a step.
    """
    from scipy.special import gammaln

    log_factorial = gammaln(np.arange(length + 1) + 1.0)
    weights, masked = np.zeros(length + 1), length
    weights[length - 2 * pairs] = 1.0
    for size in sizes:
        after = np.zeros_like(weights)
        # All ways to choose the step's positions are equally likely.
        log_one = log_factorial[size] + log_factorial[masked - size] - log_factorial[masked]
        for together, opened in _pairs_in_step(size):
            single = size - 2 * together - opened
            free = np.flatnonzero(weights)
            pairs_left = (masked - free) // 2
            can = (single <= free) & (together + opened <= pairs_left)
            free, pairs_left = free[can], pairs_left[can]
            log_ways = log_factorial[pairs_left] - log_factorial[pairs_left - together - opened]
            log_ways += log_factorial[free] - log_factorial[free - single]
            log_ways -= log_factorial[together] + log_factorial[opened] + log_factorial[single]
            log_share = opened * math.log(2) - together * math.log(vocab_size) + log_one
            after[free - single + opened] += weights[free] * np.exp(log_ways + log_share)
        weights, masked = after, masked - size
    return float(weights.sum())


def _pairs_in_step(size: int) -> Iterator[tuple[int, int]]:
    """How many pairs a step may take together, and how many it may open."""
    return ((together, opened) for together in range(size // 2 + 1) for opened in range(size - 2 * together + 1))


def pairs_remainder(vocab_size: int, size: int, steps: int) -> float:
    """R: how far 1 - SER of fixed sizes can be from exp(-(1 - 1/m)(s-1)/2), C pairs falling into one step.

    1 - SER = E[(1/m)^C] = sum_j (1/m - 1)^j E[binomial(C, j)], and so is the exponential for Poisson's C.
    Given that i pairs share a step each, so does the next with probability at most (s-1)/(L-1-2i), and at least
    (s-1-2i/N)/(L-1-2i), as if all steps had equally many places left. So E[binomial(C, j)] lies between two products;
    R sums how far they are from Poisson's ((s-1)/2)^j/j!.
    """
    length, rate, unlike = size * steps, (size - 1) / 2, 1 - 1 / vocab_size
    total, most, least, poisson = 0.0, 1.0, 1.0, 1.0
    for j in range(1, length // 2 + 1):
        i = j - 1
        stretch = unlike * (length - 2 * i) / (length - 2 * i - 1) / j
        most *= stretch * rate
        least *= stretch * max(rate - i / steps, 0.0)
        poisson *= unlike * rate / j
        total += max(most - poisson, poisson - least)
    # Poisson's moments beyond the last pair.
    j = length // 2
    while poisson > 1e-18:
        j += 1
        poisson *= unlike * rate / j
        total += poisson
    return total


def _requires_pairs(setting: Setting) -> None:
    _requires(setting)
    if not isinstance(setting.language, EqualPairs):
        raise HypothesisError(f"it is about equal_pairs, not {setting.language.spec}")
    if setting.length % 2 or _size(setting) < 2:
        raise HypothesisError(
            f"length {setting.length} at {setting.steps} steps: pass an even length and s of 2 or more"
        )


def _pairs(setting: Setting) -> Sides:
    assert setting.steps is not None
    size, vocab_size = _size(setting), setting.language.vocab_size
    right = fixed_pairs_right(vocab_size, setting.length, setting.length // 2, [size] * setting.steps)
    limit = math.exp(-(1 - 1 / vocab_size) * (size - 1) / 2)
    ancestral = (setting.length // 2) * math.log1p(-(1 - 1 / vocab_size) / setting.steps)
    note = f"SER {1 - right:.6g}; log(1 - SER) is {math.log(right) / ancestral:.6g} of the ancestral one"
    bound = pairs_remainder(vocab_size, size, setting.steps)
    return Sides(Estimate.exact(abs(right - limit)), Estimate.exact(bound), note)


def _doubled(setting: Setting) -> Sides:
    length = setting.length
    constant = first_order(setting.language, length)
    q = joint(setting.language, length)
    total = 0.0
    for revealed in range(length - 1):
        sizes = Schedule.from_sizes([2 if k == revealed else 1 for k in range(length - 1)])
        model = MaskedDiffusion(setting.language.oracle(), sampler="fixed", steps=None, schedule=sizes)
        total += error_rate(law(model, setting.language, length), q)
    return Sides(Estimate.exact(length / 2 * total), constant)


def _gap_settings(statement: Statement) -> list[Setting]:
    chains = (golden_chain(), growth_chain())
    rows = [statement.setting(language, 6, 3) for language in (bigram3(), golden_chain(), full_support(), cycle3())]
    rows += [statement.setting(chain, 1024, steps) for chain in chains for steps in (512, 256, 64, 16)]
    return [*rows, hardest(statement.setting(rare_break(), 320, 40))]


def _pairs_settings() -> list[Setting]:
    rows = []
    for vocab_size, size in ((2, 2), (16, 2), (16, 4)):
        language = EqualPairs(vocab_size=vocab_size)
        rows += [FIXED_PAIRS.setting(language, size * steps, steps) for steps in (8, 64, 512)]
    return rows


def _factor(factor: str, change: Callable[[int], float], teaches: str) -> Twin:
    """Another factor than (s-1)/s, with the same room."""

    def bound(setting: Setting, bound: float) -> float:
        size = _size(setting)
        return bound * change(size) * size / (size - 1) if size > 1 else bound

    return twins.bounded(
        f"{factor} in place of (s-1)/s", bound, lambda it: it.setting(growth_chain(), 1024, 256), teaches
    )


def _of_kappa(factor: str, change: Callable[[int], float], teaches: str) -> Twin:
    """Another factor of kappa L/N than (s-1)/s."""

    def measured(setting: Setting, measured: float) -> float:
        assert setting.steps is not None
        size, vocab_size = _size(setting), setting.language.vocab_size
        right = fixed_pairs_right(vocab_size, setting.length, setting.length // 2, [size] * setting.steps)
        return abs(right - math.exp(-change(size) * (1 - 1 / vocab_size) * size / 2))

    return twins.measuring(
        f"{factor} in place of (s-1)/s", measured, lambda it: it.setting(EqualPairs(vocab_size=16), 128, 64), teaches
    )


def _doubles(factor: str, share: Callable[[int], float], teaches: str) -> Twin:
    return twins.measuring(
        f"{factor} in place of L/2",
        lambda setting, measured: measured * share(setting.length) * 2 / setting.length,
        lambda it: it.setting(bigram3(), 4),
        teaches,
    )


FIXED_GAP_ABOVE: Statement = Statement(
    id="fixed_gap_above",
    number=23,
    says="gap of fixed sizes s <= (1 + s d/D) (s-1)/s of the ancestral one",
    source="ours; docs/theory.md 5",
    sources=(_SEARCH_OF_FIXED,),
    direction="<=",
    sides=_gap_above,
    settings=lambda: _gap_settings(FIXED_GAP_ABOVE),
    hypotheses="a convex information curve that is known exactly, exact denoiser, equal steps that divide the length",
    requires=_requires,
    tight=_nothing_shared,
    twins=(
        _factor("(s-1)/(s+1)", lambda size: (size - 1) / (size + 1), "one position of s is the step's own, not two"),
        _factor("(s-2)/s", lambda size: (size - 2) / size, "one position of s is the step's own, not two"),
        twins.bounded(
            "without the factor 1 + s d/D",
            lambda setting, bound: _gaps(setting)[1],
            lambda it: it.setting(growth_chain(), 64, 16),
            "at a finite length fixed sizes lose a little more than (s-1)/s",
        ),
        twins.turned(lambda it: it.setting(growth_chain(), 64, 16), "the room is not all taken"),
    ),
)

FIXED_GAP_BELOW: Statement = Statement(
    id="fixed_gap_below",
    number=23,
    says="gap of fixed sizes s >= (s-1)/s of the ancestral one, divided by 1 + s d/D",
    source="ours; docs/theory.md 5",
    sources=(_SEARCH_OF_FIXED,),
    direction=">=",
    known=non_negative,
    sides=_gap_below,
    settings=lambda: _gap_settings(FIXED_GAP_BELOW),
    hypotheses="a convex information curve that is known exactly, exact denoiser, equal steps that divide the length",
    requires=_requires,
    tight=_nothing_shared,
    twins=(
        _factor("1", lambda size: 1.0, "fixed sizes do lose less than ancestral plans"),
        _factor("s/(s+1)", lambda size: size / (size + 1), "(s-1)/s of it, and no more"),
        twins.turned(lambda it: it.setting(growth_chain(), 64, 16), "the room is not all taken"),
    ),
)

FIXED_PAIRS: Statement = Statement(
    id="fixed_pairs",
    number=23,
    says="|1 - SER - exp(-(s-1)/s kappa L/N)| <= R for fixed sizes s",
    source="ours; docs/theory.md 5 and 7",
    sources=(_SEARCH_OF_FIXED,),
    direction="<=",
    sides=_pairs,
    settings=_pairs_settings,
    hypotheses="equal_pairs, an even length, exact denoiser, equal steps of 2 or more that divide the length",
    requires=_requires_pairs,
    twins=(
        _of_kappa("1", lambda size: 1.0, "fixed sizes err less often than ancestral plans"),
        _of_kappa("s/(s+1)", lambda size: size / (size + 1), "two positions share a step (s-1)/s as often"),
        _of_kappa("(s-1)/(s+1)", lambda size: (size - 1) / (size + 1), "two positions share a step (s-1)/s as often"),
        twins.scaled(0.5, lambda it: it.setting(EqualPairs(vocab_size=2), 2, 1), "R is of the right size"),
        twins.turned(
            lambda it: it.setting(EqualPairs(vocab_size=16), 32, 16), "R adds up bounds that are not reached at once"
        ),
    ),
)

DOUBLED_STEP: Statement = Statement(
    id="doubled_step",
    number=23,
    says="L/2 sum_m SER(one step of two after m tokens) = lim N SER",
    source="ours; docs/theory.md 5",
    sources=(FIRST_ORDER,),
    direction="=",
    sides=_doubled,
    settings=lambda: [DOUBLED_STEP.setting(language, 5) for language in (*small_languages(), EqualPairs(vocab_size=3))],
    hypotheses="any language; small enough to enumerate",
    twins=(
        _doubles("L", lambda length: length, "each of the L - 1 doubled steps counts L/2"),
        _doubles("(L-1)/2", lambda length: (length - 1) / 2, "each of the L - 1 doubled steps counts L/2"),
    ),
)
