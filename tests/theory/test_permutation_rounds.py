"""Rounds of permutations, with twins in bits for nats, of rising sizes, with a term too few, and of mixtures."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import MaskedDiffusion, Parity, Permutation
from mdmtheory.exact.enumeration import entropy_nats, expected_nll, joint
from mdmtheory.exact.law import law
from mdmtheory.schedules import Schedule
from mdmtheory.theory.permutation_rounds import (
    BEST,
    CEILING,
    FLOOR,
    MIXTURE,
    PAIRS,
    ROUNDS,
    cost_of_sizes,
    falling_sizes,
    least_cost,
)
from mdmtheory.theory.statement import HypothesisError
from tests.theory.property import stands, twins_refuted


@st.composite
def sized(draw, statement, **options):
    """Any sizes, of up to 60 items."""
    sizes = draw(st.lists(st.integers(1, 12), min_size=1, max_size=8))
    length = sum(sizes)
    chosen = {name: draw(strategy) for name, strategy in options.items()}
    return statement.setting(Permutation(items=length), length, None, Schedule.from_sizes(sizes), **chosen)


@st.composite
def stepped(draw, statement, most=40):
    length = draw(st.integers(1, most))
    return statement.setting(Permutation(items=length), length, draw(st.integers(1, length)))


def test_the_cost_of_sizes_is_the_divergence():
    for sizes in ([2, 2], [1, 3], [2, 1, 1], [4], [1, 1, 1, 1]):
        language = Permutation(items=4)
        model = MaskedDiffusion(language.oracle(), sampler="fixed", schedule=Schedule.from_sizes(sizes))
        q = joint(language, 4)
        found = expected_nll(law(model, language, 4), q) - entropy_nats(q)
        assert cost_of_sizes(np.array(sizes)) == pytest.approx(found, abs=1e-12)


def test_rounds_that_an_error_allows():
    stands(ROUNDS, sized(ROUNDS))


ALONE = st.sampled_from([0.0, 0.01, 0.1, 0.5, 1.0])


def test_rounds_of_mixtures():
    stands(MIXTURE, sized(MIXTURE, alone=ALONE))


def test_both_hold_along_the_optimal_table():
    for steps in range(1, 25):
        cost = least_cost(24, steps)
        assert steps >= 24 / (1 + 2 * cost) - 1e-9
        assert steps >= 24 * math.exp(-cost) - 1e-9


def test_the_best_sizes_do_not_rise():
    stands(BEST, stepped(BEST, 24), max_examples=20)
    note = BEST.check(Permutation(items=8), 8, 4).note
    assert note == "sizes 3,2,2,1; KL 1.04982 nats, 1.51457 bits"
    assert [BEST.check(Permutation(items=n), n, 4).note.partition(";")[0] for n in (16, 32)] == [
        "sizes 6,5,3,2",
        "sizes 12,9,7,4",
    ]


@pytest.mark.parametrize("length", [1, 4, 9])
def test_no_composition_is_better(length):
    for steps in range(1, length + 1):
        cuts = itertools.combinations(range(1, length), steps - 1)
        compositions = [np.diff([0, *cut, length]) for cut in cuts]
        assert least_cost(length, steps) == pytest.approx(min(map(cost_of_sizes, compositions)), abs=1e-12)
        falling = {tuple(sizes) for sizes in map(np.ndarray.tolist, compositions) if sizes == sorted(sizes)[::-1]}
        assert set(falling_sizes(length, steps)) == falling


def test_floor_and_ceiling_of_the_best_sizes():
    stands(FLOOR, stepped(FLOOR, 300))
    stands(CEILING, stepped(CEILING, 300))
    for length, steps in ((4000, 8), (4000, 50)):
        for statement in (FLOOR, CEILING):
            assert statement.check(Permutation(items=length), length, steps).holds


def test_pairs_come_first():
    stands(PAIRS, stepped(PAIRS, 60))


def test_what_the_hypotheses_exclude():
    for language, length, steps, message in (
        (Parity(), 4, 2, "about permutation"),
        (Permutation(items=8), 4, 2, "as many items as positions"),
        (Permutation(items=8), 8, None, "number of steps"),
    ):
        with pytest.raises(HypothesisError, match=message):
            ROUNDS.check(language, length, steps)
    with pytest.raises(HypothesisError, match="a third at most"):
        PAIRS.check(Permutation(items=9), 9, 4)
    with pytest.raises(HypothesisError, match="items are left for the last"):
        CEILING.check(Permutation(items=9), 9, 9)
    with pytest.raises(HypothesisError, match="a probability"):
        MIXTURE.check(Permutation(items=9), 9, 3, alone=2.0)


def test_each_twin_is_refuted():
    twins_refuted(ROUNDS, sized(ROUNDS))
    few = st.just(MIXTURE.setting(Permutation(items=1000), 1000, 1, alone=0.1))
    twins_refuted(MIXTURE, st.one_of(few, sized(MIXTURE, alone=ALONE)))
    twins_refuted(BEST, stepped(BEST, 12))
    twins_refuted(FLOOR, stepped(FLOOR, 60).filter(lambda setting: setting.steps > 1))
    twins_refuted(CEILING, stepped(CEILING, 60).filter(lambda setting: setting.steps > 1))
    twins_refuted(PAIRS, stepped(PAIRS, 30).filter(lambda setting: 2 * setting.steps >= setting.length))
