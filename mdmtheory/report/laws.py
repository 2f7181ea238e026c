"""The parts of the page that are not sampled: answers known in closed form, and whole laws of small languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mdmtheory.report.budgets import ABSENT, records
from mdmtheory.report.closed_forms import Compared
from mdmtheory.report.naming import entrants
from mdmtheory.report.text import code, number, plain, table

_NAMES = {
    "ser": "SER",
    "kl": "KL(q‖p)",
    "kl_average": "KL(q‖p) in the mean over plans or paths",
    "cross_entropy": "cross-entropy",
}
_EXACT = {
    "ser": "SER",
    "total_variation": "total variation",
    "kl": "KL(q‖p)",
    "kl_on_support": "KL(q‖p given right)",
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


def exact_section(laws: pd.DataFrame | None) -> str:
    """Whole laws of small languages, every sequence enumerated; `laws` as of `exact_laws.exact_rows`, or None."""
    if laws is None or laws.empty:
        return ""
    laws = laws.reset_index(drop=True)
    laws[["entrant", "setting"]] = entrants(laws)
    parts = [
        "## Whole laws of small languages",
        "Every sequence enumerated, so these numbers have no interval. KL and entropies are in nats a sequence;\n"
        "KL is ∞ where p never writes a sequence that the language has.",
    ]
    for (language, length), own in laws.groupby(["language", "length"], sort=False):
        heads = ["sampler", "at", *_EXACT.values()] + (["calls"] if "calls" in own else [])
        rows = [
            [code(row["entrant"]), row["setting"] or ABSENT, *(_exact(row[name]) for name in _EXACT), *_calls(row)]
            for row in records(own)
        ]
        parts += [f"{code(str(language))}, {length} tokens:", table(heads, rows, left=2)]
    return "\n\n".join(parts)


def _exact(value: Any) -> str:
    return number(float(value), float(value), float(value), "exact") or ABSENT


def _calls(row: Mapping[str, Any]) -> list[str]:
    if "calls" not in row:
        return []
    return [ABSENT if pd.isna(row["calls"]) else plain(float(row["calls"]))]
