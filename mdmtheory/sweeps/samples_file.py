"""The file beside a store that has the sequences which a sweep kept: NAME.samples.sqlite, chunk by chunk.

It is written by whoever holds the store's lock, and before the store: what the store has of a sweep that keeps its
sequences is there, whatever ends the process. Nothing in it is run; each row has a digest of all that it says.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from mdmtheory.core.limits import MOST_UNPACKED_BYTES
from mdmtheory.core.notices import notice
from mdmtheory.core.printable import first_few
from mdmtheory.core.protocols import Samples
from mdmtheory.core.streams import canonical_json
from mdmtheory.sweeps import opening, schema
from mdmtheory.sweeps.chunks import Chunk
from mdmtheory.sweeps.schema import StoreError

_Seen = TypeVar("_Seen")

APPLICATION_ID = 0x4D444D53  # "MDMS"
USER_VERSION = 1

TABLES = {
    "samples": 'CREATE TABLE samples (task TEXT NOT NULL, "index" INTEGER NOT NULL, count INTEGER NOT NULL,'
    " length INTEGER NOT NULL, itemsize INTEGER NOT NULL, trust REAL, sha256 TEXT NOT NULL, packed BLOB NOT NULL,"
    ' PRIMARY KEY (task, "index")) WITHOUT ROWID'
}
_INSERT = "INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class Row(NamedTuple):
    """The sequences of one chunk. `packed` is zlib's of tokens, calls, rounds and `impossible`, little-endian.

    Tokens take `itemsize` bytes each, 1, 2 or 4; `trust` is NULL where sequences that went wrong were given up.
    """

    task: str
    chunk: int
    sequences: int
    length: int
    itemsize: int
    trust: float | None
    sha256: str
    packed: bytes

    @classmethod
    def of(cls, task: str, index: int, samples: Samples) -> Row:
        """The row that keeps them; ValueError for more than may be read again."""
        tokens = samples.tokens
        arrays = [tokens, *(each.astype("<i8") for each in (samples.calls, samples.rounds)), samples.impossible]
        plain = b"".join(each.astype(each.dtype.newbyteorder("<")).tobytes() for each in arrays)
        if len(plain) > MOST_UNPACKED_BYTES:
            raise ValueError(
                f"a chunk of {len(tokens)} sequences takes {len(plain):,} bytes, more than MOST_UNPACKED_BYTES = "
                f"{MOST_UNPACKED_BYTES:,} (mdmtheory.core.limits); do not keep them, or use a smaller batch"
            )
        count, length = tokens.shape
        about = (task, index, count, length, tokens.itemsize, samples.trust)
        return cls(*about, _digest(about, plain), zlib.compress(plain))

    @property
    def fault(self) -> str | None:
        """Why it cannot be believed, in words; None where it can."""
        try:
            self.samples()
        except StoreError as error:
            return str(error)
        return None

    def samples(self) -> Samples:
        """What it keeps; StoreError in words where that is damaged."""
        import numpy as np

        if (
            not all(map(isinstance, self, _TYPES))
            or self.itemsize not in _TOKENS
            or min(self.sequences, self.length) < 1
        ):
            raise StoreError("a field is none")
        sizes = [self.sequences * each for each in (self.length * self.itemsize, 8, 8, 1)]
        if sum(sizes) > MOST_UNPACKED_BYTES:
            raise StoreError(f"it says that it unpacks to {sum(sizes):,} bytes")
        unpacking = zlib.decompressobj()
        try:
            plain = unpacking.decompress(self.packed, sum(sizes) + 1)
        except zlib.error:
            raise StoreError("it cannot be unpacked") from None
        if len(plain) != sum(sizes) or _digest(self[:6], plain) != self.sha256:
            raise StoreError("its digest differs")
        kinds = (_TOKENS[self.itemsize], "<i8", "<i8", "?")
        found, start = [], 0
        for kind, size in zip(kinds, sizes, strict=True):
            part = np.frombuffer(plain[start : start + size], dtype=kind)
            found.append(part.astype(part.dtype.newbyteorder("=")))
            start += size
        tokens, calls, rounds, impossible = found
        return Samples(tokens.reshape(self.sequences, self.length), calls, rounds, impossible, self.trust)


_TOKENS = {1: "<u1", 2: "<u2", 4: "<i4"}
"""The types of tokens (`core.tokens.token_dtype`) by their bytes."""
_TYPES: tuple[Any, ...] = (str, int, int, int, int, float | None, str, bytes)


def _digest(about: Sequence[Any], plain: bytes) -> str:
    return hashlib.sha256(canonical_json(list(about)).encode() + b"\0" + plain).hexdigest()


def beside(store: str | Path) -> Path:
    """Where the sequences of a store are: NAME.samples.sqlite beside NAME.sqlite, whatever link it is named by."""
    path = Path(os.path.realpath(store))
    return path.with_name(f"{path.stem}.samples{path.suffix}")


class SamplesFile:
    """The file of a store opened to be written, by whoever holds that store's lock. Use it in a `with` block."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with contextlib.ExitStack() as held:
            self._connection = held.enter_context(opening.writing(path))
            with opening.saying(path):
                if schema.is_empty(self._connection):
                    with opening.transaction(path, self._connection):
                        schema.create(self._connection, APPLICATION_ID, USER_VERSION, TABLES)
                _check(self._connection, path)
                self._connection.execute("PRAGMA journal_mode = DELETE")
                # The journal's removal is synced too: the power cannot take these back once the store has its chunks.
                self._connection.execute("PRAGMA synchronous = EXTRA")
            self._held = held.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def begins(self, of: Iterable[str], trust: float | None) -> dict[str, int]:
        """How many chunks of each task are kept, whole, and drawn with this `trust`, counted from its first."""
        return _begins(self._connection, of, trust)

    def add(self, rows: Iterable[Row]) -> None:
        """Write rows, over what is there of the same chunks; all of them or none."""
        with opening.transaction(self.path, self._connection):
            self._connection.executemany(_INSERT, rows)


