"""The parts of the page that are not sampled: answers known in closed form, and whole laws of small languages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mdmtheory.report.budgets import ABSENT, records
from mdmtheory.report.closed_forms import Compared
from mdmtheory.report.naming import entrants, trusts
from mdmtheory.report.text import code, folded, number, table

_NAMES = {
    "ser": "SER",
    "kl": "KL(q‖p)",
    "kl_average": "KL(q‖p) in the mean over plans or paths",
    "cross_entropy": "cross-entropy",
}
_ROUNDING = 1e-12
_WHOLE = """\
Every sequence enumerated, so these numbers have no interval. The total variation between p and q, half the sum of
|p − q| over all sequences, by sampler and language:"""
_EXACT = {
    "ser": "SER",
    "total_variation": "total variation",
    "kl": "KL(q‖p)",
    "wrong": "of it wrong",
    "unfaithful": "unfaithful among the right",
    "kl_on_support": "KL(p given right‖q)",
    "entropy": "H(p)",
    "entropy_of_language": "H(q)",
}


def closed_section(compared: Sequence[Compared], names: Mapping[str, str], level: float) -> str:
    """How many measured numbers were held against a closed form, and each that it refutes; empty without any."""
    if not compared:
        return ""
    words = (
        f"Some answers are known: {len(compared):,} of the measured numbers have one. Their intervals are\n"
        f"widened so that all hold together with probability {100 * level:g} %; an answer outside refutes the number."
    )
    groups: dict[tuple[str, str, str, str], list[Compared]] = {}
    for each in compared:
        form = each.form
        key = (names[form.language], _NAMES.get(form.metric, form.metric), form.formula, form.source)
        groups.setdefault(key, []).append(each)
    rows = []
    for key, own in sorted(groups.items()):
        refuted = sum(each.verdict != "holds" for each in own)
        rows.append([*key, str(len(own) - refuted), str(refuted)])
    parts = [words, table(["language", "number", "answer", "source", "hold", "refuted"], rows, left=4)]
    refuted_rows = [_refuted(each, names) for each in compared if each.verdict != "holds"]
    if refuted_rows:
        parts.append(
            table(["refuted", "at", "language", "length", "number", "answer", "measured"], refuted_rows, left=5)
        )
    return "\n\n".join(["## Where the answer is known in closed form", *parts])


def _refuted(each: Compared, names: Mapping[str, str]) -> list[str]:
    form, seen = each.form, each.measured
    cell = {name: getattr(form, name) for name in ("model", "denoiser", "sampler", "schedule", "steps")}
    [(entrant, setting)] = entrants(pd.DataFrame([cell]))
    measured = number(seen.value, seen.low, seen.high, seen.kind)
    what = _NAMES.get(form.metric, form.metric)
    return [code(entrant), setting, names[form.language], str(form.length), what, f"{form.value:.6g}", measured]


def exact_section(laws: pd.DataFrame | None, corrections: pd.DataFrame | None) -> str:
    """Whole laws of small languages, every sequence enumerated; as `exact_laws` makes them, None to leave them out."""
    if laws is None or laws.empty:
        return ""
    known = _named(laws[laws["reason"] == ""])
    languages = list(dict.fromkeys(zip(known["language"], known["length"], strict=True)))
    found = {(row["entrant"], row["setting"], row["language"], row["length"]): row for row in records(known)}
    heads = [f"{name}, {length} tokens" for name, length in languages]
    rows = []
    for entrant, setting in dict.fromkeys((who, at) for who, at, *_ in found):
        cells = [found.get((entrant, setting, *each)) for each in languages]
        texts = [ABSENT if cell is None else _exact(cell["total_variation"]) for cell in cells]
        rows.append([code(entrant), setting, *texts])
    parts = ["## Whole laws of small languages", _WHOLE, table(["sampler", "at", *heads], rows, left=2)]
    for (language, length), own in known.groupby(["language", "length"], sort=False):
        lines = [
            [code(row["entrant"]), row["setting"], *(_exact(row[name]) for name in _EXACT)] for row in records(own)
        ]
        all_of_it = table(["sampler", "at", *_EXACT.values()], lines, left=2)
        parts.append(folded(f"{language}, {length} tokens: SER, KL and entropies", all_of_it))
    left_out = _named(laws[laws["reason"] != ""]).drop_duplicates(["entrant", "reason"])
    parts += [f"{code(row['entrant'])} is not there: {row['reason']}." for row in records(left_out)]
    return "\n\n".join([*parts, *_corrections(corrections)])


def _corrections(corrections: pd.DataFrame | None) -> list[str]:
    """SER, total variation and entropy against δ, a table for each language."""
    if corrections is None or corrections.empty:
        return []
    parts = ["What the oracle's doubt δ costs and mends: SER / total variation / H(p)."]
    for (language, length), own in _named(corrections).groupby(["language", "length"], sort=False):
        deltas = sorted(set(own["delta"]))
        lines = []
        for base, cells in own.groupby(trusts(own["entrant"])["base"], sort=False):
            by = {row["delta"]: row for row in records(cells)}
            texts = [
                " / ".join(_exact(by[each][name]) for name in ("ser", "total_variation", "entropy")) for each in deltas
            ]
            lines.append([code(str(base)), cells["setting"].iloc[0], *texts])
        entropy = _exact(own["entropy_of_language"].iloc[0])
        parts.append(f"{language}, {length} tokens, H(q) = {entropy}:")
        parts.append(table(["sampler", "at", *(f"δ={each:g}" for each in deltas)], lines, left=2))
    return parts


def _named(laws: pd.DataFrame) -> pd.DataFrame:
    """With entrants, and with the number of steps in words."""
    named = laws.reset_index(drop=True)
    pairs = entrants(named)
    at = [
        "" if pd.isna(steps) else "L steps" if steps == length else f"{steps} steps"
        for steps, length in zip(named["steps"], named["length"], strict=True)
    ]
    return named.assign(entrant=[who for who, _ in pairs], setting=at)


def _exact(value: Any) -> str:
    """An exact number in four digits; what float64 leaves of a zero is zero."""
    if pd.isna(value):
        return ABSENT
    if math.isinf(value):
        return "∞"
    return "0" if abs(value) < _ROUNDING else f"{value:.4g}".replace("-", "−")
