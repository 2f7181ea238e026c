"""Compared schedules as a table: one line a schedule, then stride, then what it all holds for."""

from __future__ import annotations

import math
from itertools import groupby

import pandas as pd

from mdmtheory.cli.tables import interval_text
from mdmtheory.cli.terminal import print_table, writable
from mdmtheory.core.estimate import as_measured, bare_kind

WITHHELD = "withheld"
_SIGNS = {"upper bound": "≤", "estimate": "≈"}
_RUNS = 7  # runs of equal sizes that are shown
_LABELS = {"linear": "linear (= loglinear)", "sqrt_c": "√c (for SER)", "geometric:min=0.001,max=20": "geometric"}


def print_schedules(frame: pd.DataFrame, about: dict[str, str], perplexity: str) -> None:
    """TER and gap with fixed sizes and with i.i.d. steps, and the sizes; `perplexity` is what TER is called here.

    ≤ or ≈ stands in the heading of a column whose numbers are all of one kind, else beside each.
    """
    laws = [("fixed", "fixed sizes"), ("ancestral", "ancestral")]
    random = frame[frame["schedule"] != ""]
    with_ser = "ser" in set(random["metric"])
    signs = {(law, metric): _sign(random, law, metric) for law, _ in laws for metric in ("ter", "gap")}
    names = {"ter": perplexity, "gap": "gap"}
    headers = ["steps", "schedule"]
    headers += [f"{law}\n{names[metric]} {signs[key, metric]}".rstrip() for key, law in laws for metric in names]
    headers += ["ancestral\nSER"] if with_ser else []
    rows = []
    for (steps, name), found in random.groupby(["steps", "schedule"], sort=False):
        cells = [str(steps), _LABELS.get(str(name), str(name))]
        for law, _ in laws:
            cells += [_price(found, law, metric, signed=not signs[law, metric]) for metric in names]
        cells += [_value(found, "ancestral", "ser")] if with_ser else []
        rows.append([*cells, _runs(str(found["sizes"].max()))])
    _print([*headers, "reveal sizes, size×steps"], rows)
    limits = frame[frame["metric"] == "gap_continuum"]
    told = zip(limits["kind"], limits["value"].astype(float), limits["steps"], strict=True)
    words = ", ".join(f"{_cut_value(str(kind), value)} at {steps}" for kind, value, steps in told)
    print(writable(f"continuum limit of the optimal gap: {words}"))
    for reason in sorted({kind for kind in map(str, random["kind"]) if kind.startswith(WITHHELD)}):
        print(writable(reason))
    stride = frame[frame["sampler"] == "stride"]
    if not stride.empty:
        print()
        rows = []
        for n, found in stride.groupby("steps"):
            [gap] = found[found["metric"] == "gap"].itertuples()
            ends = f"{gap.value:.3g} [{gap.low:.3g}, {gap.high:.3g}]"  # of any size, down to 0
            rows.append([str(n), "stride", _value(found, "stride", "ter"), ends, _value(found, "stride", "ser")])
        _print(["steps", "chosen order", "TER", "gap = KL(q||p)", "SER"], rows)
    print()
    width = max(len(name) for name in about)
    for name, text in about.items():
        print(writable(f"{name:{width}}  {text}"))


def _print(headers: list[str], rows: list[list[str]]) -> None:
    right = [header == "steps" for header in headers]
    print_table([writable(each) for each in headers], [[writable(each) for each in row] for row in rows], right=right)


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


def _price(found: pd.DataFrame, law: str, metric: str, *, signed: bool) -> str:
    """One price, with its sign where its column has none."""
    rows = found[(found["sampler"] == law) & (found["metric"] == metric)]
    kind = str(rows["kind"].iloc[0])
    if kind.startswith(WITHHELD):
        return WITHHELD
    sign = f"{_SIGNS[bare_kind(kind)]} " if signed else ""
    value, low, high = (float(rows[column].iloc[0]) for column in ("value", "low", "high"))
    if kind == "estimate" and metric == "gap" and low < high:
        return f"{sign}{value:.3g} [{low:.3g}, {high:.3g}]"  # of any size, down to 0
    if kind == "upper bound" and math.isnan(low) and value > 0:
        return sign + _rounded_up(value)
    return sign + interval_text(rows, say_kind=False).removeprefix("≤ ")


def _rounded_up(value: float) -> str:
    """Four digits that are no less than the value, as those of a bound must be."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 3)
    return f"{math.ceil(value / unit) * unit:.4g}"


def _cut_value(kind: str, value: float) -> str:
    _, (measured, _, _) = as_measured(kind, (value, value, value))
    return f"{value:.4g}" if measured == value else f"{value:.4g} (cut from {measured:.4g})"


def _value(found: pd.DataFrame, sampler: str, metric: str) -> str:
    return interval_text(found[(found["sampler"] == sampler) & (found["metric"] == metric)], say_kind=False)


def _runs(sizes: str) -> str:
    """`8×64` for 64 steps of 8 tokens; the middle of many runs is left out."""
    runs = [f"{size}×{len(list(same))}" for size, same in groupby(sizes.split())]
    if len(runs) > _RUNS:
        left = len(runs) - _RUNS + 1
        runs = [*runs[: _RUNS // 2], f"… {left} more …", *runs[left + _RUNS // 2 :]]
    return " ".join(runs)
