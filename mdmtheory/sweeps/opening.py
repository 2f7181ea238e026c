"""Opening a store's file: what lies beside it is looked at before SQLite is let at it, and readers change nothing."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from mdmtheory.core.writing import passing_folder
from mdmtheory.sweeps.schema import StoreError

PATIENCE = 30.0
"""Seconds to wait for another process that reads or commits."""

_Seen = TypeVar("_Seen")
_Stamp = tuple[tuple[int, int, int] | None, ...]

_BESIDE = ("-journal", "-wal", "-shm")
_TRIES = 20
_MAGIC = bytes.fromhex("d9d505f920a163d7")
_PAGES = slice(16, 20)  # of a journal: how many the database had
_HEADS = {"-journal": (_MAGIC, bytes(8)), "-wal": (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")}
"""How files that SQLite makes beside a database begin; zeros, until the disk has all of a journal."""

_ALONE = threading.Lock()
"""Held while a store is read or opened: closing any descriptor of a file drops all locks that the process has on it,
those of SQLite too, so nothing here may look into a file without SQLite while another thread has it open with SQLite.
"""
_written: set[tuple[int, int]] = set()
"""Device and inode of the stores that this process has open to be written."""


def seen(path: Path, look: Callable[[sqlite3.Connection], _Seen]) -> _Seen:
    """What `look` sees in a store, which a sweep may be writing; no file beside it or of it changes.

    Where SQLite would first have to mend or make something (roll back the journal of a sweep that was killed, or make
    the files of another journal mode), it does so on a copy in a private folder. StoreError or OSError in one line.
    """
    with _ALONE, saying(path, reading=True):
        check_path(path)
        path = path.resolve()
        check_beside(path)
        for _ in range(_TRIES):
            if not _logs_ahead(path):
                try:
                    with contextlib.closing(connect(path, "ro")) as connection:
                        return look(connection)
                except sqlite3.OperationalError as error:
                    if getattr(error, "sqlite_errorname", "") != "SQLITE_READONLY_ROLLBACK":
                        raise
            with passing_folder() as folder:
                copy = _copied(path, folder)
                if copy is not None:
                    with contextlib.closing(connect(copy, "rw")) as connection:
                        return look(connection)
        raise StoreError(f"{path} changes all the time; wait for the program that writes it")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to write a store with, made if it is not there; the caller holds its lock.

    StoreError for a file that must not be written: one with several names, or one beside which lies what SQLite would
    take for its journal.
    """
    with contextlib.ExitStack() as opening:
        with _ALONE:
            if path.exists():
                check_path(path)
                names = several_names(path)
                if names is not None:
                    raise StoreError(f"{names}; remove the other names, or copy it and go on with the copy")
            check_beside(path)
            _check_what_would_go(path)
            with saying(path):
                connection = opening.enter_context(contextlib.closing(connect(path, "rwc")))
                # Nothing is opened before it is used.
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            found = path.stat()
            _written.add((found.st_dev, found.st_ino))
            opening.callback(_written.discard, (found.st_dev, found.st_ino))
        yield connection


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """A connection to a file that may be damaged or hostile; `mode` is ro, rw or rwc."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=PATIENCE,
        check_same_thread=False,
    )
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


@contextlib.contextmanager
def transaction(path: Path, connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing is written, whatever interrupts: an error, Ctrl-C, or the end of the process."""
    with saying(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            # A commit that failed for want of space has already been rolled back.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def several_names(path: Path) -> str | None:
    """What is to be said of a store with several names (hard links): a journal belongs to one name alone."""
    count = path.stat().st_nlink
    if count == 1:
        return None
    return f"{path} has {count} names (hard links), and what is written by one of them is not safe for the others"


def check_path(path: Path) -> None:
    """StoreError or OSError unless `path` is a file that can be read."""
    if not path.exists():
        raise StoreError(f"there is no store {path}; make it with mdmtheory sweep --out {path}")
    if not path.is_file():
        raise StoreError(f"{path} is not a file; name the .sqlite file that a sweep wrote")
    if not os.access(path, os.R_OK):
        raise OSError(f"{path} cannot be read (permission denied); change its permissions or copy it")


def check_beside(path: Path) -> None:
    """StoreError for what SQLite would take for its own beside a store, and which it must not open.

    A link would be followed or removed, a pipe waited for; a journal that names another file makes SQLite delete that
    file (as part of a transaction over several databases, which no sweep makes).
    """
    for suffix in _BESIDE:
        beside = path.with_name(path.name + suffix)
        with contextlib.suppress(FileNotFoundError):
            found = beside.lstat()
            if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
                raise StoreError(
                    f"{beside} is a link or no file, and no sweep's: it does not belong to {path}; move it away"
                )
    journal = _journal(path)
    with contextlib.suppress(FileNotFoundError, PermissionError), journal.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - len(_MAGIC)))
        if file.read() == _MAGIC:
            raise StoreError(f"{journal} names other files, and no sweep's does: it is not to be trusted; move it away")


