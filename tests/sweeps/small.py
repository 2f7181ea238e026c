"""A sweep small enough to run many times, and ways to look into what it wrote."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any

from mdmtheory.sweeps import Cell, cells
from mdmtheory.sweeps.store import load

LANGUAGE = "hmm:states=6,vocab_size=4,prune_transition=1.2,prune_emission=1"


def small_cells(**changed: Any) -> list[Cell]:
    """Two cells that one information curve prices and two that it does not; four chunks of 64 sequences each."""
    given = {"steps": "4,64", "sampler": "ancestral,stride", "length": 512, "samples": 250}
    given = {**given, "metrics": "ser,ter,cross_entropy", **changed}
    return cells(given.pop("lang", LANGUAGE), **given)


def rows_of(path: Path) -> list[tuple[Any, ...]]:
    """Every chunk row of a store, apart from what may differ between two honest runs: when, where, for how long."""
    connection = sqlite3.connect(path)
    names = [each[1] for each in connection.execute("PRAGMA table_info(chunk)")]
    kept = ", ".join(f'"{name}"' for name in names if name not in ("seconds", "code", "host", "date", "crc"))
    rows = connection.execute(f'SELECT {kept} FROM chunk ORDER BY task, "index"').fetchall()
    connection.close()
    return rows


def one_line(error: BaseException) -> str:
    """The message, which must be one line that says something."""
    text = str(error)
    assert text
    assert "\n" not in text
    return text


def flip_bits(store: Path, whole: bytes) -> None:
    """A bit flipped anywhere in a store of these bytes must be found, or change nothing of what is read."""
    store.write_bytes(whole)
    genuine = load(store)
    chance = random.Random(0)
    found = 0
    for _ in range(80):
        position = chance.randrange(len(whole))
        damaged = bytearray(whole)
        damaged[position] ^= 1 << chance.randrange(8)
        store.write_bytes(damaged)
        try:
            contents = load(store)
        except (ValueError, OSError) as error:
            one_line(error)
            found += 1
        else:
            found += bool(contents.left_out)
            assert contents.tasks.items() <= genuine.tasks.items(), f"byte {position}"
            assert contents.languages.items() <= genuine.languages.items(), f"byte {position}"
            lost = len(genuine.tasks) + len(genuine.languages) - len(contents.tasks) - len(contents.languages)
            assert bool(lost) == bool(contents.left_out), f"byte {position}"
        for beside in store.parent.glob(f"{store.name}-*"):
            beside.unlink()
    # Pages are partly empty: that a flip there changes nothing is no surprise.
    assert found > 20
