"""Observers of limited sight: the posterior of hops by enumeration, what singles and units leave out and what not."""

import itertools

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.misfits import MisfitError


def seen(prompt, known, edges):
    """The edges on walks of so many edges from known nodes, as a set, found by walking over all of them."""
    every = prompt[:-2].reshape(-1, 2).tolist()
    reached = set(known)
    found = set()
    for _ in range(edges):
        touched = {(a, b) for a, b in every if a in reached or b in reached}
        found |= touched
        reached |= {node for edge in touched for node in edge}
    return frozenset(found)


def by_enumeration(task, worlds, row, edges):
    """The mean over all graphs that show what this one shows and have the revealed tokens on their way; None: none."""
    prompt, answer = row[task.given], row[~task.given]
    shown = answer < task.vocab_size
    known = {int(prompt[-2]), *answer[shown].tolist()}
    sight = seen(prompt, known, edges)
    agreeing = [
        each[~task.given]
        for each in worlds
        if each[task.given][-2:].tolist() == prompt[-2:].tolist()
        and (each[~task.given][shown] == answer[shown]).all()
        and seen(each[task.given], known, edges) == sight
    ]
    if not agreeing:
        return None
    return (np.array(agreeing)[:, :, None] == np.arange(task.vocab_size)).mean(axis=0)


def all_graphs(task):
    """A sequence of each naming of the nodes; the order of the edges says nothing to an observer of edges."""
    template = task.sample(1, task.length, 0)[0]
    return np.array([np.array(names)[template] for names in itertools.permutations(range(task.nodes))])


@pytest.mark.parametrize(
    ("nodes", "distance", "edges"), [(5, 1, 0), (5, 1, 1), (5, 2, 1), (5, 2, 2), (5, 2, 9), (6, 2, 1), (6, 1, 2)]
)
def test_hops_is_the_mean_over_all_graphs_that_look_the_same(nodes, distance, edges):
    task = mt.Hops(f"path:nodes={nodes},distance={distance}", edges=edges).language
    worlds = all_graphs(task)
    # Names are alike, so one graph does; its edges in two orders.
    rows = task.sample(2, task.length, 3)
    answers = np.array(list(itertools.product(range(nodes + 1), repeat=int((~task.given).sum()))))
    answers = answers[(answers == nodes).any(axis=1)]
    chosen = answers[np.random.default_rng(0).permutation(len(answers))[:120]]
    asked = np.repeat(rows, len(chosen), axis=0)
    asked[:, ~task.given] = np.tile(chosen, (2, 1))
    # What is right may be rare among them.
    right = np.repeat(rows, 12, axis=0)
    hide = np.random.default_rng(1).random((len(right), len(chosen[0]))) < 0.6
    right[:, ~task.given] = np.where(hide, nodes, right[:, ~task.given])
    asked = np.vstack([asked, right[hide.any(axis=1)]])
    found = mt.Hops(task, edges=edges).conditionals(asked)[:, ~task.given]
    possible = 0
    for row, law in zip(asked, found, strict=True):
        expected = by_enumeration(task, worlds, row, edges)
        possible += expected is not None
        masked = row[~task.given] == nodes
        np.testing.assert_allclose(law[masked], 0 if expected is None else expected[masked], atol=1e-12)
    assert 20 < possible < len(asked)


def test_at_the_crossing_either_way_is_as_likely_until_the_goal_is_in_sight():
    task = mt.as_language("path:nodes=9,distance=3")
    row = task.parse("0>1 1>2 2>3 3>4 4>5 2>6 6>7 7>8 from 0 to 8: 1 2 _ _ _")
    for edges, law in ((1, {3: 0.5, 6: 0.5}), (2, {3: 0.5, 6: 0.5}), (3, {6: 1.0})):
        found = mt.Hops(task, edges=edges).conditionals(row)[0, -3]
        assert {int(node): found[node] for node in np.flatnonzero(found)} == law
    # Once the goal stands in the answer the way is seen from there too; the edge from 7 goes back two edges.
    for text, edges in (("1 2 _ _ 8", 2), ("1 2 _ 7 8", 1)):
        row = task.parse(f"0>1 1>2 2>3 3>4 4>5 2>6 6>7 7>8 from 0 to 8: {text}")
        assert mt.Hops(task, edges=edges).conditionals(row)[0, -3, 6] == 1


def test_wrong_turns_are_impossible_once_the_end_is_seen():
    task = mt.as_language("path:nodes=5,distance=2")
    row = task.parse("0>1 1>2 0>3 3>4 from 0 to 2: 3 _")
    canvas = mt.Hops(task, edges=1).open(1, task.length, prompt=row[None])
    canvas.marginals(np.array([0]), np.array([task.length - 1]))
    assert canvas.impossible.tolist() == [True]
    assert canvas.calls.tolist() == canvas.rounds.tolist() == [1]
    # Who sees nothing goes on.
    assert mt.Hops(task, edges=0).conditionals(row)[0, -1].tolist() == [0, 0, 1, 0, 0]


OBSERVERS = [
    mt.Singles("sudoku:size=4"),
    mt.Singles("sudoku:size=9,clues=40"),
    mt.Propagate("sat:variables=5", depth=0),
    mt.Propagate("sat:variables=6,clauses=15", depth=2),
    mt.Hops("path:nodes=7,distance=2", edges=1),
    mt.Carry("addition:digits=3,addends=3", columns=1),
]


