"""Published rows: results as a file that a later run takes numbers from where it would measure the very same task.

A store is too large to go with a page, its rows are not. A row says by which task its numbers were measured, and so,
through the task's name, by which version of every component; what it says itself is held by a checksum. Rows are data:
they name nothing that is run or opened.
"""

from __future__ import annotations

import csv
import io
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from mdmtheory.core.estimate import Estimate, Kind, as_measured
from mdmtheory.core.notices import notice
from mdmtheory.core.origin import is_built_in
from mdmtheory.core.printable import first_few, printable
from mdmtheory.core.reading import read_text
from mdmtheory.sweeps.choices import is_learned
from mdmtheory.sweeps.results import CELL_COLUMNS, Published, check_whole_sequences, short_name

if TYPE_CHECKING:
    import pandas as pd

    from mdmtheory.metrics.metric import Metric
    from mdmtheory.sweeps.work import TaskState, Work

_CELL = tuple(name for name in CELL_COLUMNS if name != "prompt")
_NUMBERS = ("metric", "value", "low", "high", "level", "kind", "count", "calls", "rounds", "form")
PUBLISHED = (*_CELL, *_NUMBERS, "task", "crc")
"""The columns of the file; what it took is another time on another day, and rows of prompts are not published."""

MARK = ",".join(_CELL)
"""How the file begins, in this version and in those before."""

_WITHHELD = "withheld ("


class _RowError(Exception):
    """Why a row is not believed."""


def published_text(frame: pd.DataFrame) -> str:
    """The rows of a frame as the text of the file, each with a CRC-32 over all that it says.

    ValueError for rows of answers to prompts: such a file has no column that tells them apart.
    """
    check_whole_sequences(frame, "rows that are published")
    plain = frame[[name for name in PUBLISHED if name != "crc"]].to_csv(index=False, lineterminator="\n")
    header, *rows = csv.reader(io.StringIO(plain, newline=""))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*header, "crc"])
    writer.writerows([*row, _crc(row)] for row in rows)
    return text.getvalue()


def published_rows(path: str | Path, work: Work, level: float) -> dict[str, Published]:
    """The tasks of some work whose numbers stand in a file, by SHA: all of them, at this level, of as many sequences.

    A notice tells of rows that are damaged or from a newer version; they are not there, nor is their task. A task that
    a number of errors stops is not either, since its rows do not tell how many sequences were asked for, nor one with
    a metric that is not built in, which may have changed, or that reads another task's sums besides. Empty where there
    is no file.
    """
    path = Path(path)
    if not path.exists():
        return {}
    wanted = {short_name(sha): sha for sha in work.states}
    found: dict[str, dict[str, dict[str, Any]]] = {}
    refused: set[str] = set()
    faults = []
    try:
        for line, fields in _lines(path):
            sha = None
            try:
                row = _row(fields)
                sha = wanted.get(row.pop("task"))
                if sha is not None and row["metric"] in work.metrics[sha]:
                    _put(found.setdefault(sha, {}), row, work.metrics[sha][row["metric"]])
            except _RowError as error:
                faults.append(f"line {line} ({error})")
                refused |= {sha} if sha is not None else set()
    except (ValueError, csv.Error) as error:
        notice(f"{path}: not every row can be taken from it: {error}")
    if faults:
        notice(f"{path}: rows that are not taken from it: {first_few(faults)}; what they say is measured anew")
    return {
        sha: Published(work.states[sha].task, tuple(rows.values()))
        for sha, rows in found.items()
        if sha not in refused and _serves(rows, work.states[sha], work.metrics[sha], level)
    }


def rows_of_runs(path: str | Path) -> pd.DataFrame:
    """The rows of trained networks in a file, as they were published; empty where there is no file.

    A network need not be where its rows are read: its weights, and the versions that measured it, cannot be held
    against them. A row is believed by its checksum and if it says what can be; a notice tells of others.
    """
    import pandas as pd

    found, faults = [], []
    try:
        for line, fields in _lines(Path(path)) if Path(path).exists() else ():
            try:
                numbers = _row(fields)
                said = dict(zip(PUBLISHED, fields, strict=True))
                if is_learned(said["denoiser"]):
                    found.append({**_cell(said), **numbers})
            except _RowError as error:
                faults.append(f"line {line} ({error})")
    except (ValueError, csv.Error) as error:
        notice(f"{path}: not every row can be taken from it: {error}")
    if faults:
        notice(f"{path}: rows that are not taken from it: {first_few(faults)}")
    return pd.DataFrame(found, columns=[name for name in PUBLISHED if name != "crc"])


