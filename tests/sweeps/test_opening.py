"""Readers change no file, whatever a killed sweep or another program left, and writers open only what is safe."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mdmtheory.cli.main import main
from mdmtheory.sweeps import collect, forecast, merge, read
from mdmtheory.sweeps.store import Store, load
from tests.sweeps.small import one_line, rows_of, small_cells

CHANGE = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE chunk SET sums = replace(sums, 'tokens', 'token'), host = host || printf('%.*c', 3000, 'x')")
"""
DIE = "os._exit(9)\n"
WAIT = "print('changed', flush=True); sys.stdin.read(); os._exit(9)\n"
MAGIC = bytes.fromhex("d9d505f920a163d7")


def left_in_the_middle(store: Path) -> None:
    """A program that changes the store is killed when some pages are in the file: only the journal can mend it."""
    before = store.read_bytes()
    assert subprocess.run([sys.executable, "-c", CHANGE + DIE, str(store)], check=False).returncode == 9
    assert store.with_name(store.name + "-journal").read_bytes().startswith(MAGIC)
    assert store.read_bytes() != before


def put_ahead(store: Path) -> None:
    """Another program puts the store into the journal mode WAL, in which readers make files beside it."""
    connection = sqlite3.connect(store)
    assert connection.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    connection.close()


def killed_ahead(store: Path) -> None:
    """The same, and what was committed last is in the log alone."""
    code = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA journal_mode = WAL'); c.execute('PRAGMA user_version = 3'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(store)], check=False)
    assert store.with_name(store.name + "-wal").stat().st_size


def with_a_users_log(store: Path) -> None:
    """A file of the user has the name that makes SQLite believe in a log."""
    store.with_name(store.name + "-wal").write_text("years of work")


def untouched(store: Path) -> None:
    """As a sweep leaves it."""


def state_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {each.name: (each.read_bytes(), each.stat().st_mtime_ns) for each in folder.iterdir()}


def shown(store: Path) -> None:
    assert main(["-q", "show", str(store)]) == 0


