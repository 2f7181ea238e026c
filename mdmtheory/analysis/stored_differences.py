"""Rows of results compared: those of a store that differ in one thing, at equal steps or at equal calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdmtheory.analysis.calls import EVERY, FINISHED, mean_calls, steps_at_calls
from mdmtheory.analysis.compare import INDEPENDENT
from mdmtheory.analysis.differences import BOUNDS, Contrast, Differences, tabled
from mdmtheory.core.differences import difference, difference_of_shares
from mdmtheory.core.estimate import Ends, as_measured
from mdmtheory.core.intervals import clopper_pearson
from mdmtheory.core.printable import did_you_mean, printable
from mdmtheory.core.reveal_plans import LAST_STEP
from mdmtheory.languages.presets import FILE_ENDINGS
from mdmtheory.sweeps.building import Builder, check_whole_cells
from mdmtheory.sweeps.cell import DEFAULTS, Cell
from mdmtheory.sweeps.choices import registries
from mdmtheory.sweeps.columns import column_named
from mdmtheory.sweeps.results import CELL_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

CONTEXT = ("language", "length", "prompt", "seed")
METHOD = ("model", "denoiser", "sampler", "schedule")
NEAR = 0.01
"""Mean calls that differ by no more than so much of them, or by half a call, are the same."""
AS_IF_APART = (
    "no: of the same sequences the store has sums alone, so intervals are as of others, and too wide; mt.compare pairs"
)

Row = Any
"""A row of a frame, as a mapping."""


def stored_differences(frame: pd.DataFrame, between: str, metrics: Sequence[str], level: float) -> Differences:
    """Rows that differ in the column `between` and in nothing else that both have, every pair of them.

    What does not apply to one of them (the schedule of `stride`) is no difference, nor how far an oracle trusts.
    ValueError where there are no two.
    """
    column = _between(frame, between)
    pairs = [
        (first, second)
        for first, second in combinations(_cells(frame, metrics), 2)
        if first[0][column] != second[0][column] and _same(first[0], second[0], column, ("steps", *METHOD))
    ]
    contrasts = [_contrast(*rows, column) for pair in pairs for rows in _of_one_metric(*pair)]
    if not contrasts:
        raise ValueError(_nothing(frame, column, metrics))
    contrasts.sort(key=lambda each: metrics.index(each.metric))
    return tabled(contrasts, level, {"calls": f"mean {FINISHED}, as the store has them"})


def calls_differences(
    frame: pd.DataFrame, between: str, metrics: Sequence[str], level: float
) -> tuple[Differences | None, list[str]]:
    """Each cell with the first value of `between`, and those with another whose mean calls are the nearest.

    Only where they are near; the others are told, a line each.
    """
    column = _between(frame, between)
    contrasts, missing = [], []
    for reference, others in _against_first(frame, column, metrics):
        calls = reference[0]["calls"]
        nearest = min(others, key=lambda cell: abs(cell[0]["calls"] - calls) if cell[0]["calls"] > 0 else math.inf)
        if abs(nearest[0]["calls"] - calls) <= max(0.5, NEAR * calls):
            contrasts += [_contrast(*rows, column) for rows in _of_one_metric(reference, nearest)]
            continue
        first, other = reference[0], nearest[0]
        steps = "" if _none(first["steps"]) else f" at N = {first['steps']}"
        near = f"{other[column]} {other['calls']:.4g} at the nearest number of steps that was measured"
        missing.append(f"{first[column]}{steps} costs {calls:.4g} calls, and {near}")
    about = {"calls": f"mean {FINISHED}, as the store has them, within 1 % or half a call of each other"}
    return tabled(contrasts, level, about) if contrasts else None, missing


def cells_at_calls(
    frame: pd.DataFrame,
    between: str,
    metrics: Sequence[str],
    own_code: Collection[str] = (),
    files: Iterable[str] = (),
) -> list[tuple[tuple[Cell, float], tuple[Cell, float]]]:
    """Each cell with the first value of `between`, and the others with the steps at which their mean calls are nearest.

    With the mean calls of both, counted as `mean_calls` does. What the frame names is built, `module:name` only if it
    is among `own_code`: results are data, and name nobody's code without his word. ValueError names what is not.
    Languages of files go by their names without folder and ending; `files` are theirs. ValueError where a name stands
    for another law here, where something is given, and for code or a file that nothing to be measured names.
    """
    column = _between(frame, between)
    builder = Builder()
    of_files = {Path(each).stem: each for each in files}
    pairs = [
        [_to_measure(rows, metrics, of_files) for rows in (reference, others[0])]
        for reference, others in _against_first(frame, column, metrics)
    ]
    cells = [cell for pair in pairs for cell, _ in pair]
    _check_used("--lang", of_files, {shown.partition("@")[0] for pair in pairs for _, shown in pair})
    _check_used("--plug-in", {each: each for each in own_code}, {name for cell in cells for *_, name in _code_in(cell)})
    found = []
    for pair in pairs:
        first, other = (
            _buildable(cell, shown, builder, own_code, frame.attrs["digests"][shown]) for cell, shown in pair
        )
        calls_of = _calls_of(builder, first)
        wanted = calls_of(first.steps or 1)
        calls_at = _calls_of(builder, other)
        steps = other.steps
        if steps is not None:
            steps = steps_at_calls(calls_at, wanted, min(LAST_STEP, 64 * other.length))
        second = replace(other, steps=steps, samples=first.samples)
        found.append(((first, wanted), (second, calls_at(steps or 1))))
    return found


def _to_measure(rows: Sequence[Row], metrics: Sequence[str], files: Mapping[str, str]) -> tuple[Cell, str]:
    """The cell of some rows by the name, or the file, that its language has here; and the name that they show."""
    cell = _cell(rows, metrics)
    shown = str(cell.language)
    name = shown.partition("@")[0]
    return replace(cell, language=files.get(name, name)), shown


def _check_used(option: str, given: Mapping[str, str], named: Collection[str]) -> None:
    """ValueError for what is given under a name that nothing has, as where it is misspelt."""
    for name, text in given.items():
        if name not in named:
            hint = did_you_mean(name, named)
            raise ValueError(
                f"{option} {text}: nothing to be measured of these results names {name}{hint}; leave it out"
            )


def _buildable(cell: Cell, shown: str, builder: Builder, own_code: Collection[str], digest: str) -> Cell:
    """The cell with the very language that its rows are of; ValueError where its name is another's here."""
    _check_own_code(cell, own_code)
    mend = "if it was that of a file, name this with --lang FILE"
    try:
        found = builder.language(cell.language).digest
    except ValueError as error:
        raise ValueError(f"{error}; {mend}") from error
    if found != digest:
        raise ValueError(f"language {printable(shown)} of these results is another than {cell.language} here; {mend}")
    check_whole_cells([cell], "calls that are made equal")
    return cell