@pytest.mark.parametrize("observer", OBSERVERS, ids=repr)
def test_observers_exclude_nothing_that_is_possible(observer):
    task = observer.language
    rows = task.sample(60, task.length, 5)
    hide = np.random.default_rng(2).random((60, int((~task.given).sum()))) < np.linspace(0.1, 1, 60)[:, None]
    rows[:, ~task.given] = np.where(hide, task.vocab_size, rows[:, ~task.given])
    masked = rows == task.vocab_size
    exact, said = mt.Oracle(task).conditionals(rows)[masked], observer.conditionals(rows)[masked]
    assert ((exact > 0) <= (said > 0)).all()
    np.testing.assert_allclose(said.sum(axis=1), 1)


def singles_in_sets(puzzle, grid):
    """The candidates of each cell of size 4 in sets, one single at a time; None where one is left without."""
    lines = np.arange(16).reshape(4, 4)
    units = [*lines.tolist(), *lines.T.tolist()]
    units += [lines[i : i + 2, j : j + 2].reshape(-1).tolist() for i in (0, 2) for j in (0, 2)]
    left = [{1, 2, 3, 4} for _ in range(16)]
    for cell in range(16):
        for digit, none in ((puzzle[cell], 0), (grid[cell], 5)):
            if digit != none:
                left[cell] &= {int(digit)}
    before = None
    while before != left:
        before = [set(each) for each in left]
        for unit in units:
            for cell in unit:
                if len(left[cell]) == 1:
                    for other in set(unit) - {cell}:
                        left[other] -= left[cell]
            for digit in (1, 2, 3, 4):
                places = [cell for cell in unit if digit in left[cell]]
                if not places:
                    return None
                if len(places) == 1:
                    left[places[0]] &= {digit}
    return None if set() in left else left


def test_singles_are_those_of_a_solver_that_takes_them_one_by_one():
    task = mt.as_language("sudoku:size=4")
    rows = task.sample(300, 32, 8)
    numbers = np.random.default_rng(3)
    hide = numbers.random((300, 16)) < numbers.random((300, 1))
    rows[:, 16:] = np.where(hide, 5, rows[:, 16:])
    # In some one cell is wrong, among few others.
    rows[:200, 16:] = 5
    rows[np.arange(200), numbers.integers(16, 32, 200)] = numbers.integers(1, 5, 200)
    found = mt.Singles(task).conditionals(rows)[:, 16:]
    impossible = open_cells = 0
    for row, law in zip(rows, found, strict=True):
        left = singles_in_sets(row[:16], row[16:])
        impossible += left is None
        for cell in np.flatnonzero(row[16:] == 5):
            candidates = np.zeros(5) if left is None else np.isin(np.arange(5), list(left[cell])) / len(left[cell])
            np.testing.assert_allclose(law[cell], candidates)
            open_cells += left is not None and len(left[cell]) > 1
    assert impossible > 10
    assert open_cells > 100


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("1 and 2 both need the first cell", "....____ ....__12 ...._1__ ...._2__"),
        ("1 has no place in the first row", "....2___ ....__1_ ...._1__ ....____"),
        ("two cells of a row are 1", "....1__1 ....____ ....____ ....____"),
    ],
)
def test_singles_see_a_cell_without_a_digit_and_a_digit_without_a_cell(why, text):
    task = mt.as_language("sudoku:size=4,clues=0")
    row = task.parse("\n".join(text.split()))
    assert mt.Singles(task).conditionals(row)[0][row == 5].sum() == 0


def test_a_unit_is_propagated_so_many_times():
    task = mt.as_language("sat:variables=5,clauses=3")
    row = task.parse("x1|x2|x3 & x2|!x3|x4 & !x3|!x4|x5 : 00___")
    decided = [mt.Propagate(task, depth=d).conditionals(row)[0, -5:].max(axis=1).tolist() for d in range(4)]
    assert decided == [[1, 1, *[1.0] * d, *[0.5] * (3 - d)] for d in range(4)]
    # Two units that want x3 both ways: seen once they are propagated, and not before.
    row = task.parse("x1|x2|x3 & x1|x2|!x3 & x3|x4|x5 : 00___")
    assert mt.Propagate(task, depth=0).conditionals(row)[0, -3:].sum() == 3
    assert mt.Propagate(task, depth=1).conditionals(row)[0, -3:].sum() == 0


@pytest.mark.parametrize("observer", OBSERVERS, ids=repr)
def test_what_does_not_fit_is_told_in_one_line(observer):
    task, kind = observer.language, type(observer)
    options = {name: 1 for name in ("edges", "depth", "columns") if hasattr(observer, name)}
    with pytest.raises(MisfitError, match=f"^denoiser {observer.spec.name} is for {observer.task}, not for parity$"):
        kind("parity", **options)
    for name in options:
        with pytest.raises(ValueError, match=f"^{name} is -1; pass"):
            kind(task, **{name: -1})
    with pytest.raises(ValueError, match="with .* masks among them; pass task.prompts"):
        observer.conditionals(np.full((1, task.length), task.vocab_size))
    with pytest.raises(ValueError, match="takes no 'uniform' noise; known: masked"):
        observer.open(1, task.length, noise="uniform")
    with pytest.raises(ValueError, match="and sequences of .* have"):
        observer.open(1, 3)


@pytest.mark.parametrize("sampler", ["redraw", "topk_remask", "remdm-cap"])
def test_who_holds_what_is_revealed_to_be_certain_is_not_asked_to_take_it_back(sampler):
    for observer in (mt.Singles("sudoku:size=4"), mt.Propagate("sat:variables=5", depth=1), mt.Hops("path", edges=1)):
        with pytest.raises(ValueError, match=r"may change tokens, but to denoiser \S+ what is revealed is certain"):
            mt.MaskedDiffusion(observer, sampler=sampler)
