"""Tasks in sweeps and on the command line: their own length, what does not go together, stores that go on."""

import re
import warnings

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.notices import Notice
from mdmtheory.core.register import About
from mdmtheory.denoisers import DENOISERS

SUDOKU = "sudoku:size=4"


def noticed(**options):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", Notice)
        found = mt.cells(**options)
    return found, [str(each.message) for each in said if issubclass(each.category, Notice)]


def test_the_length_is_the_tasks_own_and_of_others_512():
    found, said = noticed(lang=[SUDOKU, "finite", "parity"], steps=2)
    assert [(cell.shown_language, cell.length) for cell in found] == [(SUDOKU, 32), ("finite", 3), ("parity", 512)]
    assert said == []


def test_lengths_that_a_task_has_not_are_left_out_with_a_line_each():
    found, said = noticed(lang=[SUDOKU, "parity"], length=[32, 64], steps=2)
    assert [(cell.shown_language, cell.length) for cell in found] == [(SUDOKU, 32), ("parity", 32), ("parity", 64)]
    assert said == ["left out: sudoku:size=4 has sequences of 32 tokens alone, not of 64"]


def test_nothing_left_is_an_error_of_one_line():
    with pytest.raises(ValueError, match="^nothing is left to measure: sudoku:size=4 has sequences of 32 tokens alone"):
        mt.cells(SUDOKU, length=31, steps=2)


def test_a_denoiser_for_one_kind_of_language_is_left_out_of_others(monkeypatch):
    said_of_it = {**vars(DENOISERS.about("perturbed")), "of": ("sudoku",)}
    monkeypatch.setattr(DENOISERS.builder("perturbed"), "about", About(**said_of_it))
    options = {"steps": 2, "denoiser": "oracle,perturbed:epsilon=0.1"}
    found, said = noticed(lang=[SUDOKU, "finite", mt.Parity()], **options)
    assert [cell.denoiser for cell in found] == ["oracle", "perturbed:epsilon=0.1", "oracle", "oracle"]
    lines = [f"left out: denoiser perturbed:epsilon=0.1 is for sudoku, not for {name}" for name in ("finite", "parity")]
    assert said == lines
    with pytest.raises(ValueError, match="^nothing is left to measure: denoiser perturbed:epsilon=0.1 is for sudoku"):
        mt.cells("finite", steps=2, denoiser="perturbed:epsilon=0.1")


def test_a_task_in_a_file_has_its_length_too(tmp_path):
    mt.as_language("finite:most=2").save(tmp_path / "mine.npz")
    [cell] = mt.cells(tmp_path / "mine.npz", steps=1)
    assert cell.length == 3


def test_a_store_goes_on_and_ser_falls_to_nothing_with_one_token_a_step(tmp_path):
    def ser(*steps):
        cells = mt.cells(SUDOKU, steps=list(steps), sampler="stride", samples=64, metrics="ser")
        frame = mt.collect(cells, out=tmp_path / "store.sqlite", workers=1)
        assert (frame["prompt"] == "own").all()
        return frame.set_index("steps")["value"]

    first, again = ser(1, 16), ser(1, 4, 16)
    assert again[1] > again[4] > again[16] == 0
    assert first.to_dict() == {steps: again[steps] for steps in (1, 16)}


def test_a_window_sees_the_prompt_from_everywhere():
    task = mt.as_language(SUDOKU)
    prompts = task.prompts(20, 1)
    blind, oracle = mt.Window(task, width=0), mt.Oracle(task)
    assert np.allclose(blind.conditionals(prompts), oracle.conditionals(prompts))


def test_the_curve_of_all_sets_of_cells_of_the_288_grids_sums_to_their_entropy():
    task = mt.as_language("sudoku:size=4,clues=0")
    grids = task.answers(np.zeros(16, dtype=int)).tokens
    # Three cells of a row are three different digits of four, whichever they are; the first cell is any.
    curve = np.asarray(mt.exact.answer_curve("finite:most=2", [2, 5, 5]))
    assert curve == pytest.approx([np.log(3), 0.0])
    small = mt.Finite(np.unique(grids[:, :6], axis=0), given=np.zeros(6, dtype=bool))
    curve = np.asarray(mt.exact.answer_curve(small, [5] * 6))
    assert curve.sum() == pytest.approx(small.entropy(6).value)
    law = mt.exact.joint(small, 6)
    assert curve == pytest.approx(mt.exact.enumerated_information_curve(law), abs=1e-12)
    with pytest.raises(ValueError, match=re.escape("parity is no task")):
        mt.exact.answer_curve("parity", [0])
