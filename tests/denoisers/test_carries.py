"""The figure of carries: its sums over orders against draws by the samplers themselves, its problems, its distances."""

import itertools
import runpy
from pathlib import Path

import numpy as np
import pytest

import mdmtheory as mt
from tests import brute_force

FIGURE = runpy.run_path(str(Path(__file__).parents[2] / "figures" / "carries.py"))


@pytest.mark.parametrize(
    ("text", "columns", "left"),
    [("9952 + 0045 = _____", 1, 0), ("4555 + 5443 = _____", 1, 1), ("0378 + 3837 + 5889 = _____", 1, 0)],
)
def test_the_chances_of_the_figure_are_those_of_draws(text, columns, left):
    observer = mt.Carry(f"addition:digits=4,addends={1 + text.count('+')}", columns=columns, left=left)
    task = observer.language
    row = task.parse(text)
    expected = FIGURE["right"](observer, row[task.given][None])
    calls = expected.pop("calls")
    expected["ancestral"] = expected.pop("one call")
    prompts = np.repeat(row[None], 1000, axis=0)
    for sampler, [chance] in expected.items():
        model = mt.MaskedDiffusion(observer, sampler=sampler, steps=1 if sampler == "ancestral" else 5)
        drawn = model.sample(len(prompts), task.length, 1, prompt=prompts)
        # Four standard deviations.
        assert task.in_support(drawn.tokens).mean() == pytest.approx(
            chance, abs=4 * (chance * (1 - chance) / len(prompts)) ** 0.5 + 1e-12
        )
    certain = mt.MaskedDiffusion(observer, sampler="threshold:tau=1.0", steps=1)
    drawn = certain.sample(20, task.length, 1, prompt=prompts[:20])
    assert task.in_support(drawn.tokens).all()
    assert drawn.calls.tolist() == calls.tolist() * 20


def test_a_carry_distance_is_how_many_columns_must_be_seen():
    task = mt.as_language("addition:digits=4,addends=2")
    nines = np.array(list(itertools.product([False, True], repeat=4)))
    rows = task.prompts(len(nines), 0)
    rows[:, task.given] = np.hstack([np.where(nines[:, ::-1], 4, 3), np.full_like(nines, 5, dtype=int)])
    needed = np.zeros(len(nines), dtype=int)
    for columns in range(5):
        laws = mt.Carry(task, columns=columns).conditionals(rows)[:, ~task.given]
        needed += ~(laws.max(axis=2) == 1).all(axis=1)
    assert [FIGURE["carry_distance"](each) for each in nines] == needed.tolist()


def test_problems_of_a_distance_are_alike():
    drawn = FIGURE["problems_at"](2, 2, 40_000, np.random.default_rng(0)) @ [1000, 100, 10, 1]
    those = [
        number
        for number in range(10_000)
        if FIGURE["carry_distance"]([number // k % 10 + number // (100 * k) % 10 == 9 for k in (1, 10)]) == 2
    ]
    assert len(those) == 1000
    counts = np.bincount(drawn, minlength=10_000)
    assert counts.sum() == counts[those].sum()
    assert brute_force.g_test(counts[those], np.full(1000, 1 / 1000)) > 1e-6


@pytest.mark.parametrize("addends", [3, 5])
def test_who_draws_what_is_certain_alone_is_right_with_any_number_of_addends(addends):
    task = mt.as_language(f"addition:digits=4,addends={addends}")
    model = mt.MaskedDiffusion(mt.Carry(task, columns=1), sampler="threshold:tau=1.0", steps=1)
    drawn = model.sample(200, task.length, 2, prompt=task.prompts(200, 3))
    assert task.in_support(drawn.tokens).all()
    assert drawn.calls.max() > 2
