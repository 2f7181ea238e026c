"""Exact orders, with twins that split beside a span's middle, pair the wrong neighbours, or count an item too many."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from mdmtheory import EqualPairs, Permutation
from mdmtheory.theory.exact_orders import (
    BISECTION,
    BISECTION_ROUNDS,
    ODD_EVEN,
    PERMUTATION,
)
from mdmtheory.theory.instances import bigram3, hmm2x3, trigram2
from mdmtheory.theory.statement import HypothesisError
from tests.languages.small import ngrams
from tests.theory.property import enumerable, stands, twins_refuted

BIGRAMS = ngrams(orders=(1, 2))
PAIRS = st.sampled_from([EqualPairs(vocab_size=size) for size in (2, 3, 4)])
PERMUTATIONS = st.sampled_from([Permutation(items=items) for items in (3, 4, 5)])
RULES = ["confidence", "margin", "entropy", "draw_confidence", "threshold:tau=0.3", "entropy_bound:gamma=1.5"]
RANDOM = ["ancestral", "fixed", "first_hitting"]


def test_bisection_is_exact_on_bigrams():
    stands(BISECTION, enumerable(BISECTION, languages=BIGRAMS, stepped=False))


def test_rounds_of_bisection():
    for length in range(1, 200):
        check = BISECTION_ROUNDS.check(bigram3(), length)
        assert check.slack == 0


def test_two_rounds_are_exact_on_equal_pairs():
    stands(ODD_EVEN, enumerable(ODD_EVEN, languages=PAIRS, most_length=6, most_sequences=800, stepped=False))


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


@st.composite
def fixed(draw):
    """Orders of which the sizes are the schedule's."""
    order = st.sampled_from(["fixed", "confidence"])
    return draw(enumerable(PERMUTATION, languages=PERMUTATIONS, most_length=3, order=order))


def test_each_twin_is_refuted():
    # Bigrams for the plan, trigrams for what the hypothesis is for.
    twins_refuted(BISECTION, enumerable(BISECTION, languages=st.one_of(BIGRAMS, ngrams(orders=(3,))), stepped=False))
    twins_refuted(BISECTION_ROUNDS, enumerable(BISECTION_ROUNDS, stepped=False))
    twins_refuted(ODD_EVEN, enumerable(ODD_EVEN, languages=PAIRS, most_length=6, stepped=False))
    twins_refuted(PERMUTATION, fixed())


def test_bisection_is_not_claimed_beyond_bigrams():
    for language in (trigram2(), hmm2x3()):
        with pytest.raises(HypothesisError, match="n at most 2"):
            BISECTION.check(language, 5)
