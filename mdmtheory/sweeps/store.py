"""The store: one SQLite file that a sweep adds chunks to.

The process may be killed at any moment, and what the file says is checked whenever it is opened.
"""

from __future__ import annotations

import contextlib
import filecmp
import os
import shutil
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from mdmtheory.core.lock import locked
from mdmtheory.core.notices import notice
from mdmtheory.core.printable import first_few
from mdmtheory.core.writing import confirm, folder_beside, put_in_place
from mdmtheory.sweeps import opening, schema
from mdmtheory.sweeps.chunks import Chunk
from mdmtheory.sweeps.schema import Contents, StoredLanguage, StoredTask, StoreError
from mdmtheory.sweeps.tasks import Task


def load(path: str | Path) -> Contents:
    """All that a store says, checked; a sweep may be writing it. StoreError (a ValueError) in one line, or OSError.

    Nothing is changed: an older store is migrated in memory, one that a killed sweep left is mended on a copy. A notice
    says where the file has several names (hard links).
    """
    path = Path(path)

    def contents(connection: sqlite3.Connection) -> Contents:
        if schema.is_empty(connection):
            raise StoreError(f"{path} is empty: no sweep has written to it yet; run one with --out {path}")
        if schema.version_of(connection, path) < schema.USER_VERSION:
            with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
                return schema.migrated(connection, memory, path)
        return schema.load(connection, path)

    found = opening.seen(path, contents)
    names = opening.several_names(path)
    if names is not None:
        notice(f"{names}; copy it, and read the copy")
    return found


class Store:
    """A store opened to be written, by this process alone. Use it in a `with` block.

    `contents` is what it holds, kept in step with the file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(os.path.realpath(path))
        with contextlib.ExitStack() as held:
            make_folder(self.path)
            held.enter_context(locked(self.path, "sweep"))
            self._connection = held.enter_context(opening.writing(self.path))
            with opening.saying(self.path):
                empty = schema.is_empty(self._connection)
                if not empty and (version := schema.version_of(self._connection, self.path)) < schema.USER_VERSION:
                    self._migrate_on_a_copy(version)
                    self._connection = held.enter_context(opening.writing(self.path))
                self._connection.execute("PRAGMA journal_mode = DELETE")
                self._connection.execute("PRAGMA synchronous = FULL")
                if empty:
                    with self._transaction():
                        schema.create(self._connection)
                self.contents = schema.load(self._connection, self.path)
            self._held = held.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file and the lock."""
        self._held.close()

    def add(self, tasks: Iterable[Task], languages: Iterable[StoredLanguage]) -> None:
        """Make tasks known, with the languages that they speak of. Of what is known already labels say more, if any.

        Rows of theirs that are damaged or not understood make room: their chunks are measured anew. Others stay.
        """
        known, offered = self.contents.tasks, {task.sha: task for task in tasks}
        new_tasks = {sha: task for sha, task in offered.items() if sha not in known}
        joined = {sha: known[sha].task.joined(task) for sha, task in offered.items() if sha in known}
        said_more = {sha: task for sha, task in joined.items() if task != known[sha].task}
        new_languages = {each.digest: each for each in languages if each.digest not in self.contents.languages}
        left_out = self.contents.left_out
        if not new_tasks and not new_languages and not said_more and not left_out:
            return
        replaced = [key for key in (*new_languages, *new_tasks) if key in left_out]
        with self._transaction():
            if left_out:
                self._write_anew(without=replaced)
            self._connection.executemany(
                "INSERT INTO language VALUES (?, ?, ?, ?, ?)",
                [(each.digest, each.name, each.kind, each.parameters, each.crc) for each in new_languages.values()],
            )
            self._connection.executemany(
                "INSERT INTO task VALUES (?, ?, ?, 0, ?)",
                [(sha, task.json, task.label, schema.task_crc(task)) for sha, task in new_tasks.items()],
            )
            self._connection.executemany(
                "UPDATE task SET label = ?, crc = ? WHERE sha = ?",
                [(task.label, schema.task_crc(task), sha) for sha, task in said_more.items()],
            )
        for sha, task in said_more.items():
            known[sha].task = task
        self.contents.languages.update(new_languages)
        self.contents.tasks.update({sha: StoredTask(task) for sha, task in new_tasks.items()})
        if replaced:
            notice(f"{self.path}: put in anew: {first_few([left_out.pop(key) for key in replaced])}")

    def append(self, chunks: Mapping[str, Sequence[Chunk]]) -> None:
        """Write finished chunks by task, each list going on where the task's chunks end; all of them or none.

        Chunks that the file has already are passed over, so that a call that was interrupted may be made again.
        """
        with self._transaction():
            for sha, offered in chunks.items():
                [count] = self._connection.execute("SELECT chunks FROM task WHERE sha = ?", (sha,)).fetchone()
                new = [chunk for chunk in offered if chunk.index >= count]
                if [chunk.index for chunk in new] != list(range(count, count + len(new))):
                    raise ValueError(f"chunks {[chunk.index for chunk in new]} do not go on after chunk {count - 1}")
                self._connection.executemany(
                    "INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [chunk.row(sha) for chunk in new]
                )
                self._connection.execute("UPDATE task SET chunks = ? WHERE sha = ?", (count + len(new), sha))
        for sha, offered in chunks.items():
            known = self.contents.tasks[sha].chunks
            known.extend(chunk for chunk in offered if chunk.index >= len(known))

    def _write_anew(self, without: Collection[str]) -> None:
        """Write every row again but those of these tasks and languages.

        In a damaged file rows may stand where SQLite, which takes them to be in order, neither finds nor removes them.
        """
        for table in schema.TABLES:
            rows = self._connection.execute(f"SELECT * FROM {table}").fetchall()
            self._connection.execute(f"DELETE FROM {table}")
            if kept := [row for row in rows if row[0] not in without]:
                marks = ", ".join("?" * len(kept[0]))
                self._connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", kept)

    def _migrate_on_a_copy(self, version: int) -> None:
        """The copy takes the store's place, and the store as it was stays beside it under a name of its own."""
        if not os.access(self.path, os.W_OK):
            raise OSError(f"cannot write {self.path} (it is read-only); change its permissions, or go on with a copy")
        kept = self.path.with_name(f"{self.path.name}.version-{version}")
        with folder_beside(self.path) as folder:
            migrated, older = folder / "migrated", folder / "older"
            with contextlib.closing(opening.connect(migrated, "rwc")) as connection:
                schema.migrated(self._connection, connection, self.path)
            self._connection.close()
            shutil.copy2(self.path, older)
            if not os.path.lexists(kept):
                put_in_place(older, kept)
            elif not kept.is_file() or not filecmp.cmp(older, kept, shallow=False):
                raise StoreError(f"{kept} is in the way: a copy of {self.path} is kept so; move it elsewhere")
            put_in_place(migrated, self.path)
        confirm(self.path)

    def _transaction(self) -> AbstractContextManager[None]:
        return opening.transaction(self.path, self._connection)


def make_folder(path: Path) -> None:
    """The folder that a store is to lie in; OSError, in one line, where it cannot be made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"cannot make the folder {path.parent} ({error.strerror}); choose another --out") from error
