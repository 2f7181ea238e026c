"""Rotation against turns one by one, and its oracle against the list of all problems."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.contracts import exact_for
from tests.tasks.messages import are_the_average_over_all_problems

CLOCKWISE = {"U": "R", "R": "D", "D": "L", "L": "U"}
BACK = {after: before for before, after in CLOCKWISE.items()}


def turned(direction, digits):
    """The directions after each number, by quarter turns one by one, the way reversed at each number."""
    found, way, other = [], CLOCKWISE, BACK
    for digit in digits:
        for _ in range(int(digit)):
            direction = way[direction]
        found.append(direction)
        way, other = other, way
    return found


@pytest.mark.parametrize("form", ["problem", "joint"])
@pytest.mark.parametrize("chain", ["none", "after", "before"])
@pytest.mark.parametrize("turns", [2, 5, 64])
def test_directions_are_those_of_turns_one_by_one(turns, chain, form):
    task = mt.as_language(f"rotation:turns={turns},chain={chain},given={form}")
    for row in task.sample(20, task.length, 0):
        (start, *digits), rest = (re.findall("[URDL0-9]", each) for each in re.split("=|:", task.show(row), maxsplit=1))
        *between, last = turned(start, digits)
        assert rest == {"none": [last], "after": [last, *between], "before": [*between, last]}[chain]
        assert task.in_support(row)[0]
        row[-1] = 10 + (row[-1] - 9) % 4
        assert not task.in_support(row)[0]


@settings(max_examples=20, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("options", ["turns=1", "turns=3", "turns=3,chain=after", "turns=3,chain=before"])
def test_messages_are_the_average_over_all_problems(options, data):
    are_the_average_over_all_problems(f"rotation:{options},given=joint", data, 3, 12)


def test_states_are_the_directions():
    task = mt.as_language("rotation:turns=64,given=joint,chain=after")
    assert task._automaton.after.shape == (129, 4, 14)
    model = mt.MaskedDiffusion(mt.Oracle(task), sampler="left_to_right")
    nats = np.log(4) + 64 * np.log(10)
    assert np.allclose(model.log_prob(task.sample(2, task.length, 0), 0).values, -nats)
    assert task.entropy(task.length).value == pytest.approx(nats)
    assert exact_for(mt.Oracle(task)) == task.digest


def test_a_chain_after_the_result_is_certain_and_drawn_with_it_is_not():
    joint, alone = (mt.as_language(f"rotation:turns=3,chain=after,given={form}") for form in ("joint", "problem"))
    assert mt.ser(mt.MaskedDiffusion(mt.Oracle(alone), steps=1), alone, 7, count=50).value == 0
    assert mt.ser(mt.MaskedDiffusion(mt.Oracle(joint), steps=1), joint, 7, count=200).value > 0.9


def test_changes_of_direction_are_a_stratum():
    task = mt.as_language("rotation:turns=3")
    rows = [task.parse(text) for text in ("U 0 4 8 = U", "L 1 2 3 = D", "_ 0 4 8 = U")]
    assert task.strata(np.array(rows)) == ["changes 0", "changes 3", "masked"]


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: mt.as_language("rotation:turns=65"), "turns is 65; pass from 1 to 64"),
        (lambda: mt.as_language("rotation:turns=0"), "turns is 0"),
        (lambda: mt.as_language("rotation:given=start"), "unknown given 'start' of rotation; pass problem or joint"),
        (lambda: mt.as_language("rotation:chain=last"), "unknown chain 'last' of rotation; pass none, after or before"),
        (
            lambda: mt.as_language("rotation:turns=1,chain=before"),
            "chain is before of one turn, which has no directions",
        ),
        (lambda: mt.as_language("rotation").parse("N 1 2 3 4 = U"), "write it as L 9 9 9 9 = L, _ for a mask"),
        (lambda: mt.as_language("rotation").answers([1, 2, 3, 4, 5]), "what was given is no prompt of rotation"),
        (
            lambda: mt.as_language("rotation:turns=64,given=joint").answers(np.zeros(0, dtype=int)),
            "131,073 right answers or more",
        ),
    ],
)
def test_bad_input_is_one_line(act, said):
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        act()
    assert "\n" not in str(refused.value)
