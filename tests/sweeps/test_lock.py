"""Nobody's file serves as a lock or as a temporary: none is emptied, written over or deleted."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mdmtheory.sweeps import collect, merge
from mdmtheory.sweeps.store import Store, load
from tests.sweeps.older import aged, without_cubes
from tests.sweeps.small import one_line, rows_of, small_cells

PRECIOUS = "years of work\n"


def precious(path: Path) -> Path:
    path.write_text(PRECIOUS)
    return path


@pytest.mark.refutes("4.1")
def test_a_users_file_of_the_stores_name_and_lock_stays(tmp_path):
    lock = precious(tmp_path / "poetry.lock")
    with Store(tmp_path / "poetry"):
        assert lock.read_text() == PRECIOUS
    assert lock.read_text() == PRECIOUS


@pytest.mark.refutes("4.1")
def test_a_link_of_that_name_is_not_followed(store, tmp_path):
    work = precious(tmp_path / "thesis.tex")
    store.with_name(store.name + ".lock").symlink_to(work)
    collect(small_cells(), out=store)
    assert work.read_text() == PRECIOUS


def _symbolic(lock: Path, work: Path) -> None:
    lock.symlink_to(work)


def _hard(lock: Path, work: Path) -> None:
    os.link(work, lock)


def _text(lock: Path, work: Path) -> None:
    precious(lock)


def _folder(lock: Path, work: Path) -> None:
    lock.mkdir()


def _pipe(lock: Path, work: Path) -> None:
    os.mkfifo(lock)


@pytest.mark.parametrize("put", [_symbolic, _hard, _text, _folder, _pipe])
def test_what_stands_in_the_place_of_the_lock_is_refused_and_left_alone(store, tmp_path, put):
    work = precious(tmp_path / "thesis.tex")
    lock = store.with_name(f".{store.name}.mdmtheory-lock")
    put(lock, work)
    with pytest.raises(ValueError, match="stands where the lock of .* should and is not one; move it away") as caught:
        Store(store)
    one_line(caught.value)
    assert os.path.lexists(lock)
    assert not lock.is_file() or lock.read_text() == PRECIOUS
    assert work.read_text() == PRECIOUS
    load(store)


def test_a_store_is_locked_through_any_symbolic_link_to_it(store, tmp_path):
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "link.sqlite").symlink_to(store)
    (tmp_path / "folder").symlink_to(other)
    with Store(tmp_path / "folder" / "link.sqlite"):
        for name in (store, other / "link.sqlite"):
            with pytest.raises(ValueError, match="being written by another sweep"):
                Store(name)
    assert sorted(each.name for each in other.iterdir()) == ["link.sqlite"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["elsewhere", "folder", store.name]


def test_a_store_may_be_closed_by_another_thread(store):
    import threading

    opened = Store(store)
    closer = threading.Thread(target=opened.close)
    closer.start()
    closer.join()
    with Store(store):
        pass


@pytest.mark.refutes("4.1")
def test_merging_leaves_files_beside_the_new_store_alone(collected, tmp_path):
    beside = [precious(tmp_path / f"m.sqlite{ending}") for ending in (".merging", ".lock", ".merging.lock")]
    merge([collected], tmp_path / "m.sqlite")
    assert [each.read_text() for each in beside] == [PRECIOUS] * 3
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(["m.sqlite", *(each.name for each in beside)])


def test_a_file_that_appears_while_stores_are_merged_is_not_written_over(collected, tmp_path, monkeypatch):
    out = tmp_path / "m.sqlite"
    append = Store.append

    def slow(self, chunks):
        append(self, chunks)
        precious(out)

    monkeypatch.setattr(Store, "append", slow)
    with pytest.raises(ValueError, match="exists already"):
        merge([collected], out)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("m.sqlite", PRECIOUS)]


@pytest.mark.refutes("4.1")
def test_migrating_leaves_files_beside_the_store_alone(store):
    aged(store)
    beside = [precious(store.with_name(f"store.sqlite{ending}")) for ending in (".migrating", ".lock")]
    collect(small_cells(), out=store)
    assert [each.read_text() for each in beside] == [PRECIOUS] * 2


@pytest.mark.refutes("4.1")
def test_the_copy_that_a_migration_keeps_takes_no_other_files_place(store, collected):
    aged(store)
    kept = precious(store.with_name("store.sqlite.version-1"))
    before = store.read_bytes()
    with pytest.raises(ValueError, match="is in the way.*move it elsewhere") as caught:
        collect(small_cells(), out=store)
    one_line(caught.value)
    assert (kept.read_text(), store.read_bytes()) == (PRECIOUS, before)
    # As a migration leaves it that was killed after it had kept the copy.
    kept.write_bytes(before)
    collect(small_cells(), out=store)
    assert kept.read_bytes() == before
    assert without_cubes(rows_of(store)) == without_cubes(rows_of(collected))


def test_a_migrated_store_has_the_permissions_that_it_had(store):
    aged(store)
    store.chmod(0o640)
    with Store(store):
        pass
    assert store.stat().st_mode & 0o777 == 0o640


@pytest.mark.refutes("4.1")
@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("ending", ["-journal", "-wal"])
def test_a_users_file_of_the_journals_name_stays(store, ending, there):
    """SQLite takes any file of that name for its own, and deletes it."""
    journal = precious(store.with_name(f"store.sqlite{ending}"))
    if not there:
        store.unlink()
    with pytest.raises(ValueError, match=f"store.sqlite{ending} is no journal") as caught:
        collect(small_cells(), out=store)
    one_line(caught.value)
    assert journal.read_text() == PRECIOUS


def test_a_system_without_locks_is_named(store, monkeypatch):
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", none)
    with pytest.raises(OSError, match="cannot write .* \\(No locks available\\); choose") as caught:
        Store(store)
    one_line(caught.value)
