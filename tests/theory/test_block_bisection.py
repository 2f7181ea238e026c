"""Bisection of blocks, with twins whose blocks are too small, come in the wrong order, or count a halving too few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mdmtheory.core.estimate import Estimate
from mdmtheory.plans import Bisection, GivenPlan
from mdmtheory.theory.block_bisection import BLOCK_BISECTION, BLOCK_ROUNDS, memory, most_rounds
from mdmtheory.theory.instances import hmm2x3, trigram2
from mdmtheory.theory.orders import distance_from_language
from mdmtheory.theory.statement import HypothesisError, Sides
from tests.languages.small import ngrams
from tests.theory.property import enumerable, stands, twins_refuted

INSTANCES = enumerable(BLOCK_BISECTION, languages=ngrams(orders=(1, 2, 3)), stepped=False)
LONGER = enumerable(
    BLOCK_BISECTION, languages=ngrams(orders=(3, 4), most_tokens=2), most_length=7, most_sequences=130, stepped=False
)


def opened(plan_of):
    """The statement with the plan `plan_of(length, memory)` in place of its own."""

    def sides(setting):
        plan = GivenPlan(tuple(plan_of(setting.length, memory(setting)).tolist()))
        return Sides(distance_from_language(setting, plan), Estimate.exact(0.0))

    return replace(BLOCK_BISECTION, sides=sides)


@pytest.mark.parametrize("instances", [INSTANCES, LONGER], ids=["short", "long memory"])
def test_blocks_as_long_as_the_memory_are_exact(instances):
    stands(BLOCK_BISECTION, instances)


def test_blocks_from_their_ends_inwards_are_exact_too():
    """Within a block any order does, one position at a time."""

    def turned(length, block):
        plan, place = Bisection(block=block).plan(length), np.arange(length) % block
        whole = np.arange(length) // block < length // block
        return np.where(whole, plan - place + (block - 1 - place), plan)

    stands(opened(turned), LONGER)


def test_rounds_of_blocks():
    for length in range(3, 200):
        for language in (trigram2(),):
            check = BLOCK_ROUNDS.check(language, length)
            assert check.holds
            assert not check.tight or check.slack == 0
    assert [most_rounds(length, 2) for length in (2, 3, 4, 5, 8, 9)] == [2, 4, 4, 6, 6, 8]


def test_what_the_hypotheses_exclude():
    with pytest.raises(HypothesisError, match="about n-grams"):
        BLOCK_BISECTION.check(hmm2x3(), 4)
    with pytest.raises(HypothesisError, match="2 or more, the memory"):
        BLOCK_ROUNDS.check(trigram2(), 1)


def test_each_twin_is_refuted():
    twins_refuted(BLOCK_BISECTION, LONGER)
    instances = enumerable(BLOCK_ROUNDS, languages=ngrams(), stepped=False)
    stands(BLOCK_ROUNDS, instances)
    twins_refuted(BLOCK_ROUNDS, instances)