def _cell(said: Mapping[str, str]) -> dict[str, Any]:
    """What a row says of its cell."""
    cell: dict[str, Any] = {name: said[name] or None for name in _CELL}
    try:
        cell |= {name: int(said[name]) if said[name] else None for name in ("length", "steps", "seed")}
        if cell["length"] is None or cell["length"] < 1 or any(printable(each) != each for each in said.values()):
            raise ValueError("a length below 1, or a name that cannot be printed")
    except ValueError as error:
        raise _RowError(f"it says what cannot be: {printable(str(error))}") from None
    return cell


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows as texts, numbered as in the file. ValueError where they are not of this version's columns."""
    reader = csv.reader(io.StringIO(read_text(path, "the rows are measured anew"), newline=""))
    header = next(reader, [])
    if tuple(header) != PUBLISHED:
        raise ValueError("its columns are those of another version of mdmtheory; its rows are measured anew")
    for fields in reader:
        yield reader.line_num, fields


def _row(fields: Sequence[str]) -> dict[str, Any]:
    """The numbers of a row, and its task."""
    *said, crc = fields or [""]
    if len(fields) != len(PUBLISHED) or crc != _crc(said):
        raise _RowError("its checksum differs")
    row: dict[str, Any] = dict(zip(PUBLISHED, said, strict=False))
    try:
        for name in ("value", "low", "high", "level", "calls", "rounds"):
            row[name] = float(row[name]) if row[name] else None
        for name in ("count", "form"):
            row[name] = int(row[name])
        _check(row)
    except ValueError as error:
        raise _RowError(f"it says what cannot be: {printable(str(error))}") from None
    return {name: row[name] for name in (*_NUMBERS, "task")}


def _check(row: Mapping[str, Any]) -> None:
    """ValueError for numbers that no estimate can have."""
    ends, kind = (row["value"], row["low"], row["high"]), row["kind"]
    if kind != printable(kind):
        raise ValueError("its kind cannot be printed")
    if row["count"] < 0 or any(each is not None and not 0 <= each < math.inf for each in (row["calls"], row["rounds"])):
        raise ValueError("a count, or a number of calls, below 0")
    if kind.startswith(_WITHHELD):
        if ends != (None, None, None) or row["level"] is not None:
            raise ValueError("a number that is withheld stands there")
    elif kind == "exact":
        if ends[0] is None or ends[1:] != (None, None):
            raise ValueError("an exact number has no interval")
    elif None in ends or row["level"] is None:
        raise ValueError("an end of its interval is missing")
    else:
        bare = as_measured(kind, ends)[0]
        if bare not in get_args(Kind):
            raise ValueError(f"kind {bare!r} is unknown")
        Estimate(*ends, row["level"], cast(Kind, bare), row["count"])


def _put(rows: dict[str, dict[str, Any]], row: dict[str, Any], metric: Metric) -> None:
    """A row to those of its task."""
    if row["metric"] in rows:
        raise _RowError("it stands there twice")
    if row["form"] > metric.form:
        raise _RowError(f"it is from a newer mdmtheory, which knows form {row['form']} of {metric.name}")
    rows[row["metric"]] = row


def _serves(
    rows: Mapping[str, Mapping[str, Any]], state: TaskState, metrics: Mapping[str, Metric], level: float
) -> bool:
    """Whether rows are all that is asked of a task: every metric, the level, and at least as many sequences."""
    task = state.task
    count = max(row["count"] for row in rows.values()) if rows else 0
    asked = {
        metric.name for metric in metrics.values() if metric.since <= task.measure_version and count >= metric.fewest
    }
    levels = {row["level"] for row in rows.values() if row["level"] is not None}
    return (
        task.max_errors is None
        and all(is_built_in(metric) and not metric.besides for metric in metrics.values())
        and set(rows) >= asked
        and levels == {level}
        and count >= state.needed * task.chunk_size
    )


def _crc(fields: Sequence[str]) -> str:
    return f"{zlib.crc32(chr(0).join(fields).encode()):08x}"
