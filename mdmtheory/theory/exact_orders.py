"""Orders that are exact with few steps, and the language in which none helps.

Setting. The exact denoiser. (a) Bigrams opened by bisection, ceil(log2(L+1)) rounds; (b) EqualPairs opened in two
rounds, even positions and then odd ones (`stride` with 2 steps); (c) Permutation(n) opened in any order at all: given
plans, random ones, samplers that look at the sequence, even those that look at their own draws.
Measured. (a), (b) The total variation distance of p and q, by enumeration. (c) The probability of a correct sequence.
Guarantee. (a), (b) It is 0: what is revealed together is independent given what is revealed. (c) Equal to the average
over plans of prod_k m_k! / ((m_k - s_k)! m_k^s_k), m_k items being left before step k reveals s_k: the sizes decide.
Constants. None.
Source. (a) 2606.22976 and 2608.25505, theorem 3 (i); (b) 2608.25505, remark 10, for bits, ours for other tokens; (c)
2608.25505, remark 6, in KL, ours in SER; docs/theory.md 6.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.sources import Ours
from mdmtheory.exact.enumeration import error_rate, joint
from mdmtheory.exact.reveals import all_plans
from mdmtheory.languages.ngram import NGram
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.languages.permutation import Permutation
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.plans import Bisection, GivenPlan
from mdmtheory.theory import twins
from mdmtheory.theory.instances import bigram3, cycle3, golden_chain, growth_chain, trigram2
from mdmtheory.theory.orders import chosen_order, distance_from_language, drawn_law
from mdmtheory.theory.searches import CLOSED_FORMS
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, Twin

_SEARCH_OF_PERMUTATIONS = Ours(
    "uniformly random permutation, no unmasking order or adaptive rule helps, sequence error rate "
    "product of m!/((m-s)! m^s), masked diffusion",
    "2026-11-29",
)


def _requires_bigram(setting: Setting) -> None:
    if not isinstance(setting.language, NGram) or setting.language.order > 2:
        raise HypothesisError(f"it is about n-grams with n at most 2, not {setting.language.spec}")


def _bisection(setting: Setting) -> Sides:
    return Sides(distance_from_language(setting, "bisection"), Estimate.exact(0.0))


def _rounds(setting: Setting) -> Sides:
    rounds = int(Bisection().plan(setting.length).max())
    return Sides(Estimate.exact(float(rounds)), Estimate.exact(float(math.ceil(math.log2(setting.length + 1)))))


def _requires_pairs(setting: Setting) -> None:
    if not isinstance(setting.language, EqualPairs):
        raise HypothesisError(f"it is about equal_pairs, not {setting.language.spec}")


def _odd_even(setting: Setting) -> Sides:
    return Sides(distance_from_language(setting, "stride", 2), Estimate.exact(0.0))


def _requires_permutation(setting: Setting) -> None:
    if not isinstance(setting.language, Permutation):
        raise HypothesisError(f"it is about permutation, not {setting.language.spec}")


def chance_of_no_repeat(items: int, sizes: Int[np.ndarray, "steps"]) -> float:
    """prod_k m_k! / ((m_k - s_k)! m_k^s_k): step k draws s_k of the m_k items left, each by itself."""
    chance, left = 1.0, items
    for size in sizes.tolist():
        chance *= math.perm(left, size) / left**size
        left -= size
    return chance


def ancestral_chance_of_no_repeat(items: int, length: int, fractions: Float[np.ndarray, "edges"]) -> float:
    """The mean of `chance_of_no_repeat` over ancestral plans: a recursion over how many are revealed, O(N length^2).

    With m revealed before step k, s of the rest follow with the binomial probability of rate w_k/(1 - a_{k-1}), at a
    chance of (items-m)!/((items-m-s)! (items-m)^s).
    """
    from scipy.special import gammaln, xlog1py, xlogy

    revealed, size = np.arange(length + 1)[:, None], np.arange(length + 1)[None]
    masked, left = length - revealed, items - revealed
    fits = size <= masked
    rest, after = np.where(fits, masked - size, 0), np.where(fits, left - size, 0)
    log_ways = gammaln(masked + 1) - gammaln(size + 1) - gammaln(rest + 1)
    log_chance = gammaln(left + 1) - gammaln(after + 1) - xlogy(size, left)
    weights: Float[np.ndarray, "revealed"] = np.eye(1, length + 1)[0]
    for rate in np.diff(fractions) / (1 - fractions[:-1]):
        moves = np.where(fits, np.exp(log_ways + log_chance + xlogy(size, rate) + xlog1py(rest, -min(rate, 1.0))), 0.0)
        weights = np.bincount((revealed + size)[fits], (weights[:, None] * moves)[fits]).astype(np.float64)
    return float(weights[length])


def _permutation(setting: Setting) -> Sides:
    language, length = setting.language, setting.length
    assert isinstance(language, Permutation)
    sampler = chosen_order(setting)
    model = MaskedDiffusion(language.oracle(), sampler=sampler, steps=setting.steps, schedule=setting.schedule)
    correct = 1 - error_rate(drawn_law(setting, sampler), joint(language, length))
    if sampler.oblivious:
        plans, chances = all_plans(model, length)
    elif sampler.context_only:
        # All sequences look alike to a rule, up to the names of the items.
        plans, chances = model.replay(np.arange(length)[None]).plan, np.ones(1)
    else:
        sizes = setting.schedule.sizes(length, setting.steps)
        plans, chances = np.repeat(np.arange(len(sizes)), sizes)[None], np.ones(1)
    expected = [chance_of_no_repeat(language.items, np.bincount(plan)) for plan in plans]
    return Sides(Estimate.exact(correct), Estimate.exact(float(chances @ np.array(expected))))


def _bisection_settings() -> list[Setting]:
    languages = ((bigram3(), 6), (cycle3(), 6), (golden_chain(), 9), (growth_chain(), 5))
    return [BISECTION.setting(language, length) for language, length in languages]


def _rounds_settings() -> list[Setting]:
    return [BISECTION_ROUNDS.setting(golden_chain(), length) for length in (1, 7, 8, 512, 4096)]


def _odd_even_settings() -> list[Setting]:
    sizes = ((2, 8), (2, 7), (3, 6), (8, 3))
    return [ODD_EVEN.setting(EqualPairs(vocab_size=size), length) for size, length in sizes]


def _permutation_settings() -> list[Setting]:
    orders = ["ancestral", "fixed", "stride", "blocks", "bisection", "confidence", "margin", "entropy"]
    orders += ["draw_confidence", "entropy_bound:gamma=2.0", "threshold:tau=0.3", "2-1-2-1-3"]
    return [
        *(PERMUTATION.setting(Permutation(items=5), 5, 3, order=order) for order in orders),
        *(PERMUTATION.setting(Permutation(items=6), 4, 2, "cosine", order=order) for order in orders[:8]),
    ]


def _opened(broken: str, plan_of: Callable[[int], np.ndarray], witness: twins.Witness, teaches: str) -> Twin:
    """The plan `plan_of(length)` in place of the statement's own."""

    def sides(setting: Setting) -> Sides:
        plan = GivenPlan(tuple(plan_of(setting.length).tolist()))
        return Sides(distance_from_language(setting, plan), Estimate.exact(0.0))

    return twins.claiming(broken, sides, witness, teaches)


