"""What may come of a fault, and what must not: the counts of a group of cases, and the sweep that they disturb."""

from __future__ import annotations

import csv
import io
import shutil
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.host import CHUNK_TOKENS, Ended, Host, Line
from tests.sweeps.older import aged
from tests.sweeps.small import rows_of

LANGUAGES = "hmm:states=6,vocab_size=4,prune_transition=1.2,prune_emission=1,parity"
PER_TASK = 3
"""Chunks of each task."""
_LENGTH = 16
_IN_A_CHUNK = CHUNK_TOKENS // _LENGTH
_SAMPLES = str(PER_TASK * _IN_A_CHUNK)
_COMPILING_SECONDS = 100  # of the processor: the first sweep may find no kernel compiled
SWEEP = ("sweep", "--length", str(_LENGTH), "--steps", "4", "--samples", _SAMPLES, "--metrics", "ser,ter,cross_entropy")

Row = tuple[Any, ...]


def sweep(store: Path, *more: str, workers: int = 1) -> list[str]:
    """The line that measures two languages, four tasks of three chunks, into a store."""
    return [*SWEEP, "--lang", LANGUAGES, "--no-figure", "--workers", str(workers), "-o", str(store), *more]


def show(store: Path) -> list[str]:
    return ["show", str(store), "--format", "csv"]


@dataclass
class Tally:
    """How many cases of a group were tried, and what should be nothing: each with what happened."""

    group: str
    tried: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)

    @property
    def troubles(self) -> list[str]:
        kinds = {"lost": self.lost, "wrong": self.wrong, "unclear": self.unclear, "hung": self.hung}
        return [f"{self.group}, {kind}: {each}" for kind, cases in kinds.items() for each in cases]

    def judge_end(self, case: str, ended: Ended, lines: int) -> bool:
        """Count a child that hung, fell over or did not say clearly how a line went; whether all is well."""
        before = len(self.hung) + len(self.unclear)
        if ended.hung:
            self.hung.append(case)
        elif ended.status or len(ended.lines) < lines:
            self.unclear.append(f"{case}: the process ended with {ended.status} in line {len(ended.lines) + 1}")
        for line in ended.lines:
            self.judge_line(case, line)
        return len(self.hung) + len(self.unclear) == before

    def judge_line(self, case: str, line: Line) -> None:
        if not line.is_clear:
            self.unclear.append(f"{case}: status {line.code}, {line.err[-600:]!r}")


@dataclass(frozen=True)
class Whole:
    """The store of a sweep that nothing disturbed, not to be changed, with its rows and what `show` prints of it.

    `prefixes` is what it prints of each number of chunks of every task; `aged` and `aged_prefixes` the same where the
    store lacks third sums, as those of version 1 do, so that few sequences have no interval of a mean.
    """

    path: Path
    rows: frozenset[Row]
    shown: tuple[dict[str, str], ...]
    prefixes: tuple[dict[str, str], ...]
    aged: tuple[dict[str, str], ...]
    aged_prefixes: tuple[dict[str, str], ...]

    @classmethod
    def measured(cls, host: Host, path: Path) -> Whole:
        prefixes: list[dict[str, str]] = []
        aged_prefixes: list[dict[str, str]] = []
        for chunks in range(1, PER_TASK + 1):
            lines = sweep(path, "--samples", str(chunks * _IN_A_CHUNK)), show(path)
            ended = host.run(*lines, limits={"RLIMIT_CPU": _COMPILING_SECONDS})
            assert [line.code for line in ended.lines] == [0, 0], ended
            shown = shown_rows(ended.lines[1])
            prefixes += shown
            old = aged(Path(shutil.copy(path, path.with_name("aged.sqlite"))))
            looked = host.run(show(old))
            assert [line.code for line in looked.lines] == [0], looked
            aged_shown = shown_rows(looked.lines[0])
            aged_prefixes += aged_shown
            old.unlink()
        return cls(path, frozenset(rows_of(path)), shown, tuple(prefixes), aged_shown, tuple(aged_prefixes))


def shown_rows(line: Line) -> tuple[dict[str, str], ...]:
    """The rows of a CSV that `show` printed, without what differs between honest runs.

    So do the columns of options, which are those that occur in any row, and say what the names do.
    """
    return tuple(
        {name: value for name, value in row.items() if name not in ("seconds", "date") and "." not in name}
        for row in csv.DictReader(io.StringIO(line.out))
    )


