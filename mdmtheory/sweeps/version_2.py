"""Stores of version 2: chunks had no date; and what a store of any older version hands on to one of today."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mdmtheory.sweeps.chunks import checksum

CHUNKS = (
    'CREATE TABLE chunk (task TEXT NOT NULL REFERENCES task, "index" INTEGER NOT NULL, sums TEXT NOT NULL,'
    " seconds REAL NOT NULL, code TEXT NOT NULL, host TEXT NOT NULL, crc INTEGER NOT NULL,"
    ' PRIMARY KEY (task, "index")) WITHOUT ROWID'
)
"""The one table that was another."""

DAMAGED = -1
"""The checksum, which none can be, under which a damaged chunk is handed on, so that the new store names it too."""

_NO_DATE = ""
_Said = tuple[str, int, str, float, str, str]
"""Task, index, sums, seconds, code and host."""
_TYPES = (str, int, str, float, str, str, int)


def migrate(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Copy everything into the tables of today."""

    def believed(row: Sequence[Any]) -> _Said | None:
        task, index, sums, seconds, code, host, crc = row
        genuine = tuple(map(type, row)) == _TYPES and _checksum(task, index, sums, seconds, code, host) == crc
        return (task, index, sums, seconds, code, host) if genuine else None

    copy_store(old, new, believed)


def copy_store(
    old: sqlite3.Connection, new: sqlite3.Connection, rewritten: Callable[[Sequence[Any]], _Said | None]
) -> None:
    """Copy a store, each row of its chunks `rewritten` as today's without date and checksum; None: it is damaged."""

    def chunks() -> Iterator[tuple[Any, ...]]:
        for row in old.execute('SELECT * FROM chunk ORDER BY task, "index"'):
            said = rewritten(row)
            if said is None:
                yield str(row[0]), DAMAGED if row[1] is None else row[1], "", 0.0, "", "", _NO_DATE, DAMAGED
            else:
                yield (*said, _NO_DATE, checksum(*said, _NO_DATE))

    for table in ("language", "task"):
        new.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?, ?, ?)", old.execute(f"SELECT * FROM {table}"))
    new.executemany("INSERT OR IGNORE INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?)", chunks())


def _checksum(task: str, index: int, sums: str, seconds: float, code: str, host: str) -> int:
    return zlib.crc32(f"{task}\0{index}\0{sums}\0{seconds!r}\0{code}\0{host}".encode())