def _of_items(broken: str, more: int) -> Twin:
    """Of so many items more than there are, at the schedule's own sizes."""
    return twins.bounded(
        broken,
        lambda setting, bound: chance_of_no_repeat(
            setting.language.vocab_size + more, setting.schedule.sizes(setting.length, setting.steps)
        ),
        lambda it: it.setting(Permutation(items=5), 3, 2, order="fixed"),
        "how many are left decides how often two draws repeat",
    )


BISECTION = Statement(
    id="bisection",
    number=16,
    says="TV(p, q) = 0 for bigrams opened by bisection",
    source="2606.22976; 2608.25505, theorem 3 (i); docs/theory.md 6",
    sources=("bansal2026", "wen2026"),
    direction="=",
    sides=_bisection,
    settings=_bisection_settings,
    hypotheses="n-grams with n at most 2, exact denoiser; small enough to enumerate",
    requires=_requires_bigram,
    twins=(
        _opened(
            "the last two rounds in one",
            lambda length: np.minimum(Bisection().plan(length), max(Bisection().plan(length).max() - 1, 1)),
            lambda it: it.setting(bigram3(), 5),
            "neighbours that are opened together do not see each other",
        ),
        twins.beyond(
            "trigrams too",
            twins.anywhere,
            lambda it: it.setting(trigram2(), 5),
            "one known token does not part the left of a trigram from its right: that takes two, side by side",
        ),
    ),
)

BISECTION_ROUNDS = Statement(
    id="bisection_rounds",
    number=16,
    says="bisection takes ceil(log2(L+1)) rounds",
    source="2606.22976; 2608.25505, theorem 3 (i); docs/theory.md 6",
    sources=("bansal2026", "wen2026"),
    direction="=",
    sides=_rounds,
    settings=_rounds_settings,
    hypotheses="any language",
    twins=(
        twins.bounded(
            "ceil(log2 L) rounds",
            lambda setting, bound: math.ceil(math.log2(setting.length)),
            lambda it: it.setting(golden_chain(), 8),
            "of eight positions the first round leaves four on one side, not three",
        ),
    ),
)

ODD_EVEN = Statement(
    id="odd_even",
    number=16,
    says="TV(p, q) = 0 for equal pairs opened in 2 rounds",
    source="2608.25505, remark 10, for bits; of other tokens ours, docs/theory.md 6",
    sources=("wen2026", CLOSED_FORMS),
    direction="=",
    sides=_odd_even,
    settings=_odd_even_settings,
    hypotheses="equal_pairs, exact denoiser; small enough to enumerate",
    requires=_requires_pairs,
    twins=(
        _opened(
            "pairs of positions in turns, 1-1-2-2",
            lambda length: 1 + np.arange(length) // 2 % 2,
            lambda it: it.setting(EqualPairs(vocab_size=2), 4),
            "two rounds are enough only if no pair is opened in one",
        ),
    ),
)

PERMUTATION = Statement(
    id="no_order_helps",
    number=16,
    says="1 - SER = E prod_k m_k!/((m_k-s_k)! m_k^s_k) for permutations in every order",
    source="2608.25505, remark 6, in KL; in SER ours, docs/theory.md 6",
    sources=("wen2026", _SEARCH_OF_PERMUTATIONS),
    direction="=",
    sides=_permutation,
    settings=_permutation_settings,
    hypotheses="permutation, exact denoiser, any sampler that sets each token once; small enough to enumerate",
    requires=_requires_permutation,
    options={"order": "ancestral"},
    twins=(
        _of_items("an item more", 1),
        _of_items("an item less", -1),
    ),
)
