"""What is inside a store: tables, their checks, and the ways from older versions to this one."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mdmtheory.core.limits import MOST_STORED_ENTRIES
from mdmtheory.core.plugins import ProtocolError
from mdmtheory.core.printable import printable, shortened
from mdmtheory.core.streams import canonical_json
from mdmtheory.metrics.sums import Sums
from mdmtheory.sweeps import version_1, version_2
from mdmtheory.sweeps.checks import fault_of_counts, fault_of_task
from mdmtheory.sweeps.chunks import Chunk, checksum
from mdmtheory.sweeps.tasks import Task

if TYPE_CHECKING:
    from mdmtheory.core.protocols import Language

APPLICATION_ID = 0x4D444D54  # "MDMT"
USER_VERSION = 3

TABLES = {
    "language": "CREATE TABLE language (digest TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL,"
    " parameters TEXT NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID",
    "task": "CREATE TABLE task (sha TEXT PRIMARY KEY, json TEXT NOT NULL, label TEXT NOT NULL,"
    " chunks INTEGER NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID",
    "chunk": 'CREATE TABLE chunk (task TEXT NOT NULL REFERENCES task, "index" INTEGER NOT NULL, sums TEXT NOT NULL,'
    " seconds REAL NOT NULL, code TEXT NOT NULL, host TEXT NOT NULL, date TEXT NOT NULL, crc INTEGER NOT NULL,"
    ' PRIMARY KEY (task, "index")) WITHOUT ROWID',
}


class Migration(NamedTuple):
    """The way from a version to the next: the tables that it had, and what copies them into those that it has now."""

    tables: dict[str, str]
    copy: Callable[[sqlite3.Connection, sqlite3.Connection], None]


MIGRATIONS = {
    1: Migration({**TABLES, "chunk": version_1.CHUNKS}, version_1.migrate),
    2: Migration({**TABLES, "chunk": version_2.CHUNKS}, version_2.migrate),
}
"""By the version that they start from."""


class StoreError(ValueError):
    """A file that cannot serve as a store; the message says why and what to do."""


@dataclass(frozen=True)
class StoredLanguage:
    """A language under the digest that tasks know it by and the name that it was asked for.

    Of a built-in one the kind and the parameters are there, as text; neither of a plug-in, for only its own package can
    build it, nor of one with more than MOST_STORED_ENTRIES numbers. No language is ever built from here: a store is
    data.
    """

    digest: str
    name: str
    kind: str = ""
    parameters: str = ""

    @classmethod
    def of(cls, language: Language, name: str) -> StoredLanguage:
        """What a store keeps of a language. Arrays are base64 of little-endian float64, so nothing is rounded."""
        import numpy as np

        from mdmtheory.languages.kinds import built_in_kind

        digest: Any = language.digest
        if not isinstance(digest, str) or not digest or not digest.isascii():
            raise ProtocolError(f"the digest of language {name} is {digest!r}; give a text in ASCII, one for each law")
        kind = built_in_kind(language)
        parameters = {} if kind is None else language.parameters()
        if kind is None or sum(np.size(each) for each in parameters.values()) > MOST_STORED_ENTRIES:
            return cls(digest, printable(name))
        return cls(digest, printable(name), kind, _written(parameters))

    @property
    def by_name_alone(self) -> bool:
        """Whether its parameters are not there, or are those of a kind that is not built in here."""
        from mdmtheory.languages.kinds import kinds

        return self.kind not in kinds()

    @property
    def fault(self) -> str | None:
        """Why it is not the language whose digest it is kept under, in words."""
        from mdmtheory.languages.digest import language_digest

        if self.by_name_alone:
            return None
        try:
            found = language_digest(self.kind, _unwritten(self.parameters))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            return "its parameters cannot be read"
        return None if found == self.digest else f"its parameters have digest {found[:12]}"

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
    """All that a store says and that can be believed.

    `left_out` are the rows that are damaged or not understood, by task or by language: what they are and why.
    """

    languages: dict[str, StoredLanguage] = field(default_factory=dict)
    tasks: dict[str, StoredTask] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def without_language(self) -> dict[str, str]:
        """The tasks, whole in themselves, whose language is not there or damaged."""
        return {
            sha: f"{stored.task} (its language is missing or damaged)"
            for sha, stored in self.tasks.items()
            if stored.task.description["language"] not in self.languages
        }


def create(
    connection: sqlite3.Connection,
    application: int = APPLICATION_ID,
    version: int = USER_VERSION,
    tables: Mapping[str, str] = TABLES,
) -> None:
    """Make the tables in an empty database, by default those of a store; inside the caller's transaction."""
    connection.execute(f"PRAGMA application_id = {application}")
    connection.execute(f"PRAGMA user_version = {version}")
    for statement in tables.values():
        connection.execute(statement)


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether nothing was ever written: a new file, or one whose first transaction did not happen."""
    return not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] and identity(connection) == (
        0,
        0,
    )


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """The store's version; StoreError when the file is not ours, or newer than this program."""
    application, version = identity(connection)
    if application != APPLICATION_ID:
        raise StoreError(f"{path} is a database but not a store of mdmtheory; choose another file")
    if version > USER_VERSION:
        raise StoreError(
            f"{path} has store version {version}, newer than {USER_VERSION}, the newest known here; update mdmtheory"
        )
    return version


