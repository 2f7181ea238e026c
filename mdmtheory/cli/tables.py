"""Results as text: a table for people, CSV and JSON for programs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from mdmtheory.cli.terminal import print_table, writable
from mdmtheory.core.estimate import bare_kind
from mdmtheory.metrics.metric import Metric

_CELL = ["language", "length", "prompt", "model", "denoiser", "sampler", "schedule", "steps", "seed"]
_NUMBERS = ("length", "steps", "seed")


def print_results(frame: pd.DataFrame, format: str, metrics: Iterable[Metric]) -> None:
    """Print results on stdout as `table`, `csv` or `json`."""
    if format == "csv":
        frame.to_csv(sys.stdout, index=False, lineterminator="\n")
    elif format == "json":
        plain = frame.astype(object).where(frame.notna(), None)
        json.dump(
            plain.to_dict(orient="records"), sys.stdout, indent=1, allow_nan=False, default=lambda each: each.item()
        )
        print()
    else:
        print_cells(frame, metrics)


def print_cells(frame: pd.DataFrame, metrics: Iterable[Metric]) -> None:
    """One line a cell: what varies, then each of the metrics with its interval; what all cells share stands above.

    The kind of a number is written under its metric's name, or beside the number where a column has several. Rounds
    are shown where any differ from calls.
    """
    if frame.empty:
        print("no results")
        return
    if frame["prompt"].notna().any():  # what has no prompt is told apart from what has one
        frame = frame.assign(prompt=frame["prompt"].fillna("none"))
    varying = [column for column in _CELL if frame[column].nunique() > 1]
    there = [metric for metric in metrics if (frame["metric"] == metric.name).any()]
    known = {metric.name: metric for metric in sorted(there, key=lambda metric: (metric.column, metric.name))}
    shown = frame[frame["value"].notna()]
    kinds = {metric: sorted(set(shown["kind"][shown["metric"] == metric].map(bare_kind))) for metric in known}
    rounds = [] if frame["rounds"].equals(frame["calls"]) else ["rounds"]
    headings = [_header(metric, kinds[name]) for name, metric in known.items()]
    headers = [*varying, *headings, "count", "calls", *rounds, "seconds"]
    right = [column in _NUMBERS for column in varying] + [False] * len(known) + [True] * (3 + len(rounds))
    rows = []
    for _, rows_of_cell in frame.groupby(_CELL, dropna=False, sort=False):
        first = rows_of_cell.iloc[0]
        found = {metric: rows_of_cell[rows_of_cell["metric"] == metric] for metric in known}
        rows.append(
            [
                *(_plain(first[column]) for column in varying),
                *(interval_text(found[metric], say_kind=len(kinds[metric]) > 1) for metric in known),
                _largest(rows_of_cell["count"], 12),
                *(_largest(rows_of_cell[cost], 4) for cost in ("calls", *rounds)),
                _seconds(rows_of_cell, known),
            ]
        )
    print(writable(_shared(frame, varying)))
    print_table([writable(each) for each in headers], [[writable(each) for each in row] for row in rows], right=right)


def _shared(frame: pd.DataFrame, varying: list[str]) -> str:
    words = {"length": "length {}", "prompt": "prompt {}", "steps": "{} steps", "seed": "seed {}"}
    known = {column: frame[column].dropna() for column in _CELL if column not in varying}
    same = [words.get(name, "{}").format(_plain(values.iloc[0])) for name, values in known.items() if len(values)]
    levels = ", ".join(f"{100 * level:g} %" for level in sorted(set(frame["level"].dropna()) - {1.0}))
    return ", ".join(same) + (f"; intervals of {levels}" if levels else "")


def _header(metric: Metric, kinds: list[str]) -> str:
    return f"{metric.heading}\n{kinds[0] if len(kinds) == 1 else ''}"


def interval_text(rows: pd.DataFrame, *, say_kind: bool) -> str:
    """`≤ 3.068 [3.067, 3.069]` for the first row: a bound has its sign, every estimate its interval."""
    if rows.empty:
        return ""
    row = rows.iloc[0]
    value, low, high = float(row["value"]), float(row["low"]), float(row["high"])
    if math.isnan(value):
        return str(row["kind"])  # withheld, and why
    said = str(row["kind"])
    bare = bare_kind(said)
    sign = {"upper bound": "≤ ", "lower bound": "≥ "}.get(bare, "")
    # What was measured, where that was cut, is said in any case.
    kind = f" {said}" if say_kind else said.removeprefix(bare)
    half = (high - low) / 2
    if not 0 < half < math.inf:
        return f"{sign}{value:.6g}{kind}"
    digits = min(max(1 - math.floor(math.log10(half)), 0), 8)
    shown, least, most = (f"{each:.{digits}f}" for each in (value, low, high))
    return f"{sign}{shown}{kind}" if least == most else f"{sign}{shown} [{least}, {most}]{kind}"


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
