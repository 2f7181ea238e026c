"""Countdown against a solver of its own, and what is no right answer."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.tasks.countdown import Countdown


def reached(numbers, before=""):
    """Every string of equations of these numbers, and where it leads, by trying orders of operands."""
    if len(numbers) == 1:
        yield before[1:], numbers[0]
        return
    for first, second in itertools.permutations(range(len(numbers)), 2):
        one, other = numbers[first], numbers[second]
        rest = [each for place, each in enumerate(numbers) if place not in (first, second)]
        if one < other:
            continue
        for sign in "+-*/":
            value = eval(f"{one}{sign}{other}")
            if value == int(value) and 1 <= value <= 9999:
                yield from reached([*rest, int(value)], f"{before},{one}{sign}{other}={int(value)}")


def written(task, prompt):
    """The answers that the task lists, as text."""
    return [task.show(task.joined(prompt, each)).partition(": ")[2] for each in task.answers(prompt).tokens]


@settings(max_examples=15, deadline=None)
@given(numbers=st.lists(st.integers(1, 12), min_size=2, max_size=4), pick=st.integers(0, 10**6))
def test_the_answers_are_those_of_another_solver(numbers, pick):
    found = sorted({each for each in reached(numbers) if each[1] < 100})
    target = found[pick % len(found)][1]
    prompt = np.array([digit for number in [*numbers, target] for digit in divmod(number, 10)])
    answers = written(Countdown(numbers=len(numbers)), prompt)
    assert sorted(answers) == sorted(text for text, value in found if value == target)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("8,3,2 -> 12: 8+2=10,10+2=12", False),  # 3 is left, and 2 used twice
        ("8,3,2 -> 13: 8+3=11,11+2=13", True),
        ("8,3,2 -> 13: 3+8=11,11+2=13", False),  # the larger operand first
        ("8,3,2 -> 13: 8+2=10,10+3=13", True),
        ("8,3,2 -> 13: 8+3=11,11+2=14", False),
        ("8,3,2 -> 13: 8+3=11", False),
        ("8,3,2 -> 2: 8-2=6,6/3=2", True),
        ("8,3,2 -> 1: 8/3=2,2/2=1", False),
        ("8,3,2 -> 13: 8+3=011,11+2=13", False),
        ("8,3,2 -> 13: 8+3=11,.11+2=13", False),  # padding inside
        ("8,8,1 -> 1: 8-8=0,1+0=1", False),
    ],
)
def test_the_verifier_reads_equations(text, right):
    task = Countdown(numbers=3)
    assert task.in_support(task.parse(text)).tolist() == [right]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("8,3,2 -> 13: 8+3=11,11+2=13", None),
        ("8,3,2 -> 13: 8+3=11,11+2=14", "arithmetic"),
        ("8,3,2 -> 13: 8+3=12,12+2=13", "arithmetic"),
        ("8,3,2 -> 2: 8/3=2,2/2=1", "arithmetic"),
        ("8,3,2 -> 4: 8/0=4,4-2=2", "arithmetic"),
        ("8,3,2 -> 2: 3-8=5,5-2=3", "arithmetic"),
        ("8,3,2 -> 12: 8+2=10,10+2=12", "planning"),  # all true, 3 is left, and 2 used twice
        ("8,3,2 -> 13: 8+3=11,11-2=9", "planning"),
        ("8,3,2 -> 13: 8+3=11", "planning"),
        ("8,3,2 -> 13: 3+8=11,11+2=13", "planning"),  # true, but the smaller operand first
        ("8,8,1 -> 1: 8-8=0,1+0=1", "planning"),
        ("8,3,2 -> 13: 8+3=011,11+2=13", "form"),
        ("8,3,2 -> 13: 8+3=11,.11+2=13", "form"),
        ("8,3,2 -> 13: ", "form"),
    ],
)
def test_an_equation_that_is_false_is_arithmetic_and_true_ones_that_lead_elsewhere_are_planning(text, fault):
    task = Countdown(numbers=3)
    assert task.faults(task.parse(text)) == [fault]


@pytest.mark.parametrize("numbers", [2, 3, 4, 5])
def test_what_is_drawn_is_right_and_reads_back(numbers):
    task = Countdown(numbers=numbers)
    drawn = task.sample(20, task.length, 3)
    assert task.in_support(drawn).all()
    assert all((task.parse(task.show(each)) == each).all() for each in drawn)
    assert (task.padding(drawn) == (drawn == task.pad).sum(axis=1)).all()


def test_one_call_errs_and_one_token_a_call_does_not():
    task = Countdown(numbers=3)
    one, each = (mt.MaskedDiffusion(mt.Oracle(task), **how) for how in ({"steps": 1}, {"sampler": "first_hitting"}))
    prompts = task.prompts(60, 0)
    wrong = [1 - task.in_support(p.sample(60, task.length, 0, prompt=prompts).tokens).mean() for p in (one, each)]
    assert wrong[0] > 0.3
    assert wrong[1] == 0
