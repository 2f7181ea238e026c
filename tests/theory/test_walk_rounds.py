"""The walk, with twins that count a bit too few, take means for sums, or lose the runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory.languages.walk import walk
from mdmtheory.schedules import Schedule
from mdmtheory.theory.instances import bigram3
from mdmtheory.theory.statement import HypothesisError
from mdmtheory.theory.walk_rounds import (
    BATCHES,
    BATCHES_BELOW,
    BATCHES_SHARPER,
    C0,
    DEPTH,
    DEPTH_SHARPER,
    SHARPER_C0,
    binomial_entropy,
    cost_of_batches,
    longest_runs,
)
from tests.theory.property import stands, twins_refuted


@st.composite
def batches(draw, statement=BATCHES, most=4):
    """Batches of up to `most` positions in all."""
    sizes = draw(st.lists(st.integers(1, most), min_size=1, max_size=most))
    while sum(sizes) > most:
        sizes.pop()
    sizes = sizes or [1]
    length = sum(sizes)
    schedule = Schedule.from_sizes(sizes)
    return statement.setting(walk(vocab_size=length + draw(st.integers(1, 2))), length, None, schedule)


@st.composite
def lengths(draw, statement, most=5):
    length = draw(st.integers(1, most))
    return statement.setting(walk(vocab_size=length + 1), length)


def test_batches_from_the_left():
    stands(BATCHES, batches(), max_examples=20)
    assert cost_of_batches(np.array([2, 3])) / math.log(2) == pytest.approx(1.8112781, abs=5e-8)


@pytest.mark.parametrize("statement", [BATCHES_BELOW, BATCHES_SHARPER], ids=["paper", "ours"])
def test_batches_cost_at_least_half_a_logarithm(statement):
    stands(statement, batches(statement), max_examples=20)
    for steps in (1, 2, 7, 64, 512):
        assert statement.check(walk(vocab_size=513), 512, steps).holds


def test_no_smaller_constant_would_do_for_long_batches():
    needed = BATCHES_BELOW.check(walk(vocab_size=513), 512, 1)
    assert needed.note == "c0 = 0.668911 would do"
    entropies = np.array([binomial_entropy(j) for j in range(1, 2049)]) / math.log(2)
    sizes = np.arange(1, 2049)
    constants = 0.5 * np.log2(sizes) + 1 - np.cumsum(entropies) / sizes
    assert (np.diff(constants) > 0).all()
    assert constants[-1] < SHARPER_C0.value < constants[-1] + 2e-3 < C0.value


@pytest.mark.parametrize("statement", [DEPTH, DEPTH_SHARPER], ids=["paper", "ours"])
def test_no_exact_sampler_takes_fewer_rounds(statement):
    stands(statement, lengths(statement), max_examples=10)


def test_runs():
    assert longest_runs(3).tolist() == [3, 2, 1, 2, 2, 1, 2, 3]


def test_what_the_hypotheses_exclude():
    with pytest.raises(HypothesisError, match="about walk"):
        BATCHES.check(bigram3(), 3, 2)
    with pytest.raises(HypothesisError, match="comes round after 3"):
        DEPTH.check(walk(vocab_size=4), 4)
    with pytest.raises(HypothesisError, match="number of batches"):
        BATCHES.check(walk(vocab_size=5), 4)


def test_each_twin_is_refuted():
    twins_refuted(BATCHES, batches())
    long = st.just(BATCHES_BELOW.setting(walk(vocab_size=513), 512, 1))
    twins_refuted(BATCHES_BELOW, st.one_of(long, batches(BATCHES_BELOW)))
    twins_refuted(DEPTH, lengths(DEPTH))
    twins_refuted(DEPTH_SHARPER, lengths(DEPTH_SHARPER))
