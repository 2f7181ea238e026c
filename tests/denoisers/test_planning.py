"""The figure of planning distance: its sums over orders against draws by the samplers themselves."""

import runpy
from pathlib import Path

import pytest

import mdmtheory as mt

FIGURE = runpy.run_path(str(Path(__file__).parents[2] / "figures" / "planning.py"))


@pytest.mark.parametrize(("distance", "edges"), [(2, 1), (3, 3)])
def test_the_chances_of_the_figure_are_those_of_draws(distance, edges):
    expected, calls = FIGURE["right"](distance, edges)
    assert expected[0] == (1 if distance <= edges else 0.5)
    assert expected[2] == 1
    task = mt.as_language(f"path:nodes=10,distance={distance}")
    prompts = task.prompts(400, 5)
    for chance, sampler in zip(expected, FIGURE["ORDERS"], strict=True):
        model = mt.MaskedDiffusion(mt.Hops(task, edges=edges), sampler=sampler, steps=8)
        drawn = model.sample(400, task.length, 1, prompt=prompts)
        # Four standard deviations.
        assert task.in_support(drawn.tokens).mean() == pytest.approx(
            chance, abs=4 * (chance * (1 - chance) / 400) ** 0.5
        )
    certain = mt.MaskedDiffusion(mt.Hops(task, edges=edges), sampler="threshold:tau=1.0", steps=1)
    assert set(certain.sample(20, task.length, 1, prompt=prompts[:20]).calls) == {calls}
