"""The tables of one length: samplers by languages, at common budgets of calls."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from mdmtheory.report.entries import MEASURES
from mdmtheory.report.naming import language_groups
from mdmtheory.report.ranking import separated_best, standings, within_budget
from mdmtheory.report.text import code, folded, listed, number, plain, table

TITLES = {
    "ser": "SER",
    "kl": "KL(q‖p), nats a sequence",
    "unfaithful": "KL(q‖p) in two, nats a sequence: wrong / unfaithful among the right",
    "excess": "Cross-entropy of right sequences above H(q)/L, nats a token",
}
ABSENT = "—"
_OF_LOG_P = ("kl", "unfaithful")
_OVER, _NO_LOG_P, _WITHHELD, _UNKNOWN = "over", "no log p", "withheld", "calls unknown"


def budget_section(entries: pd.DataFrame, budget: int, names: Mapping[str, str]) -> str:
    """The tables of one length within one budget: SER open, the other measures folded."""
    parts = []
    for measure in MEASURES:
        if entries[measure].notna().any():
            content = "\n\n".join(_tables(entries, measure, budget, names))
            parts.append(content if measure == "ser" else folded(TITLES[measure], content))
    return "\n\n".join(parts)


def value_text(row: Mapping[str, Any], measure: str) -> str:
    """The number of an entry with its interval, empty where it has none; an excess has its sign.

    What is unfaithful stands behind what is wrong.
    """
    text = _value_text(row, measure)
    return f"{_value_text(row, 'wrong')} / {text}" if measure == "unfaithful" and text else text


def _value_text(row: Mapping[str, Any], measure: str) -> str:
    value, low, high = (float(row[f"{measure}{end}"]) for end in ("", "_low", "_high"))
    return number(value, low, high, str(row[f"{measure}_kind"]), signed=measure == "excess")


def calls_text(row: Mapping[str, Any]) -> str:
    """Mean calls, or what they are at most where every sequence was given up."""
    return f"{'≤' if row['given_up'] else ''}{plain(float(row['calls']))}"


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as plain mappings."""
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict(orient="records")]


def _tables(entries: pd.DataFrame, measure: str, budget: int, names: Mapping[str, str]) -> Iterator[str]:
    rank = f"rank {budget}"
    # An excess is no score: below 0 is no better than above. Its rows go by SER, and bold proves a loss. Parts of a
    # divergence are none either: who is never right is not unfaithful.
    scored = measure in ("ser", "kl")
    best = standings(entries, measure if scored else "ser", [budget]).sort_values([rank, "entrant"], kind="stable")
    if not scored:
        unranked = sorted(set(entries["entrant"][entries["held"]]))
        best = pd.concat([best, pd.DataFrame({"entrant": unranked, rank: math.nan})])
    best = best[best["entrant"].isin(entries["entrant"][entries[measure].notna()])]
    cells = within_budget(entries, budget)
    cells = cells.assign(bold=separated_best(cells, measure) if scored else cells["lost"] & (measure == "excess"))
    chosen = {(row["entrant"], row["language"]): row for row in records(cells)}
    known = {(row["entrant"], row["language"]): row for row in records(entries.dropna(subset="calls"))}
    there = {(row["entrant"], row["language"]) for row in records(entries)}
    for languages in language_groups(entries["language"]):
        rows, over = [], []
        for entrant, place in zip(best["entrant"], best[rank], strict=True):
            texts = []
            for language in languages:
                key = (entrant, language)
                absent = ABSENT if key not in there else _OVER if key in known else _UNKNOWN
                texts.append(_text(chosen[key], measure) if key in chosen else absent)
            if set(texts) <= {ABSENT, _OVER}:
                over += [str(entrant)] if _OVER in texts else []
            else:
                rows.append([code(str(entrant)), *([f"{place:.1f}"] if scored else []), *texts])
        if rows:
            heads = ["sampler", *(["mean rank"] if scored else []), *(names[each] for each in languages)]
            yield table(heads, rows)
        unscored = {str(each) for each in entries["entrant"][entries["language"].isin(languages)]} - set(
            best["entrant"]
        )
        notes = [f"Every cell needs more calls: {listed(over)}."] if over else []
        if measure == "ser" and (held := unscored & set(entries["entrant"][entries["held"]])):
            notes.append(f"0 by construction, and not ranked: {listed(sorted(held))}.")
            unscored -= held
        if unscored:
            notes.append(f"{'No log p' if measure in _OF_LOG_P else 'Not measured'}: {listed(sorted(unscored))}.")
        if notes:
            yield " ".join(notes)


def _text(row: Mapping[str, Any], measure: str) -> str:
    text = value_text(row, measure)
    if text:
        return f"{f'**{text}**' if row['bold'] else text} ({calls_text(row)})"
    if str(row[f"{measure}_kind"]).startswith("withheld"):
        return _WITHHELD
    return _NO_LOG_P if measure in _OF_LOG_P else ABSENT
