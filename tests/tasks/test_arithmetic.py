"""Arithmetic against Python's own, and its oracle against the list of all problems."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.contracts import exact_for
from tests.tasks.messages import are_the_average_over_all_problems


def as_python(text):
    """The values of all its parts in brackets, innermost first, and of the whole, by Python's rules."""
    parts = [text]
    while inner := re.match(r"\((.*)\) [-+*] \d$", parts[-1]):
        parts.append(inner[1])
    return [eval(part) for part in reversed(parts)]


@pytest.mark.parametrize("form", ["problem", "joint"])
@pytest.mark.parametrize("chain", ["none", "after", "before"])
@pytest.mark.parametrize("operations", [2, 3, 4])
def test_results_are_those_of_python(operations, chain, form):
    task = mt.as_language(f"arithmetic:operations={operations},chain={chain},given={form}")
    for row in task.sample(20, task.length, 0):
        problem, rest = re.split(r" =|:", task.show(row), maxsplit=1)
        *between, result = as_python(problem)
        expected = {"none": [result], "after": [result, *between], "before": [*between, result]}[chain]
        assert [int(each) for each in re.findall(r"[-+]\d+", rest)] == expected
        assert task.in_support(row)[0]
        row[-1] = (row[-1] + 1) % 10
        assert not task.in_support(row)[0]


def test_zero_has_a_plus_and_no_other_sign():
    task = mt.as_language("arithmetic:operations=2")
    assert task.in_support([task.parse("(3 - 3) * 7 = +000"), task.parse("(3 - 3) * 7 = -000")]).tolist() == [
        True,
        False,
    ]


def test_results_have_room_for_the_largest_and_the_least():
    task = mt.as_language("arithmetic")
    texts = ["((9 * 9) * 9) * 9 = +6561", "((0 - 9) * 9) * 9 = -0729"]
    assert task.in_support([task.parse(each) for each in texts]).all()
    assert [task.show(task.parse(each)) for each in texts] == texts


@settings(max_examples=20, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("options", ["operations=1", "operations=2", "operations=2,chain=after"])
def test_messages_are_the_average_over_all_problems(options, data):
    are_the_average_over_all_problems(f"arithmetic:{options},given=joint", data, 1, 11)


@pytest.mark.parametrize("chain", ["none", "after", "before"])
def test_problems_that_no_list_holds_have_their_entropy_by_the_chain_rule(chain):
    task = mt.as_language(f"arithmetic:given=joint,chain={chain}")
    model = mt.MaskedDiffusion(mt.Oracle(task), sampler="first_hitting")
    nats = 4 * np.log(10) + 3 * np.log(3)
    assert np.allclose(model.log_prob(task.sample(3, task.length, 0), 0).values, -nats)
    assert (task.entropy(task.length).kind, task.entropy(task.length).value) == ("exact", pytest.approx(nats))
    assert task.in_support(model.sample(5, task.length, 0).tokens).all()


def test_states_are_the_values_and_the_signs_that_wait():
    task, values = mt.as_language("arithmetic:given=joint"), set(range(10))
    for _ in range(3):
        before, values = values, {after for v in values for d in range(10) for after in (v + d, v - d, v * d)}
    assert task._automaton.after.shape[1] == max(len(values), 3 * len(before)) == 895


def test_a_result_that_is_drawn_with_its_problem_errs_where_one_to_a_problem_does_not():
    joint, alone = (mt.as_language(f"arithmetic:given={form}") for form in ("joint", "problem"))
    assert mt.ser(mt.MaskedDiffusion(mt.Oracle(alone), steps=1), alone, 12, count=50).value == 0
    assert mt.ser(mt.MaskedDiffusion(mt.Oracle(joint), steps=1), joint, 12, count=50).value > 0.5
    assert exact_for(mt.Oracle(joint)) == joint.digest


def test_multiplications_are_a_stratum():
    task = mt.as_language("arithmetic:operations=2")
    rows = [task.parse(text) for text in ("(1 + 2) - 3 = +000", "(1 * 2) * 3 = +006", "(_ * _) * 3 = +006")]
    assert task.strata(np.array(rows)) == ["multiplications 0", "multiplications 2", "masked"]


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: mt.as_language("arithmetic:operations=5"), "operations is 5; pass from 1 to 4"),
        (lambda: mt.as_language("arithmetic:operations=0"), "operations is 0"),
        (
            lambda: mt.as_language("arithmetic:given=result"),
            "unknown given 'result' of arithmetic; pass problem or joi",
        ),
        (
            lambda: mt.as_language("arithmetic:chain=last"),
            "unknown chain 'last' of arithmetic; pass none, after or bef",
        ),
        (
            lambda: mt.as_language("arithmetic:operations=1,chain=after"),
            "chain is after of one operation, which has no",
        ),
        (
            lambda: mt.as_language("arithmetic").parse("1 + 2 = 3"),
            "write it as ((9 * 9) * 9) * 9 = +6561, _ for a mask",
        ),
        (
            lambda: mt.as_language("arithmetic").answers([1, 2, 3, 4, 5, 6, 7]),
            "what was given is no prompt of arithmet",
        ),
        (lambda: mt.as_language("arithmetic:given=joint").support(12), "states, more than MOST_SUPPORT_STATES = 8,192"),
        (lambda: mt.as_language("arithmetic:given=joint").answers(np.zeros(0, dtype=int)), "131,073 right answers or"),
    ],
)
def test_bad_input_is_one_line(act, said):
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        act()
    assert "\n" not in str(refused.value)
