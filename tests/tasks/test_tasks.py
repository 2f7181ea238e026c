"""Tasks against brute force: what follows from the rule alone, whoever lists the answers."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.conformance.tasks import TRIALS, TaskCase
from mdmtheory.languages.presets import LANGUAGES, TASK
from mdmtheory.tasks.drawing import Draws
from mdmtheory.tasks.listing import Listing
from mdmtheory.tasks.sudoku import Sudoku

TASKS = [
    f"{name}:{options}" if options else name
    for name in LANGUAGES.built_in
    if LANGUAGES.about(name).family == TASK
    for options in LANGUAGES.about(name).examples
]
"""Everything built in of this family, with the examples with which it is certified."""
WEIGHTED = mt.Finite([[0, 0, 1], [0, 1, 0], [0, 2, 2], [1, 2, 0]], [0.1, 0.2, 0.3, 0.4], given=[True, False, False])


def listed_by_rule(task, prompt):
    """The right answers to a prompt among all strings of tokens."""
    answers = np.array(list(itertools.product(range(task.vocab_size), repeat=int((~task.given).sum()))))
    whole = np.empty((len(answers), task.length), dtype=np.int64)
    whole[:, task.given], whole[:, ~task.given] = prompt, answers
    return answers[task.in_support(whole)]


@pytest.mark.parametrize(
    "spec",
    [
        "finite",
        "finite:most=2",
        "sat:variables=4,clauses=8",
        "lists:kind=copy,items=3,letters=4",
        "lists:kind=reverse,items=3,letters=4",
        "lists:kind=replace,items=3,letters=5",
        "lists:kind=shuffle,items=4,letters=5",
        "latin:size=3",
        "path:nodes=5,distance=1",
        "path:nodes=7,distance=3",
        "paths:layers=5,width=3",
        "paths:layers=4,width=4,degree=3",
    ],
)
def test_the_list_of_a_prompt_is_all_that_passes_the_verifier(spec):
    task = mt.as_language(spec)
    for row in task.prompts(4, 1):
        prompt = row[task.given]
        found = sorted(map(tuple, task.answers(prompt).tokens.tolist()))
        assert found == sorted(map(tuple, listed_by_rule(task, prompt).tolist()))


@pytest.mark.parametrize("spec", TASKS)
def test_a_task_has_one_length_that_others_are_refused_for(spec):
    task = mt.as_language(spec)
    prompt = task.prompt(task.length)
    assert task.given.tolist() == ([False] * task.length if prompt is None else prompt.tolist())
    with pytest.raises(ValueError, match=rf"have {task.length} tokens; pass {task.length}, or leave the length out"):
        task.validate_length(task.length + 1)


def test_the_grids_of_size_4_are_all_288_of_them():
    assert len(Sudoku(size=4, clues=0).answers(np.zeros(16, dtype=int))) == 288


@pytest.mark.parametrize(("clues", "known"), [(0, 1.0), (1, 1.0), (2, 1.0), (16, 1.0)])
def test_the_whole_law_of_small_puzzles_sums_to_1_by_log_prob(clues, known):
    task = Sudoku(size=4, clues=clues)
    some = task.whole_law().tokens if clues < 2 else task.sample(20, 32, 0)
    total = np.exp(task.log_prob(some)).sum() if clues < 2 else len(some) * np.exp(task.log_prob(some))[0]
    expected = known if clues < 2 else len(some) * np.exp(-task.entropy(32).value)
    assert total == pytest.approx(expected, rel=1e-12)


def test_a_puzzle_of_size_9_with_a_known_number_of_completions():
    # 17 clues and one completion: Gordon Royle's list, its first puzzle.
    puzzle = "000000010400000000020000000000050407008000300001090000300400200050100000000806000"
    task = Sudoku(clues=17)
    found = task.answers([int(digit) for digit in puzzle]).tokens
    assert "".join(map(str, found[0])) == (
        "693784512487512936125963874932651487568247391741398625319475268856129743274836159"
    )
    assert len(found) == 1


def test_size_9_completions_are_those_that_a_plain_search_finds():
    task = Sudoku(clues=32)

    def fill(grid):
        if 0 not in grid:
            yield tuple(grid)
            return
        cell = grid.index(0)
        row, column = divmod(cell, 9)
        taken = {grid[9 * row + k] for k in range(9)} | {grid[9 * k + column] for k in range(9)}
        taken |= {grid[9 * (row // 3 * 3 + i) + column // 3 * 3 + j] for i in range(3) for j in range(3)}
        for digit in set(range(1, 10)) - taken:
            yield from fill([*grid[:cell], digit, *grid[cell + 1 :]])

    prompt = task.prompts(1, 3)[0, :81]
    assert set(fill(prompt.tolist())) == set(map(tuple, task.answers(prompt).tokens.tolist()))


def test_a_formula_is_as_likely_as_it_has_assignments():
    task = mt.as_language("sat:variables=3,clauses=2")
    drawn = task.sample(6000, task.length, 0)
    prompts, counts = np.unique(drawn[:, task.given], axis=0, return_counts=True)
    expected = np.exp(task.prompt_log_prob(prompts))
    assert expected.sum() == pytest.approx(1.0)
    assert np.abs(counts / 6000 - expected).max() < 5 * np.sqrt(expected.max() / 6000)


# ------------------------------------------------------------------------------------------------- the listed oracle


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_oracle_of_any_list_is_its_average_under_any_order_of_writing(data):
    length, vocab_size = data.draw(st.integers(2, 4)), data.draw(st.integers(2, 3))
    everything = np.array(list(itertools.product(range(vocab_size), repeat=length)))
    chosen = data.draw(st.lists(st.integers(0, len(everything) - 1), min_size=1, max_size=12, unique=True))
    weights = np.array(data.draw(st.lists(st.integers(1, 9), min_size=len(chosen), max_size=len(chosen))), dtype=float)
    first = np.arange(length) < 1
    task = mt.Finite(everything[chosen], weights, given=first, vocab_size=vocab_size)
    context = np.array(everything[data.draw(st.sampled_from(chosen))])
    shown = np.where(first, context, vocab_size)[None]
    canvas = task.oracle().open(1, length, prompt=shown)
    for _ in range(data.draw(st.integers(1, 6))):
        position, token = data.draw(st.integers(1, length - 1)), data.draw(st.integers(0, vocab_size))
        canvas.write(np.array([0]), np.array([position]), np.array([token]))
        shown[0, position] = token
        agree = ((everything[chosen] == shown) | (shown == vocab_size)).all(axis=1)
        found = canvas.marginals(np.zeros(length - 1, dtype=int), np.arange(1, length))
        expected = np.array(
            [np.bincount(everything[chosen][agree, i], weights[agree], vocab_size) for i in range(1, length)]
        )
        assert np.allclose(found, expected / max(weights[agree].sum(), 1e-300), atol=1e-14)
        assert agree.any() or canvas.impossible[0]


def test_a_masked_prompt_is_exact_where_all_sequences_are_listed():
    found = mt.Oracle(WEIGHTED).conditionals([[3, 2, 3]])[0]
    assert np.allclose(found, [[3 / 7, 4 / 7, 0], [0, 0, 1], [4 / 7, 0, 3 / 7]])


def test_a_masked_prompt_is_refused_in_one_line_where_they_are_not():
    with pytest.raises(ValueError, match="^sudoku:size=4,clues=4 was asked about sequences whose prompt is masked"):
        mt.Oracle(Sudoku(size=4)).conditionals(np.full((1, 32), 5))


def test_answers_are_drawn_from_a_model_to_prompts_and_judged_by_the_verifier():
    task = mt.as_language("sudoku:size=4")
    one = mt.MaskedDiffusion(mt.Oracle(task), steps=1)
    many = mt.MaskedDiffusion(mt.Oracle(task), sampler="left_to_right")
    prompts = task.prompts(200, 1)
    wrong = [1 - task.in_support(p.sample(200, task.length, 0, prompt=prompts).tokens).mean() for p in (one, many)]
    assert wrong[0] > 0.8
    assert wrong[1] == 0


def test_ter_of_the_task_itself_is_the_entropy_of_its_answers():
    task = mt.as_language("finite:most=2")
    of_prompts = -sum(k / 9 * np.log(k / 9) for k in (1, 2, 3, 2, 1))
    nats = -np.mean(task.answer_log_prob(task.whole_law().tokens))
    assert nats == pytest.approx(task.entropy(3).value - of_prompts)
    assert mt.exact.prompt_log_prob(task, task.whole_law().tokens, "own") == pytest.approx(
        task.prompt_log_prob(task.whole_law().tokens[:, :1])
    )


@pytest.mark.parametrize("seed", range(3))
def test_draws_are_those_of_their_law(seed):
    draws = Draws(np.array([[1, 2, 3, seed]], dtype=np.uint64)[0])
    picks = np.array([draws.one_of(np.array([0.0, 1.0, 3.0, 0.0])) for _ in range(2000)])
    assert set(picks.tolist()) == {1, 2}
    assert abs((picks == 2).mean() - 0.75) < 0.05
    assert sorted(draws.order(7).tolist()) == list(range(7))
    assert (np.diff(draws.some(4, 9)) > 0).all()


def test_strata_are_powers_of_two_of_the_number_of_answers():
    task = mt.as_language("finite")
    assert task.strata([[0, 0, 0], [2, 1, 1], [4, 4, 0]]) == ["1 answer", "2..3 answers", "4..7 answers"]


# ------------------------------------------------------------------------------------------------------- bad input


def test_clues_too_few_to_list_what_they_leave_are_refused_and_not_drawn_for_ever(monkeypatch):
    monkeypatch.setattr("mdmtheory.tasks.sudoku.MOST_ANSWERS", 2)
    with pytest.raises(
        ValueError, match="32 puzzles in turn of sudoku:size=9,clues=20 have more than MOST_ANSWERS = 2 "
    ):
        Sudoku(size=9, clues=20).prompts(1, seed=0)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: Sudoku(size=4).answers(np.zeros(16, dtype=int)), "has 0 clues, and those of sudoku:size=4,clues=4"),
        (lambda: Sudoku(size=4).answers([1, 1, 1, 1] + [0] * 12), "has no right answer; pass one that has"),
        (lambda: Sudoku(size=9, clues=0).answers([0] * 81), "131,073 right answers or more, more than MOST_ANSWERS"),
        (lambda: Sudoku(size=4).answers([5] * 16), "are given with 16 masks among them"),
        (lambda: Sudoku(size=5), "size is 5; pass 4 or 9"),
        (lambda: Sudoku(size=4, clues=17), "clues is 17; pass from 0 to 16"),
        (lambda: Sudoku().log_prob(Sudoku().sample(1, 162, 0)), "how likely a prompt of sudoku:size=9,clues=30 is"),
        (lambda: mt.as_language("sat:variables=2"), "variables is 2; pass from 3 to 24"),
        (lambda: mt.as_language("sat:variables=4,clauses=1").answers([2, 2, 2]), "is no formula of sat"),
        (lambda: mt.as_language("sat:variables=24,clauses=1").answers([2, 4, 6]), "more than MOST_ANSWERS"),
        (lambda: mt.Finite([[0, 1], [0, 1]], given=[True, False]), "stands in the list twice"),
        (lambda: mt.as_language("lists:kind=sort"), "unknown kind 'sort' of lists; known: copy, reverse"),
        (lambda: mt.as_language("lists:items=9"), "items is 9; pass from 1 to 8"),
        (lambda: mt.as_language("lists:letters=5"), "letters is 5; a prompt has 6 different ones"),
        (lambda: mt.as_language("lists:items=2").answers([1, 1]), "one is given twice"),
        (lambda: mt.as_language("lists:items=2").parse("a b: a"), "write letters from a to j, as a b: and 2 letters"),
        (lambda: mt.as_language("latin:size=5"), "size is 5; pass from 2 to 4"),
        (lambda: mt.as_language("latin").parse("1234"), "write 16 digits from 1 to 4"),
        (lambda: mt.as_language("path:nodes=6,distance=3"), "pass at most 2 of 6 nodes"),
        (lambda: mt.as_language("path:nodes=4,distance=1").answers([0, 1, 1, 2, 2, 3, 0, 3]), "is no graph of path"),
        (lambda: mt.as_language("path:nodes=4,distance=1").parse("0>1 from 0 to 1: 1"), "write 3 edges, start, goal"),
        (lambda: mt.as_language("paths:layers=2"), "layers is 2; pass from 3 to 64"),
        (lambda: mt.as_language("paths:width=65"), "width is 65; pass from 2 to 64"),
        (lambda: mt.as_language("paths:width=3,degree=4"), "degree is 4; a node has different ends, pass from 1 to 3"),
        (lambda: mt.as_language("paths:layers=3,width=2").answers([1, 0] * 5), "is no graph of paths:layers=3,width=2"),
        (
            lambda: mt.as_language("paths:layers=3,width=2,degree=1").answers([0, 0, 0, 0, 0, 1]),
            "a prompt of paths:layers=3,width=2,degree=1 has no right answer",
        ),
        (lambda: mt.as_language("paths:layers=3,width=2,degree=1").parse("0>0 1>1 | 0>0 1>1"), "write 2 layers of 2"),
        (lambda: mt.as_language("countdown:numbers=6"), "numbers is 6; pass from 2 to 5"),
        (lambda: mt.as_language("countdown:largest=100"), "largest is 100; pass from 1 to 99"),
        (lambda: mt.as_language("countdown:numbers=2").answers([0, 0, 0, 3, 0, 3]), "has the number 0; numbers are"),
        (lambda: mt.as_language("countdown:numbers=2").answers([0, 1, 0, 1, 9, 9]), "has no right answer"),
        (lambda: mt.as_language("countdown:numbers=2").parse("1,2 -> 3"), "write 2 numbers, the target, and at most 8"),
        (lambda: mt.Finite([[0, 1]], [0.0], given=[True, False]), "pass 1 positive numbers"),
        (lambda: mt.Finite([[0, 1]], given=[True, True]), "not all of them true"),
        (lambda: mt.Oracle(WEIGHTED, trust=0.0), "trust is 0.0"),
        (lambda: mt.UniformDiffusion(mt.Oracle(WEIGHTED), steps=2), "masked noise"),
    ],
)
def test_bad_input_is_one_line(act, said):
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        act()
    assert "\n" not in str(refused.value)


class Twisted(Sudoku):
    """A sudoku whose list lacks its last answer."""

    def right_answers(self, prompt):
        found = super().right_answers(prompt)
        return found[: max(1, len(found) - 1)]


class Lopsided(Sudoku):
    """A sudoku that weighs an answer otherwise than it draws it."""

    def answer_weights(self, prompt, answers):
        return np.arange(1.0, len(answers) + 1)


@pytest.mark.parametrize(("broken", "refuted"), [(Twisted, "conditionals"), (Lopsided, "samples")])
def test_certify_refutes_a_task_whose_parts_speak_of_different_laws(broken, refuted):
    trial = next(each for each in TRIALS if each.name == refuted)
    assert trial.made(TaskCase(broken(size=4))).passed is False


def test_the_trials_of_tasks_have_different_names():
    assert len({each.name for each in TRIALS}) == len(TRIALS)


def test_a_listing_of_one_answer_has_no_entropy():
    assert Listing(np.zeros((1, 3), dtype=np.uint8)).entropy == 0.0


@pytest.mark.parametrize("spec", ["sudoku:size=4", "sat:variables=4,clauses=8"])
def test_what_is_drawn_passes_the_verifier(spec):
    task = mt.as_language(spec)
    assert task.in_support(task.sample(200, task.length, 2)).all()


def test_the_verifier_of_sudoku_looks_at_boxes_too():
    square = np.array([[1, 2, 3, 4], [2, 1, 4, 3], [3, 4, 1, 2], [4, 3, 2, 1]]).reshape(-1)
    task = Sudoku(size=4, clues=0)
    assert not task.in_support([[0] * 16 + square.tolist()])[0]
    assert task.in_support([[0] * 16 + square.reshape(4, 4)[[0, 2, 1, 3]].reshape(-1).tolist()]).tolist() == [True]
