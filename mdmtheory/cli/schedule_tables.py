"""Compared schedules as a table: one line a schedule, then stride, then what it all holds for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import pandas as pd

from mdmtheory.cli.documents import TABLES, Shown
from mdmtheory.cli.tables import interval
from mdmtheory.cli.terminal import print_table, writable
from mdmtheory.core.estimate import as_measured, bare_kind

WITHHELD = "withheld"
_SIGNS = {"upper bound": "≤", "estimate": "≈"}
_RUNS = 7  # runs of equal sizes that are shown
_LABELS = {"linear": "linear (= loglinear)", "sqrt_c": "√c (for SER)", "geometric:min=0.001,max=20": "geometric"}


def print_schedules(frame: pd.DataFrame, about: dict[str, str], perplexity: str, format: str = "table") -> None:
    """TER and gap with fixed sizes and with i.i.d. steps, and the sizes; `perplexity` is what TER is called here.

    ≤ or ≈ stands in the heading of a column whose numbers are all of one kind, else beside each. Tables for documents
    (`latex`, `markdown`) have the sizes in full.
    """
    document = format in TABLES
    laws = [("fixed", "fixed sizes"), ("ancestral", "ancestral")]
    random = frame[frame["schedule"] != ""]
    with_ser = "ser" in set(random["metric"])
    signs = {(law, metric): _sign(random, law, metric) for law, _ in laws for metric in ("ter", "gap")}
    names = {"ter": perplexity, "gap": "gap"}
    headers = ["steps", "schedule"]
    headers += [f"{law}\n{names[metric]} {signs[key, metric]}".rstrip() for key, law in laws for metric in names]
    headers += ["ancestral\nSER"] if with_ser else []
    rows: list[list[str | Shown]] = []
    for (steps, name), found in random.groupby(["steps", "schedule"], sort=False):
        cells: list[str | Shown] = [str(steps), _LABELS.get(str(name), str(name))]
        for law, _ in laws:
            cells += [_price(found, law, metric, signed=not signs[law, metric]) for metric in names]
        cells += [_value(found, "ancestral", "ser")] if with_ser else []
        rows.append([*cells, _runs(str(found["sizes"].max()), in_full=document)])
    notes = [*_limits(frame), *sorted({kind for kind in map(str, random["kind"]) if kind.startswith(WITHHELD)})]
    width = max(len(name) for name in about)
    said = [f"{name}: {text}" if document else f"{name:{width}}  {text}" for name, text in about.items()]
    tables = [([*headers, "reveal sizes, size×steps"], rows), *_stride_table(frame)]
    if document:
        told = "\n".join([*notes, *said]) if format == "latex" else "; ".join([*notes, *said])
        for note, (titles, lines) in zip([told, ""], tables, strict=False):
            print(writable(TABLES[format](titles, lines, right=_right(titles), note=note)))
        return
    [(titles, lines), *others] = tables
    print_table(titles, lines, right=_right(titles))
    for each in notes:
        print(writable(each))
    for titles, lines in others:
        print()
        print_table(titles, lines, right=_right(titles))
    print()
    for each in said:
        print(writable(each))


def _limits(frame: pd.DataFrame) -> list[str]:
    """The continuum limits of the optimal gap, in words."""
    limits = frame[frame["metric"] == "gap_continuum"]
    told = zip(limits["kind"], limits["value"].astype(float), limits["steps"], strict=True)
    words = ", ".join(f"{_cut_value(str(kind), value)} at {steps}" for kind, value, steps in told)
    return [f"continuum limit of the optimal gap: {words}"]


def _stride_table(frame: pd.DataFrame) -> list[tuple[list[str], list[list[str | Shown]]]]:
    """Headers and rows of what stride costs, where it was measured."""
    stride = frame[frame["sampler"] == "stride"]
    rows: list[list[str | Shown]] = []
    for n, found in stride.groupby("steps"):
        [gap] = found[found["metric"] == "gap"].itertuples()
        ends = Shown("", f"{gap.value:.3g}", (f"{gap.low:.3g}", f"{gap.high:.3g}"))  # of any size, down to 0
        rows.append([str(n), "stride", _value(found, "stride", "ter"), ends, _value(found, "stride", "ser")])
    return [(["steps", "chosen order", "TER", "gap = KL(q||p)", "SER"], rows)] if rows else []


def _right(headers: Sequence[str]) -> list[bool]:
    return [header == "steps" for header in headers]


def kind_of(frame: pd.DataFrame, steps: int) -> str:
    """What kind of number the gap of the optimal sizes of some number of steps is."""
    rows = frame[(frame["schedule"] == "optimal") & (frame["steps"] == steps)]
    return str(rows["kind"][(rows["sampler"] == "fixed") & (rows["metric"] == "gap")].iloc[0])


def predicted(frame: pd.DataFrame, steps: int) -> str:
    """What the optimal sizes of some number of steps are predicted to lose, and what kind of number that is."""
    rows = frame[(frame["schedule"] == "optimal") & (frame["steps"] == steps)]
    kind = kind_of(frame, steps)
    words = _price(rows, "fixed", "gap", signed=True)
    return kind if words == WITHHELD else f"gap {words} nats a sequence above one token a step: {bare_kind(kind)}"


def _sign(frame: pd.DataFrame, law: str, metric: str) -> str:
    """The sign of all numbers of a column; empty where they have several."""
    rows = frame[(frame["sampler"] == law) & (frame["metric"] == metric)]
    kinds = {bare_kind(kind) for kind in rows["kind"][rows["value"].notna()]}
    return _SIGNS[kinds.pop()] if len(kinds) == 1 else ""


def _price(found: pd.DataFrame, law: str, metric: str, *, signed: bool) -> str | Shown:
    """One price, with its sign where its column has none."""
    rows = found[(found["sampler"] == law) & (found["metric"] == metric)]
    kind = str(rows["kind"].iloc[0])
    if kind.startswith(WITHHELD):
        return WITHHELD
    sign = f"{_SIGNS[bare_kind(kind)]} " if signed else ""
    value, low, high = (float(rows[column].iloc[0]) for column in ("value", "low", "high"))
    if kind == "estimate" and metric == "gap" and low < high:
        return Shown(sign, f"{value:.3g}", (f"{low:.3g}", f"{high:.3g}"))  # of any size, down to 0
    if kind == "upper bound" and math.isnan(low) and value > 0:
        return Shown(sign, _rounded_up(value))
    shown = interval(rows, say_kind=False)
    return replace(shown, sign=sign) if isinstance(shown, Shown) else shown


def _rounded_up(value: float) -> str:
    """Four digits that are no less than the value, as those of a bound must be."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 3)
    return f"{math.ceil(value / unit) * unit:.4g}"


def _cut_value(kind: str, value: float) -> str:
    _, (measured, _, _) = as_measured(kind, (value, value, value))
    return f"{value:.4g}" if measured == value else f"{value:.4g} (cut from {measured:.4g})"


def _value(found: pd.DataFrame, sampler: str, metric: str) -> str | Shown:
    return interval(found[(found["sampler"] == sampler) & (found["metric"] == metric)], say_kind=False)


def _runs(sizes: str, *, in_full: bool) -> str:
    """`8×64` for 64 steps of 8 tokens; the middle of many runs is left out, unless `in_full`."""
    runs = [f"{size}×{len(list(same))}" for size, same in groupby(sizes.split())]
    if len(runs) > _RUNS and not in_full:
        left = len(runs) - _RUNS + 1
        runs = [*runs[: _RUNS // 2], f"… {left} more …", *runs[left + _RUNS // 2 :]]
    return " ".join(runs)
