"""Stores of version 1: chunks had a column for each of twelve sums, also for those that their measure does not make."""

from __future__ import annotations

import json
import sqlite3
import struct
import zlib
from collections.abc import Sequence
from typing import Any

from mdmtheory.metrics.registry import measures
from mdmtheory.metrics.sums import Sums
from mdmtheory.sweeps.version_2 import copy_store

CHUNKS = (
    'CREATE TABLE chunk (task TEXT NOT NULL REFERENCES task, "index" INTEGER NOT NULL,'
    " sequences INTEGER NOT NULL, errors INTEGER NOT NULL, impossible INTEGER NOT NULL, tokens INTEGER NOT NULL,"
    " nats REAL NOT NULL, nats_squared REAL NOT NULL, gap REAL NOT NULL, gap_squared REAL NOT NULL,"
    " ratio REAL NOT NULL, ratio_squared REAL NOT NULL, calls INTEGER NOT NULL, rounds INTEGER NOT NULL,"
    " seconds REAL NOT NULL, code TEXT NOT NULL, host TEXT NOT NULL, crc INTEGER NOT NULL,"
    ' PRIMARY KEY (task, "index")) WITHOUT ROWID'
)
"""The one table that was another."""

_REAL = ("nats", "nats_squared", "gap", "gap_squared", "ratio", "ratio_squared")
SUMS = ("sequences", "errors", "impossible", "tokens", *_REAL, "calls", "rounds")
_TYPES = (str, *[int] * 5, *[float] * 6, int, int, float, str, str, int)
_LAYOUT = "<5q6d2qd"


def migrate(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Copy everything into the tables of today; sums that a measure does not make are left behind."""
    made = {sha: _sums_of(text) for sha, text in old.execute("SELECT sha, json FROM task")}

    def rewritten(row: Sequence[Any]) -> tuple[Any, ...] | None:
        task, index, *values, seconds, code, host, crc = row
        if tuple(map(type, row)) != _TYPES or _checksum(row) != crc:
            return None
        by_name = dict(zip(SUMS, values, strict=True))
        return task, index, Sums({name: by_name[name] for name in made.get(task, SUMS)}).written, seconds, code, host

    copy_store(old, new, rewritten)


def _checksum(row: Sequence[Any]) -> int:
    task, *numbers, code, host, _ = row
    return zlib.crc32(struct.pack(_LAYOUT, *numbers), zlib.crc32("\0".join([task, code, host]).encode()))


def _sums_of(text: Any) -> tuple[str, ...]:
    """The sums of a task's measure; all of them where the task is not understood, for then it is left out itself."""
    try:
        measure = measures()[json.loads(text)["measure"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return SUMS
    return tuple(name for name in (*measure.whole, *measure.real) if name in SUMS)
