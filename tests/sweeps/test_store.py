from __future__ import annotations

import base64
import json
import re
import sqlite3
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mdmtheory.sweeps import collect, merge, read, schema
from mdmtheory.sweeps.building import Builder
from mdmtheory.sweeps.store import Store, load
from tests.sweeps.small import flip_bits, one_line, rows_of, small_cells


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def refusal(path: Path) -> str:
    """The one line with which both reading and writing refuse the file."""
    with pytest.raises((ValueError, OSError)) as reading:
        read(path)
    with pytest.raises((ValueError, OSError)) as writing:
        collect(small_cells(), out=path)
    assert one_line(reading.value).replace(str(path), "") == one_line(writing.value).replace(str(path.resolve()), "")
    return one_line(reading.value)


def read_with_warning(path: Path):
    """The rows that can be shown, and the one line on those that cannot."""
    with pytest.warns(UserWarning, match="left out") as caught:
        frame = read(path)
    [said] = caught
    assert "\n" not in str(said.message)
    return frame, str(said.message)


def test_the_file_is_what_it_says(store):
    connection = sqlite3.connect(store)
    pragmas = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("application_id", "user_version", "journal_mode")
    }
    connection.close()
    assert pragmas == {"application_id": schema.APPLICATION_ID, "user_version": 3, "journal_mode": "delete"}
    with Store(store) as opened:
        assert opened._connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert opened._connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_chunk_is_whole_sequences_and_additive(store):
    contents = load(store)
    [language] = contents.languages.values()
    assert language.fault is None
    assert language.digest == Builder().build(small_cells()[0])[0].digest
    assert len(contents.tasks) == 8
    for stored in contents.tasks.values():
        assert [chunk.index for chunk in stored.chunks] == [0, 1, 2, 3]
        assert {(chunk.sums["sequences"], chunk.sums["tokens"]) for chunk in stored.chunks} == {(64, 64 * 512)}
        assert all(chunk.seconds > 0 and chunk.host and chunk.code for chunk in stored.chunks)


DIFFERS = r"task .*chunk {} .*checksum differs"


