"""Results as text: a table for people, CSV and JSON for programs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from mdmtheory.cli.documents import TABLES, Shown
from mdmtheory.cli.terminal import print_table, writable
from mdmtheory.core.estimate import TAIL_UNSEEN, bare_kind, decimals_of
from mdmtheory.metrics.metric import Metric
from mdmtheory.sweeps.columns import column_named

_CELL = ["language", "length", "prompt", "model", "denoiser", "sampler", "schedule", "steps", "seed"]
_NUMBERS = ("length", "steps", "seed")


_OF_A_METRIC = ("metric", "value", "low", "high", "level", "kind", "form", "task")
_COSTS = {"count": "sequences", "calls": "calls a sequence", "rounds": "rounds a sequence", "seconds": "seconds"}


def print_results(
    frame: pd.DataFrame, format: str, metrics: Iterable[Metric], columns: Sequence[str] | None = None
) -> None:
    """Print results on stdout as `table`, `csv`, `json`, `latex` or `markdown`, all columns or those chosen."""
    if format in ("csv", "json"):
        print_data(frame if columns is None else frame[[column_named(each, frame) for each in columns]], format)
    else:
        print_cells(frame, metrics, format, columns)


def print_data(
    frame: pd.DataFrame, format: str, about: Mapping[str, str] | None = None, say: Callable[[str], None] | None = None
) -> None:
    """Print a frame on stdout as `csv` or `json`; what it holds for stands in the JSON, and beside CSV it is said.

    JSON has no infinity: that is the text "Infinity" there; what is empty is null.
    """
    if format == "csv":
        frame.to_csv(sys.stdout, index=False, lineterminator="\n")
        for name, words in (about or {}).items():
            if say is not None:
                say(f"{name}: {words}")
        return
    plain = frame.astype(object).where(frame.notna(), None).to_dict(orient="records")
    signs = {math.inf: "Infinity", -math.inf: "-Infinity"}
    rows = [{name: signs.get(each, each) for name, each in row.items()} for row in plain]
    said = rows if about is None else {"about": about, "rows": rows}
    json.dump(said, sys.stdout, indent=1, allow_nan=False, default=lambda each: each.item())
    print()


def print_cells(
    frame: pd.DataFrame, metrics: Iterable[Metric], format: str = "table", columns: Sequence[str] | None = None
) -> None:
    """One line a cell: what varies, or the columns chosen, each of the metrics with its interval; then what all share.

    The kind of a number is written under its metric's name, or beside the number where a column has several. Rounds
    are shown where any differ from calls. Tables for documents say the units too.
    """
    if frame.empty:
        print("no results")
        return
    if frame["prompt"].notna().any():  # what has no prompt is told apart from what has one
        frame = frame.assign(prompt=frame["prompt"].fillna("none"))
    there = [metric for metric in metrics if (frame["metric"] == metric.name).any()]
    known = {metric.name: metric for metric in sorted(there, key=lambda metric: (metric.column, metric.name))}
    varying = [column for column in _CELL if frame[column].nunique() > 1]
    rounds = [] if frame["rounds"].equals(frame["calls"]) else ["rounds"]
    chosen = _chosen(columns, known, frame) if columns else [*varying, *known, "count", "calls", *rounds, "seconds"]
    shown = frame[frame["value"].notna()]
    kinds = {metric: sorted(set(shown["kind"][shown["metric"] == metric].map(bare_kind))) for metric in known}
    document = format in TABLES
    headers = [
        _header(known[name], kinds[name], document) if name in known else _COSTS.get(name, name) if document else name
        for name in chosen
    ]
    right = [name in (*_NUMBERS, *_COSTS) or (name in frame and frame[name].dtype.kind in "if") for name in chosen]
    rows = []
    for _, rows_of_cell in frame.groupby(_CELL, dropna=False, sort=False):
        found = {metric: rows_of_cell[rows_of_cell["metric"] == metric] for metric in known}
        cells: dict[str, str | Shown] = {name: _plain(rows_of_cell.iloc[0][name]) for name in chosen if name in frame}
        cells |= {metric: interval(found[metric], say_kind=len(kinds[metric]) > 1) for metric in known}
        cells |= {"count": _largest(rows_of_cell["count"], 12), "seconds": _seconds(rows_of_cell, known)}
        cells |= {cost: _largest(rows_of_cell[cost], 4) for cost in ("calls", "rounds")}
        rows.append([cells[name] for name in chosen])
    shared = _shared(frame, varying)
    if document:
        print(writable(TABLES[format](headers, rows, right=right, note=shared)))
        return
    print(writable(shared))
    print_table(headers, rows, right=right)


def _chosen(columns: Sequence[str], known: Mapping[str, Metric], frame: pd.DataFrame) -> list[str]:
    """The columns of a table of cells by the names that were typed: those of a cell, and metrics."""
    found = []
    for each in columns:
        name = each if each in known else column_named(each, frame)
        if name in _OF_A_METRIC:
            metrics = ", ".join(known) or "none"
            raise ValueError(f"column {each} is one of rows, each a metric: name metrics ({metrics}), or --format csv")
        found.append(name)
    return list(dict.fromkeys(found))


def _shared(frame: pd.DataFrame, varying: list[str]) -> str:
    words = {"length": "length {}", "prompt": "prompt {}", "steps": "{} steps", "seed": "seed {}"}
    known = {column: frame[column].dropna() for column in _CELL if column not in varying}
    same = [words.get(name, "{}").format(_plain(values.iloc[0])) for name, values in known.items() if len(values)]
    levels = ", ".join(f"{100 * level:g} %" for level in sorted(set(frame["level"].dropna()) - {1.0}))
    return ", ".join(same) + (f"; intervals of {levels}" if levels else "")


def _header(metric: Metric, kinds: list[str], with_unit: bool) -> str:
    unit = f" ({metric.unit})" if with_unit and metric.unit else ""
    return f"{metric.heading}{unit}\n{kinds[0] if len(kinds) == 1 else ''}"


def interval(rows: pd.DataFrame, *, say_kind: bool) -> str | Shown:
    """`≤ 3.068 [3.067, 3.069]` for the first row: a bound has its sign, every estimate its interval."""
    if rows.empty:
        return ""
    row = rows.iloc[0]
    value, low, high = float(row["value"]), float(row["low"]), float(row["high"])
    if math.isnan(value):
        return str(row["kind"])  # withheld, and why
    return shown(value, low, high, str(row["kind"]), say_kind=say_kind)


def shown(value: float, low: float, high: float, said: str, *, say_kind: bool) -> Shown:
    """A number of a kind, with as many decimals as its interval tells apart."""
    bare = bare_kind(said)
    sign = {"upper bound": "≤ ", "lower bound": "≥ "}.get(bare, "")
    # What was measured, where that was cut, is said in any case.
    kind = f" {said}" if say_kind else said.removeprefix(bare)
    half = (high - low) / 2
    if bare == TAIL_UNSEEN and low < high:  # it has more digits than its upper end
        return Shown(sign, f"{value:.3g}", (f"{low:.3g}", f"{high:.3g}"), kind)
    if not 0 < half < math.inf:
        if math.isfinite(value) and math.isinf(half):  # no interval holds, so few digits do
            return Shown(sign, f"{value:.3g}", (f"{low:.3g}", f"{high:.3g}"), kind)
        ends = (f"{low:.6g}", f"{high:.6g}") if low < value < high else None
        return Shown(sign, f"{value:.6g}", ends, kind)
    digits = decimals_of(half)
    text, least, most = (f"{each:.{digits}f}" for each in (value, low, high))
    # The kind stood before the interval in tables of several.
    return Shown(sign, text, None if least == most else (least, most), kind)


def _largest(column: Iterable[float], digits: int) -> str:
    known = [float(each) for each in column if each == each]
    return f"{max(known):.{digits}g}" if known else ""


def _seconds(rows: pd.DataFrame, known: Mapping[str, Metric]) -> str:
    """What all measurements of a cell took one worker; two metrics of the same sums have the same seconds."""
    measurement = rows["metric"].map({name: metric.needs for name, metric in known.items()})
    return f"{rows['seconds'].groupby(measurement).max().sum():.3g}"


def _plain(value: Any) -> str:
    """A cell's own value as text; empty where it does not apply."""
    if pd.isna(value):
        return ""
    return str(int(value)) if isinstance(value, float) else str(value)
