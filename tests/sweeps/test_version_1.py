"""Stores of version 1: read as they were, gone on with, and no worse for damage than a store of today."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mdmtheory.core.means import LEAST_WITHOUT_SKEWNESS
from mdmtheory.sweeps import cells, collect, merge, read, schema
from mdmtheory.sweeps.passes import Pass
from mdmtheory.sweeps.store import load
from tests.sweeps import older
from tests.sweeps.small import flip_bits, one_line, rows_of, small_cells


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of the store that the code of version 1 wrote."""
    return Path(shutil.copy(older.FILE, tmp_path / "old.sqlite"))


def change(path: Path, statement: str, *values: Any) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement, values)
    connection.commit()
    connection.close()


def test_it_is_read_as_the_code_that_wrote_it_read_it_but_for_intervals_of_means(old: Path) -> None:
    found = read(old)
    said = found["sampler"].dropna()
    assert set(said[said.str.contains("ties")]) == {"confidence:ties=lowest", "stride:nucleus=0.5,ties=lowest"}
    frame, read_then = (pd.read_csv(io.StringIO(text)) for text in (older.as_read_then(found), older.CSV.read_text()))
    assert old.read_bytes() == older.FILE.read_bytes()
    means = frame["metric"].isin(["ter", "ter_ratio", "cross_entropy", "ser_scored"]) & read_then["value"].notna()
    same = [name for name in read_then if name not in ("value", "low", "high", "level", "kind")]
    assert frame[same].to_csv(index=False) == read_then[same].to_csv(index=False)
    assert frame[~means].to_csv(index=False) == read_then[~means].to_csv(index=False)
    # Sums of cubes were not yet made: few sequences have no interval that holds without them.
    given = frame["value"].notna()
    equal = np.isclose(read_then["low"], read_then["high"], rtol=1e-8, atol=0)
    assert (given == (equal | (frame["count"] >= LEAST_WITHOUT_SKEWNESS)))[means].all()
    withheld = frame.loc[means & ~given, "kind"]
    assert withheld.str.endswith("draw 500 or more)").all()
    np.testing.assert_array_equal(frame.loc[means & given, "value"], read_then.loc[means & given, "value"])
    wider = frame["high"] - frame["low"] >= read_then["high"] - read_then["low"]
    assert (wider | np.isinf(read_then["value"]))[means & given].all()
    kinds = {kind.partition(" (")[0].partition(", ")[0] for kind in frame["kind"]}
    assert kinds == {"estimate", "upper bound", "exact", "withheld"}
    assert (frame["value"] == float("inf")).any()
    assert frame["kind"].str.contains("cut from").any()
    assert {stored.task.max_errors for stored in load(old).tasks.values()} == {None, 60}


def test_chunks_have_the_sums_of_their_measure_alone() -> None:
    found = {stored.task.measure: set(stored.chunks[0].sums) for stored in load(older.FILE).tasks.values()}
    assert found == {
        "draw": {"sequences", "errors", "impossible", "tokens", "nats", "nats_squared", "calls", "rounds"},
        "score": {"sequences", "tokens", "nats", "nats_squared", "gap", "gap_squared"},
        "score_plans": {
            *("sequences", "tokens", "nats", "nats_squared", "gap", "gap_squared"),
            *("ratio", "ratio_squared"),
        },
    }