def test_nothing_is_left_beside_the_store(store):
    assert [each.name for each in store.parent.iterdir()] == [store.name]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DELETE FROM chunk WHERE {one} AND [index] = 1", r"task .*chunk 1 is missing"),
        ("DELETE FROM chunk WHERE {one} AND [index] = 0", r"task .*chunk 0 is missing"),
        ("DELETE FROM chunk WHERE {one} AND [index] = 3", r"task .*has 3 chunks where 4 were written"),
        ("DELETE FROM chunk WHERE {one}", r"task .*has 0 chunks where 4 were written"),
        ("DELETE FROM task WHERE {it}", r"4 chunks of task .* \(which is missing\)"),
        ("UPDATE chunk SET sums = replace(sums, '32768', '32769') WHERE {one} AND [index] = 2", DIFFERS.format(2)),
        ("UPDATE chunk SET sums = json_remove(sums, '$.nats_cubed') WHERE {one}", DIFFERS.format(0)),
        ("UPDATE chunk SET sums = sums || ' ' WHERE {one}", DIFFERS.format(0)),
        ("UPDATE chunk SET seconds = 0 WHERE {one}", r"task .*chunk 0 .*checksum differs"),
        ("UPDATE chunk SET host = 'elsewhere' WHERE {one}", r"task .*chunk 0 .*checksum differs"),
        ("UPDATE chunk SET host = CAST(x'ff' AS TEXT) WHERE {one}", r"task .*chunk 0 .*checksum differs"),
        ("UPDATE chunk SET sums = 'many' WHERE {one}", r"task .*chunk 0 is damaged"),
        ("UPDATE chunk SET sums = CAST(sums AS BLOB) WHERE {one}", r"task .*chunk 0 is damaged"),
        ("UPDATE chunk SET seconds = 'long' WHERE {one}", r"task .*chunk 0 is damaged"),
        ("UPDATE chunk SET crc = crc + 1 WHERE {one}", r"task .*chunk 0 .*checksum differs"),
        ("UPDATE chunk SET [index] = 4 WHERE {one} AND [index] = 3", r"task .*chunk 3 is missing"),
        ("UPDATE task SET chunks = 5 WHERE {it}", r"task .*has 4 chunks where 5 were written"),
        ("UPDATE task SET chunks = 'all' WHERE {it}", r"task .*a field is of another type"),
        ("UPDATE task SET json = replace(json, '512', '513') WHERE {it}", r"task .*checksum differs"),
        ("UPDATE task SET json = CAST(x'ff' AS TEXT) WHERE {it}", r"task .*checksum differs"),
        ("UPDATE task SET label = replace(label, 'oracle', 'orakle') WHERE {it}", r"task .*checksum differs"),
        ("UPDATE task SET sha = 'z' || substr(sha, 2) WHERE {it}", r"task z.*checksum differs.*; 4 chunks of task"),
        ("UPDATE task SET sha = x'00' WHERE {it}", r"task b'.*another type.*; 4 chunks of task"),
    ],
)
@pytest.mark.refutes("4.4")
def test_a_row_that_was_changed_or_deleted_costs_its_own_task_and_is_measured_anew(store, collected, statement, reason):
    before = read(collected)
    change(store, statement.format(one="task = (SELECT min(sha) FROM task)", it="sha = (SELECT min(sha) FROM task)"))
    frame, said = read_with_warning(store)
    assert re.search(reason, said)
    assert re.search(reason, "; ".join(frame.attrs["left_out"]))
    # One task of draws or scores is missing, and with it nothing but its own rows.
    assert len(before) - 2 <= len(frame) < len(before)
    kept = before.merge(frame, how="inner")
    assert len(kept) >= len(frame) - 2  # costs are those of the draws
    with pytest.raises(ValueError, match="cannot be merged") as caught:
        merge([collected, store], store.with_name("merged.sqlite"))
    assert re.search(reason, one_line(caught.value))
    with pytest.warns(UserWarning, match="put in anew"):
        assert len(collect(small_cells(), out=store)) == len(before)
    assert rows_of(store) == rows_of(collected)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DELETE FROM language", r"its language is missing"),
        ("UPDATE language SET parameters = replace(parameters, 'A', 'B')", r"language .*checksum differs"),
        ("UPDATE language SET parameters = CAST(x'ff' AS TEXT)", r"language .*checksum differs"),
        ("UPDATE language SET kind = 'ngram'", r"language .*checksum differs"),
        ("UPDATE language SET name = 'other'", r"language other .*checksum differs"),
        ("UPDATE language SET crc = 'none'", r"language .*another type"),
    ],
)
@pytest.mark.refutes("4.4")
def test_a_language_that_was_changed_is_put_in_again_and_nothing_is_measured_anew(store, collected, statement, reason):
    change(store, statement)
    frame, said = read_with_warning(store)
    assert re.search(reason, said)
    assert len(frame) == 0
    with pytest.raises(ValueError, match="cannot be merged") as caught:
        merge([store], store.with_name("merged.sqlite"))
    assert re.search(reason, one_line(caught.value))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        collect(small_cells(), out=store)
    assert read(store).equals(read(collected))  # to the second


@pytest.mark.parametrize("statement", ["DROP TABLE chunk", "CREATE TABLE more (a)"])
def test_other_tables_are_no_store(store, statement):
    change(store, statement)
    assert "tables are not those of a store" in refusal(store)


def test_parameters_that_do_not_have_their_digest_are_found_even_with_a_good_checksum(store):
    [language] = load(store).languages.values()
    parameters = json.loads(language.parameters)
    rows = np.frombuffer(base64.b64decode(parameters["transition"]["float64"])).reshape(6, 6)
    parameters["transition"]["float64"] = base64.b64encode(rows[::-1].tobytes()).decode()
    forged = schema.StoredLanguage(language.digest, language.name, language.kind, json.dumps(parameters))
    connection = sqlite3.connect(store)
    connection.execute("UPDATE language SET parameters = ?, crc = ?", (forged.parameters, forged.crc))
    connection.commit()
    connection.close()
    assert "its parameters have digest" in read_with_warning(store)[1]


