"""A sweep small enough to run many times, and ways to look into what it wrote."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from mdmtheory.sweeps import Cell, cells

LANGUAGE = "hmm:states=6,vocab_size=4,prune_transition=1.2,prune_emission=1"


def small_cells(**changed: Any) -> list[Cell]:
    """Two cells that one information curve prices and two that it does not; four chunks of 64 sequences each."""
    given = {"steps": "4,64", "sampler": "ancestral,stride", "length": 512, "samples": 250}
    given = {**given, "metrics": "ser,ter,cross_entropy", **changed}
    return cells(given.pop("lang", LANGUAGE), **given)


def rows_of(path: Path) -> list[tuple[Any, ...]]:
    """Every chunk row of a store, apart from what may differ between two honest runs: seconds, code, host, checksum."""
    connection = sqlite3.connect(path)
    names = [each[1] for each in connection.execute("PRAGMA table_info(chunk)")]
    kept = ", ".join(f'"{name}"' for name in names if name not in ("seconds", "code", "host", "crc"))
    rows = connection.execute(f'SELECT {kept} FROM chunk ORDER BY task, "index"').fetchall()
    connection.close()
    return rows


def one_line(error: BaseException) -> str:
    """The message, which must be one line that says something."""
    text = str(error)
    assert text
    assert "\n" not in text
    return text
