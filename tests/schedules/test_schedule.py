"""Schedules: the families' formulas, whole tokens by largest remainder, files, and what is refused."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdmtheory import schedules
from mdmtheory.core.spec import Spec
from mdmtheory.schedules import SCHEDULES, Schedule, as_schedule, read_numbers

FAMILIES = ["linear", "loglinear", "cosine", "polynomial:power=2", "polynomial:power=0.5", "geometric", "odds"]


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("linear", lambda u: u),
        ("loglinear", lambda u: u),
        ("cosine", lambda u: 1 - math.cos(math.pi * u / 2)),
        ("polynomial:power=3", lambda u: 1 - (1 - u) ** 3),
        ("polynomial:power=0.5", lambda u: 1 - (1 - u) ** 0.5),
        (
            "geometric:min=0.01,max=5",
            lambda u: (math.exp(-(0.01**u) * 5 ** (1 - u)) - math.exp(-5)) / (math.exp(-0.01) - math.exp(-5)),
        ),
        ("odds:span=10", lambda u: (1 / (1 + 10 ** (1 - 2 * u)) - 1 / 11) / (1 - 2 / 11)),
        ("geometric", lambda u: as_schedule("geometric:min=0.001,max=20").revealed_fractions(16)[round(16 * u)]),
    ],
)
def test_families_are_their_formulas(name, formula):
    expected = [formula(k / 16) for k in range(17)]
    np.testing.assert_allclose(as_schedule(name).revealed_fractions(16), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("steps", [1, 2, 7, 64, 2048])
def test_fractions_rise_strictly_from_zero_to_one(name, steps):
    fractions = as_schedule(name).revealed_fractions(steps)
    assert fractions.shape == (steps + 1,)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert (np.diff(fractions) > 0).all()


def test_loglinear_is_linear():
    assert as_schedule("loglinear") == as_schedule("linear")
    assert str(as_schedule("loglinear").spec) == "linear"


def largest_remainder(length, shares):
    """A plain second implementation, in whole numbers: shares are integers over their sum."""
    total = sum(shares)
    sizes = [length * share // total for share in shares]
    remainders = [length * share % total for share in shares]
    for k in sorted(range(len(shares)), key=lambda k: -remainders[k])[: length - sum(sizes)]:
        sizes[k] += 1
    return [size for size in sizes if size]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12), st.integers(1, 300))
def test_sizes_are_the_largest_remainders(shares, length):
    schedule = Schedule.from_fractions(np.cumsum([0, *shares]) / sum(shares))
    assert schedule.sizes(length).tolist() == largest_remainder(length, shares)


@pytest.mark.parametrize("name", FAMILIES)
@given(length=st.integers(1, 600), steps=st.integers(1, 600))
def test_sizes_are_positive_and_sum_to_the_length(name, length, steps):
    sizes = as_schedule(name).sizes(length, steps)
    assert sizes.sum() == length
    assert (sizes > 0).all()
    assert len(sizes) <= steps


def test_linear_sizes_by_hand():
    assert as_schedule("linear").sizes(10, 4).tolist() == [3, 3, 2, 2]
    assert as_schedule("linear").sizes(512, 64).tolist() == [8] * 64
    assert as_schedule("linear").sizes(3, 5).tolist() == [1, 1, 1]
    assert as_schedule("linear").sizes(6, 3).tolist() == [2, 2, 2]


@given(length=st.integers(1, 200), steps=st.integers(1, 200))
def test_linear_remainders_tie_and_go_to_the_earlier_steps(length, steps):
    share, extra = divmod(length, steps)
    sizes = [share + 1] * extra + [share] * (steps - extra)
    assert as_schedule("linear").sizes(length, steps).tolist() == [size for size in sizes if size]


def test_sizes_of_a_full_grid_are_ones():
    for length in (1, 7, 49, 100, 513):
        assert as_schedule("linear").sizes(length, length).tolist() == [1] * length


def test_explicit_sizes_know_their_length_and_steps():
    schedule = Schedule.from_sizes([1, 2, 5])
    assert schedule.steps == 3
    assert schedule.sizes(8).tolist() == [1, 2, 5]
    np.testing.assert_array_equal(schedule.revealed_fractions(), [0, 1 / 8, 3 / 8, 1])
    with pytest.raises(ValueError, match="sum to 8, not to 9; use length 8"):
        schedule.sizes(9)


def test_an_array_is_taken_for_revealed_fractions():
    schedule = as_schedule([0, 0.1, 0.4, 1.0])
    assert schedule.steps == 3
    np.testing.assert_array_equal(schedule.revealed_fractions(3), [0, 0.1, 0.4, 1.0])
    assert schedule == as_schedule(np.array([0, 0.1, 0.4, 1.0]))
    assert schedule != as_schedule([0, 0.1, 0.5, 1.0])


def test_ends_that_rounding_moved_are_put_right():
    fractions = Schedule.from_fractions(np.cumsum([0.0] + [0.1] * 10)).revealed_fractions()
    assert fractions[-1] == 1.0


@pytest.mark.parametrize(
    "schedule",
    [
        as_schedule("cosine"),
        as_schedule("geometric:min=0.01,max=5"),
        Schedule.from_sizes([3, 4]),
        as_schedule([0, 0.5, 1]),
    ],
)
def test_repr_evaluates_and_pickling_keeps_equality(schedule):
    assert eval(repr(schedule), vars(schedules) | {"schedules": schedules}) == schedule
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert hash(eval(repr(schedule), vars(schedules) | {"schedules": schedules})) == hash(schedule)


def test_specs_name_families():
    assert str(as_schedule("polynomial:power=2").spec) == "polynomial:power=2"
    assert as_schedule(Spec.of("geometric", max=10.0)).spec.options == (("min", 0.001), ("max", 10))
    assert str(as_schedule("polynomial:power=2.0").spec) == "polynomial:power=2"
    assert as_schedule("polynomial:power=2") != as_schedule("polynomial:power=3")
    assert set(SCHEDULES) >= {"linear", "cosine", "polynomial", "geometric", "file"}


def test_identity_is_the_content_not_the_file_name(tmp_path):
    paths = [tmp_path / name for name in ("a.txt", "b.txt")]
    for path in paths:
        path.write_text("1 2 3")
    first, second = (as_schedule(f"file:path={path}") for path in paths)
    assert first.identity == second.identity == Schedule.from_sizes([1, 2, 3]).identity
    assert first.spec != second.spec
    json.dumps([first.identity, as_schedule("geometric").identity, as_schedule([0, 1.0]).identity])


@pytest.mark.parametrize(
    ("text", "steps", "fractions"),
    [
        ("1 2 5\n", 3, [0, 1 / 8, 3 / 8, 1]),
        ("# sizes\n1,2,\n5", 3, [0, 1 / 8, 3 / 8, 1]),
        ("[1, 2, 5]", 3, [0, 1 / 8, 3 / 8, 1]),
        ("0\n0.25\n1\n", 2, [0, 0.25, 1]),
        ("[0, 1]", 1, [0, 1]),
        ("0;0.5;1", 2, [0, 0.5, 1]),
        ("7", 1, [0, 1]),
    ],
)
def test_files_hold_sizes_or_fractions(tmp_path, text, steps, fractions):
    path = tmp_path / "schedule.txt"
    path.write_text(text)
    schedule = as_schedule(f"file:path={path}")
    assert schedule.steps == steps
    np.testing.assert_allclose(schedule.revealed_fractions(), fractions)


def test_numbers_keep_their_kind(tmp_path):
    path = tmp_path / "numbers.csv"
    path.write_text("1,2.0,3e0\n4")
    assert [type(number) for number in read_numbers(path)] == [int, float, float, int]


def one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ([0.1, 0.5, 1.0], "start at 0.1; they must start at 0"),
        ([0.0, 0.5, 0.9], "end at 0.9; they must end at 1"),
        ([0.0, 0.5, 0.4, 1.0], "must rise at every step, but step 2 goes from 0.5 to 0.4"),
        ([0.0, 0.5, 0.5, 1.0], "step 2 goes from 0.5 to 0.5"),
        ([0.0, math.nan, 1.0], "step 1 goes from 0 to nan"),
        ([math.nan, 1.0], "start at nan"),
        ([1.0], "shape \\(1,\\)"),
        ([], "shape \\(0,\\)"),
        ([[0.0, 1.0]], "shape \\(1, 2\\)"),
    ],
)
def test_bad_fractions(fractions, message):
    one_line(lambda: as_schedule(fractions), message)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([3, 0, 2], "the size of step 2 is 0; pass 1 or more"),
        ([3, -1], "the size of step 2 is -1; pass 1 or more"),
        ([1.5, 2], "the size of step 1 is 1.5; pass a whole number"),
        ([True], "the size of step 1 is True; pass a whole number"),
        ([], "there are no reveal sizes"),
        ([[1, 2]], "the size of step 1 is \\[1, 2\\]"),
    ],
)
def test_bad_sizes(sizes, message):
    one_line(lambda: Schedule.from_sizes(sizes), message)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: as_schedule("linear").revealed_fractions(0), "steps is 0; pass 1 or more"),
        (lambda: as_schedule("linear").revealed_fractions(), "serves any number of steps; pass steps"),
        (lambda: as_schedule([0, 0.5, 1]).revealed_fractions(3), "has 2 steps, not 3"),
        (lambda: as_schedule("linear").sizes(0, 3), "length is 0"),
        (lambda: as_schedule("sine"), "unknown schedule 'sine'.*known:.*cosine.*linear"),
        (lambda: as_schedule("linear:power=2"), "has no option 'power'"),
        (lambda: as_schedule("polynomial"), "needs power"),
        (lambda: as_schedule("polynomial:power=-1"), "power is -1"),
        (lambda: as_schedule("geometric:min=5,max=2"), "min is 5 and max is 2"),
        (lambda: as_schedule("polynomial:power=12").revealed_fractions(999), "at 999 steps .* must rise at every step"),
        (lambda: Schedule(Spec.of("mine")), "has 0 of curve, fractions, reveal_sizes; pass one"),
    ],
)
def test_bad_calls(call, message):
    one_line(call, message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no numbers"),
        ("# nothing\n", "holds no numbers"),
        ("1 two 3", "holds 'two', which is no number"),
        ("[1, null]", "holds None"),
        ("[1, true]", "holds True"),
        ("[1, 2", "is not valid JSON"),
        ('{"sizes": [1]}', "holds a JSON object"),
        ("[NaN]", "holds nan"),
        ("1e999", "holds inf"),
        ("1" * 400, "which is no number"),
        ("0.1 0.5 1", "the size of step 1 is 0.1.*starts with 0"),
        ("0 0.7 0.5 1", "step 2 goes from"),
        ("3 -2", "the size of step 2 is -2"),
    ],
)
def test_bad_files(tmp_path, text, message):
    path = tmp_path / "schedule.txt"
    path.write_text(text)
    one_line(lambda: as_schedule(f"file:path={path}"), message)
    one_line(lambda: as_schedule(f"file:path={path}"), "schedule.txt")


def test_missing_and_binary_files(tmp_path):
    one_line(lambda: as_schedule(f"file:path={tmp_path / 'none.txt'}"), "cannot read .*none.txt: No such file")
    one_line(lambda: as_schedule(f"file:path={tmp_path}"), "cannot read .*: Is a directory")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    one_line(lambda: as_schedule(f"file:path={tmp_path / 'binary'}"), "it is not a text file")


def test_a_schedule_that_goes_by_a_text_is_told_so():
    made = Schedule(Spec.of("mine"), curve=lambda times: times)
    object.__setattr__(made, "spec", "mine")
    with pytest.raises(
        ValueError, match=r"the spec of a schedule is 'mine'; give a mdmtheory.Spec, as Spec.of\('mine'"
    ):
        as_schedule(made)
