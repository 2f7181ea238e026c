"""Products leave out what does not fit, with a notice; what fits nowhere was asked for by mistake."""

from __future__ import annotations

import pytest

import mdmtheory as mt
from mdmtheory.core.misfits import MisfitError
from mdmtheory.sweeps import cells
from mdmtheory.sweeps.building import Builder
from mdmtheory.sweeps.tasks import tasks_of
from mdmtheory.sweeps.work import Work

HELD = "stride:constrained=true"
GRID = "latin"
"""Of which nothing says what can be completed."""


def measured(**options):
    """What is measured of each cell: language, sampler and the measures."""
    work = Work.of(cells(steps=2, samples=10, **options))
    return {(cell.shown_language, cell.sampler): [state.task.measure for state in own] for cell, own in work.cells}


def test_a_metric_is_left_out_where_it_cannot_be_measured():
    for metric, measure in (("ser_sharp", "step_walks"), ("ser_shared", "shared_walks")):
        options = {"lang": f"parity,{GRID}", "length": 16, "metrics": f"ser,{metric}"}
        with pytest.warns(UserWarning, match=f"left out, as it does not fit: metric {metric}: {GRID} has no"):
            found = measured(**options)
        assert found == {("parity", "ancestral"): ["draw", measure], (GRID, "ancestral"): ["draw"]}
    for language, reason in (("parity", "parity is no chain"), ("dyck", "of this chain a reader may know")):
        with pytest.warns(UserWarning, match=f"left out, as it does not fit: metric ser_tilted: {reason}"):
            found = measured(lang=f"walk,{language}", length=16, sampler="stride", metrics="ser,ser_tilted")
        assert found == {("walk", "stride"): ["draw", "tilted_walks"], (language, "stride"): ["draw"]}
    with pytest.warns(UserWarning, match="metric ter: sampler redraw.* no replay gives log p"):
        found = measured(lang="parity", length=4, sampler="redraw,ancestral", metrics="ser,ter")
    assert list(found.values()) == [["draw"], ["draw", "score"]]
    with pytest.warns(UserWarning, match=f"metric ser_walk: sampler {HELD} writes nothing that the language excludes"):
        found = measured(lang="parity", length=4, sampler=f"{HELD},stride", metrics="ser,ser_walk")
    assert list(found.values()) == [["draw"], ["draw", "walks"]]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lang": GRID, "metrics": "ser,ser_sharp"}, f"^metric ser_sharp: {GRID} has no"),
        ({"lang": GRID, "metrics": "ser_sharp"}, f"^metric ser_sharp: {GRID} has no"),
        ({"lang": "parity", "model": "gaussian:update=ddim", "metrics": "ter"}, "^metric ter: .*no likelihood bound"),
        ({"lang": "parity", "sampler": "redraw", "metrics": "ser,ter"}, "^metric ter: sampler redraw"),
        ({"lang": GRID, "sampler": HELD}, f"^{GRID} has no automaton"),
        ({"lang": f"parity,{GRID}", "sampler": HELD}, f"^{GRID} has no automaton"),
    ],
    ids=[
        "a metric nowhere",
        "all cells with nothing",
        "a model with nothing",
        "nowhere with its sampler",
        "a sampler nowhere",
        "a language nowhere",
    ],
)
def test_what_fits_nowhere_is_refused_in_a_line(options, said):
    with pytest.raises(MisfitError, match=said) as error:
        measured(length=16, **options)
    assert "\n" not in str(error.value)


def test_a_sampler_is_left_out_on_a_language_without_an_automaton():
    with pytest.warns(UserWarning, match=f"left out, as they do not fit: {HELD} on {GRID}$"):
        found = measured(lang=f"parity,{GRID}", length=16, sampler=f"ancestral,{HELD}", metrics="ser")
    assert set(found) == {("parity", "ancestral"), ("parity", HELD), (GRID, "ancestral")}


def test_a_cell_is_left_out_whose_only_metric_cannot_be_measured():
    """As a denoiser that does not fit is; the metric is measured of the other cells."""
    with pytest.warns(UserWarning, match=f"left out, as it does not fit: metric ser_sharp: {GRID} has no automaton"):
        found = measured(lang=f"parity,{GRID}", length=16, metrics="ser_sharp")
    assert found == {("parity", "ancestral"): ["step_walks"]}


def test_what_a_language_completes_for_its_exact_denoiser_alone_is_left_out_for_others():
    options = {"lang": "permutation:items=4", "length": 4, "denoiser": "oracle,perturbed:epsilon=0.1"}
    with pytest.warns(UserWarning, match="metric ser_sharp: permutation:items=4 completes steps in closed form"):
        assert list(measured(metrics="ser,ser_sharp", **options).values()) == [["draw"]]
    with pytest.warns(UserWarning, match=f"do not fit: {HELD} with perturbed:epsilon=0.1$"):
        found = measured(sampler=f"stride,{HELD}", metrics="ser", **options)
    assert {sampler for _, sampler in found} == {"stride", HELD}


def test_a_sweep_of_steps_drawn_together_is_kept_and_resumed(tmp_path):
    options = {"lang": "parity", "length": 4, "sampler": f"ancestral:constrained=true,{HELD},stride", "steps": 2}
    out = tmp_path / "held.sqlite"
    frame = mt.collect(cells(samples=50, **options), out=out, progress=False)
    again = mt.collect(cells(samples=50, **options), out=out, progress=False)
    assert again["value"].tolist() == frame["value"].tolist() == mt.read(out)["value"].tolist()
    rates = frame[frame["metric"] == "ser"].set_index("sampler")["value"]
    assert rates[HELD] == rates["ancestral:constrained=true"] == 0 < rates["stride"]
    kinds = frame[frame["metric"] == "ter"].set_index("sampler")["kind"]
    assert kinds[HELD] == "estimate" != kinds["ancestral:constrained=true"] == "upper bound"


def test_tasks_say_the_version_of_steps_drawn_together():
    [held, plain] = cells(lang="parity", length=4, sampler=f"{HELD},stride", steps=2)
    versions = [tasks_of(cell, *Builder().build(cell))[0].description["versions"] for cell in (held, plain)]
    assert versions[0].pop("constrained steps") == 1
    assert versions[0] == versions[1]
