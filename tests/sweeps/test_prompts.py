"""Cells of answers to prompts: never taken for cells of whole sequences, nor for those of other prompts."""

from __future__ import annotations

import json

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.given import Given
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.metric import Measured
from mdmtheory.metrics.score import Score
from mdmtheory.metrics.ter import Ter
from mdmtheory.plots import metric_figure, sweep_figure
from mdmtheory.plots.drawn import reference_ter
from mdmtheory.prompts import drawing
from mdmtheory.report.entries import entries
from mdmtheory.sweeps import cells, collect, merge, read
from mdmtheory.sweeps.building import Builder
from mdmtheory.sweeps.files import cells_of, read_toml
from mdmtheory.sweeps.forecast import forecast
from mdmtheory.sweeps.passes import passes_of
from mdmtheory.sweeps.published import published_text
from mdmtheory.sweeps.store import load
from mdmtheory.sweeps.tasks import CHUNK_TOKENS, tasks_of
from tests.sweeps.forged import Forger
from tests.sweeps.small import LANGUAGE, one_line, rows_of

PROMPTS = "none,prefix:size=8,infill:size=L/2"


class Halved(mt.NGram):
    """A bigram that says how much of it is given."""

    share = 2

    def __init__(self):
        super().__init__([0.5, 0.3, 0.2], [[0.7, 0.3, 0], [0, 0.6, 0.4], [0.55, 0, 0.45]])

    def prompt(self, length):
        return np.arange(length) < length // self.share


class Moved:
    """A kind of prompt of one's own, which may change."""

    first = 0

    def given(self, language, length):
        return np.arange(length) == self.first


def asked(**changed):
    """Cells of 32 tokens, a chunk each, of a plan that the curve prices and of a rule."""
    given = {"length": 32, "steps": 4, "sampler": "ancestral,stride", "samples": 60, "prompt": PROMPTS, **changed}
    return cells(given.pop("lang", LANGUAGE), **given)


def tasks(**changed):
    """By measure, the tasks of one cell."""
    [cell] = asked(**{"sampler": "ancestral", "prompt": "none", **changed})
    return {task.measure: task for task in tasks_of(cell, *Builder().build(cell))}


@pytest.fixture(scope="module")
def prompted(tmp_path_factory):
    path = tmp_path_factory.mktemp("prompted") / "store.sqlite"
    return collect(asked(metrics="ser,ter,cross_entropy"), out=path, workers=1), path


def test_lists_of_prompts_multiply_out_and_the_default_is_what_the_language_says():
    assert [cell.prompt for cell in asked(sampler="stride")] == ["none", "prefix:size=8", "infill:size=L/2"]
    assert {cell.prompt for cell in cells(LANGUAGE, steps=4)} == {"own"}
    assert "prompt" not in str(cells(LANGUAGE, steps=4)[0])
    assert str(asked(prompt="prefix:size=8")[0]).endswith("seed 0, prompt prefix:size=8")


@pytest.mark.parametrize(
    ("changed", "shas"),
    [
        ({}, {"draw": "5252f9dce5114318", "score": "8b2cff880b2b81f8", "score_plans": "b6ad85c40b79a391"}),
        ({"model": "ar"}, {"draw": "4f2e0868cd65cc27", "score": "b91ae3294271d858"}),
        ({"model": "uniform"}, {"draw": "c1ee94855967a971", "score": "db9fc9063cd3239a"}),
    ],
)
def test_tasks_of_whole_sequences_are_called_as_before_there_were_prompts(changed, shas):
    given = {"length": 12, "steps": 3, "check": True, "max_errors": 50, **changed}
    for prompt in ("own", "none"):
        found = tasks(**given, prompt=prompt)
        assert {measure: task.sha[:16] for measure, task in found.items()} == shas
        labels = [set(json.loads(task.label)) - {"asked"} for task in found.values()]
        assert all(label == {"denoiser", "model", "sampler", "schedule"} for label in labels)


def test_a_task_says_which_positions_are_given_and_by_what_name_they_were_asked_for():
    for task in tasks(prompt="prefix:size=8").values():
        assert task.description["prompt"] == {"given": "0-7", "drawn": "language"}
        assert task.description["versions"]["prompts"] == 1
        assert (task.given, task.answer_length) == (Given("0-7", 32), 24)
        assert task.names["prompt"] == "prefix:size=8"
        assert "prompt prefix:size=8" in str(task)


def test_a_prompt_makes_another_task_and_two_names_of_one_prompt_make_one():
    shas = {prompt: tasks(prompt=prompt)["draw"].sha for prompt in ("none", "prefix:size=8", "prefix:size=9")}
    assert len(set(shas.values())) == 3
    assert tasks(prompt="prefix:size=L/4")["draw"].sha == shas["prefix:size=8"]
    own = tasks(lang=f"{__name__}:Halved", prompt="own")["draw"]
    assert own.sha == tasks(lang=f"{__name__}:Halved", prompt="prefix:size=16")["draw"].sha
    assert own.sha != tasks(lang=f"{__name__}:Halved", prompt="none")["draw"].sha


