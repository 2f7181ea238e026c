"""Sweeps of trained networks: a run is named by its folder, and what is stored of it by its weights."""

import json
from dataclasses import replace

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.metrics.pricing import reveal_costs
from mdmtheory.sweeps.building import Builder
from mdmtheory.sweeps.checks import fault_of_task
from mdmtheory.sweeps.choices import reference_rows
from mdmtheory.sweeps.passes import passes_of
from mdmtheory.sweeps.results import frame_of
from mdmtheory.sweeps.store import load
from mdmtheory.sweeps.tasks import Task, tasks_of
from mdmtheory.sweeps.work import Work
from tests.networks.runs import written_run

LANGUAGE, LENGTH = "ngram:order=2,vocab_size=5", 6


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two runs: of a network that sees everything, and of a causal one."""
    monkeypatch.chdir(tmp_path)
    written_run(tmp_path / "runs/x", language=LANGUAGE, length=LENGTH, seed=1)
    written_run(tmp_path / "runs/y", language=LANGUAGE, length=LENGTH, seed=2, attention="causal")
    return tmp_path / "runs"


def cells(**changed):
    return mt.cells(LANGUAGE, **{"length": LENGTH, "steps": 3, "samples": 64, "metrics": "ser,ter", **changed})


def built_tasks(found):
    return [(task, *built) for cell in found for built in [Builder().build(cell)] for task in tasks_of(cell, *built)]


def tasks(**changed):
    return [task for task, _, _ in built_tasks(cells(**changed))]


def test_a_run_is_a_denoiser_beside_the_oracle(runs):
    assert [cell.denoiser for cell in cells(denoiser="runs/x,oracle")] == ["runs/x", "oracle"]


def test_autoregression_is_of_a_network_where_one_is_named_and_of_the_language_where_not(runs):
    found = cells(model="ar", denoiser="oracle,runs/y,window:width=4,runs/x", sampler="ancestral,stride")
    assert [cell.denoiser for cell in found] == [None, "runs/y", "runs/x"]
    assert {(cell.sampler, cell.schedule, cell.steps) for cell in found} == {(None, None, None)}
    of_language, *of_networks = (Builder().build(cell)[1] for cell in found)
    assert of_language.denoiser is None
    assert [model.denoiser.spec for model in of_networks] == [mt.Network("runs/y").spec, mt.Network("runs/x").spec]


def test_the_reference_is_the_same_task_whatever_networks_stand_beside_it(runs):
    alone = tasks(model="ar")
    assert alone == [task for task in tasks(model="ar", denoiser="runs/y,oracle") if task.names["denoiser"] is None]
    assert all(task.description["denoiser"] is None for task in alone)


@pytest.mark.parametrize(("model", "run"), [("masked", "x"), ("ar", "x"), ("ar", "y")])
def test_a_task_has_the_digest_of_a_network_and_its_label_the_path(runs, model, run):
    digest = mt.Run.open(runs / run).digest
    for task in tasks(model=model, denoiser=f"runs/{run}"):
        assert task.description["denoiser"] == f"network:digest={digest}"
        assert task.names["denoiser"] == f"runs/{run}"
        assert task.description["versions"]["denoiser network"] == 1
        assert "runs/" not in task.json
        assert fault_of_task(task) is None


def test_a_run_that_was_moved_is_the_same_task_and_one_that_was_trained_anew_another(runs):
    before = [task.json for task in tasks(denoiser="runs/x")]
    (runs / "x").rename(runs / "moved")
    assert [task.json for task in tasks(denoiser="runs/moved")] == before
    written_run(runs / "x", language=LANGUAGE, length=LENGTH, seed=3)
    assert not {task.json for task in tasks(denoiser="runs/x")} & set(before)


@pytest.mark.parametrize(("model", "run"), [("masked", "x"), ("ar", "y")])
def test_a_batch_that_is_asked_for_is_another_task_and_a_device_that_is_the_usual_one_is_not(runs, model, run):
    plain, same, other = (
        tasks(model=model, denoiser=f"runs/{run}{more}") for more in ("", ":device=cpu,precision=float32", ":batch=5")
    )
    assert [each.sha for each in same] == [each.sha for each in plain]
    assert {each.description["computed"]["precision"] for each in plain} == {"float32"}
    assert not {each.sha for each in other} & {each.sha for each in plain}
    assert {each.description["computed"]["batch"] for each in other} == {each.chunk_size for each in other} == {5}
    assert {each.names["denoiser"] for each in other} == {f"runs/{run}:batch=5"}


def test_results_from_before_are_shown_by_their_folders_too(runs, tmp_path):
    store = tmp_path / "store.sqlite"
    now = mt.collect(cells(denoiser="runs/x:batch=32"), out=store, workers=1)
    contents, older = load(store), {}
    for sha, stored in contents.tasks.items():
        label = stored.task.label.replace('"runs/x:batch=32"', '"network:run=runs/x,batch=32"')
        assert label != stored.task.label
        older[sha] = replace(stored, task=Task(stored.task.json, label))
        assert fault_of_task(older[sha].task) is None
    before = frame_of(replace(contents, tasks=older), 0.95)
    assert before.equals(now)
    assert mt.read(store, where='denoiser == "runs/x:batch=32"').equals(now)
    assert set(before["denoiser.run"]) == {"runs/x"}
    assert set(before["denoiser.batch"]) == {32}


def test_two_networks_never_share_a_pass(runs):
    written_run(runs / "z", language=LANGUAGE, length=LENGTH, seed=3)
    for each in passes_of(built_tasks(cells(denoiser="runs/x,runs/z", sampler="ancestral,stride", steps="2,3"))):
        assert len({json.dumps(model.denoiser.identity) for model in each.models}) == 1


def test_what_was_measured_of_a_network_is_no_reference(runs, tmp_path):
    frame = mt.collect(cells(model="masked,ar", denoiser="oracle,runs/x"), out=tmp_path / "store.sqlite", workers=1)
    assert set(frame.loc[reference_rows(frame), "model"]) == {"ar"}
    assert frame.loc[reference_rows(frame), "denoiser"].isna().all()
    of_network = frame[(frame["model"] == "ar") & (frame["denoiser"] == "runs/x")]
    assert set(of_network["metric"]) >= {"ser", "ter"}
    assert not reference_rows(of_network).any()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"denoiser": "runs/nowhere"}, "runs/nowhere"),
        ({"denoiser": "runs/x", "length": 7}, "length"),
        ({"denoiser": "runs/y"}, "left"),
    ],
    ids=["not there", "another length", "a causal run in a masked model"],
)
def test_a_run_that_does_not_fit_is_refused_in_a_line(runs, changed, message):
    with pytest.raises(ValueError, match=message) as error:
        Builder().build(cells(**changed)[0])
    assert "\n" not in str(error.value)


def test_of_lists_what_does_not_fit_is_left_out_and_named(runs):
    written_run(runs / "u", language=LANGUAGE, length=LENGTH, noise="uniform", level=True)
    several = cells(model="masked,uniform,ar", denoiser="runs/x,runs/y,runs/u,oracle")
    with pytest.warns(UserWarning, match="left out, as they do not fit: runs/y in masked; runs/u in masked; .* 2 more"):
        kept = [(cell.model, cell.denoiser) for cell, _ in Work.of(several).cells]
    assert kept == [
        ("masked", "runs/x"),
        ("masked", "oracle"),
        ("uniform", "runs/u"),
        ("uniform", "oracle"),
        ("ar", "runs/x"),
        ("ar", "runs/y"),
        ("ar", None),
    ]
    for nowhere in ({"model": "masked", "denoiser": "runs/x,runs/u"}, {"model": "uniform,ar", "denoiser": "runs/x"}):
        with pytest.raises(ValueError, match="takes no (masked|uniform) noise; it takes (masked|uniform)$"):
            Work.of(cells(**nowhere))


def test_blocks_of_one_token_are_priced_by_the_chain_rule_of_a_block_network(runs):
    written_run(runs / "b", language=LANGUAGE, length=LENGTH, seed=4, attention="block", block=1)
    network, x = mt.Network("runs/b"), mt.as_language(LANGUAGE).sample(5, LENGTH, seed=0)
    said = np.take_along_axis(network.next_laws(x), x[:, :, None].astype(np.int64), axis=2)[:, :, 0]
    np.testing.assert_allclose(reveal_costs(network, x, 0, 0, block=1), -np.log(said), rtol=1e-4)


@pytest.mark.parametrize(
    ("model", "attention"), [("masked", "bidirectional"), ("ar", "causal"), ("block:size=3", "block")]
)
def test_two_workers_measure_of_a_network_what_one_does(runs, tmp_path, model, attention):
    more = {"block": 3} if attention == "block" else {}
    written_run(runs / "n", language=LANGUAGE, length=LENGTH, seed=4, attention=attention, **more)
    found = cells(model=model, denoiser="runs/n", samples=12_000)
    one, two = (
        mt.collect(found, out=tmp_path / f"{workers}.sqlite", workers=workers).drop(columns=["seconds", "date"])
        for workers in (1, 2)
    )
    assert set(one["metric"]) >= {"ser", "ter"}
    assert one.equals(two)