def migrated(connection: sqlite3.Connection, new: sqlite3.Connection, path: Path) -> Contents:
    """Copy an older store into an empty database, as this version writes it, and load it there.

    StoreError when no way is known, or where the file as a whole is damaged.
    """
    version = version_of(connection, path)
    if version not in MIGRATIONS:
        raise StoreError(
            f"{path} has store version {version}, which this mdmtheory cannot bring to version {USER_VERSION}; "
            "read it with the mdmtheory that wrote it, or move it away and sweep again"
        )
    tables, copy = MIGRATIONS[version]
    with _view(connection, path, tables):
        new.execute("BEGIN")
        create(new)
        copy(connection, new)
        new.execute("COMMIT")
    return load(new, path)


def load(connection: sqlite3.Connection, path: Path) -> Contents:
    """Everything, in one consistent view; what is torn, flipped, missing or unknown is left out, each row by itself.

    StoreError, one line, where the file as a whole is damaged.
    """
    with _view(connection, path, TABLES):
        languages = connection.execute("SELECT * FROM language").fetchall()
        tasks = connection.execute("SELECT * FROM task").fetchall()
        chunks = connection.execute('SELECT * FROM chunk ORDER BY task, "index"').fetchall()
    contents = Contents()
    for row in languages:
        _add_language(contents, row)
    rows_of_chunks: dict[Any, list[Sequence[Any]]] = {}
    for row in chunks:
        rows_of_chunks.setdefault(row[0], []).append(row)
    for row in tasks:
        _add_task(contents, row, rows_of_chunks.pop(row[0], []))
    for sha, rows in rows_of_chunks.items():
        contents.left_out[str(sha)] = f"{len(rows)} chunks of task {_short(sha)} (which is missing)"
    return contents


@contextlib.contextmanager
def _view(connection: sqlite3.Connection, path: Path, tables: dict[str, str]) -> Iterator[None]:
    """One consistent view of a store that has these tables."""
    # What is no UTF-8 any more must cost its row alone: its checksum differs.
    connection.text_factory = lambda text: text.decode(errors="replace")
    connection.execute("BEGIN")
    try:
        check_structure(connection, path, tables)
        yield
    finally:
        connection.execute("ROLLBACK")


def task_crc(task: Task) -> int:
    """CRC-32 over the label; the JSON has its SHA, and the number of chunks is held against the chunks."""
    return zlib.crc32("\0".join([task.sha, task.label]).encode())


