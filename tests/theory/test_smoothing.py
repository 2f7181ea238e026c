"""Smoothing against filtering, with twins that see one token less or claim more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.reveals import reveal_costs
from mdmtheory.theory.smoothing import FILTERING, SMOOTHING
from tests.theory.property import any_language, enumerable, refuted, reversed_twin, scaled_twin, stands, twin

SMOOTHED = enumerable(SMOOTHING, languages=any_language(), stepped=False)
FILTERED = enumerable(FILTERING, languages=any_language(), stepped=False)


def measuring(statement, shown):
    """The statement with the sum over i of H(X_i | the positions for which shown(i, j) holds)."""

    def broken(setting, sides):
        costs = reveal_costs(setting.language.oracle(), setting.language, setting.length)
        positions = np.arange(setting.length)
        sets = [sum(1 << j for j in positions.tolist() if j != i and shown(i, j)) for i in positions.tolist()]
        return replace(sides, measured=Estimate.exact(float(costs[sets, positions].sum())))

    return twin(statement, broken)


def test_given_all_others_tokens_are_at_most_as_uncertain_as_the_sequence():
    stands(SMOOTHING, SMOOTHED)


def test_given_those_before_tokens_are_as_uncertain_as_the_sequence():
    stands(FILTERING, FILTERED)


def test_neighbours_do_not_stand_for_all_others():
    refuted(measuring(SMOOTHING, lambda i, j: abs(i - j) == 1), SMOOTHED, max_examples=1000)


def test_all_others_but_the_first_two_are_not_enough():
    # Leaving out the first alone would do: the rest is smoothed, and the first is given all of it.
    refuted(measuring(SMOOTHING, lambda i, j: j > 1), SMOOTHED)


def test_the_reversed_direction_is_refuted():
    refuted(reversed_twin(SMOOTHING), SMOOTHED)


def test_a_bound_a_hundredth_smaller_is_refuted():
    refuted(scaled_twin(SMOOTHING, 0.99), SMOOTHED)


def test_those_after_serve_as_well_as_those_before_but_not_without_the_nearest():
    stands(measuring(FILTERING, lambda i, j: j > i), FILTERED)
    refuted(measuring(FILTERING, lambda i, j: j < i - 1), FILTERED)