def rows_of(chunks: Mapping[str, Sequence[Chunk]]) -> list[Row]:
    """The rows of those chunks that bring their sequences along, by task."""
    return [
        Row.of(sha, chunk.index, chunk.samples) for sha, those in chunks.items() for chunk in those if chunk.samples
    ]


def begins(path: Path, of: Iterable[str], trust: float | None) -> dict[str, int]:
    """As `SamplesFile.begins`, of a file that is only looked at; nothing is kept where there is none."""
    return _seen(path, lambda connection: _begins(connection, of, trust), {})


def tasks(path: Path) -> list[str]:
    """The tasks of which sequences are kept; none where there is no file."""
    found: list[tuple[str]] = _seen(path, lambda c: c.execute("SELECT DISTINCT task FROM samples").fetchall(), [])
    return [task for (task,) in found]


def kept(path: Path, task: str) -> tuple[dict[int, Samples], dict[int, str]]:
    """What is kept of a task, by chunk, all with the trust of the first; and why others are left out."""
    whole: dict[int, Samples] = {}
    left_out: dict[int, str] = {}
    rows: list[Row] = _seen(path, partial(_rows, task=task), [])
    for row in rows:
        try:
            samples = row.samples()
        except StoreError as error:
            left_out[row.chunk] = str(error)
            continue
        if other := _is_other(row, next(iter(whole.values()), samples).trust):
            left_out[row.chunk] = other
        else:
            whole[row.chunk] = samples
    return whole, left_out


def merge(paths: Iterable[Path], out: Path, of: Collection[str]) -> bool:
    """Write what several files keep of these tasks to a new one; whether there is any. ValueError where two disagree.

    What is damaged is left out, and told; so is what was drawn to its end of a task of which the files before have what
    was not, or the other way round.
    """
    taken: dict[tuple[str, int], Row] = {}
    trusts: dict[str, float | None] = {}
    left_out: list[str] = []
    with contextlib.ExitStack() as held:
        file: SamplesFile | None = None
        for path in paths:
            for task in sorted(set(tasks(path)) & set(of)):
                rows: list[Row] = _seen(path, partial(_rows, task=task), [])
                file = file or held.enter_context(SamplesFile(out))
                new = []
                for row in rows:
                    fault = row.fault or _is_other(row, trusts.setdefault(row.task, row.trust))
                    if fault:
                        left_out.append(f"chunk {row.chunk} of task {row.task[:12]} in {path} ({fault})")
                    elif not _is_known(row, taken.get(row[:2]), path):
                        new.append(row)
                taken |= {row[:2]: row._replace(packed=b"") for row in new}
                file.add(new)
    if left_out:
        notice(f"sequences left out: {first_few(left_out)}; a sweep with --keep-samples draws them again")
    return file is not None


def _is_other(row: Row, trust: float | None) -> str | None:
    """Why a row does not go with others of its task, in words; None where it does."""
    return None if row.trust == trust else "others of the task were finished otherwise"


def _is_known(row: Row, known: Row | None, path: Path) -> bool:
    """Whether there is such a row already; ValueError where they cannot both be right."""
    if known is not None and known.sha256 != row.sha256:
        raise ValueError(
            f"the sequences of chunk {row.chunk} of task {row.task[:12]} in {path} are not those of the stores before "
            "it; one of them was made by changed code or is wrong: leave it out"
        )
    return known is not None


def _seen(path: Path, look: Callable[[sqlite3.Connection], _Seen], nothing: _Seen) -> _Seen:
    """What `look` sees in a file; `nothing` where there is none, or its first transaction did not happen."""
    if not path.exists():
        return nothing

    def checked(connection: sqlite3.Connection) -> _Seen:
        if schema.is_empty(connection):
            return nothing
        _check(connection, path)
        return look(connection)

    return opening.seen(path, checked)


def _begins(connection: sqlite3.Connection, of: Iterable[str], trust: float | None) -> dict[str, int]:
    found = dict.fromkeys(of, 0)
    for task in found:
        for row in _rows(connection, task):
            if row.chunk != found[task] or row.fault or row.trust != trust:
                break
            found[task] += 1
    return found


def _rows(connection: sqlite3.Connection, task: str) -> list[Row]:
    found = connection.execute('SELECT * FROM samples WHERE task = ? ORDER BY "index"', (task,))
    return [Row(*row) for row in found]


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """StoreError for a file that is not ours, newer, or damaged as a whole."""
    application, version = schema.identity(connection)
    if application != APPLICATION_ID:
        raise StoreError(f"{path} is where the sequences of a store are kept, and has none; move it away")
    if version > USER_VERSION:
        raise StoreError(
            f"{path} has version {version}, newer than {USER_VERSION}, the newest known here; update mdmtheory"
        )
    connection.text_factory = lambda text: text.decode(errors="replace")
    schema.check_structure(connection, path, TABLES)