def test_a_language_of_many_numbers_is_there_by_name_and_digest_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(schema, "MOST_STORED_ENTRIES", 6 + 36 + 24)
    assert schema.StoredLanguage.of(Builder().language("hmm:states=6,vocab_size=4"), "mine").kind == "hmm"
    monkeypatch.setattr(schema, "MOST_STORED_ENTRIES", 6 + 36 + 24 - 1)
    path = tmp_path / "large.sqlite"
    [cell] = small_cells()[:1]
    frame = collect([cell], out=path)
    [language] = load(path).languages.values()
    assert (language.kind, language.parameters, language.by_name_alone, language.fault) == ("", "", True, None)
    assert read(path).equals(frame)
    assert collect([cell], out=path).equals(frame)  # nothing is measured anew


def test_any_flipped_bit_is_found_or_changes_nothing(store, collected):
    flip_bits(store, collected.read_bytes())


def test_a_truncated_file_is_found(store, collected):
    whole = collected.read_bytes()
    for size in [1, 50, 99, 100, 512, 4095, 4096, 8192, len(whole) // 2, len(whole) - 4096]:
        store.write_bytes(whole[:size])
        with pytest.raises((ValueError, OSError)) as caught:
            load(store)
        one_line(caught.value)
    assert "again" in refusal(store)


def test_a_file_without_its_last_byte_is_found_or_holds_the_same(store, collected):
    # SQLite reads what is missing of a page as zeros: where nothing but zeros or unused bytes is lost, nothing is.
    store.write_bytes(collected.read_bytes()[:-1])
    try:
        load(store)
    except (ValueError, OSError) as error:
        one_line(error)
    else:
        assert rows_of(store) == rows_of(collected)


def test_an_empty_file_is_filled_by_a_sweep_and_is_nothing_to_read(tmp_path, collected):
    path = tmp_path / "store.sqlite"
    path.touch()
    with pytest.raises(ValueError, match="empty"):
        read(path)
    collect(small_cells(), out=path)
    assert rows_of(path) == rows_of(collected)


def test_a_text_file_is_no_store_and_is_left_alone(tmp_path):
    for text in ("lang = 'hmm'\n", "not a database\n" * 1000):
        path = tmp_path / "sweep.toml"
        path.write_text(text)
        assert "not a store" in refusal(path)
        assert path.read_text() == text


def test_another_programs_database_is_no_store_and_is_left_alone(tmp_path):
    path = tmp_path / "theirs.sqlite"
    change(path, "PRAGMA journal_mode = WAL", "CREATE TABLE mine (a)", "INSERT INTO mine VALUES (1)")
    before = path.read_bytes()
    assert "not a store of mdmtheory" in refusal(path)
    assert path.read_bytes() == before


def test_a_newer_store_is_refused(store):
    change(store, "PRAGMA user_version = 4")
    assert "update mdmtheory" in refusal(store)


def test_an_older_store_without_a_way_to_this_version_is_refused(store):
    change(store, "PRAGMA user_version = 0")
    before = store.read_bytes()
    assert "cannot bring to version 3" in refusal(store)
    assert store.read_bytes() == before


def test_a_store_that_a_sweep_writes_is_locked_for_other_sweeps_and_open_to_readers(store, collected):
    code = (
        "import sys; from mdmtheory.sweeps.store import Store\n"
        f"with Store({str(store)!r}): print('locked', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"
    with pytest.raises(ValueError, match=f"being written by another sweep .process {holder.pid} on") as caught:
        collect(small_cells(), out=store)
    one_line(caught.value)
    assert read(store).equals(read(collected))
    holder.stdin.close()
    assert holder.wait() == 0
    holder.stdout.close()
    collect(small_cells(), out=store)
    assert [each.name for each in store.parent.iterdir()] == [store.name]


@pytest.mark.filterwarnings("ignore::mdmtheory.core.notices.Notice")
@pytest.mark.parametrize("which", range(3))
def test_a_sweep_mends_a_store_whose_rows_are_out_of_order(store, collected, which):
    shas = sorted(load(collected).tasks)
    data = store.read_bytes()
    # In the key of a row of chunks, so that SQLite looks for it, and for others, where they are not.
    places = [found.start() for found in re.finditer(shas[-1].encode(), data)]
    at = places[which % len(places)]
    store.write_bytes(data[:at] + b"0" + data[at + 1 :])
    collect(small_cells(), out=store)
    assert set(rows_of(store)) >= set(rows_of(collected))
    assert len(read(store)) == len(read(collected))


@pytest.mark.parametrize("left", ["process 1 on nowhere\n", "", "\0" * 20])
def test_a_lock_file_that_a_killed_sweep_or_a_power_cut_left_does_not_lock(store, left):
    store.with_name(f".{store.name}.mdmtheory-lock").write_text(left)
    collect(small_cells(), out=store)


@pytest.mark.parametrize("folder", ["/proc", "/proc/nowhere"])
def test_a_folder_that_cannot_be_written(folder):
    with pytest.raises(OSError, match="choose") as caught:
        collect(small_cells(), out=f"{folder}/store.sqlite")
    one_line(caught.value)


def test_a_folder_or_a_file_in_the_way(tmp_path):
    assert "is not a file" in refusal(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="choose") as caught:
        collect(small_cells(), out=tmp_path / "file" / "store.sqlite")
    one_line(caught.value)


def test_a_store_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="there is no store"):
        read(tmp_path / "none.sqlite")


def test_a_full_disk_keeps_what_was_written(tmp_path, collected):
    path = tmp_path / "store.sqlite"
    genuine = load(collected)
    chunks = [(sha, chunk) for sha, stored in genuine.tasks.items() for chunk in stored.chunks]
    written = 0
    with Store(path) as store:
        store._connection.execute(f"PRAGMA max_page_count = {collected.stat().st_size // 4096 - 2}")
        store.add([stored.task for stored in genuine.tasks.values()], genuine.languages.values())

        def write_all() -> None:
            nonlocal written
            for sha, chunk in chunks:
                store.append({sha: [chunk]})
                written += 1

        with pytest.raises(OSError, match=r"disk is full.*free space and run") as caught:
            write_all()
        in_memory = store.contents
    one_line(caught.value)
    assert 0 < written < len(chunks)
    assert len(rows_of(path)) == written
    assert load(path) == in_memory
    collect(small_cells(), out=path)
    assert rows_of(path) == rows_of(collected)


def test_a_disk_that_fills_during_a_sweep(tmp_path, collected):
    path = tmp_path / "store.sqlite"
    code = (
        "import resource, sys\n"
        "from mdmtheory.sweeps import collect, collect as c\n"
        "import mdmtheory.sweeps.store\n"
        "from tests.sweeps.small import small_cells\n"
        "sys.modules['mdmtheory.sweeps.collect']._COMMIT_SECONDS = 0\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (22000, 22000))\n"
        "try: collect(small_cells(), out=sys.argv[1])\n"
        "except OSError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert "free space and run the same sweep again" in done.stdout
    assert done.stdout.count("\n") == 1
    assert len(rows_of(path)) < len(rows_of(collected))
    collect(small_cells(), out=path)
    assert rows_of(path) == rows_of(collected)


def test_an_append_that_does_not_go_on_is_refused_and_one_made_again_changes_nothing(store, collected, tmp_path):
    with Store(store) as opened:
        sha, stored = next(iter(opened.contents.tasks.items()))
        opened.append({sha: stored.chunks})
        with pytest.raises(ValueError, match="do not go on"):
            opened.append({sha: [replace(stored.chunks[0], index=7)]})
    assert load(store) == load(collected)