def _code_in(cell: Cell) -> Iterator[tuple[str, str, str]]:
    """What code the words of a cell would run: kind, text, and `module:name`."""
    for kind, register in registries().items():
        text = getattr(cell, "language" if kind == "lang" else kind)
        # The name of a language file is a path, which may be no spec.
        if text is not None and not (kind == "lang" and text.endswith(FILE_ENDINGS)):
            yield from ((kind, text, printable(name)) for name in register.own_code(text))


def _check_own_code(cell: Cell, allowed: Collection[str]) -> None:
    """ValueError for code that the words of a cell would run, and that nobody has allowed."""
    for kind, text, name in _code_in(cell):
        if name not in allowed:
            raise ValueError(
                f"{kind} {printable(text)} of these results is made by {name}, code of somebody's own, which "
                f"measuring would run; allow it with --plug-in {name}"
            )


def solved_differences(
    frame: pd.DataFrame,
    pairs: Iterable[tuple[tuple[Cell, float], tuple[Cell, float]]],
    between: str,
    metrics: Sequence[str],
    level: float,
) -> Differences:
    """The rows of the cells that `cells_at_calls` gave, once they are measured."""
    column = _between(frame, between)
    digests, builder = frame.attrs["digests"], Builder()
    measured = {_key(cell[0], digests[cell[0]["language"]]): cell for cell in _cells(frame, metrics)}
    contrasts = []
    for (first, calls), (second, others) in pairs:
        both = [
            _at_calls(measured[_key(vars(cell), builder.language(cell.language).digest)], at)
            for cell, at in ((first, calls), (second, others))
        ]
        contrasts += [_contrast(*rows, column) for rows in _of_one_metric(*both)]
    free = [abs(first[1] - second[1]) for first, second in pairs if second[0].steps is not None]
    fixed = dict.fromkeys(str(getattr(second, column)) for _, (second, _) in pairs if second.steps is None)
    words = f"mean {EVERY}, made equal by the number of steps" + (f": {max(free):.2g} apart at most" if free else "")
    words += f"; {', '.join(fixed)} has no number of steps" if fixed else ""
    return tabled(contrasts, level, {"calls": words})


