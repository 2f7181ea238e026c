"""What of a published cell a learning error can be, and which cells it cannot account for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdmtheory.core.estimate import Estimate
from mdmtheory.schedules import ancestral_weights
from paper_checks.brackets import Bracket
from paper_checks.feng2025_trained import ELSEWHERE, LEARNING, NEITHER, SAMPLING, cause, most_learning, trained
from paper_checks.published import ORDERS, STEPS, Cell

LENGTH = 16


def weights(steps):
    return ancestral_weights(np.arange(steps + 1) / steps, LENGTH)


def row(least, percent=0.0):
    """A row of the table: one cell, and that of most steps."""
    return [Cell(2, LENGTH, 64, percent), Cell(2, LENGTH, STEPS[-1], least)]


@given(st.lists(st.floats(0, 1), min_size=LENGTH, max_size=LENGTH))
def test_no_learning_error_adds_more_to_a_cell_than_the_last_of_its_row_leaves_room_for(errors):
    last = float(weights(STEPS[-1]) @ np.array(errors)) / LENGTH
    cell, end = row(100 * np.expm1(last) - 0.15)
    assert float(weights(64) @ np.array(errors)) / LENGTH <= most_learning(cell, [cell, end]) + 1e-12


def test_and_the_error_where_the_ratio_is_largest_does():
    errors = np.zeros(LENGTH)
    errors[np.argmax(weights(64) / weights(STEPS[-1]))] = 0.01
    last = float(weights(STEPS[-1]) @ errors) / LENGTH
    cell, end = row(100 * np.expm1(last) - 0.15)
    assert most_learning(cell, [cell, end]) == pytest.approx(float(weights(64) @ errors) / LENGTH)


@pytest.mark.parametrize(("percent", "expected"), [(1.1, SAMPLING), (1.3, LEARNING), (3.0, ELSEWHERE), (8.0, NEITHER)])
def test_a_cell_is_accounted_for_by_as_little_as_will_do(percent, expected):
    ser, high = Estimate.exact(0.5), Estimate(0.01, 0.01, 0.01, 1.0, "upper bound", 0)
    bracket = Bracket(ser, Estimate(0.001, 0.001, 0.001, 1.0, "lower bound", 0), high)
    cells = row(0.1, percent)
    assert 0.002 < most_learning(cells[0], cells) < 0.004
    assert cause(cells[0], bracket, cells) == expected


def test_parts_of_the_networks_add_up_at_every_number_of_steps():
    for order in ORDERS:
        for steps in STEPS:
            factorisation, learning, ratio = (
                trained(order, metric, steps=steps) for metric in ("factorisation", "learning", "ter_ratio")
            )
            assert np.log(ratio.value) == pytest.approx(factorisation.value + learning.value)
            assert ratio.kind == "upper bound"