def plotted(store: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert main(["-q", "plot", str(store), "-o", f"{folder}/a.png"]) == 0


def merged(store: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        merge([store], f"{folder}/c.sqlite")


def planned(store: Path) -> None:
    assert all(each.missing_chunks == 0 for each in forecast(small_cells(), store, probe=False).cells)


@pytest.mark.parametrize("look", [read, shown, plotted, merged, planned])
@pytest.mark.parametrize(
    "leave",
    [
        untouched,
        pytest.param(left_in_the_middle, marks=pytest.mark.refutes("4.3")),
        put_ahead,
        pytest.param(killed_ahead, marks=pytest.mark.refutes("4.3")),
        pytest.param(with_a_users_log, marks=pytest.mark.refutes("4.3")),
    ],
)
def test_readers_change_no_file(store, leave, look):
    leave(store)
    before = state_of(store.parent)
    look(store)
    assert state_of(store.parent) == before


@pytest.mark.parametrize("leave", [untouched, left_in_the_middle, put_ahead, killed_ahead])
def test_what_is_read_is_what_was_committed_and_a_sweep_goes_on_from_it(store, collected, leave):
    leave(store)
    assert read(store).equals(read(collected))
    collect(small_cells(), out=store)
    assert rows_of(store) == rows_of(collected)
    assert [each.name for each in store.parent.iterdir()] == [store.name]


def test_a_file_that_is_longer_than_the_disk_has_room_is_not_copied(store):
    left_in_the_middle(store)
    with store.open("r+b") as file:
        file.truncate(shutil.disk_usage(tempfile.gettempdir()).free + (1 << 30))  # a hole: it takes up nothing
    with pytest.raises(OSError, match="no copy of it can be made to read .*: No space left") as caught:
        read(store)
    one_line(caught.value)


@pytest.fixture
def nobody(collected: Path) -> Iterator[Path]:
    """A copy of the store in a folder that is read-only for this process, which is not root in the meantime."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        copy = Path(folder) / "store.sqlite"
        copy.write_bytes(collected.read_bytes())
        yield copy
        Path(folder).chmod(0o755)


def as_nobody(path: Path, look: Callable[[Path], Any]) -> Any:
    for each in path.parent.iterdir():
        each.chmod(0o444)
    path.parent.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        with pytest.raises(PermissionError):
            (path.parent / "new").touch()
        return look(path)
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("leave", [untouched, pytest.param(left_in_the_middle, marks=pytest.mark.refutes("4.3"))])
def test_a_store_in_a_folder_that_is_read_only_is_read(nobody, collected, leave):
    expected = read(collected)  # and so all modules are loaded, which nobody might not read
    leave(nobody)
    assert as_nobody(nobody, read).equals(expected)


@pytest.fixture
def writer(store: Path) -> Iterator[Callable[[], None]]:
    """A process in the middle of a transaction on the store, until it is called."""
    small = CHANGE.replace("PRAGMA cache_size = 1", "SELECT 1")
    child = subprocess.Popen(
        [sys.executable, "-c", small + WAIT, str(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "changed\n"
    yield lambda: child.communicate("")[0]
    child.communicate("")


def test_what_a_living_writer_has_not_committed_is_not_read_and_its_journal_is_left_to_it(store, collected, writer):
    journal = store.with_name(store.name + "-journal")
    assert journal.exists()
    before = state_of(store.parent)
    assert read(store).equals(read(collected))
    assert state_of(store.parent) == before
    writer()


def test_a_store_whose_pages_are_being_written_is_waited_for(store, monkeypatch):
    from mdmtheory.sweeps import opening

    monkeypatch.setattr(opening, "PATIENCE", 0.05)
    child = subprocess.Popen(
        [sys.executable, "-c", CHANGE + WAIT, str(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    child.stdout.readline()
    with pytest.raises(ValueError, match="in use by another process") as caught:
        read(store)
    one_line(caught.value)
    child.communicate("")


def test_a_store_that_changes_while_it_is_copied_is_looked_at_again(store, collected, monkeypatch):
    from mdmtheory.sweeps import opening

    left_in_the_middle(store)
    copied = opening._copied
    times = []

    def late(path: Path, folder: Path) -> Path | None:
        times.append(path)
        copy = copied(path, folder)
        if len(times) == 1:
            with sqlite3.connect(path) as mending:
                mending.execute("SELECT count(*) FROM chunk").fetchall()
            assert copied(path, folder) is not None
            return None
        return copy

    monkeypatch.setattr(opening, "_copied", late)
    assert read(store).equals(read(collected))
    assert times == [store]


def test_a_copy_of_what_changed_meanwhile_is_none(store, tmp_path, monkeypatch):
    import shutil

    from mdmtheory.sweeps import opening

    left_in_the_middle(store)
    (tmp_path / "copy").mkdir()
    copyfile = shutil.copyfile

    def slow(source: Path, target: Path) -> None:
        copyfile(source, target)
        with source.open("ab") as file:
            file.write(b"x")

    monkeypatch.setattr("shutil.copyfile", slow)
    assert opening._copied(store, tmp_path / "copy") is None


def test_the_copy_is_private_and_gone_in_the_end(store, tmp_path, monkeypatch):
    from mdmtheory.sweeps import opening

    left_in_the_middle(store)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "private"))
    (tmp_path / "private").mkdir()
    modes = []
    monkeypatch.setattr(
        opening,
        "_copied",
        lambda path, folder, f=opening._copied: modes.append(folder.stat().st_mode) or f(path, folder),
    )
    load(store)
    assert [stat.S_IMODE(mode) for mode in modes] == [0o700]
    assert not list((tmp_path / "private").iterdir())


def test_where_no_copy_can_be_made_the_reason_is_named_and_nothing_changed(store):
    left_in_the_middle(store)
    before = state_of(store.parent)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, limits[1]))
    try:
        with pytest.raises(OSError, match="no copy of it can be made.*File too large.*TMPDIR") as caught:
            read(store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    one_line(caught.value)
    assert state_of(store.parent) == before


@pytest.mark.refutes("4.3")
def test_a_store_with_two_names_is_refused_by_writers_and_noted_by_readers(store, collected, capsys):
    folder, other = store.parent, store.with_name("other.sqlite")
    os.link(store, other)
    for name in (store, other):
        with pytest.raises(ValueError, match=r"has 2 names \(hard links\).*remove the other names") as caught:
            collect(small_cells(), out=name)
        one_line(caught.value)
    with pytest.warns(UserWarning, match=r"has 2 names \(hard links\).*read the copy"):
        assert read(store).equals(read(collected))
    capsys.readouterr()
    for words in (["show"], ["plot", "-o", f"{folder}/a.png"], ["merge", "-o", f"{folder}/m.sqlite"]):
        verb, *rest = words
        assert main([verb, str(store), *rest]) == 0
        lines = capsys.readouterr().err.splitlines()
        assert lines[0].startswith(f"mdmtheory: warning: {store} has 2 names (hard links)")
        assert sum("names (hard links)" in line for line in lines) == 1
    other.unlink()
    collect(small_cells(), out=store)


@pytest.mark.refutes("4.3")
@pytest.mark.parametrize("use", [read, partial(collect, small_cells())])
def test_a_journal_that_names_another_file_does_not_delete_it(store, tmp_path, use):
    """SQLite deletes what a journal names as the journal of a transaction over several databases."""
    work = tmp_path / "thesis.tex"
    work.write_text("years of work")
    left_in_the_middle(store)
    name = str(work).encode()
    with store.with_name(store.name + "-journal").open("ab") as journal:
        journal.write(
            struct.pack(">I", (1 << 30) // 4096 + 1) + name + struct.pack(">II", len(name), sum(name)) + MAGIC
        )
    before = state_of(tmp_path)
    with pytest.raises(ValueError, match="names other files.*not to be trusted; move it away") as caught:
        use(store) if use is read else use(out=store)
    one_line(caught.value)
    assert state_of(tmp_path) == before


@pytest.mark.refutes("4.3")
def test_a_log_whose_store_was_moved_away_is_kept_for_it(store):
    killed_ahead(store)
    before = store.with_name(store.name + "-wal").read_bytes()
    store.rename(store.with_name("moved.sqlite"))
    with pytest.raises(ValueError, match="is the journal of a store that is not here"):
        collect(small_cells(), out=store)
    assert store.with_name(store.name + "-wal").read_bytes() == before


@pytest.mark.refutes("4.3")
def test_a_journal_whose_store_was_moved_away_is_kept_for_it(store, collected):
    left_in_the_middle(store)
    journal = store.with_name(store.name + "-journal")
    moved = store.rename(store.with_name("moved.sqlite"))
    for make in (lambda: None, store.touch):
        make()
        with pytest.raises(ValueError, match="is the journal of a store that is not here; put that back") as caught:
            collect(small_cells(), out=store)
        one_line(caught.value)
    store.unlink()
    assert journal.exists()
    moved.rename(store)
    collect(small_cells(), out=store)
    assert rows_of(store) == rows_of(collected)


@pytest.mark.parametrize("ending", ["-journal", "-wal", "-shm"])
@pytest.mark.parametrize("put", ["symbolic", "hard", "pipe", "folder"])
def test_what_is_no_file_of_sqlite_beside_a_store_is_not_opened(store, tmp_path, ending, put):
    work = tmp_path / "thesis.tex"
    work.write_text("years of work")
    beside = store.with_name(store.name + ending)
    {
        "symbolic": lambda: beside.symlink_to(work),
        "hard": lambda: os.link(work, beside),
        "pipe": lambda: os.mkfifo(beside),
        "folder": beside.mkdir,
    }[put]()
    for use in (lambda: read(store), lambda: collect(small_cells(), out=store)):
        with pytest.raises(ValueError, match="is a link or no file.*move it away") as caught:
            use()
        one_line(caught.value)
    assert work.read_text() == "years of work"
    assert os.path.lexists(beside)


def failing(on: str, code: int, rows: list[tuple[Any, ...]] | None = None) -> type[sqlite3.Connection]:
    """Connections that fail as on a broken disk, or say so in rows, where a statement holds `on`."""

    class Failing(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> Any:
            if on in sql and rows is None:
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode, error.sqlite_errorname = code, "SQLITE_IOERR_READ"
                raise error
            found = super().execute(sql, *parameters)
            return found if on not in sql else type("Rows", (), {"fetchall": lambda self: rows})()

    return Failing


@pytest.mark.refutes("5.1")
@pytest.mark.parametrize(
    "kind",
    [
        failing("FROM chunk", sqlite3.SQLITE_IOERR_READ),
        failing("FROM sqlite_master", sqlite3.SQLITE_IOERR_READ),
        # What SQLite's own check says of a page that its disk does not give.
        failing("quick_check", 0, [("*** in database main ***\nPage 4: unable to get the page. error code=8458",)]),
    ],
)
def test_a_disk_that_does_not_read_is_blamed_and_not_the_store(store, monkeypatch, kind):
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=kind))
    for use in (lambda: read(store), lambda: collect(small_cells(), out=store)):
        with pytest.raises(OSError, match="cannot be read .*its disk failed.*try again") as caught:
            use()
        assert not any(word in one_line(caught.value) for word in ("move", "free space", "damaged"))


def test_a_folder_that_may_not_be_read_is_no_broken_disk(nobody):
    nobody.parent.chmod(0o700)
    root = os.geteuid() == 0
    nobody.parent.chmod(0o700 if root else 0)
    if root:
        os.seteuid(65534)
    try:
        with pytest.raises((OSError, ValueError), match="Permission denied|there is no store"):
            read(nobody)
    finally:
        if root:
            os.seteuid(0)
        nobody.parent.chmod(0o755)


def test_reading_in_the_process_that_writes_leaves_it_its_locks(store, collected):
    """A process that closes any descriptor of a file loses all the locks that it has on it."""
    code = (
        "import sqlite3, sys\n"
        "try: sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None).execute('BEGIN IMMEDIATE')\n"
        "except sqlite3.OperationalError as error: print(error)"
    )
    with Store(store) as opened, opened._transaction():
        assert read(store).equals(read(collected))
        done = subprocess.run([sys.executable, "-c", code, str(store)], capture_output=True, text=True, check=True)
    assert done.stdout == "database is locked\n"


def test_a_store_of_several_threads_is_read_by_one_at_a_time(store, collected):
    from concurrent.futures import ThreadPoolExecutor

    with Store(store) as opened, ThreadPoolExecutor(4) as pool:
        frames = [pool.submit(read, store) for _ in range(8)]
        opened.append({})
        assert all(frame.result().equals(read(collected)) for frame in frames)
