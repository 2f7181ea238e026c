"""Given positions as a value: one text for each choice, and no other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdmtheory.core.given import Given

CHOICES = st.lists(st.booleans(), min_size=1, max_size=40).filter(lambda each: not all(each))


@given(positions=CHOICES)
def test_a_choice_is_written_in_one_way_and_read_back(positions):
    found = Given.of(positions)
    if not any(positions):
        assert found is None
        return
    assert found.positions.tolist() == positions
    assert found.answer_length == positions.count(False)
    assert Given(found.text, found.length) == found


@given(one=CHOICES, other=CHOICES)
def test_two_choices_are_equal_only_where_their_positions_are(one, other):
    assert (Given.of(one) == Given.of(other)) == (one == other or not (any(one) or any(other)))


@pytest.mark.parametrize(
    "text", ["", "0,1", "3-2", "2,0", "0-4", "5", "0-1-2", "-1", "0, 2", "1-1", "00", "a", "0-1,2", "1-3,2"]
)
def test_a_text_that_is_not_that_one_way_is_refused(text):
    with pytest.raises(ValueError, match="given positions"):
        Given(text, 5)


@pytest.mark.parametrize("positions", [[True] * 3, [], [1, 0], [[True, False]], "yes", [0.5]])
def test_what_says_no_positions_or_leaves_no_answer_is_refused(positions):
    with pytest.raises(ValueError, match="given"):
        Given.of(positions)


def test_positions_cannot_be_written_to():
    found = Given.of([True, False])
    with pytest.raises(ValueError, match="read-only"):
        found.positions[0] = False
    with pytest.raises(ValueError, match="shape"):
        Given.of(np.array([True, False]), 3)
