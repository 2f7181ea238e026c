"""What is inside a store: tables, their checks, and the ways from older versions to this one."""

from __future__ import annotations

import base64
import json
import sqlite3
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdmtheory.core.streams import canonical_json
from mdmtheory.sweeps.chunks import COLUMNS, TYPES, Chunk
from mdmtheory.sweeps.tasks import Task

if TYPE_CHECKING:
    from mdmtheory.core.protocols import Language

APPLICATION_ID = 0x4D444D54  # "MDMT"
USER_VERSION = 1

TABLES = {
    "language": "CREATE TABLE language (digest TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL,"
    " parameters TEXT NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID",
    "task": "CREATE TABLE task (sha TEXT PRIMARY KEY, json TEXT NOT NULL, label TEXT NOT NULL,"
    " chunks INTEGER NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID",
    "chunk": 'CREATE TABLE chunk (task TEXT NOT NULL REFERENCES task, "index" INTEGER NOT NULL,'
    " sequences INTEGER NOT NULL, errors INTEGER NOT NULL, impossible INTEGER NOT NULL, tokens INTEGER NOT NULL,"
    " nats REAL NOT NULL, nats_squared REAL NOT NULL, gap REAL NOT NULL, gap_squared REAL NOT NULL,"
    " ratio REAL NOT NULL, ratio_squared REAL NOT NULL, calls INTEGER NOT NULL, rounds INTEGER NOT NULL,"
    " seconds REAL NOT NULL, code TEXT NOT NULL, host TEXT NOT NULL, crc INTEGER NOT NULL,"
    ' PRIMARY KEY (task, "index")) WITHOUT ROWID',
}
CHUNK_COLUMNS = ", ".join(f'"{name}"' for name in COLUMNS)

MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {}
"""From version n to n + 1, by n. Version 1 is the first, so there are none yet."""


class StoreError(ValueError):
    """A file that cannot serve as a store; the message says why and what to do."""


@dataclass(frozen=True)
class StoredLanguage:
    """A language's parameters as text, under the digest that tasks know it by and the name that it was asked for."""

    digest: str
    name: str
    kind: str
    parameters: str

    @classmethod
    def of(cls, language: Language, name: str) -> StoredLanguage:
        """What a store keeps of a language. Arrays are base64 of little-endian float64, so nothing is rounded."""
        return cls(language.digest, name, language.kind, _written(language.parameters()))  # type: ignore[attr-defined]

    def load(self) -> Language:
        """The language itself; ValueError where its digest is not the one that it is kept under."""
        from mdmtheory.core.spec import Spec
        from mdmtheory.languages.files import language_from_parameters

        spec = Spec.of(self.kind, digest=self.digest[:12])
        language = language_from_parameters(self.kind, _unwritten(self.parameters), spec)
        if language.digest != self.digest:
            raise ValueError(f"the parameters have digest {language.digest[:12]}, not {self.digest[:12]}")
        return language

    @property
    def crc(self) -> int:
        """CRC-32 over all that the row says."""
        return zlib.crc32("\0".join([self.digest, self.name, self.kind, self.parameters]).encode())


@dataclass
class StoredTask:
    """A task and its chunks, in index order and without gaps."""

    task: Task
    chunks: list[Chunk] = field(default_factory=list)


@dataclass
class Contents:
    """All that a store says, checked."""

    languages: dict[str, StoredLanguage] = field(default_factory=dict)
    tasks: dict[str, StoredTask] = field(default_factory=dict)