def test_a_sweep_goes_on_with_it_and_ends_where_a_new_one_does(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[int] = []
    genuine = Pass.compute

    def noting(self: Pass, index: int, wanted: Any) -> Any:
        computed.append(index)
        return genuine(self, index, wanted)

    monkeypatch.setattr(Pass, "compute", noting)
    for given in older.CELLS:
        collect(cells(**given), out=old)
    assert not computed, "all of it is there"
    more = cells(**{**older.CELLS[0], "samples": 250})
    collect(more, out=old)
    assert set(computed) == {3}
    collect(more, out=tmp_path / "new.sqlite")
    mine, new = (older.without_cubes(rows_of(path)) for path in (old, tmp_path / "new.sqlite"))
    kept = {sha for sha, _, _ in new}
    assert [(sha, index) for sha, index, _ in mine if sha in kept] == [(sha, index) for sha, index, _ in new]
    for (_, _, found), (_, _, expected) in zip([row for row in mine if row[0] in kept], new, strict=True):
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert len(older.as_read_then(read(old)).splitlines()) == len(older.CSV.read_text().splitlines())
    [stored] = [each for each in load(old).tasks.values() if each.task.sha == new[0][0]]
    assert [any(name.endswith("cubed") for name in chunk.sums) for chunk in stored.chunks] == [False] * 3 + [True]


def test_the_file_that_it_was_stays_beside_and_the_new_one_is_of_this_version(old: Path) -> None:
    before = old.read_bytes()
    collect(cells(**older.CELLS[-1]), out=old)
    kept = old.with_name("old.sqlite.version-1")
    assert kept.read_bytes() == before
    assert sorted(each.name for each in old.parent.iterdir()) == [old.name, kept.name]
    connection = sqlite3.connect(old)
    assert connection.execute("PRAGMA user_version").fetchone() == (schema.USER_VERSION,)
    connection.close()
    now, then = read(old), read(kept)
    assert now.drop(columns="rule").equals(then.drop(columns="rule"))
    assert (set(then["rule"].dropna()), set(now["rule"].dropna())) == (set(), {"64"})


def test_it_is_merged_with_stores_of_today_and_third_sums_are_kept(
    store: Path, collected: Path, tmp_path: Path
) -> None:
    old = older.aged(store)
    for number, stores in enumerate([(old, collected), (collected, old)]):
        merge(stores, tmp_path / f"{number}.sqlite")
        assert rows_of(tmp_path / f"{number}.sqlite") == rows_of(collected)
    merge([older.FILE, collected], tmp_path / "all.sqlite")
    assert set(rows_of(tmp_path / "all.sqlite")) > set(rows_of(collected))
    assert len(read(tmp_path / "all.sqlite")) == len(read(older.FILE))


COLUMNS = ("sequences", "tokens", "nats", "nats_squared", "gap", "seconds", "crc", "errors", "ratio", "calls")


@pytest.mark.parametrize("column", COLUMNS)
def test_a_damaged_chunk_is_left_out_by_name_and_measured_anew(store: Path, collected: Path, column: str) -> None:
    before = read(collected)
    older.aged(store)
    change(store, f"UPDATE chunk SET {column} = {column} + 1 WHERE task = (SELECT max(sha) FROM task) AND [index] = 2")
    task = load(collected).tasks[max(load(collected).tasks)].task
    with pytest.warns(UserWarning, match="left out"):
        frame = read(store)
    assert frame.attrs["left_out"] == [f"{task} (chunk 2 is damaged: its checksum differs)"]
    assert len(before) - 2 <= len(frame) < len(before)
    # A sweep of other cells writes the new version, and the damage is still known by its name.
    collect(small_cells(steps=8, sampler="stride", samples=10), out=store)
    assert load(store).left_out == {task.sha: frame.attrs["left_out"][0]}
    with pytest.raises(ValueError, match="chunk 2 is damaged"):
        merge([store], store.with_name("merged.sqlite"))
    with pytest.warns(UserWarning, match="put in anew"):
        collect(small_cells(), out=store)
    assert not load(store).left_out
    mine = {row[:2]: row[2] for row in older.without_cubes(rows_of(store))}
    assert all(mine[sha, index] == sums for sha, index, sums in older.without_cubes(rows_of(collected)))


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DELETE FROM chunk WHERE task = (SELECT min(sha) FROM task) AND [index] = 1", "chunk 1 is missing"),
        ("UPDATE chunk SET host = CAST(x'ff' AS TEXT)", "chunk 0 is damaged"),
        ("UPDATE chunk SET nats = 'much'", "chunk 0 is damaged"),
        ("UPDATE chunk SET [index] = 'last' WHERE [index] = 2", "chunk 2 is missing"),
        ("UPDATE chunk SET task = x'00' WHERE [index] = 2", r"where 3 were written.*chunks of task b'"),
        ("DELETE FROM task WHERE sha = (SELECT min(sha) FROM task)", "which is missing"),
        ("UPDATE task SET json = replace(json, '512', '513')", "its checksum differs"),
        ("UPDATE task SET json = '[' WHERE sha = (SELECT min(sha) FROM task)", "its checksum differs"),
        ("UPDATE language SET crc = 0", "its checksum differs"),
    ],
)
def test_whatever_else_is_damaged_is_left_out_by_name(old: Path, statement: str, reason: str) -> None:
    if "SET task" in statement:
        change(old, "DELETE FROM chunk WHERE [index] = 2 AND task != (SELECT min(task) FROM chunk WHERE [index] = 2)")
    change(old, statement)
    with pytest.warns(UserWarning, match="left out"):
        frame = read(old)
    said = "; ".join(frame.attrs["left_out"])
    assert re.search(reason, said)
    # Nothing is shown but what is right; costs are those of the draws, which may be the ones left out.
    costs = ["calls", "rounds"]
    whole, shown = (
        each.loc[:, :"prompt"].drop(columns=costs).to_csv(index=False) for each in (read(older.FILE), frame)
    )
    assert set(shown.splitlines()) < set(whole.splitlines())


