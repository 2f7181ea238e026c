"""Sweeps of networks: what they store is read back, with its costs, and not measured again."""

import pytest

import mdmtheory as mt
from mdmtheory.sweeps.building import Builder
from mdmtheory.sweeps.checks import fault_of_task
from mdmtheory.sweeps.passes import Pass
from mdmtheory.sweeps.tasks import tasks_of

LANGUAGE, STUB = "ngram:order=2,vocab_size=5", "tests.networks.stub:InSweeps"


def cells(**changed):
    given = {"length": 6, "steps": 3, "denoiser": STUB, "samples": 64, **changed}
    return mt.cells(LANGUAGE, **given)


@pytest.mark.parametrize("changed", [{}, {"prompt": "prefix:size=2"}, {"max_errors": 5}, {"check": True}], ids=str)
def test_a_store_believes_whatever_a_task_of_a_network_says(changed):
    for cell in cells(**changed):
        said = [task.description for task in tasks_of(cell, *Builder().build(cell))]
        assert any("reveals" in each for each in said)
        assert all(each["computed"] == {"precision": "bfloat16"} and each["chunk"] == 16 for each in said)
        assert [fault_of_task(task) for task in tasks_of(cell, *Builder().build(cell))] == [None] * len(said)


def test_what_a_sweep_of_a_network_stored_is_shown_with_its_costs_and_not_measured_again(tmp_path, monkeypatch):
    store = tmp_path / "store.sqlite"
    swept = mt.collect(cells(), out=store, workers=1)
    shown = mt.read(store)
    assert set(shown["metric"]) >= {"ser", "ter", "ter_ratio"}
    assert shown.loc[shown["metric"].isin(["ser", "ter", "ter_ratio"]), "value"].notna().all()
    assert shown["calls"].notna().all()
    monkeypatch.setattr(Pass, "compute", lambda *arguments: pytest.fail("measured again"))
    again = mt.collect(cells(), out=store, workers=1)
    assert again["value"].tolist() == swept["value"].tolist()