def create(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty database; inside the caller's transaction."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {USER_VERSION}")
    for statement in TABLES.values():
        connection.execute(statement)


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether nothing was ever written: a new file, or one whose first transaction did not happen."""
    return not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] and _identity(connection) == (
        0,
        0,
    )


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """The store's version; StoreError when the file is not ours, or newer than this program."""
    application, version = _identity(connection)
    if application != APPLICATION_ID:
        raise StoreError(f"{path} is a database but not a store of mdmtheory; choose another file")
    if version > USER_VERSION:
        raise StoreError(
            f"{path} has store version {version}, newer than {USER_VERSION}, the newest known here; update mdmtheory"
        )
    return version


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a copy of an older store to this version, in one transaction; StoreError when no way is known."""
    connection.execute("BEGIN IMMEDIATE")
    for version in range(version_of(connection, path), USER_VERSION):
        if version not in MIGRATIONS:
            raise StoreError(
                f"{path} has store version {version}, which this mdmtheory cannot bring to version {USER_VERSION}; "
                "read it with the mdmtheory that wrote it, or move it away and sweep again"
            )
        MIGRATIONS[version](connection)
        connection.execute(f"PRAGMA user_version = {version + 1}")
    connection.execute("COMMIT")


def load(connection: sqlite3.Connection, path: Path) -> Contents:
    """Everything, in one consistent view; StoreError, one line, for whatever is torn, flipped or missing."""
    connection.execute("BEGIN")
    try:
        _check_structure(connection, path)
        languages = connection.execute("SELECT digest, name, kind, parameters, crc FROM language").fetchall()
        tasks = connection.execute("SELECT sha, json, label, chunks, crc FROM task").fetchall()
        chunks = connection.execute(f'SELECT task, {CHUNK_COLUMNS}, crc FROM chunk ORDER BY task, "index"').fetchall()
    finally:
        connection.execute("ROLLBACK")
    for rows, types in ((languages, (str, str, str, str, int)), (tasks, (str, str, str, int, int))):
        if any(tuple(map(type, row)) != types for row in rows):
            raise StoreError(f"{path} is damaged (a row holds another type than its column); {_restore()}")
    contents = Contents()
    for *row, crc in languages:
        language = StoredLanguage(*row)
        _check_language(language, crc, path)
        contents.languages[language.digest] = language
    for sha, text, label, _, crc in tasks:
        task = Task(text, label)
        if task.sha != sha or crc != task_crc(task):
            raise StoreError(f"{path}: task {sha[:12]} is damaged (its checksum differs); {_without(path, sha)}")
        if task.description["language"] not in contents.languages:
            raise StoreError(f"{path}: the language of {task} is missing; {_without(path, sha)}")
        contents.tasks[sha] = StoredTask(task)
    for sha, *values, crc in chunks:
        _add_chunk(contents, sha, values, crc, path)
    for sha, _, _, count, _ in tasks:
        stored = contents.tasks[sha]
        if len(stored.chunks) != count:
            what = f"has {len(stored.chunks)} chunks where {count} were written"
            raise StoreError(f"{path}: {stored.task} {what}; {_without(path, sha)}")
    return contents


def task_crc(task: Task) -> int:
    """CRC-32 over the label; the JSON has its SHA, and the number of chunks is held against the chunks."""
    return zlib.crc32("\0".join([task.sha, task.label]).encode())


def _add_chunk(contents: Contents, sha: str, values: list[Any], crc: int, path: Path) -> None:
    stored = contents.tasks.get(sha)
    if stored is None:
        raise StoreError(
            f"{path}: chunk {values[0]} belongs to task {sha[:12]}, which is missing; {_without(path, sha)}"
        )
    index = len(stored.chunks)
    if values[0] != index:
        raise StoreError(f"{path}: chunk {index} of {stored.task} is missing; {_without(path, sha)}")
    if tuple(map(type, values)) != TYPES or (chunk := Chunk(*values)).crc(sha) != crc:
        raise StoreError(
            f"{path}: chunk {index} of {stored.task} is damaged (its checksum differs); {_without(path, sha)}"
        )
    stored.chunks.append(chunk)


def _check_structure(connection: sqlite3.Connection, path: Path) -> None:
    found = dict(connection.execute("SELECT name, sql FROM sqlite_master").fetchall())
    if found != TABLES:
        raise StoreError(f"{path} is damaged: its tables are not those of a store; {_restore()}")
    for (trouble,) in connection.execute("PRAGMA quick_check(1)").fetchall():
        if trouble != "ok":
            raise StoreError(f"{path} is damaged ({' '.join(trouble.split())}); {_restore()}")


def _check_language(language: StoredLanguage, crc: int, path: Path) -> None:
    if language.crc != crc:
        raise StoreError(f"{path}: language {language.name} is damaged (its checksum differs); {_restore()}")
    try:
        language.load()
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path}: language {language.name} is damaged ({error}); {_restore()}") from error


def _identity(connection: sqlite3.Connection) -> tuple[int, int]:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    return int(application), int(connection.execute("PRAGMA user_version").fetchone()[0])


def _without(path: Path, sha: str) -> str:
    """How to drop one damaged task and keep the rest; the next sweep computes it again."""
    like = f"LIKE '{sha[:12]}%'" if sha[:12].isalnum() else f"= {sha!r}"
    statements = f"DELETE FROM chunk WHERE task {like}; DELETE FROM task WHERE sha {like}"
    return f'drop it with sqlite3 {path} "{statements}" and sweep again'


def _restore() -> str:
    return "restore a copy, or move it away and sweep again"


def _written(parameters: dict[str, Any]) -> str:
    import numpy as np

    plain: dict[str, Any] = {}
    for key, value in parameters.items():
        if isinstance(value, np.ndarray):
            data = base64.b64encode(np.ascontiguousarray(value, dtype="<f8").tobytes()).decode()
            plain[key] = {"shape": list(value.shape), "float64": data}
        else:
            plain[key] = value
    return canonical_json(plain)


def _unwritten(text: str) -> dict[str, Any]:
    import numpy as np

    def value_of(plain: Any) -> Any:
        if isinstance(plain, dict):
            return np.frombuffer(base64.b64decode(plain["float64"]), dtype="<f8").reshape(plain["shape"])
        return plain

    return {key: value_of(plain) for key, plain in json.loads(text).items()}