def test_other_tables_are_no_store_of_version_1_either(old: Path) -> None:
    for statement in (
        "CREATE TRIGGER more AFTER INSERT ON chunk BEGIN UPDATE chunk SET errors = 0; END",
        "CREATE TABLE more (a)",
    ):
        change(old, statement)
        with pytest.raises(ValueError, match="tables are not those of a store") as caught:
            read(old)
        one_line(caught.value)


def test_any_flipped_bit_is_found_or_changes_nothing(old: Path) -> None:
    flip_bits(old, older.FILE.read_bytes())


def test_a_migration_that_fails_leaves_the_store_as_it_was(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(one: sqlite3.Connection, other: sqlite3.Connection) -> None:
        other.execute("SELECT * FROM nowhere")

    before = old.read_bytes()
    monkeypatch.setitem(schema.MIGRATIONS, 1, schema.MIGRATIONS[1]._replace(copy=failing))
    for door in (read, lambda path: collect(small_cells(), out=path)):
        with pytest.raises(ValueError, match="damaged") as caught:
            door(old)
        one_line(caught.value)
    assert [each.read_bytes() for each in old.parent.iterdir()] == [before]


def test_one_that_is_read_only_is_read_and_not_migrated(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(OSError, match=r"cannot write .*old.sqlite \(it is read-only\); change its permissions"):
        collect(small_cells(), out=old)
    assert [each.read_bytes() for each in old.parent.iterdir()] == [older.FILE.read_bytes()]
    assert len(read(old))


@pytest.mark.parametrize("after", ["copy", "load", "put_in_place"])
def test_a_migration_that_is_killed_leaves_the_store_whole(old: Path, after: str) -> None:
    """At the latest when both files are whole; the sweep then goes on with what it finds."""
    place = {
        "copy": "schema.MIGRATIONS[1] = schema.MIGRATIONS[1]._replace(copy=lambda old, new: killing(copy, old, new))",
        "load": "schema.load = lambda *given: killing(load, *given)",
        "put_in_place": "store.put_in_place = lambda *given: killing(put, *given)",
    }[after]
    code = (
        "import os, signal, sys\nfrom mdmtheory.sweeps import schema, store\n"
        "copy, load, put = schema.MIGRATIONS[1].copy, schema.load, store.put_in_place\n"
        "def killing(act, *given):\n    act(*given)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        f"{place}\nstore.Store(sys.argv[1])\n"
    )
    before, rows = old.read_bytes(), read(old).to_csv()
    ended = subprocess.run([sys.executable, "-c", code, str(old)], env=dict(os.environ), check=False)
    assert ended.returncode == -signal.SIGKILL
    assert old.read_bytes() == before
    assert read(old).to_csv() == rows
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        collect(cells(**older.CELLS[-1]), out=old)
    assert old.with_name("old.sqlite.version-1").read_bytes() == before
