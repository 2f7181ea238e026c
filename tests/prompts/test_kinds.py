"""Which positions each kind of prompt gives."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.given import Given
from mdmtheory.core.plugins import ProtocolError
from mdmtheory.prompts.registry import PROMPTS, given_positions


class Task(mt.Parity):
    """Parity with its first half given."""

    def prompt(self, length):
        return np.arange(length) < length // 2


class Odd:
    """A kind of one's own."""

    def given(self, language, length):
        return np.arange(length) % 2 == 1


class Broken:
    """One that says what is no answer to the question."""

    def given(self, language, length):
        return np.arange(length)


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("own", None),
        ("none", None),
        (None, None),
        ("prefix:size=3", "0-2"),
        ("prefix:size=L/4", "0-1"),
        ("suffix:size=3", "5-7"),
        ("infill:size=3", "0-1,5-7"),
        ("infill:size=L/2", "0-1,6-7"),
        ("every:stride=3", "0,3,6"),
        ("every:stride=3,first=1", "1,4,7"),
        (Odd(), "1,3,5,7"),
        (f"{__name__}:Odd", "1,3,5,7"),
        ([True] + [False] * 7, "0"),
        (np.zeros(8, dtype=bool), None),
        (Given("2", 8), "2"),
    ],
)
def test_each_way_to_say_what_is_given(prompt, text):
    found = given_positions(prompt, "parity", 8)
    assert found == (None if text is None else Given(text, 8))


def test_a_language_says_itself_what_it_gives_and_none_overrules_it():
    assert given_positions("own", Task(), 8).text == "0-3"
    assert given_positions("none", Task(), 8) is None
    assert given_positions("suffix:size=1", Task(), 8).text == "7"


def test_random_positions_are_one_drawing_and_more_of_them_hold_the_fewer():
    few, more = (given_positions(f"random:size={size}", "parity", 30).positions for size in (5, 20))
    assert (few.sum(), more.sum()) == (5, 20)
    assert (more | ~few).all()
    assert given_positions("random:size=5,seed=1", "parity", 30) != given_positions("random:size=5", "parity", 30)


@pytest.mark.parametrize(
    "prompt",
    [
        "prefix:size=8",
        "prefix:size=0",
        "prefix:size=L",
        "prefix:size=L/9",
        "prefix",
        "every:stride=1",
        "every:stride=2,first=8",
        "infill:size=9",
        "fog",
        [1, 0],
        [True] * 8,
        [True],
        Given("0", 3),
        3,
    ],
)
def test_what_gives_no_prompt_of_this_length_is_refused_in_one_line(prompt):
    with pytest.raises(ValueError, match=".") as error:
        given_positions(prompt, "parity", 8)
    assert "\n" not in str(error.value)


def test_a_kind_of_ones_own_that_says_no_positions_is_at_fault_by_name():
    with pytest.raises(ProtocolError, match="the prompt Broken"):
        given_positions(Broken(), "parity", 8)


@pytest.mark.parametrize("name", list(PROMPTS))
def test_every_kind_has_a_docstring_and_an_example_that_it_takes(name):
    assert PROMPTS.builder(name).__doc__
    for example in PROMPTS.about(name).examples:
        found = given_positions(f"{name}:{example}" if example else name, "parity", 8)
        assert found is None or found.length == 8
