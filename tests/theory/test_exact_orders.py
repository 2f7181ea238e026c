"""Exact orders, with twins that split beside a span's middle, pair the wrong neighbours, or count an item too many."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import EqualPairs, Permutation
from mdmtheory.core.estimate import Estimate
from mdmtheory.plans import Bisection, GivenPlan
from mdmtheory.theory.exact_orders import (
    BISECTION,
    BISECTION_ROUNDS,
    ODD_EVEN,
    PERMUTATION,
    chance_of_no_repeat,
)
from mdmtheory.theory.instances import bigram3, hmm2x3, trigram2
from mdmtheory.theory.orders import distance_from_language
from mdmtheory.theory.statement import HypothesisError, Sides
from tests.languages.small import ngrams
from tests.theory.property import enumerable, refuted, stands, twin

ZERO = Estimate.exact(0.0)
BIGRAMS = ngrams(orders=(1, 2))
PAIRS = st.sampled_from([EqualPairs(vocab_size=size) for size in (2, 3, 4)])
PERMUTATIONS = st.sampled_from([Permutation(items=items) for items in (3, 4, 5)])
RULES = ["confidence", "margin", "entropy", "draw_confidence", "threshold:tau=0.3", "entropy_bound:gamma=1.5"]
RANDOM = ["ancestral", "fixed", "first_hitting"]


def opened_by(statement, plan_of):
    """The statement with the plan `plan_of(length)` in place of its own."""

    def sides(setting):
        return Sides(distance_from_language(setting, GivenPlan(tuple(plan_of(setting.length)))), ZERO)

    return replace(statement, sides=sides)


def test_bisection_is_exact_on_bigrams():
    stands(BISECTION, enumerable(BISECTION, languages=BIGRAMS, stepped=False))


def test_bisection_is_not_exact_beyond_bigrams():
    anywhere = replace(BISECTION, requires=lambda setting: None)
    refuted(anywhere, enumerable(BISECTION, languages=ngrams(orders=(3,)), stepped=False))
    for language in (trigram2(), hmm2x3()):
        with pytest.raises(HypothesisError, match="n at most 2"):
            BISECTION.check(language, 5)


def test_one_round_less_is_refuted():
    """The last two rounds of bisection as one."""

    def fewer(length):
        plan = Bisection().plan(length)
        return np.minimum(plan, max(plan.max() - 1, 1)).tolist()

    refuted(opened_by(BISECTION, fewer), enumerable(BISECTION, languages=BIGRAMS, stepped=False))


def test_rounds_of_bisection():
    for length in range(1, 200):
        check = BISECTION_ROUNDS.check(bigram3(), length)
        assert check.slack == 0


def test_a_round_for_each_doubling_of_the_length_alone_is_refuted():
    def broken(setting, sides):
        return replace(sides, bound=Estimate.exact(float(math.ceil(math.log2(setting.length)))))

    refuted(twin(BISECTION_ROUNDS, broken), enumerable(BISECTION_ROUNDS, stepped=False))


def test_two_rounds_are_exact_on_equal_pairs():
    stands(ODD_EVEN, enumerable(ODD_EVEN, languages=PAIRS, most_length=6, most_sequences=800, stepped=False))


def test_pairs_opened_together_are_refuted():
    """Two rounds, but neighbours (0, 1), (2, 3), ... in one of them."""
    twins = enumerable(ODD_EVEN, languages=PAIRS, most_length=6, stepped=False)
    refuted(opened_by(ODD_EVEN, lambda length: [1 + i // 2 % 2 for i in range(length)]), twins)


@st.composite
def orders(draw, most_length=4):
    """Settings of permutations with rules, random plans, and any given plan."""
    language = draw(PERMUTATIONS)
    length = draw(st.integers(1, min(language.items, most_length)))
    schedule, steps = draw(st.sampled_from([("linear", 1), ("linear", 2), ("cosine", 3), ("linear", 4)]))
    plan = st.lists(st.integers(1, 4), min_size=length, max_size=length).map(lambda each: "-".join(map(str, each)))
    order = draw(st.one_of(st.sampled_from(RULES), st.sampled_from(RANDOM), plan))
    return PERMUTATION.setting(language, length, steps, schedule, order=order)


def test_no_order_helps_permutations():
    stands(PERMUTATION, orders(), max_examples=40)


@pytest.mark.parametrize("more", [1, -1])
def test_an_item_too_many_or_too_few_is_refuted(more):
    def broken(setting, sides):
        sizes = setting.schedule.sizes(setting.length, setting.steps)
        return replace(sides, bound=Estimate.exact(chance_of_no_repeat(setting.language.items + more, sizes)))

    fixed = enumerable(
        PERMUTATION, languages=PERMUTATIONS, most_length=3, order=st.sampled_from(["fixed", "confidence"])
    )
    right = twin(PERMUTATION, lambda setting, sides: replace(sides, bound=Estimate.exact(exactly(setting))))
    stands(right, fixed)
    refuted(twin(PERMUTATION, broken), fixed)


def exactly(setting):
    return chance_of_no_repeat(setting.language.items, setting.schedule.sizes(setting.length, setting.steps))
