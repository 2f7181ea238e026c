"""Stores from anywhere: reading one runs nobody's code and opens no file, and no row takes the others with it."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mdmtheory.metrics.registry import measures
from mdmtheory.sweeps import collect, merge, read
from mdmtheory.sweeps.store import load
from tests.sweeps.forged import Forger, change_language
from tests.sweeps.small import one_line, rows_of, small_cells
from tests.trap import trap


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return trap(tmp_path, monkeypatch)


def shown(path: Path) -> pd.DataFrame:
    with pytest.warns(UserWarning, match="left out of the results") as caught:
        frame = read(path)
    [line] = caught
    assert len(str(line.message).splitlines()) == 1
    assert str(line.message).isprintable()
    return frame


@pytest.mark.refutes("3.1")
@pytest.mark.parametrize("kind", ["trap:Trap", "sprung"])
@pytest.mark.parametrize("door", [read, lambda path: merge([path], path.with_name("merged.sqlite"))])
def test_the_kind_of_a_stored_language_is_never_imported_or_called(
    store: Path, mark: Path, kind: str, door: Callable[[Path], Any]
) -> None:
    change_language(store, kind=kind)
    door(store)
    assert not mark.exists()
    assert "trap" not in sys.modules


@pytest.mark.refutes("3.1")
@pytest.mark.parametrize("name", ["trap:Trap", "sprung"])
def test_names_in_a_store_are_never_looked_up_for_a_page_or_a_figure(store: Path, mark: Path, name: str) -> None:
    from mdmtheory.plots.board import leaderboard
    from mdmtheory.report.entries import entries, entropies_of

    change_language(store, name=name)
    with Forger(store) as forger:
        forger.like(about={"steps": None, "seed": 0}, names={"sampler": name})
    frame = read(store)
    entropies_of(frame)
    entries(frame)
    leaderboard(frame)
    assert set(frame["language"]) == {name}
    assert not mark.exists()


@pytest.mark.refutes("3.1")
def test_files_that_a_store_names_are_not_opened(store: Path, tmp_path: Path) -> None:
    from mdmtheory.report.entries import entries

    (tmp_path / "plan.txt").write_text(" ".join("1" for _ in range(512)))
    name = f"plan:file={tmp_path / 'plan.txt'}"
    with Forger(store) as forger:
        forger.like(about={"steps": None}, names={"sampler": name}, sums={"calls": 0})
    frame = read(store)
    frame.loc[frame["sampler"] == name, "calls"] = math.nan  # as where all sequences were given up
    assert not entries(frame)["given_up"].any()


def test_what_a_measure_must_know_of_a_model_it_may_find_in_a_store(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Forger(store) as forger:
        monkeypatch.setattr(type(measures()["draw"]), "facts", ("shape",))
        known = forger.like(about={"shape": 3})
        unknown = forger.like(about={"shape": 3, "colour": 3})
    contents = load(store)
    assert known.sha in contents.tasks
    assert "has colour" in contents.left_out[unknown.sha]


VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1.5, 1e400, 1 << 63, 1 << 64, 10**400),
    *("", "a", "trap:Trap", ":::", "one\ntwo", "\x1b[2J", "\ud800", "x" * 10_000),
    *([], {}, [1], {"a": 1}, {"max_errors": 0}, {"max_errors": "2"}, {"max_errors": 1, "more": 1}),
    *({"sampler": "changing tokens"}, {"sampler": 1}, {"denoiser": ["a"]}),
    *({"classes": [], "words": {}}, {"measure draw": "2"}, {"measure draw": 10**30}, {"streams": 1}),
)
KEYS = (
    *("measure", "language", "length", "seed", "steps", "model", "denoiser", "sampler", "schedule", "identity"),
    *("versions", "kind", "stop", "plug_ins", "added later"),
)
NAMES = ("model", "denoiser", "sampler", "schedule", "families", "added later")


@pytest.mark.refutes("4.5")
@pytest.mark.parametrize("measure", ["draw", "score"])
def test_no_task_takes_others_down(store: Path, collected: Path, measure: str) -> None:
    before = read(collected)
    with Forger(store) as forger:
        for value in VALUES:
            for key in KEYS:
                forger.like(measure, about={key: value})
            for key in NAMES:
                forger.like(measure, names={key: value})
        for key in KEYS[:-4]:
            forger.like(measure, without=key)
    frame = shown(store)
    assert before.merge(frame.drop_duplicates(), how="inner").shape == before.shape
    assert len(frame.attrs["left_out"]) > 300
    assert all(len(each) < 400 and each.isprintable() for each in frame.attrs["left_out"])
    assert frame.to_csv().encode()


@pytest.mark.refutes("4.5")
@pytest.mark.parametrize("seed", [1 << 63, 1 << 64, -1, 1.0, "0", True])
def test_a_seed_that_no_frame_holds_is_left_out_by_name(store: Path, collected: Path, seed: Any) -> None:
    with Forger(store) as forger:
        task = forger.like(about={"seed": seed})
    frame = shown(store)
    assert frame.equals(read(collected))
    [reason] = frame.attrs["left_out"]
    assert reason.startswith(f"task {task.sha[:12]} (it has seed ")
    assert len(collect(small_cells(), out=store)) == len(frame)
    assert len(rows_of(store)) == len(rows_of(collected)) + 4  # what a newer one may know is left where it is


@pytest.mark.refutes("4.5")
@pytest.mark.parametrize("text", ["", "[]", "7", "null", '"a"', "{", "[" * 100_000, '{"measure": ' + "9" * 5000 + "}"])
def test_texts_that_are_no_task(store: Path, collected: Path, text: str) -> None:
    with Forger(store) as forger:
        forger.task(text, "{}")
        forger.task(json.dumps({"measure": text}), text)
    assert shown(store).equals(read(collected))


@pytest.mark.refutes("4.5")
@pytest.mark.parametrize("measure", ["draw", "score"])
def test_no_counts_take_others_down(store: Path, collected: Path, measure: str) -> None:
    before = read(collected)
    whole = ("sequences", "errors", "impossible", "tokens", "calls", "rounds")
    real = ("nats", "nats_squared", "nats_cubed", "gap", "gap_squared", "gap_cubed", "ratio", "ratio_squared")
    with Forger(store) as forger:
        for key in whole:
            for value in (-1, 0, 1, (1 << 63) - 1, -(1 << 63), 10**400, 0.5):
                forger.like(measure, sums={key: value})
        for key in real:
            for amount in (math.inf, -math.inf, 1e308, -1e308, -1.0, 1e-320):
                forger.like(measure, sums={key: amount})
    frame = shown(store)
    assert before.merge(frame.drop_duplicates(), how="inner").shape == before.shape


@pytest.mark.refutes("4.4")
def test_a_language_of_a_kind_that_only_a_newer_one_knows_is_shown_by_name_and_digest(
    store: Path, collected: Path
) -> None:
    digest = next(iter(set(read(collected)["language"])))
    change_language(store, kind="lattice", parameters='{"of": "another make"}')
    frame = read(store)
    assert len(frame) == len(read(collected))
    [name] = set(frame["language"])
    assert name.startswith(f"{digest}@")


def test_a_name_that_talks_to_the_terminal_is_written_out(store: Path) -> None:
    change_language(store, name="hmm\x1b[2J\nmdmtheory: error")
    assert set(read(store)["language"]) == {"hmm\\x1b[2J\\nmdmtheory: error"}


@pytest.mark.refutes("4.4")
def test_a_store_with_rows_of_a_newer_one_is_not_merged_and_they_are_named(store: Path, tmp_path: Path) -> None:
    with Forger(store) as forger:
        task = forger.like(about={"added later": 1})
    with pytest.raises(ValueError, match=rf"{task.sha[:12]} \(it has added later") as caught:
        merge([store], tmp_path / "merged.sqlite")
    assert str(store) in one_line(caught.value)
    assert not (tmp_path / "merged.sqlite").exists()
