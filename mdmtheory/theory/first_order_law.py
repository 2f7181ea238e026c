"""Many steps: SER and KL are the same number divided by the number of steps.

Setting. Any language, exact denoiser, ancestral plans of N steps.
Measured. (a) lim N SER for the linear schedule: SER is a polynomial in 1/N of degree at most L - 1 without a constant
term, because a plan with k distinct steps has probability binom(N, k)/N^L times their arrangements, so SER at
N = 1..L-1 gives the limit exactly. (b) KL(q || p) - SER on any schedule. Both from enumerated laws.
Guarantee. (a) Equal to the sum over pairs i < j and sets S of others of B(|S|+1, L-1-|S|) times the probability that
two independent draws given x_S cannot stand together (`exact.first_order`). (b) At least 0, and at most
chi^2 (-log(1-P) - P) = O(P^2). P is the probability that two positions share a step, at most binom(L,2) sum_k w_k^2;
chi^2 the largest sum of (p_plan - q)^2/q over the support among plans in which some do. So N SER and N KL have one
limit, and where nothing is forbidden KL itself is O(1/N^2). Tight to leading order for EqualPairs at L = 2.
Constants. chi^2 is the language's, found by listing the ordered partitions of its positions.
Source. Ours, docs/theory.md 5. Proof of (b): p = (1-P) q + P p', p' a mean of such p_plan; with r = p/q on the support
KL - SER = E_q[r - 1 - log r], r >= 1 - P, and (r - 1 - log r)/(r - 1)^2 falls in r.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.enumeration import (
    all_sequences,
    check_feasible,
    entropy_nats,
    error_rate,
    expected_nll,
    joint,
)
from mdmtheory.exact.first_order_constant import first_order
from mdmtheory.exact.law import context_marginals, law, law_of_plan
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.languages.parity import Parity
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.schedules.families import power_of
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram3, full_support, hmm2x3, independent, small_languages, trigram2
from mdmtheory.theory.searches import FIRST_ORDER
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, Twin


def limit_of_polynomial(values: Float[np.ndarray, "steps"]) -> float:
    """The value at 0 of the polynomial in 1/N of least degree through values at N = 1, 2, ...

    >>> limit_of_polynomial(np.array([5.0, 3.5, 3.0]))
    2.0
    """
    most = len(values)
    weights = [
        (-1) ** (most - n) * n**most / (math.factorial(n) * math.factorial(most - n)) for n in range(1, most + 1)
    ]
    return math.fsum(weight * value for weight, value in zip(weights, values.tolist(), strict=True))


def _requires_pair(setting: Setting) -> None:
    if setting.length < 2:
        raise HypothesisError("one position has nothing to share a step with; pass length 2 or more")
    if power_of(setting.schedule) != 1:
        raise HypothesisError(f"the schedule is {setting.schedule.spec}; it is about linear")


def extrapolated(setting: Setting, most: int) -> float:
    """The limit of N SER as N = 1..`most` tell it."""
    language, length = setting.language, setting.length
    q = joint(language, length)
    errors = [
        steps
        * error_rate(law(MaskedDiffusion(language.oracle(), sampler="ancestral", steps=steps), language, length), q)
        for steps in range(1, most + 1)
    ]
    return limit_of_polynomial(np.array(errors))


def _limit(setting: Setting) -> Sides:
    limit = extrapolated(setting, setting.length - 1)
    return Sides(Estimate.exact(limit), first_order(setting.language, setting.length))


def chance_of_sharing(shares: Float[np.ndarray, "steps"], length: int) -> float:
    """P: some of `length` positions get the same step when each gets step k with probability shares[k]."""
    # Elementary symmetric polynomials: all different is length! times the one of that degree.
    different = np.zeros(length + 1)
    different[0] = 1.0
    for share in shares:
        different[1:] += share * different[:-1]
    return 1.0 - math.factorial(length) * float(different[length])


def ordered_partitions(length: int) -> Iterator[tuple[int, ...]]:
    """Every plan up to empty steps: the steps 1..k of the positions, each of them taken."""
    for plan in itertools.product(range(1, length + 1), repeat=length):
        if len(set(plan)) == max(plan):
            yield plan


def largest_chi_square(setting: Setting) -> float:
    """max over plans in which two positions share a step of sum (p_plan - q)^2 / q over the support."""
    language, length = setting.language, setting.length
    q = joint(language, length).reshape(-1)
    inside = q > 0
    plans = [plan for plan in ordered_partitions(length) if max(plan) < length]
    check_feasible(len(plans) * length * len(q), 8 * len(q), f"{language.vocab_size}^{length} sequences in all orders")
    sequences = all_sequences(language.vocab_size, length)[inside]
    marginals = context_marginals(language.oracle(), length)
    largest = 0.0
    for plan in plans:
        p = law_of_plan(marginals, np.array(plan), sequences)
        largest = max(largest, float(((p - q[inside]) ** 2 / q[inside]).sum()))
    return largest


def _requires_steps(setting: Setting) -> None:
    if setting.steps is not None and setting.steps < setting.length:
        raise HypothesisError(f"{setting.steps} steps for {setting.length} positions: two of them always share one")


def _remainder(setting: Setting) -> Sides:
    language, length = setting.language, setting.length
    q = joint(language, length)
    p = law(
        MaskedDiffusion(language.oracle(), sampler="ancestral", steps=setting.steps, schedule=setting.schedule),
        language,
        length,
    )
    error, divergence = error_rate(p, q), expected_nll(p, q) - entropy_nats(q)
    shares = np.diff(setting.schedule.revealed_fractions(setting.steps))
    chance, steps = chance_of_sharing(shares, length), len(shares)
    bound = largest_chi_square(setting) * (-math.log1p(-chance) - chance)
    note = f"N SER = {steps * error:.6g}, N KL = {steps * divergence:.6g}"
    return Sides(Estimate.exact(divergence - error), Estimate.exact(bound), note)


def _limit_settings() -> list[Setting]:
    listed = [LIMIT.setting(language, length) for language, length in ((bigram3(), 5), (trigram2(), 6), (hmm2x3(), 4))]
    others = [LIMIT.setting(language, 4) for language in (*small_languages(), Parity(), EqualPairs(vocab_size=3))]
    return listed + others


def _remainder_settings() -> list[Setting]:
    return [
        *(REMAINDER.setting(language, 4, steps) for language in small_languages() for steps in (8, 64)),
        *(REMAINDER.setting(full_support(), 4, steps, "cosine") for steps in (16, 32)),
        *(REMAINDER.setting(EqualPairs(vocab_size=16), 2, steps) for steps in (2, 16, 128)),
        REMAINDER.setting(independent(), 4, 8),
        replace(REMAINDER.setting(EqualPairs(vocab_size=3), 2, 300), name="hardest found"),
    ]


def _from_steps(broken: str, count: Callable[[int], int], teaches: str) -> Twin:
    """The limit from so many numbers of steps."""
    return twins.measuring(
        broken,
        lambda setting, measured: extrapolated(setting, max(count(setting.length), 1)),
        lambda it: it.setting(bigram3(), 5),
        teaches,
    )


LIMIT = Statement(
    id="first_order",
    number=12,
    says="lim N SER = the mass that two independent draws put off the support, summed over pairs",
    source="ours; docs/theory.md 5",
    sources=(FIRST_ORDER,),
    direction="=",
    sides=_limit,
    settings=_limit_settings,
    hypotheses="any language of length 2 or more, exact denoiser, ancestral plans, linear; small enough to enumerate",
    requires=_requires_pair,
    twins=(
        twins.scaled(1.001, lambda it: it.setting(bigram3(), 4), "the constant is exact"),
        _from_steps("the limit from N = 1..L-2", lambda length: length - 2, "the polynomial has degree L - 1"),
        _from_steps("the limit from N = 1..L-3", lambda length: length - 3, "the polynomial has degree L - 1"),
    ),
)

REMAINDER = Statement(
    id="first_order_kl",
    number=12,
    says="KL(q||p) - SER <= chi^2 (-log(1-P) - P), O(1/N^2)",
    source="ours; docs/theory.md 5",
    sources=(FIRST_ORDER,),
    direction="<=",
    sides=_remainder,
    settings=_remainder_settings,
    hypotheses="any language, exact denoiser, ancestral plans of L steps or more; small enough to enumerate",
    requires=_requires_steps,
    twins=(
        twins.scaled(
            0.95, lambda it: it.setting(EqualPairs(vocab_size=16), 2, 100), "two positions: the first order is all"
        ),
        twins.turned(lambda it: it.setting(bigram3(), 3, 8), "chi^2 is that of the worst plan"),
        twins.bounded(
            "times P: third order",
            lambda setting, bound: (
                bound * chance_of_sharing(np.diff(setting.schedule.revealed_fractions(setting.steps)), setting.length)
            ),
            lambda it: it.setting(EqualPairs(vocab_size=16), 2, 100),
            "KL and SER agree in first order and not in second",
        ),
    ),
)
