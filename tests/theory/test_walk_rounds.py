"""The walk, with twins that count a bit too few, take means for sums, or lose the runs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory.core.estimate import Estimate
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
from tests.theory.property import refuted, reversed_twin, stands, twin


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


def changed(statement, change):
    """The statement with `change(setting, bound)` for its bound."""
    return twin(
        statement, lambda setting, sides: replace(sides, bound=Estimate.exact(change(setting, sides.bound.value)))
    )


def test_batches_from_the_left():
    stands(BATCHES, batches(), max_examples=20)
    assert cost_of_batches(np.array([2, 3])) / math.log(2) == pytest.approx(1.8112781, abs=5e-8)


@pytest.mark.parametrize(
    "entropy",
    [lambda bits: binomial_entropy(bits - 1) if bits > 1 else 0.0, lambda bits: math.log(bits + 1), lambda bits: 0.5],
    ids=["a bit too few", "uniform", "constant"],
)
def test_other_entropies_are_refuted(entropy):
    def cost(setting, bound):
        sizes = setting.schedule.sizes(setting.length, setting.steps)
        return sum(entropy(j + 1) for size in sizes for j in range(size)) - setting.length * math.log(2)

    refuted(changed(BATCHES, cost), batches())


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


def test_a_smaller_constant_and_the_reversed_direction_are_refuted():
    growth = changed(BATCHES_SHARPER, lambda setting, bound: bound + 0.2 * setting.length * math.log(2))
    long = st.just(BATCHES_SHARPER.setting(walk(vocab_size=513), 512, 1))
    refuted(growth, long)
    refuted(reversed_twin(BATCHES_BELOW), batches(BATCHES_BELOW))


@pytest.mark.parametrize("statement", [DEPTH, DEPTH_SHARPER], ids=["paper", "ours"])
def test_no_exact_sampler_takes_fewer_rounds(statement):
    stands(statement, lengths(statement), max_examples=10)


@pytest.mark.parametrize(
    "bound",
    [
        lambda length: 1 + math.log2(length + 1),
        lambda length: 1 + math.log2(length + 1) - math.log2(max(np.maximum(longest_runs(length) - 1, 1).mean(), 1)),
        lambda length: 2 + math.log2(length + 1) - np.log2(np.maximum(longest_runs(length), 2)).mean(),
    ],
    ids=["no runs", "runs a bit shorter", "a round more"],
)
def test_bounds_without_the_runs_are_refuted(bound):
    refuted(changed(DEPTH_SHARPER, lambda setting, _: float(bound(setting.length))), lengths(DEPTH_SHARPER))


def test_the_reversed_direction_is_refuted():
    refuted(reversed_twin(DEPTH), lengths(DEPTH))


def test_runs():
    assert longest_runs(3).tolist() == [3, 2, 1, 2, 2, 1, 2, 3]


def test_what_the_hypotheses_exclude():
    with pytest.raises(HypothesisError, match="about walk"):
        BATCHES.check(bigram3(), 3, 2)
    with pytest.raises(HypothesisError, match="comes round after 3"):
        DEPTH.check(walk(vocab_size=4), 4)
    with pytest.raises(HypothesisError, match="number of batches"):
        BATCHES.check(walk(vocab_size=5), 4)