def _between(frame: pd.DataFrame, between: str) -> str:
    column = column_named(between, frame)
    base = column.partition(".")[0]
    if base not in (*METHOD, *CONTEXT):
        raise ValueError(f"rows are not compared by {column}; name one of {', '.join((*METHOD, *CONTEXT))}")
    if frame[column].nunique() < 2:
        there = ", ".join(map(str, frame[column].dropna().unique())) or "nothing"
        raise ValueError(f"{column} is {there} in all of these rows; there must be two to compare")
    return base


def _cells(frame: pd.DataFrame, metrics: Sequence[str]) -> list[list[Row]]:
    """The rows of each cell, of these metrics."""
    rows = frame[frame["metric"].isin(metrics)]
    return [
        [dict(zip(each.columns, row, strict=True)) for row in each.itertuples(index=False, name=None)]
        for _, each in rows.groupby(list(CELL_COLUMNS), dropna=False, sort=False)
    ]


def _against_first(
    frame: pd.DataFrame, column: str, metrics: Sequence[str]
) -> Iterator[tuple[list[Row], list[list[Row]]]]:
    """Each cell with the first value of a column, with the cells of each other value, whatever their steps."""
    cells = _cells(frame, metrics)
    if not cells:
        raise ValueError(_nothing(frame, column, metrics))
    first = cells[0][0][column]
    for reference in (cell for cell in cells if cell[0][column] == first):
        others: dict[Any, list[list[Row]]] = {}
        for cell in cells:
            if cell[0][column] != first and _same(reference[0], cell[0], column, METHOD):
                others.setdefault(cell[0][column], []).append(cell)
        for some in others.values():
            yield reference, some


def _same(first: Row, second: Row, column: str, names: Iterable[str]) -> bool:
    context = all(
        first[name] == second[name] or (_none(first[name]) and _none(second[name]))
        for name in CONTEXT
        if name != column
    )
    return context and all(
        _none(first[name]) or _none(second[name]) or _alike(first[name], second[name])
        for name in names
        if name != column
    )


def _alike(first: Any, second: Any) -> bool:
    """Equal, or an oracle that trusts revealed tokens and one that trusts them less."""
    read = registries()["denoiser"].read
    oracles = all(isinstance(each, str) and read(each).name == DEFAULTS["denoiser"] for each in (first, second))
    return bool(first == second) or oracles


def _none(value: Any) -> bool:
    import pandas as pd

    return bool(pd.isna(value))