def test_rows_of_prompts_stand_apart_with_numbers_of_their_own(prompted):
    frame, path = prompted
    assert frame["prompt"].fillna("").unique().tolist() == ["", "infill:size=L/2", "prefix:size=8"]
    assert frame.groupby(["sampler", "metric"])["value"].nunique().min() == 3
    assert len(frame) == 2 * 3 * 4
    assert frame.equals(read(path, metrics="ser,ter,ter_ratio,cross_entropy"))
    # Costs of scores are those of the draws of the same prompt.
    assert (frame.groupby(["sampler", frame["prompt"].fillna("")])["calls"].nunique() == 1).all()
    assert frame.groupby("sampler")["calls"].nunique().loc["ancestral"] == 3


def test_a_row_is_what_the_metric_says_of_the_same_sequences(prompted):
    frame, _ = prompted
    count = CHUNK_TOKENS // 32
    p, q = mt.MaskedDiffusion(mt.Oracle(mt.as_language(LANGUAGE)), sampler="stride", steps=4), mt.as_language(LANGUAGE)
    own = frame[(frame["prompt"] == "prefix:size=8") & (frame["sampler"] == "stride")].set_index("metric")["value"]
    assert own["ser"] == mt.ser(p, q, 32, count=count, prompt="prefix:size=8").value
    assert own["ter"] == mt.ter(p, q, 32, count=count, prompt="prefix:size=8").value
    assert own["cross_entropy"] == mt.cross_entropy(p, q, 32, count=count, prompt="prefix:size=8").value
    [sums] = Score().count([p], Sequences(q, 32, 0, 0, count, "prefix:size=8"))
    assert own["ter"] == Ter().estimate(Measured(sums, 24)).value
    assert own["ter"] != Ter().estimate(Measured(sums, 32)).value


def test_one_curve_prices_cells_of_one_prompt_and_not_of_two():
    found = asked(sampler="ancestral", steps="4,8", metrics="ter")
    builder = Builder()
    work = [(task, *builder.build(cell)) for cell in found for task in tasks_of(cell, *builder.build(cell))]
    passes = passes_of(work)
    assert [len(each.tasks) for each in passes] == [2, 2, 2]
    assert len({each.kernels for each in passes}) == 3
    for each in passes:
        alone = [
            passes_of([(task, each.language, model)])[0] for task, model in zip(each.tasks, each.models, strict=True)
        ]
        assert each.count(0, 20, (0, 1)) == [one.count(0, 20, (0,))[0] for one in alone]


def test_a_sweep_of_prompts_goes_on_and_merges_to_the_same_bits(prompted, tmp_path):
    frame, path = prompted
    metrics = "ser,ter,cross_entropy"
    collect(asked(prompt="none", metrics=metrics), out=tmp_path / "a.sqlite")
    collect(asked(prompt="infill:size=16", metrics=metrics), out=tmp_path / "b.sqlite")
    merge([tmp_path / "b.sqlite", tmp_path / "a.sqlite"], tmp_path / "c.sqlite")
    seen = []
    collect(asked(metrics=metrics), out=tmp_path / "c.sqlite", workers=2, progress=seen.append)
    assert rows_of(tmp_path / "c.sqlite") == rows_of(path)
    assert seen[-1].chunks_total == 12
    assert (
        read(tmp_path / "c.sqlite", metrics=["ser"])["value"].tolist()
        == frame[frame["metric"] == "ser"]["value"].tolist()
    )


def test_the_time_of_whole_sequences_is_not_taken_for_that_of_answers(tmp_path):
    collect(asked(prompt="none", sampler="stride", metrics="ser"), out=tmp_path / "store.sqlite")
    known, unknown = forecast(
        asked(prompt="none,prefix:size=8", sampler="stride", metrics="ser", samples=2000),
        tmp_path / "store.sqlite",
        probe=False,
    ).cells
    assert (known.source, unknown.source) == ("stored", "unknown")


def test_a_name_that_came_to_mean_other_positions_is_told_from_what_it_was(tmp_path, monkeypatch):
    wanted = asked(prompt=f"{__name__}:Moved", sampler="stride", metrics="ser")
    collect(wanted, out=tmp_path / "store.sqlite")
    assert set(read(tmp_path / "store.sqlite")["prompt"]) == {f"{__name__}:Moved"}
    monkeypatch.setattr(Moved, "first", 3)
    collect(wanted, out=tmp_path / "store.sqlite")
    shown = read(tmp_path / "store.sqlite", metrics="ser")["prompt"]
    assert len(set(shown)) == 2
    assert all(name.startswith(f"{__name__}:Moved@") for name in shown)


