"""Compared schedules as a table: one line a schedule, then stride, then what it all holds for."""

from __future__ import annotations

from itertools import groupby

import pandas as pd

from mdmtheory.cli.tables import interval_text
from mdmtheory.cli.terminal import print_table, writable

_RUNS = 7  # runs of equal sizes that are shown
_LABELS = {"linear": "linear (= loglinear)", "sqrt_c": "√c (for SER)", "geometric:min=0.001,max=20": "geometric"}


def print_comparison(frame: pd.DataFrame, about: dict[str, str], perplexity: str) -> None:
    """TER and gap with fixed sizes and with i.i.d. steps, and the sizes; `perplexity` is what TER is called here."""
    laws = [("fixed", "fixed sizes"), ("ancestral", "ancestral")]
    random = frame[frame["schedule"] != ""]
    with_ser = "ser" in set(random["metric"])
    headers = ["steps", "schedule", *(f"{law}\n{name}" for _, law in laws for name in (f"{perplexity} ≤", "gap ≤"))]
    headers += ["ancestral\nSER"] if with_ser else []
    rows = []
    for (steps, name), found in random.groupby(["steps", "schedule"], sort=False):
        cells = [str(steps), _LABELS.get(str(name), str(name))]
        for law, _ in laws:
            cells += [_value(found, law, metric).removeprefix("≤ ") for metric in ("ter", "gap")]
        cells += [_value(found, "ancestral", "ser")] if with_ser else []
        rows.append([*cells, _runs(str(found["sizes"].max()))])
    _print([*headers, "reveal sizes, size×steps"], rows)
    limits = frame[frame["metric"] == "gap_continuum"]
    words = ", ".join(f"{each.value:.4g} at {each.steps}" for each in limits.itertuples())
    print(writable(f"continuum limit of the optimal gap: {words}"))
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


def _value(found: pd.DataFrame, sampler: str, metric: str) -> str:
    return interval_text(found[(found["sampler"] == sampler) & (found["metric"] == metric)], say_kind=False)


def _runs(sizes: str) -> str:
    """`8×64` for 64 steps of 8 tokens; the middle of many runs is left out."""
    runs = [f"{size}×{len(list(same))}" for size, same in groupby(sizes.split())]
    if len(runs) > _RUNS:
        left = len(runs) - _RUNS + 1
        runs = [*runs[: _RUNS // 2], f"… {left} more …", *runs[left + _RUNS // 2 :]]
    return " ".join(runs)