def _check_what_would_go(path: Path) -> None:
    """StoreError for files that SQLite would delete as those of a store to be written, and which are not."""
    empty = not path.exists() or not path.stat().st_size
    for suffix, heads in _HEADS.items():
        beside = path.with_name(path.name + suffix)
        try:
            with beside.open("rb") as file:
                head = file.read(_PAGES.stop)
        except FileNotFoundError:
            continue
        if head and not head.startswith(heads):
            raise StoreError(f"{beside} is no journal, and a sweep into {path} would delete it; move it away")
        # The first journal of a new store speaks of no pages: that store may well be empty.
        if empty and any(head[_PAGES] if suffix == "-journal" else head):
            raise StoreError(
                f"{beside} is the journal of a store that is not here; put that back as {path}, or move it away"
            )


def _logs_ahead(path: Path) -> bool:
    """Whether SQLite would open a file in the journal mode WAL, in which even readers write.

    Other programs may have put a store so, and any file of the log's name makes SQLite do it.
    """
    found = path.stat()
    if (found.st_dev, found.st_ino) in _written:
        return False
    with path.open("rb") as file:
        head = file.read(20)
    return path.with_name(path.name + "-wal").exists() or (head.startswith(b"SQLite format 3\0") and 2 in head[18:20])


def _copied(path: Path, folder: Path) -> Path | None:
    """A copy of a store and of what lies beside it; None where any of them changed meanwhile."""
    before, copy = _stamp(path), folder / "store.sqlite"
    try:
        # A file may say that it is far longer than what it takes up, and would fill the disk.
        if path.stat().st_size > shutil.disk_usage(folder).free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        for suffix in ("", "-journal", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(path.with_name(path.name + suffix), copy.with_name(copy.name + suffix))
    except OSError as error:
        raise OSError(
            f"{path} was left in the middle of a change, and no copy of it can be made to read "
            f"({error.filename}: {error.strerror}); name a folder with room in TMPDIR"
        ) from error
    check_beside(copy)
    return copy if _stamp(path) == before else None


def _stamp(path: Path) -> _Stamp:
    """What changes when a store or its journal does."""

    def of(file: Path) -> tuple[int, int, int] | None:
        try:
            found = file.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    return tuple(of(path.with_name(path.name + suffix)) for suffix in ("", "-journal", "-wal"))


def _journal(path: Path) -> Path:
    return path.with_name(path.name + "-journal")


_OF_READING = ("SQLITE_IOERR_READ", "SQLITE_IOERR_SHORT_READ", "SQLITE_IOERR_FSTAT", "SQLITE_IOERR_CORRUPTFS")


@contextlib.contextmanager
def saying(path: Path, *, reading: bool = False) -> Iterator[None]:
    """SQLite's errors, and a disk that fails on `reading`, as one line that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        text, name = str(error), getattr(error, "sqlite_errorname", "")
        kind = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if kind == sqlite3.SQLITE_NOTADB:
            raise StoreError(
                f"{path} is not a store (no SQLite file); name one, which mdmtheory sweep --out FILE.sqlite makes"
            ) from error
        if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
            raise StoreError(f"{path} is in use by another process for over {PATIENCE:.0f} s; wait for it") from error
        if name.endswith("LOCK"):
            raise OSError(f"{path} cannot be locked ({text}); copy it to a disk that has locks, a local one") from error
        if name in _OF_READING or (reading and kind == sqlite3.SQLITE_IOERR):
            raise _disk_failed(path, text) from error
        if reading and kind in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            raise OSError(f"cannot read {path} ({text}); look after its permissions and the room in TMPDIR") from error
        if kind in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise OSError(
                f"cannot write {path} ({text}); what was written is kept: free space and run the same sweep again"
            ) from error
        if kind in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            raise OSError(f"cannot write {path} ({text}); choose a folder that can be written with --out") from error
        raise StoreError(f"{path} is damaged ({text}); restore a copy, or move it away and sweep again") from error
    except OSError as error:
        if not reading or error.errno not in (errno.EIO, errno.ESTALE):
            raise
        raise _disk_failed(path, error.strerror or str(error)) from error


def _disk_failed(path: Path, reason: str) -> OSError:
    return OSError(f"{path} cannot be read ({reason}): its disk failed, which says nothing of the store; try again")
