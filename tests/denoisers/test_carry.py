"""The observer of addition who sees few columns: its law by enumeration of all problems, and where it knows a carry."""

import itertools

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.misfits import MisfitError


def all_problems(task):
    """Every problem and its sum, without a line of the task's."""
    cells = task.digits * task.addends
    problems = np.stack(np.unravel_index(np.arange(10**cells), [10] * cells), axis=1).astype(np.uint8)
    total = problems.reshape(-1, task.addends, task.digits).sum(axis=1) @ 10 ** np.arange(task.digits)[::-1]
    return problems, (total[:, None] // 10 ** np.arange(task.places)[::-1] % 10).astype(np.uint8)


def partly_shown(task, count, seed):
    """Sequences of which some digits of the sum are hidden, and a few that are shown are wrong.

    In half of them columns may pass a carry on: their addends come to 9 modulo 10.
    """
    numbers = np.random.default_rng(seed)
    rows = task.sample(count, task.length, seed)
    addends = rows[: count // 2, task.given].reshape(-1, task.addends, task.digits)
    addends[:, -1] = (9 - addends[:, :-1].astype(int).sum(axis=1)) % 10
    rows[: count // 2, task.given] = addends.reshape(count // 2, -1)
    answers = np.array([task.answers(problem).tokens[0] for problem in rows[:, task.given]])
    wrong = numbers.random(answers.shape) < 0.15
    answers = np.where(wrong, numbers.integers(0, 10, answers.shape), answers)
    rows[:, ~task.given] = np.where(numbers.random(answers.shape) < numbers.random((count, 1)), 10, answers)
    return rows


@pytest.mark.parametrize(
    ("digits", "addends", "columns", "left"),
    [(2, 2, 0, 0), (2, 2, 1, 0), (1, 4, 0, 1), (3, 2, 0, 1), (3, 2, 1, 0), (3, 2, 1, 1), (2, 3, 0, 0), (2, 3, 1, 0)],
)
def test_carry_is_the_mean_over_all_problems_that_look_the_same(digits, addends, columns, left):
    observer = mt.Carry(f"addition:digits={digits},addends={addends}", columns=columns, left=left)
    task = observer.language
    problems, sums = all_problems(task)
    rows = partly_shown(task, 40, digits + columns)
    found = observer.conditionals(rows)[:, ~task.given]
    possible = blind = 0
    for row, laws in zip(rows, found, strict=True):
        problem, answer = row[task.given], row[~task.given]
        shown = answer < 10
        agreeing = (sums[:, shown] == answer[shown]).all(axis=1)
        for place in np.flatnonzero(~shown):
            column = task.places - 1 - place
            # Column c, from the right, is digit `digits` - 1 - c of each number.
            near = [c for c in range(column - columns, column + left + 1) if 0 <= c < digits]
            seen = [(addend + 1) * digits - 1 - c for addend in range(addends) for c in near]
            alike = sums[agreeing & (problems[:, seen] == problem[seen]).all(axis=1), place]
            expected = np.bincount(alike, minlength=10) / max(len(alike), 1)
            np.testing.assert_allclose(laws[place], expected, atol=1e-12)
            possible += len(alike) > 0
            blind += 0 < expected.max() < 1
    assert possible > 30
    assert blind > 5


@pytest.mark.parametrize("columns", [3, 7])
def test_who_sees_all_columns_to_the_right_has_the_posterior(columns):
    task = mt.as_language("addition:digits=3,addends=4")
    rows = task.sample(50, task.length, 1)
    rows[:, ~task.given] = np.where(np.random.default_rng(0).random((50, 4)) < 0.6, 10, rows[:, ~task.given])
    found = mt.Carry(task, columns=columns).conditionals(rows)
    np.testing.assert_array_equal(found, mt.Oracle(task).conditionals(rows))


def test_a_revealed_digit_tells_the_carry_into_its_column_where_the_addends_are_seen():
    task = mt.as_language("addition:digits=4,addends=2")
    for text, told in (("0999 + 9000 = ___9_", True), ("0999 + 9000 = _9___", False)):
        row = task.parse(text)
        laws = mt.Carry(task, columns=1).conditionals(row)[0, ~task.given]
        # The hundreds see the tens, but not what is carried into these.
        assert (laws[2].max() == 1) == told
    # From the left a carry is known to who sees there.
    row = task.parse("0999 + 9000 = _9___")
    blind, told = (mt.Carry(task, columns=0, left=left).conditionals(row)[0, -3] for left in (0, 1))
    assert np.flatnonzero(blind).tolist() == [0, 9]
    assert np.flatnonzero(told).tolist() == [9]


def test_what_one_digit_sees_to_be_impossible_another_may_not():
    task = mt.as_language("addition:digits=3,addends=2")
    row = task.parse("111 + 111 = __3_")
    laws = mt.Carry(task, columns=0).conditionals(row)[0, ~task.given]
    assert laws.sum(axis=1).tolist() == pytest.approx([1, 1, 1, 1])
    # The tens have 2 and a carry, which the units, 2, do not give: the hundreds see both columns, the units neither.
    laws = mt.Carry(task, columns=2).conditionals(row)[0, ~task.given]
    assert laws.sum(axis=1).tolist() == pytest.approx([1, 0, 1, 1])
    canvas = mt.Carry(task, columns=2).open(2, task.length, prompt=np.repeat(row[None], 2, axis=0))
    canvas.marginals(np.array([0, 1]), np.array([task.length - 4, task.length - 3]))
    assert canvas.impossible.tolist() == [False, True]


@pytest.mark.parametrize("options", ["given=joint", "chain=after", "chain=before"])
def test_problems_that_are_drawn_and_chains_are_told_in_one_line(options):
    with pytest.raises(MisfitError, match=f"^denoiser carry is for addition of given .*, not for addition:.*{options}"):
        mt.Carry(f"addition:{options}", columns=1)


def test_of_two_addends_a_digit_is_certain_unless_all_that_is_seen_to_its_right_comes_to_nine():
    task = mt.as_language("addition:digits=3,addends=2")
    sums = np.array(list(itertools.product((0, 8, 9, 10, 18), repeat=3)))
    rows = np.full((len(sums), task.length), 10)
    rows[:, task.given] = np.hstack([np.minimum(sums, 9), np.maximum(sums - 9, 0)])
    for columns, column in itertools.product(range(4), range(4)):
        laws = mt.Carry(task, columns=columns).conditionals(rows)[:, ~task.given]
        near = sums[:, [2 - c for c in range(max(0, column - columns), column)]]
        known = (near != 9).any(axis=1) | (column <= columns)
        np.testing.assert_array_equal(laws[:, 3 - column].max(axis=1) == 1, known)
