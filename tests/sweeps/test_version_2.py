"""Stores of version 2, which had no dates and did not say what was asked for: read, gone on with, and found damaged."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mdmtheory.sweeps import cells, collect, merge, read, schema
from mdmtheory.sweeps.store import load
from tests.sweeps import older
from tests.sweeps.small import flip_bits, rows_of, small_cells

WRITTEN_DOWN_LATER = ["rule", "tag", "date"]


@pytest.fixture
def old(store: Path) -> Path:
    return older.aged_to_2(store)


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_it_is_read_as_it_was_and_nothing_is_written(old, collected):
    before = old.read_bytes()
    frame, today = read(old, metrics="ser,ter"), read(collected, metrics="ser,ter")
    assert frame[WRITTEN_DOWN_LATER].isna().all(axis=None)
    assert today[["rule", "date"]].notna().all(axis=None)
    assert frame.drop(columns=WRITTEN_DOWN_LATER).equals(today.drop(columns=WRITTEN_DOWN_LATER))
    assert old.read_bytes() == before


def test_nobody_wrote_down_which_metrics_were_asked_for_so_that_all_are_shown(tmp_path):
    out = tmp_path / "store.sqlite"
    collect(cells("parity", length=8, steps=4, samples=2000, metrics="ser"), out=out)
    assert set(read(out)["metric"]) == {"ser"}
    assert set(read(older.aged_to_2(out))["metric"]) == {"ser", "cross_entropy", "wrong"}


def test_a_sweep_goes_on_with_a_copy_and_writes_down_what_is_asked_for_from_then_on(old, collected):
    before, shown = old.read_bytes(), set(read(old)["metric"])
    collect(small_cells(samples=300, metrics="ser"), out=old, tag="paper1")
    kept = old.with_name("store.sqlite.version-2")
    assert kept.read_bytes() == before
    connection = sqlite3.connect(old)
    assert connection.execute("PRAGMA user_version").fetchone() == (schema.USER_VERSION,)
    connection.close()
    frame = read(old).set_index("metric")
    assert set(frame.loc["ser", "tag"]) == {"paper1"}
    assert frame.loc["ser", "date"].notna().all()  # of the chunks that came
    assert frame.loc["ter", WRITTEN_DOWN_LATER].isna().all(axis=None)
    assert set(frame.index) == shown
    mine = {row[:2]: row for row in rows_of(old)}
    assert all(mine[row[:2]] == row for row in rows_of(collected))


def test_it_is_merged_with_stores_of_today(old, collected, tmp_path):
    for number, stores in enumerate([(old, collected), (collected, old)]):
        out = tmp_path / f"{number}.sqlite"
        merge(stores, out)
        assert rows_of(out) == rows_of(collected)
        assert set(read(out)["rule"]) == {"4", "64"}
        assert set(read(out)["metric"]) == set(read(old)["metric"])


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE chunk SET host = 'elsewhere' WHERE [index] = 2", "chunk 2 is damaged: its checksum differs"),
        ("UPDATE chunk SET sums = replace(sums, '32768', '32769') WHERE [index] = 1", "chunk 1 is damaged"),
        ("UPDATE chunk SET sums = CAST(sums AS BLOB) WHERE [index] = 0", "chunk 0 is damaged"),
        ("UPDATE chunk SET seconds = 'long' WHERE [index] = 0", "chunk 0 is damaged"),
        ("DELETE FROM chunk WHERE [index] = 1", "chunk 1 is missing"),
        ("DELETE FROM chunk WHERE [index] = 3", "has 3 chunks where 4 were written"),
        ("UPDATE task SET label = replace(label, 'oracle', 'orakle')", "its checksum differs"),
    ],
)
def test_damage_is_found_by_name_before_and_after_it_is_brought_to_this_version(old, statement, reason):
    change(old, statement)
    contents = load(old)
    assert not contents.tasks
    assert len(contents.left_out) == 8
    assert all(reason in said for said in contents.left_out.values())
    collect(cells("parity", length=8, steps=4, samples=10, metrics="ser"), out=old)
    assert load(old).left_out == contents.left_out


def test_flipped_bits_are_found(old):
    flip_bits(old, old.read_bytes())


def test_other_tables_are_no_store_of_version_2(old):
    change(old, "CREATE TABLE more (a)")
    with pytest.raises(ValueError, match="tables are not those of a store"):
        read(old)