def _add_language(contents: Contents, row: Sequence[Any]) -> None:
    *said, crc = row
    if tuple(map(type, row)) != (str, str, str, str, int):
        fault: str | None = "a field is of another type"
    elif (language := StoredLanguage(*said)).crc != crc:
        fault = "its checksum differs"
    elif (fault := language.fault) is None:
        contents.languages[language.digest] = language
        return
    contents.left_out[str(row[0])] = f"language {shortened(str(row[1]), 60)} ({fault})"


def _add_task(contents: Contents, row: Sequence[Any], rows_of_chunks: Sequence[Sequence[Any]]) -> None:
    sha, text, label, count, crc = row
    if tuple(map(type, row)) != (str, str, str, int, int):
        contents.left_out[str(sha)] = f"task {_short(sha)} (a field is of another type)"
        return
    task = Task(text, label)
    if task.sha != sha or crc != task_crc(task):
        contents.left_out[sha] = f"task {_short(sha)} (its checksum differs)"
        return
    fault = fault_of_task(task)
    if fault is not None:
        contents.left_out[sha] = f"task {_short(sha)} (it {fault})"
        return
    try:
        contents.tasks[sha] = StoredTask(task, _chunks(task, rows_of_chunks, count))
    except _RowError as error:
        contents.left_out[sha] = f"{task} ({error})"


_TYPES = (str, int, str, float, str, str, str, int)


class _RowError(Exception):
    """What is wrong with the chunks of a task."""


def _chunks(task: Task, rows: Sequence[Sequence[Any]], count: int) -> list[Chunk]:
    chunks: list[Chunk] = []
    for place, row in enumerate(rows):
        _, index, sums, seconds, code, host, date, crc = row
        if index != place:
            raise _RowError(f"chunk {place} is missing")
        if tuple(map(type, row)) != _TYPES or checksum(*row[:-1]) != crc:
            raise _RowError(f"chunk {place} is damaged: its checksum differs")
        try:
            chunks.append(Chunk(index, Sums.read(sums), seconds, code, host, date))
        except ValueError as error:
            raise _RowError(f"chunk {place} has sums that are none: {error}") from None
    if len(chunks) != count:
        raise _RowError(f"it has {len(chunks)} chunks where {count} were written")
    fault = fault_of_counts(task.measure, chunks)
    if fault is not None:
        raise _RowError(f"it {fault}")
    return chunks


def _short(sha: Any) -> str:
    return shortened(str(sha), 12).removesuffix("...")


def check_structure(connection: sqlite3.Connection, path: Path, tables: dict[str, str]) -> None:
    """StoreError unless the file has these very tables, and SQLite finds it whole."""
    found = dict(connection.execute("SELECT name, sql FROM sqlite_master").fetchall())
    if found != tables:
        raise StoreError(f"{path} is damaged: its tables are not those of a store; {_restore()}")
    for (trouble,) in connection.execute("PRAGMA quick_check(1)").fetchall():
        if trouble != "ok":
            _blame_the_disk(trouble)
            raise StoreError(f"{path} is damaged ({' '.join(trouble.split())}); {_restore()}")


def _blame_the_disk(trouble: str) -> None:
    """Raise the error of SQLite that its own check only tells of, where the disk could not be read."""
    code = re.search(r"error code=(\d+)", trouble)
    if code is not None and int(code[1]) & 0xFF == sqlite3.SQLITE_IOERR:
        error = sqlite3.OperationalError(" ".join(trouble.split()))
        error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_IOERR_READ, "SQLITE_IOERR_READ"
        raise error


def identity(connection: sqlite3.Connection) -> tuple[int, int]:
    """Whose file it is, and of which version; zeros where it is new."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    return int(application), int(connection.execute("PRAGMA user_version").fetchone()[0])


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
            data = base64.b64decode(plain["float64"], validate=True)
            return np.frombuffer(data, dtype="<f8").reshape(plain["shape"])
        return plain

    return {key: value_of(plain) for key, plain in json.loads(text).items()}