def stored_rows(store: Path, scratch: Path) -> list[Row] | None:
    """What SQLite makes of a store; [] where nothing was ever written, None if unreadable.

    With a journal, of a copy: to open it is to roll the journal back. Without, the file itself, which may be huge.
    """
    if not store.exists():
        return []
    if store.with_name(f"{store.name}-journal").exists():
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        copied(store, scratch)
        looked_at = scratch / store.name
    else:
        looked_at = store
    try:
        return rows_of(looked_at)
    except sqlite3.OperationalError as error:
        return [] if "no such table" in str(error) or not store.stat().st_size else None
    except sqlite3.DatabaseError:
        return None


def copied(store: Path, folder: Path) -> Path:
    """The store in another folder, with its journal."""
    for name in (store.name, f"{store.name}-journal"):
        if (store.parent / name).exists():
            shutil.copy(store.parent / name, folder / name)
    return folder / store.name


def judge_rows(
    tally: Tally, case: str, rows: Sequence[Row] | None, whole: Whole, acknowledged: Mapping[str, int]
) -> None:
    """Rows must be the undisturbed ones, a prefix of each task's, and no fewer than were acknowledged."""
    found: dict[str, list[int]] = {}
    for row in rows or []:
        found.setdefault(row[0], []).append(row[1])
    if not set(rows or []) <= whole.rows:
        tally.wrong.append(f"{case}: {sorted(set(rows or []) - whole.rows)[:2]}")
    if any(indices != list(range(len(indices))) for indices in found.values()):
        tally.wrong.append(f"{case}: chunks {found} have gaps")
    missing = {sha[:8]: count for sha, count in acknowledged.items() if len(found.get(sha, [])) < count}
    if missing:
        tally.lost.append(f"{case}: of {missing} there are { ({sha[:8]: len(each) for sha, each in found.items()}) }")


def judge_mended(tally: Tally, host: Host, case: str, store: Path, whole: Whole) -> None:
    """Without the fault, the store shows clearly (and is left as it is), and the same sweep completes it."""
    before = contents_of(store.parent)
    looking = host.run(show(store)) if store.exists() else None
    if looking:
        tally.judge_end(f"{case}, show", looking, 1)
        if visible(contents_of(store.parent)) != visible(before):
            tally.wrong.append(f"{case}: show changed a file")
    judge_resumed(tally, host, case, store, whole)


def judge_resumed(
    tally: Tally, host: Host, case: str, store: Path, whole: Whole, *more: str, beside: Iterable[str] = ()
) -> bool:
    """The same sweep, with `more` options, ends with the undisturbed rows and leaves these files beside the store."""
    before = len(tally.troubles)
    ended = host.run(sweep(store, *more), show(store))
    if not tally.judge_end(f"{case}, resumed", ended, 2):
        return False
    if [line.code for line in ended.lines] != [0, 0]:
        tally.unclear.append(f"{case}: the sweep does not go on: {[line.err for line in ended.lines]}")
    elif frozenset(rows_of(store)) != whole.rows or shown_rows(ended.lines[1]) != whole.shown:
        tally.wrong.append(f"{case}: resumed, the rows are not those of an undisturbed sweep")
    elif set(visible(contents_of(store.parent))) != {store.name, *beside}:
        tally.unclear.append(f"{case}: beside the store there is {sorted(contents_of(store.parent))}")
    return len(tally.troubles) == before


def judge_shown(tally: Tally, case: str, line: Line, genuine: Iterable[Mapping[str, str]]) -> None:
    """Whatever is shown stands in the genuine rows."""
    known = list(genuine)
    costs = {(each["language"], each["calls"], each["rounds"]) for each in known}
    costs |= {(each["language"], "", "") for each in known}
    for row in shown_rows(line) if line.code == 0 else ():
        cost = row["language"].split("@")[0], row["calls"], row["rounds"]
        if not any(is_of(row, each) for each in known) or cost not in costs:
            tally.wrong.append(f"{case}: shows {row}")
            return


def is_of(shown: Mapping[str, str], genuine: Mapping[str, str]) -> bool:
    """Whether a row is a genuine one, apart from its costs, which another task of the cell brings.

    A language may be told by its digest from one that has come to have the same name.
    """
    own = {**shown, "language": shown["language"].split("@")[0]}
    return all(own[name] == value for name, value in genuine.items() if name not in ("calls", "rounds"))


def contents_of(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() if each.is_file() else b"" for each in folder.iterdir()}


def visible(contents: dict[str, bytes]) -> dict[str, bytes]:
    """Without hidden files: a lock that stays is no trouble."""
    return {name: data for name, data in contents.items() if not name.startswith(".")}
