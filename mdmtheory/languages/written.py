"""Languages that people write down: tables in CSV files, lists in JSON, arrays in a plain .npz.

What is read becomes numbers and nothing else, and is held to the limits of text files before it is taken apart.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.printable import shortened
from mdmtheory.core.protocols import Language
from mdmtheory.core.reading import read_text
from mdmtheory.languages.kinds import kinds
from mdmtheory.languages.laws import checked_law

HOW_MADE = (
    "`mdmtheory language new hmm --initial I.csv --transition T.csv --emission E.csv -o FILE.npz`, "
    "`language new SPEC -o FILE.npz` or q.save(FILE) in Python; JSON may be written by hand"
)
"""How a language file comes to be."""

_FEWEST_COUNTED = 3
"""So many whole numbers in their order are no probabilities: they sum to more than 1."""


def read_json(path: str | PathLike[str]) -> Language:
    """A language from an object of lists and numbers by name: `{"kind": "hmm", "initial": [...], ...}`.

    ValueError, in one line, for what is none.
    """
    text = read_text(path, "pass a language file")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON: {shortened(str(error))}; {_shape_of_json()}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}; {_shape_of_json()}")
    kind = content.pop("kind", None)
    return from_tables({name: _numbers(value, f"{name} in {path}") for name, value in content.items()}, str(path), kind)


def from_tables(given: Mapping[str, Any], where: str, kind: Any = None) -> Language:
    """The language with these arrays and numbers by name, of a kind, else of the one that has what these names say.

    ValueError, in one line that begins with `where` they are from.
    """
    named = {name: (*each.arrays, *each.numbers) for name, each in kinds().items()}
    found = ", ".join(shortened(each, 40) for each in given) or "nothing"
    if kind is None:
        fitting = [name for name, own in named.items() if set(own) == given.keys() and kinds()[name].arrays]
        kind = fitting[0] if len(fitting) == 1 else None
    if not isinstance(kind, str) or kind not in named:
        takes = "; ".join(f"{name}: {', '.join(own)}" for name, own in named.items() if own)
        said = "" if kind is None else f" of the kind {shortened(repr(kind))}"
        raise ValueError(f"{where} holds {found}{said}, which is no language; languages are of {takes}")
    if given.keys() != set(named[kind]):
        raise ValueError(f"{where} holds {found}; the kind {kind} has {', '.join(named[kind]) or 'nothing'}")
    own, parameters = kinds()[kind], dict(given)
    for name in own.numbers:
        if np.ndim(given[name]) or not (own.least_number <= given[name] < 1 << 63 and int(given[name]) == given[name]):
            said = f"{where}: {name} is {shortened(str(given[name]))}"
            raise ValueError(f"{said}; give a whole number from {own.least_number}")
        parameters[name] = int(given[name])
    try:
        language: Language = own.from_tables(parameters)
    except ValueError as error:
        raise ValueError(f"{where} holds no language: {shortened(str(error))}") from error
    return language


def read_law(path: str | PathLike[str], *, whole: bool = False) -> tuple[Float[np.ndarray, "rows columns"], str]:
    """The rows of a CSV file, each of which sums to 1, or the `whole` file does; and what of it was taken for names.

    Separated by commas, semicolons (then a comma may be the decimal point), tabs or spaces; fractions as 1/3; lines
    that begin with # are comments. A first line and a first column that are no probabilities, but texts or numbers in
    their order, are names. ValueError, in one line, with the line of the file.
    """
    text = read_text(path, "give the path of a CSV file, with rows of probabilities")
    written = [(at, line) for at, line in enumerate(text.splitlines(), 1) if line.strip() and line.strip()[0] != "#"]
    if not written:
        raise ValueError(f"{path} is empty; write rows of probabilities, separated by commas")
    separator = next((each for each in ";\t," if any(each in line for _, line in written)), None)
    rows = [_cells(path, at, line, separator) for at, line in written]
    places = [at for at, _ in written]
    first = rows[0]
    header = first[0] == "" or any(_number(each) is None for each in (first[1:] or first))
    header = header or _counts(first) or _counts(first[1:])
    if header:
        rows, places = rows[1:], places[1:]
    if not rows:
        raise ValueError(f"{path} has one line, of names; write rows of probabilities below it, separated by commas")
    begins = [row[0] for row in rows]
    index = len(rows[0]) > 1 and (
        (header and first[0] == "") or all(_number(each) is None for each in begins) or _counts(begins)
    )
    rows = [row[1:] for row in rows] if index else rows
    table = np.array([_row(path, at, row, len(rows[0]), places[0]) for at, row in zip(places, rows, strict=True)])
    if whole:
        checked_law(table.reshape(-1), f"{path}", remedy="all divided by their sum")
    else:
        for at, values in zip(places, table, strict=True):
            checked_law(values, f"{path}, line {at},", remedy="the row divided by its sum")
    names = [*(["the first line"] if header else []), *(["the first column"] if index else [])]
    return table, f"{path}: {' and '.join(names)} taken for names" if names else ""


def _row(path: Any, at: int, cells: Sequence[str], wanted: int, first: int) -> list[float]:
    if len(cells) != wanted:
        raise ValueError(f"{path}, line {at} has {len(cells)} numbers, and line {first} has {wanted}; write as many")
    values = [_number(each) for each in cells]
    for cell, value in zip(cells, values, strict=True):
        if value is None:
            raise ValueError(
                f"{path}, line {at}: {shortened(cell, 40)!r} is no number; write a probability, as 0.25 or 1/4"
            )
    return [value for value in values if value is not None]


def _cells(path: Any, at: int, line: str, separator: str | None) -> list[str]:
    if separator is None:
        return line.split()
    try:
        cells = [each.strip() for each in next(csv.reader([line], delimiter=separator, skipinitialspace=True))]
    except csv.Error as error:
        raise ValueError(f"{path}, line {at} is no CSV: {error}; write probabilities, as 0.25") from error
    return [each.replace(",", ".") for each in cells] if separator == ";" else cells


def _number(text: str) -> float | None:
    """A decimal number, or a fraction; None for other texts."""
    above, slash, below = text.partition("/")
    try:
        return float(above) / float(below) if slash else float(text)
    except (ValueError, ZeroDivisionError):
        return None


def _counts(cells: Sequence[str]) -> bool:
    """Whether these are the whole numbers in their order, from 0 or 1."""
    return len(cells) >= _FEWEST_COUNTED and list(cells) in (
        [str(first + each) for each in range(len(cells))] for first in (0, 1)
    )


def _numbers(value: Any, what: str) -> Any:
    """Lists as an array of float64, a number as it is; ValueError for anything else."""
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{what} has rows of different lengths; write as many numbers in each") from None
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{what} is no list of numbers; write [0.5, 0.5], or such rows in a list")
    return array.astype(np.float64) if array.ndim else value


def _shape_of_json() -> str:
    return 'write {"kind": "hmm", "initial": [...], "transition": [[...], ...], "emission": [[...], ...]}'
