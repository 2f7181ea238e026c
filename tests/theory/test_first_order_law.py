"""The first-order law, with twins that weigh sets one size off, forget the square, or count half the pairs."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import EqualPairs
from mdmtheory.core.estimate import Estimate
from mdmtheory.schedules import as_schedule
from mdmtheory.theory.first_order_law import (
    LIMIT,
    REMAINDER,
    chance_of_sharing,
    extrapolated,
    largest_chi_square,
    ordered_partitions,
)
from mdmtheory.theory.instances import bigram3, full_support, hmm2x3, trigram2
from tests.theory.property import any_language, enumerable, stands, twin, twins_refuted

LIMITS = enumerable(LIMIT, languages=any_language(), most_length=5, most_sequences=81, stepped=False)


@st.composite
def many_steps(draw, most_length=4):
    """Schedules with at least as many steps as positions, up to hundreds."""
    small = draw(
        enumerable(REMAINDER, languages=any_language(), most_length=most_length, most_sequences=81, stepped=False)
    )
    schedule = draw(st.sampled_from(["linear", "cosine", "polynomial:power=2"]))
    steps = draw(st.integers(small.length, small.length + 3) | st.sampled_from([10, 30, 100, 300]))
    return replace(small, steps=steps, schedule=as_schedule(schedule))


def test_the_limit_is_the_mass_off_the_support():
    stands(LIMIT, LIMITS)


@pytest.mark.parametrize(
    ("language", "length", "listed"),
    [(bigram3(), 5, 1.0191554711), (trigram2(), 6, 0.6217383962), (hmm2x3(), 4, 0.2555497988)],
    ids=["bigram3", "trigram2", "hmm2x3"],
)
def test_listed_constants(language, length, listed):
    """docs/theory.md 5, computed there by another program."""
    check = LIMIT.check(language, length)
    assert check.measured.value == pytest.approx(listed, abs=1e-9)
    assert check.bound.value == pytest.approx(listed, abs=1e-9)


def test_the_divergence_exceeds_the_error_rate_by_second_order_at_most():
    stands(REMAINDER, many_steps())


@pytest.mark.parametrize("language", [bigram3(), full_support()], ids=["bigram3", "full_support"])
def test_doubling_the_steps_quarters_the_remainder(language):
    """The measured side itself, not its bound: N KL and N SER meet as 1/N, and KL ~ 1/N^2 where SER is 0."""
    left = [REMAINDER.check(language, 4, steps).measured.value for steps in (64, 128, 256)]
    ratios = [before / after for before, after in itertools.pairwise(left)]
    assert ratios[1] == pytest.approx(4, rel=0.03)
    assert abs(ratios[1] - 4) < 0.6 * abs(ratios[0] - 4)


def test_the_chance_of_sharing_a_step():
    """Birthdays; and at most binom(L, 2) sum w^2."""
    assert chance_of_sharing(np.full(365, 1 / 365), 23) == pytest.approx(0.507297, abs=1e-6)
    for name, steps in (("linear", 7), ("cosine", 9), ("geometric", 6)):
        shares = np.diff(as_schedule(name).revealed_fractions(steps))
        for length in (1, 2, 3, 5):
            chance = chance_of_sharing(shares, length)
            assert -1e-12 <= chance <= min(1.0, math.comb(length, 2) * (shares**2).sum()) + 1e-12


@pytest.mark.parametrize(("length", "count"), [(1, 1), (2, 3), (3, 13), (4, 75)])
def test_ordered_partitions_are_counted_by_fubini_numbers(length, count):
    assert len(list(ordered_partitions(length))) == count


def test_chi_square_of_a_pair():
    """Two partners drawn apart agree with probability 1/m: (1 - 1/m)^2."""
    assert largest_chi_square(REMAINDER.setting(EqualPairs(vocab_size=4), 2)) == pytest.approx(0.75**2, rel=1e-12)


def test_a_step_more_than_the_degree_changes_nothing():
    more = twin(
        LIMIT,
        lambda setting, sides: replace(sides, measured=Estimate.exact(extrapolated(setting, setting.length))),
    )
    stands(more, LIMITS, max_examples=10)


def test_the_divergence_is_at_least_the_error_rate():
    above = replace(
        twin(REMAINDER, lambda setting, sides: replace(sides, bound=Estimate.exact(0.0))),
        direction=">=",
        tight=lambda setting: False,
    )
    stands(above, many_steps(most_length=3))


def test_each_twin_is_refuted():
    twins_refuted(LIMIT, LIMITS)
    pairs = st.builds(
        lambda steps: REMAINDER.setting(EqualPairs(vocab_size=16), 2, steps), st.sampled_from([2, 4, 16, 100])
    )
    stands(REMAINDER, pairs)
    twins_refuted(REMAINDER, st.one_of(pairs, many_steps(most_length=3)))