def test_prompts_drawn_otherwise_belong_to_other_tasks(monkeypatch):
    before = tasks(prompt="prefix:size=8")["draw"]
    monkeypatch.setattr("mdmtheory.sweeps.tasks.PROMPTS_VERSION", drawing.PROMPTS_VERSION + 1)
    after = tasks(prompt="prefix:size=8")["draw"]
    assert before.sha != after.sha
    assert after.versions > before.versions
    assert tasks()["draw"].sha == tasks(prompt="own")["draw"].sha


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"prompt": "fog"}, "unknown prompt"),
        ({"prompt": "prefix"}, "needs size"),
        ({"prompt": "prefix:size=32"}, "pass from 1 to 31"),
        ({"prompt": []}, "empty list"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_measured(changed, reason, tmp_path):
    with pytest.raises(ValueError, match=reason) as error:
        collect(asked(**{"sampler": "stride", **changed}), out=tmp_path / "store.sqlite")
    one_line(error.value)
    assert not (tmp_path / "store.sqlite").exists()


def test_a_plan_of_a_length_is_held_against_that_of_the_answer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.txt").write_text("1 2 3 4")
    given = {"length": 6, "sampler": "plan:file=plan.txt", "metrics": "ser"}
    frame = collect(asked(**given, prompt="prefix:size=2"), out=tmp_path / "store.sqlite")
    assert len(frame) == 1
    with pytest.raises(ValueError, match="4"):
        collect(asked(**given, prompt="none"), out=tmp_path / "store.sqlite")


def test_a_file_has_the_key_as_the_command_line_has_the_option(tmp_path):
    (tmp_path / "sweep.toml").write_text(f'lang = "{LANGUAGE}"\nsteps = 4\nprompt = ["none", "suffix:size=2"]\n')
    keys = read_toml(tmp_path / "sweep.toml")
    assert [cell.prompt for cell in cells_of(keys)] == ["none", "suffix:size=2"]
    assert [cell.prompt for cell in cells_of(keys, {"prompt": "every:stride=2"})] == ["every:stride=2"]


@pytest.mark.parametrize(
    "prompt",
    [
        {"given": "0-7"},
        {"given": "0-31", "drawn": "language"},
        {"given": "7,3", "drawn": "language"},
        {"given": "", "drawn": "language"},
        {"given": "0-40", "drawn": "language"},
        {"given": "0-7", "drawn": "uniform"},
        "prefix:size=8",
        None,
    ],
)
def test_a_prompt_that_cannot_be_costs_its_own_rows_alone(prompted, prompt, tmp_path):
    _, path = prompted
    store = tmp_path / "store.sqlite"
    store.write_bytes(path.read_bytes())
    with Forger(store) as forger:
        forger.like(about={"prompt": prompt}, names={"prompt": "prefix:size=8"})
    contents = load(store)
    assert len(contents.left_out) == 1
    assert "prompt" in next(iter(contents.left_out.values()))
    assert contents.tasks.keys() == load(path).tasks.keys()


def test_a_prompt_with_no_name_or_a_name_with_no_prompt_is_left_out(prompted, tmp_path):
    _, path = prompted
    store = tmp_path / "store.sqlite"
    store.write_bytes(path.read_bytes())
    with Forger(store) as forger:
        forger.like(about={"prompt": {"given": "0-7", "drawn": "language"}}, names={"prompt": None})
        forger.like(without="prompt", names={"prompt": "prefix:size=8"})
    assert len(load(store).left_out) == 2


def test_figures_tell_prompts_apart_and_hold_each_against_its_own_reference(prompted, tmp_path):
    frame, _ = prompted
    keys = set(reference_ter(frame))
    assert keys == {(LANGUAGE, 32, prompt) for prompt in ("", "prefix:size=8", "infill:size=L/2")}
    figure = metric_figure(frame, "steps", ["ter", "ser"], hue="prompt")
    labels = {each.get_text() for legend in figure.legends for each in legend.get_texts()}
    assert {"no prompt, stride", "prefix of 8, stride", "infill of L/2, ancestral"} <= labels
    alone = sweep_figure(frame[frame["prompt"] == "prefix:size=8"])
    assert "prompt prefix of 8" in alone.caption
    assert "prompt" not in sweep_figure(frame[frame["prompt"].isna()]).caption


def test_what_ranks_or_publishes_whole_sequences_refuses_answers(prompted):
    frame, _ = prompted
    from mdmtheory.plots.board import leaderboard

    for act in (entries, published_text, leaderboard):
        with pytest.raises(ValueError, match=r"answers to a prompt \(infill:size=L/2\)") as error:
            act(frame)
        one_line(error.value)
    assert len(entries(frame[frame["prompt"].isna()])) == 2
