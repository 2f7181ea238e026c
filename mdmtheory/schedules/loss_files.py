"""Loss profiles from CSV files."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from mdmtheory.core.reading import read_text
from mdmtheory.core.writing import write_whole
from mdmtheory.schedules.losses import COLUMNS, ERRORS, LossProfile, from_losses

_HEADER = "mask_ratio,loss[,stderr]"


def read_losses(
    path: str | PathLike[str], *, unit: str = "nats", per: str = "masked", vocab_size: Any = None
) -> LossProfile:
    """The loss profile of a CSV file whose header names mask_ratio, loss and perhaps stderr; # starts a comment line.

    `unit`, `per` and `vocab_size` as for `from_losses`. ValueError says what cannot be read.
    """
    table = _table(read_text(path, f"pass a CSV file with {_HEADER}"), path)
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        found = ", ".join(table)
        raise ValueError(f"{path} has no column {' and no '.join(missing)}, but {found}; name them {_HEADER}")
    known = [*COLUMNS, ERRORS]
    ratios, losses, errors = ([_number(path, column, each) for each in table.get(column, [])] for column in known)
    ignored = tuple(column for column in table if column not in known)
    return from_losses(
        ratios,
        losses,
        errors if ERRORS in table else None,
        name=str(path),
        ignored=ignored,
        unit=unit,
        per=per,
        vocab_size=vocab_size,
    )


def _table(text: str, path: str | PathLike[str]) -> dict[str, list[str]]:
    """The columns of a CSV text by the names in its first line; ValueError where a line has more or fewer values."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines or "\0" in text:
        raise ValueError(f"{path} holds no table; pass a CSV file with the header {_HEADER}")
    try:
        table = [[cell.strip() for cell in row] for row in csv.reader(lines, skipinitialspace=True, strict=True)]
    except csv.Error as error:
        raise ValueError(f"{path} is no CSV table: {error}") from error
    # A comma at the end of a line is no column.
    while len({len(row) for row in table}) == 1 and table[0] and not any(row[-1] for row in table):
        table = [row[:-1] for row in table]
    header, rows = table[0], table[1:]
    rows = [row if any(row[len(header) :]) else row[: len(header)] for row in rows]
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise ValueError(
                f"{path} is no CSV table: row {number} has {len(row)} values, and the header {len(header)} names; "
                f"name every column, as {_HEADER}"
            )
    for name, often in Counter(header).items():
        if often > 1 or not name:
            what = f"{often} columns called {name}" if name else "a column without a name"
            raise ValueError(f"{path} has {what}; name every column, each its own way, as {_HEADER}")
    return {name: [row[column] for row in rows] for column, name in enumerate(header)}


def _number(path: str | PathLike[str], column: str, text: Any) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{path} has {column} {text!r}, which is no number") from None


def write_losses(profile: LossProfile, path: str | PathLike[str], about: Mapping[str, str] | None = None) -> None:
    """Write a profile as `read_losses` reads it, nats a masked token, under comments that say what it is `about`."""
    errors = [0.0] * len(profile.ratios) if profile.errors is None else profile.errors
    rows = zip(profile.ratios, profile.losses, errors, strict=True)
    lines = [f"# {name}: {' '.join(words.split())}" for name, words in (about or {}).items()]
    lines += [",".join((*COLUMNS, ERRORS)), *(",".join(repr(float(each)) for each in row) for row in rows)]
    write_whole(Path(path), ("\n".join(lines) + "\n").encode())
