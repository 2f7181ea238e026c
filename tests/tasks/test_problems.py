"""Problems with one answer against arithmetic of another kind, and their oracle against the list of all of them."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.contracts import exact_for
from tests.tasks.messages import are_the_average_over_all_problems


def numbers(text):
    return [int(each) for each in re.findall(r"\d+", text)]


@pytest.mark.parametrize("chain", ["none", "after", "before"])
@pytest.mark.parametrize(("digits", "addends"), [(1, 3), (2, 4), (9, 9)])
def test_sums_and_partial_sums_are_those_of_python(digits, addends, chain):
    task = mt.as_language(f"addition:digits={digits},addends={addends},chain={chain}")
    for row in task.sample(20, task.length, 0):
        text = task.show(row)
        added, rest = numbers(text)[:addends], numbers(text)[addends:]
        partial = [sum(added[:count]) for count in range(2, addends)]
        expected = {"none": [], "after": partial, "before": partial}[chain]
        expected = [*expected, sum(added)] if chain == "before" else [sum(added), *expected]
        assert rest == expected
        row[-1] = (row[-1] + 1) % 10
        assert not task.in_support(row)[0]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("spec", ["addition:digits=1,addends=3,given=joint", "addition:addends=2,given=joint"])
def test_messages_are_the_average_over_all_problems(spec, data):
    are_the_average_over_all_problems(spec, data, 1)


def test_problems_that_no_list_holds_have_their_entropy_by_the_chain_rule():
    task = mt.as_language("addition:digits=9,addends=9,given=joint")
    tokens = task.sample(3, task.length, 0)
    model = mt.MaskedDiffusion(mt.Oracle(task), sampler="first_hitting")
    assert np.allclose(model.log_prob(tokens, 0).values, -81 * np.log(10))
    drawn = model.sample(4, task.length, 0).tokens
    assert task.in_support(drawn).all()


def test_a_sum_that_is_drawn_first_errs_where_a_problem_that_is_given_does_not():
    joint, alone = (mt.as_language(f"addition:digits=1,addends=2,given={form}") for form in ("joint", "problem"))
    assert mt.ser(mt.MaskedDiffusion(mt.Oracle(alone), steps=1), alone, 4, count=50).value == 0
    assert mt.ser(mt.MaskedDiffusion(mt.Oracle(joint), steps=1), joint, 4, count=400).value > 0.8


def test_the_longest_carry_is_a_stratum():
    task = mt.as_language("addition:addends=2,digits=3")
    rows = [
        task.parse(text) for text in ("005 + 005 = 0010", "999 + 001 = 1000", "100 + 200 = 0300", "505 + 505 = 1010")
    ]
    assert task.strata(np.array(rows)) == [f"longest carry {k}" for k in (1, 3, 0, 1)]
    assert mt.as_language("addition:given=joint").strata(np.full((1, 9), 10)) == ["masked"]


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: mt.as_language("addition:digits=10"), "digits is 10; pass from 1 to 9"),
        (lambda: mt.as_language("addition:addends=1"), "addends is 1; pass from 2 to 9"),
        (lambda: mt.as_language("addition:given=sum"), "unknown given 'sum' of addition; pass problem or joint"),
        (lambda: mt.as_language("addition:chain=last"), "unknown chain 'last' of addition; pass none, after or before"),
        (lambda: mt.as_language("addition:chain=after,addends=2"), "a chain is of partial sums of 3 addends or more"),
        (lambda: mt.as_language("addition:chain=after,given=joint"), "pass chain=none, or more addends and given=prob"),
        (
            lambda: mt.as_language("addition").parse("1 + 2 = 3"),
            "is no sequence of addition; write it as 99 + 99 + 99 =",
        ),
        (
            lambda: mt.as_language("addition:given=joint").answers(np.zeros(0, dtype=int)),
            "131,073 right answers or more",
        ),
    ],
)
def test_bad_input_is_one_line(act, said):
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        act()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("spec", ["addition:given=joint", "addition", "sudoku:size=4", "finite"])
def test_the_oracle_of_a_task_says_whose_exact_posterior_it_is(spec):
    task = mt.as_language(spec)
    assert exact_for(mt.Oracle(task)) == task.digest
    assert exact_for(mt.Oracle(task, trust=0.9)) is None
    assert mt.MaskedDiffusion(mt.Oracle(task), sampler="first_hitting").exact_by_order(task.length)
