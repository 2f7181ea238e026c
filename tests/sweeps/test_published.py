"""Rows that an earlier run published are taken where the very same task would be measured, and nowhere else."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mdmtheory.sweeps.tasks as tasks
from mdmtheory.core.notices import Notice
from mdmtheory.metrics.ter import TerRatio
from mdmtheory.sweeps import Cell, cells, collect
from mdmtheory.sweeps.progress import Progress
from mdmtheory.sweeps.published import PUBLISHED, _crc, published_text, rows_of_runs
from mdmtheory.sweeps.stored import stored
from tests.sweeps.small import LANGUAGE

Rows = list[dict[str, str]]


def asked(**changed: Any) -> list[Cell]:
    given = {"length": 16, "steps": "4", "sampler": "ancestral,confidence,stride", "samples": 1000}
    return cells(LANGUAGE, **{**given, "metrics": "ser,ter,cross_entropy", **changed})


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return collect(asked(), out=tmp_path_factory.mktemp("measured") / "store.sqlite", workers=1)


@pytest.fixture
def rows(measured: pd.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(published_text(measured))
    return path


@pytest.fixture
def again(rows: Path, tmp_path: Path) -> Callable[..., tuple[pd.DataFrame, Progress]]:
    """Collects with the rows into a store of its own; the frame, and how far it was at its end."""

    def again(**changed: Any) -> tuple[pd.DataFrame, Progress]:
        said: list[Progress] = []
        level = changed.pop("level", 0.95)
        out = tmp_path / "again.sqlite"
        frame = collect(asked(**changed), out=out, workers=1, level=level, progress=said.append, rows=rows)
        return frame, said[-1]

    return again


def changed_rows(path: Path, change: Callable[[Rows], object], crc: bool = True) -> None:
    """Writes the file anew after a change, with checksums that are right, or those that were there."""
    found = list(csv.DictReader(io.StringIO(path.read_text())))
    change(found)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(PUBLISHED)
    for row in found:
        *said, old = (row[name] for name in PUBLISHED)
        writer.writerow([*said, _crc(said) if crc else old])
    path.write_text(text.getvalue())


def without_seconds(frame: pd.DataFrame) -> str:
    """All but what rows do not say that are published: when and where it was measured."""
    return frame.drop(columns=["seconds", "date", "code", "host"]).to_csv()


def test_what_was_published_is_not_measured_and_says_the_same(again, measured):
    frame, end = again()
    assert (end.sequences, end.cells_published) == (0, 3)
    assert without_seconds(frame) == without_seconds(measured)
    assert frame["seconds"].isna().all()
    assert frame[list(PUBLISHED[:-1])].dtypes.equals(measured[list(PUBLISHED[:-1])].dtypes)


def test_without_a_store_rows_alone_are_enough(rows, measured, tmp_path):
    frame = stored(asked(), tmp_path / "none.sqlite", rows=rows)
    assert without_seconds(frame) == without_seconds(measured)
    assert not (tmp_path / "none.sqlite").exists()


def test_a_cell_that_was_not_published_is_measured_beside_those_that_were(again, measured):
    frame, end = again(sampler="ancestral,confidence,margin,stride")
    assert (end.cells_published, end.cells_total) == (3, 4)
    others = frame[frame["sampler"] != "margin"].reset_index(drop=True)
    assert without_seconds(others) == without_seconds(measured)


def test_a_task_of_another_version_is_measured_anew(again, measured, monkeypatch):
    monkeypatch.setattr(tasks, "STREAMS_VERSION", tasks.STREAMS_VERSION + 1)
    frame, end = again()
    assert (end.cells_published, end.chunks_done) == (0, 6)
    assert not set(frame["task"]) & set(measured["task"])


def test_another_level_is_measured_anew(again):
    assert again(level=0.9)[1].cells_published == 0


@pytest.mark.parametrize(("samples", "taken"), [(2049, 0), (2048, 3), (10, 3)])
def test_more_sequences_are_measured_anew_and_fewer_are_not(again, measured, samples, taken):
    assert set(measured["count"][measured["metric"] == "ser"]) == {2048}
    assert again(samples=samples)[1].cells_published == taken


def test_a_number_of_metrics_that_was_not_published_is_measured_anew(again, rows):
    changed_rows(rows, lambda found: found.remove(next(row for row in found if row["metric"] == "ter_ratio")))
    frame, end = again()
    assert end.chunks_done == 1
    assert set(frame["metric"]) == {"ser", "ter", "ter_ratio", "cross_entropy"}


def test_what_errors_stop_is_measured_anew_for_its_rows_do_not_say_what_was_asked(tmp_path):
    chosen = asked(metrics="ser", max_errors=10)
    first = collect(chosen, out=tmp_path / "first.sqlite", workers=1)
    (tmp_path / "rows.csv").write_text(published_text(first))
    said: list[Progress] = []
    collect(chosen, out=tmp_path / "again.sqlite", workers=1, progress=said.append, rows=tmp_path / "rows.csv")
    assert said[-1].cells_published == 0


def test_what_is_stored_wins_over_what_was_published(measured, rows, tmp_path):
    store = tmp_path / "again.sqlite"
    collect(asked(), out=store, workers=1)
    changed_rows(rows, lambda found: [row.update(calls="3.0") for row in found])
    frame = collect(asked(), out=store, workers=1, rows=rows)
    assert without_seconds(frame) == without_seconds(measured)


def test_rows_of_scores_have_the_calls_of_drawn_rows_wherever_these_come_from(again, rows, measured):
    changed_rows(rows, lambda found: [found.remove(row) for row in list(found) if row["metric"].startswith("ter")])
    frame, end = again()
    assert end.chunks_done == 3
    assert without_seconds(frame) == without_seconds(measured)


def first(name: str, value: str) -> Callable[[Rows], object]:
    return lambda found: found[0].update({name: value})


@pytest.mark.parametrize(
    ("change", "crc", "reason"),
    [
        (first("value", "0.25"), False, "line 2 (its checksum differs)"),
        (first("task", "0" * 16), False, "line 2 (its checksum differs)"),
        (lambda found: found.append(found[0]), True, "it stands there twice"),
        (first("form", "9"), True, "line 2 (it is from a newer mdmtheory, which knows form 9 of ser)"),
        (first("form", "one"), True, "line 2 (it says what cannot be: "),
        (first("value", "2.5"), True, "line 2 (it says what cannot be: estimate 2.5 lies outside its interval"),
        (first("value", "nan"), True, "line 2 (it says what cannot be: estimate nan lies outside its interval"),
        (first("value", ""), True, "line 2 (it says what cannot be: an end of its interval is missing)"),
        (first("count", "-1"), True, "line 2 (it says what cannot be: "),
        (first("calls", "-1"), True, "line 2 (it says what cannot be: "),
        (first("calls", "inf"), True, "line 2 (it says what cannot be: "),
        (first("kind", "proven"), True, "line 2 (it says what cannot be: kind 'proven' is unknown"),
        (first("kind", "withheld (me)"), True, "line 2 (it says what cannot be: a number that is withheld stands"),
        (first("kind", "exact"), True, "line 2 (it says what cannot be: an exact number has no interval)"),
        (first("kind", "estimate\x1b[2J"), True, "line 2 (it says what cannot be: its kind cannot be printed)"),
        (first("kind", "estimate, cut from everywhere"), True, "line 2 (it says what cannot be: "),
    ],
)
def test_a_row_that_cannot_be_believed_is_told_and_measured_anew(again, rows, measured, change, crc, reason):
    changed_rows(rows, change, crc)
    with pytest.warns(Notice) as told:
        frame, end = again()
    assert reason in str(told[0].message)
    assert end.chunks_done == 1
    assert without_seconds(frame) == without_seconds(measured)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("rounds,form", "rounds,novelty,form", 1),
        lambda text: "",
        lambda text: text.replace("hmm", "h\x00mm"),
        lambda text: text.partition("\n")[2],
    ],
)
def test_a_file_of_other_columns_or_none_is_told_and_measured_anew(again, rows, measured, damage):
    rows.write_text(damage(rows.read_text()))
    with pytest.warns(Notice):
        frame, end = again()
    assert end.cells_published == 0
    assert without_seconds(frame) == without_seconds(measured)


def test_a_file_that_is_no_text_is_told_and_measured_anew(again, rows):
    rows.write_bytes(b"\xff\xfe\x00" * 100)
    with pytest.warns(Notice, match="not every row can be taken"):
        assert again()[1].cells_published == 0


def test_rows_of_cells_that_nobody_asks_for_are_passed_over(again, rows):
    assert again(sampler="stride")[1].cells_published == 1


def test_a_number_of_a_former_form_stays_as_it_was_published(again, rows, measured, monkeypatch):
    monkeypatch.setattr(TerRatio, "form", TerRatio.form + 1)
    frame, end = again()
    assert end.cells_published == 3
    assert without_seconds(frame) == without_seconds(measured)


def test_metrics_of_somebody_elses_are_never_taken(rows, tmp_path, monkeypatch):
    (tmp_path / "mine_of_a_test.py").write_text(
        "from mdmtheory.metrics.ser import Ser\nclass Mine(Ser):\n    name = 'mine'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    chosen = asked(metrics="ser,mine_of_a_test:Mine")
    rows.write_text(published_text(collect(chosen, out=tmp_path / "first.sqlite", workers=1)))
    said: list[Progress] = []
    collect(chosen, out=tmp_path / "again.sqlite", workers=1, progress=said.append, rows=rows)
    assert said[-1].cells_published == 0


def of_network(measured: pd.DataFrame, **changed: Any) -> pd.DataFrame:
    """The same rows, as if a network had stood in the oracle's place."""
    return measured.assign(denoiser="runs/x", **changed)


def test_rows_of_networks_are_read_as_they_were_written(measured, tmp_path):
    path = tmp_path / "rows.csv"
    text = published_text(pd.concat([measured, of_network(measured)]))
    path.write_text(text)
    found = rows_of_runs(path)
    assert len(found) == len(measured)
    assert published_text(pd.concat([measured, found.reindex(columns=measured.columns)])) == text
    assert rows_of_runs(tmp_path / "none.csv").empty


@pytest.mark.parametrize("changed", [{"length": 0}, {"sampler": "a\x1bb"}, {"steps": "many"}])
def test_a_row_of_a_network_that_says_what_cannot_be_is_told_and_left_out(measured, tmp_path, changed):
    path = tmp_path / "rows.csv"
    path.write_text(published_text(of_network(measured.head(1), **changed)))
    with pytest.warns(Notice, match=r"rows that are not taken from it: line 2 \(it says what cannot be: "):
        assert rows_of_runs(path).empty