def _of_one_metric(first: Sequence[Row], second: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    others = {row["metric"]: row for row in second}
    for row in first:
        if row["metric"] in others:
            yield row, others[row["metric"]]


def _contrast(first: Row, second: Row, column: str) -> Contrast:
    """Two rows of one metric; of `ser` from their counts, else from the distances of both values to their ends."""
    kinds, measured = zip(
        *(as_measured(str(row["kind"]), (row["value"], row["low"], row["high"])) for row in (first, second)),
        strict=True,
    )
    interval: Callable[[float], Ends]
    pairing = INDEPENDENT
    if first["metric"] == "ser":
        counts = [number for row in (first, second) for number in _counts(row)]
        interval = partial(difference_of_shares, *counts)
    else:
        interval = partial(_from_ends, measured, (first["level"], second["level"]))
        same = all(first[name] == second[name] for name in ("language", "length", "seed"))
        pairing = AS_IF_APART if same and first["metric"] in ("ter", "ter_ratio") else INDEPENDENT
    more = {name: None if _none(first[name]) else first[name] for name in CONTEXT if name != column}
    costs = {
        f"{which}_{name}": math.nan if _none(row[name]) else float(row[name])
        for which, row in (("first", first), ("second", second))
        for name in ("steps", "calls")
    }
    values = (float(first["value"]), float(second["value"]))
    kind = "estimate" if set(kinds) == {"estimate"} else BOUNDS
    if any(map(_none, values)):
        kind = next(each for each, value in zip(kinds, values, strict=True) if _none(value))
    count = int(min(first["count"], second["count"]))
    return Contrast(
        str(first["metric"]), str(first[column]), str(second[column]), values, interval, kind, pairing, math.nan, count,
        0, {**more, **costs},
    )  # fmt: skip


def _counts(row: Row) -> tuple[int, int]:
    count = int(row["count"])
    errors = round(float(row["value"]) * count)
    ends = clopper_pearson(errors, count, float(row["level"]))
    if any(abs(one - other) > 1e-9 for one, other in zip(ends, (row["low"], row["high"]), strict=True)):
        raise ValueError(
            f"{row['sampler'] or row['model']} at N = {row['steps']} was drawn until so many errors were seen, and "
            "such counts are not compared; sweep without --max-errors"
        )
    return errors, count


def _from_ends(measured: Sequence[Ends], levels: Sequence[float], level: float) -> Ends:
    """The distances to both ends, as normal ones of another level; exact numbers have none."""
    from scipy.special import ndtri

    scaled: list[Ends] = []
    for (value, low, high), own in zip(measured, levels, strict=True):
        by = float(ndtri((1 + level) / 2) / ndtri((1 + own) / 2)) if 0 < own < 1 and low < high else 1.0
        scaled.append((value, value - by * (value - low), value + by * (high - value)))
    return difference(scaled[0], scaled[1])


def _cell(rows: Sequence[Row], metrics: Sequence[str]) -> Cell:
    """The cell that these rows are of, to be measured again."""
    row = rows[0]
    words: dict[str, Any] = {name: None if _none(row[name]) else row[name] for name in CELL_COLUMNS}
    words["prompt"] = words["prompt"] or "none"
    return Cell(**words, metrics=tuple(metrics), samples=int(max(each["count"] for each in rows)))


def _calls_of(builder: Builder, cell: Cell) -> Callable[[int], float]:
    @cache
    def calls_at(steps: int) -> float:
        _, model = builder.build(replace(cell, steps=None if cell.steps is None else steps))
        return mean_calls(model, cell.length, count=min(cell.samples, 500), seed=cell.seed)[0].value

    return calls_at


def _key(row: Row, digest: str) -> tuple[Any, ...]:
    """By what the rows of a cell are found again: its names and numbers, and the digest of its language."""
    names = {**{name: None if _none(row[name]) else row[name] for name in CELL_COLUMNS}, "language": digest}
    return tuple({**names, "prompt": names["prompt"] or "none"}.values())


def _at_calls(rows: Sequence[Row], calls: float) -> list[Row]:
    return [{**row, "calls": calls} for row in rows]


def _nothing(frame: pd.DataFrame, column: str, metrics: Sequence[str]) -> str:
    there = sorted(set(frame["metric"]))
    if not set(metrics) & set(there):
        return f"no rows of {', '.join(metrics)} here; the metrics are {', '.join(there)}"
    return f"no two rows differ in {column} alone; with --at calls those of other steps are compared too"
