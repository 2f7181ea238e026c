"""Stores as version 1 wrote them: one that its code wrote, kept here, and others written again in its layout."""

from __future__ import annotations

import json
import sqlite3
import struct
import zlib
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("version_1.sqlite")
"""What the last code that wrote version 1 measured of CELLS."""
CSV = FILE.with_suffix(".csv")
"""What that code then read from it."""


LATER_METRICS = ("wrong", "unfaithful")
"""Those that the sums of version 1 give, and which its code did not have."""


def as_read_then(frame: Any) -> str:
    """A table of today as that code wrote it: with fewer metrics and columns, and one way of breaking ties, unnamed."""
    text: str = frame.loc[~frame["metric"].isin(LATER_METRICS), :"seconds"].to_csv(index=False, lineterminator="\n")
    for name in ("confidence:ties=lowest", '"stride:nucleus=0.5,ties=lowest"'):
        text = text.replace(name, name.strip('"').replace(",ties=lowest", "").replace(":ties=lowest", ""))
    return text


HMM = "hmm:states=6,vocab_size=4,prune_transition=1.2,prune_emission=1"
BIGRAM = "ngram:order=2,vocab_size=4"
_LONG: dict[str, Any] = {"length": 512, "samples": 130, "metrics": "ser,ter,cross_entropy"}
_SHORT: dict[str, Any] = {**_LONG, "samples": 100, "check": True}
CELLS: list[dict[str, Any]] = [
    {**_LONG, "lang": HMM, "steps": "4,64", "sampler": "ancestral,stride", "check": True},
    {**_LONG, "lang": [HMM, BIGRAM], "model": "ar"},
    {**_LONG, "lang": BIGRAM, "steps": 128, "model": "block:size=32", "check": True},
    {**_LONG, "lang": BIGRAM, "steps": 64, "samples": 400, "max_errors": 60, "seed": 1},
    {**_LONG, "lang": HMM, "steps": 64, "sampler": "stride:nucleus=0.5,ties=lowest", "check": True},
    {**_SHORT, "lang": "permutation:items=12,parity,equal_pairs:vocab_size=4", "steps": 4, "length": 12},
    {
        **_SHORT,
        "lang": "copy:distance=3,vocab_size=4,repetition:vocab_size=4",
        "steps": 2,
        "length": 16,
        "sampler": "confidence:ties=lowest",
    },
    {**_LONG, "lang": BIGRAM, "steps": 64, "samples": 64, "metrics": "ser", "sampler": "remdm-cap:eta=0.3"},
]

CHUNKS = (
    'CREATE TABLE chunk (task TEXT NOT NULL REFERENCES task, "index" INTEGER NOT NULL,'
    " sequences INTEGER NOT NULL, errors INTEGER NOT NULL, impossible INTEGER NOT NULL, tokens INTEGER NOT NULL,"
    " nats REAL NOT NULL, nats_squared REAL NOT NULL, gap REAL NOT NULL, gap_squared REAL NOT NULL,"
    " ratio REAL NOT NULL, ratio_squared REAL NOT NULL, calls INTEGER NOT NULL, rounds INTEGER NOT NULL,"
    " seconds REAL NOT NULL, code TEXT NOT NULL, host TEXT NOT NULL, crc INTEGER NOT NULL,"
    ' PRIMARY KEY (task, "index")) WITHOUT ROWID'
)
_REAL = ("nats", "nats_squared", "gap", "gap_squared", "ratio", "ratio_squared")
SUMS = ("sequences", "errors", "impossible", "tokens", *_REAL, "calls", "rounds")


def aged(store: Path) -> Path:
    """The store, written again as version 1 would have: without what it did not sum."""
    connection = sqlite3.connect(store)
    rows = connection.execute("SELECT * FROM chunk").fetchall()
    connection.execute("DROP TABLE chunk")
    connection.execute(CHUNKS)
    for task, index, text, seconds, code, host, *_ in rows:
        found = json.loads(text)
        numbers = (index, *(found.get(name, 0) for name in SUMS), seconds)
        words = zlib.crc32("\0".join([task, code, host]).encode())
        row = (task, *numbers, code, host, zlib.crc32(struct.pack("<5q6d2qd", *numbers), words))
        connection.execute(f"INSERT INTO chunk VALUES ({', '.join('?' * len(row))})", row)
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.execute("VACUUM")
    connection.close()
    return store


CHUNKS_2 = (
    'CREATE TABLE chunk (task TEXT NOT NULL REFERENCES task, "index" INTEGER NOT NULL, sums TEXT NOT NULL,'
    " seconds REAL NOT NULL, code TEXT NOT NULL, host TEXT NOT NULL, crc INTEGER NOT NULL,"
    ' PRIMARY KEY (task, "index")) WITHOUT ROWID'
)


def aged_to_2(store: Path) -> Path:
    """The store, written again as version 2 would have: without dates, and without what was asked for."""
    connection = sqlite3.connect(store)
    chunks = connection.execute("SELECT * FROM chunk").fetchall()
    connection.execute("DROP TABLE chunk")
    connection.execute(CHUNKS_2)
    for task, index, sums, seconds, code, host, *_ in chunks:
        crc = zlib.crc32(f"{task}\0{index}\0{sums}\0{seconds!r}\0{code}\0{host}".encode())
        connection.execute(
            "INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?)", (task, index, sums, seconds, code, host, crc)
        )
    for sha, text in connection.execute("SELECT sha, label FROM task").fetchall():
        found = json.loads(text)
        del found["asked"]
        label = json.dumps(found, sort_keys=True, separators=(",", ":"))
        crc = zlib.crc32(f"{sha}\0{label}".encode())
        connection.execute("UPDATE task SET label = ?, crc = ? WHERE sha = ?", (label, crc, sha))
    connection.execute("PRAGMA user_version = 2")
    connection.commit()
    connection.execute("VACUUM")
    connection.close()
    return store


def without_cubes(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows of chunks with the sums that version 1 had."""
    kept = []
    for task, index, text in rows:
        try:
            sums: Any = {name: value for name, value in json.loads(text).items() if name in SUMS}
        except ValueError:  # a chunk that was damaged
            sums = {"": text}
        kept.append((task, index, sums))
    return kept
