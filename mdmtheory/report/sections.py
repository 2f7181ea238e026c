"""The parts of the page that compare: frontiers, random order, prices, trust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mdmtheory.report.budgets import ABSENT, TITLES, calls_text, records, value_text
from mdmtheory.report.naming import language_groups, trusts
from mdmtheory.report.ranking import RANDOM_ORDER, against_random_order, frontier, standings
from mdmtheory.report.text import code, listed, plain, table

_PRICED = ("verify", "stride", "left_to_right", "independent", "bisection", "ar")
"""Whose price in calls and rounds is shown cell by cell, besides those whose rounds are not their calls."""

_VERDICTS = """\
A cell is worse if a cell of random order has no more calls and an interval of SER wholly below. It is better if it
beats, in this sense, a cell of random order that no other of random order beats. The rest is undecided, also where all
are wrong and where all are right."""

_FRONTIERS = {
    "SER for its calls": ("ser", "calls"),
    "KL for its calls": ("kl", "calls"),
    "SER for its rounds": ("ser", "rounds"),
}


def frontier_section(own: pd.DataFrame, budgets: Sequence[int], names: Mapping[str, str]) -> str:
    """Who stands on how many frontiers, and on which; the entries are of one length."""
    found = {head: frontier(own, *what) for head, what in _FRONTIERS.items()}
    on_kl = found["KL for its calls"].groupby("entrant")["language"].nunique()
    with_kl = own[own["kl"].notna()].groupby("entrant")["language"].nunique()
    without_kl = "no log p" if len(with_kl) else "not measured"
    rows = [
        [
            code(row["entrant"]),
            f"{row['frontiers']} of {row['languages']}",
            f"{on_kl.get(row['entrant'], 0)} of {with_kl[row['entrant']]}" if row["entrant"] in with_kl else without_kl,
            *(f"{row[f'rank {budget}']:.1f}" for budget in budgets),
        ]
        for row in records(standings(own, "ser", list(budgets)))
    ]
    heads = ["sampler", "frontiers of SER", "of KL", *(f"mean rank, {budget} calls" for budget in budgets)]
    lines = []
    for language in _ordered(own):
        here = own[own["language"] == language]
        texts = [
            _standing(cells[cells["language"] == language], _FRONTIERS[head][1])
            if here[_FRONTIERS[head][0]].notna().any()
            else "not measured"
            for head, cells in found.items()
        ]
        lines.append([names[language], *texts])
    words = "In each language those on its frontier, with the calls (or rounds) at which they stand there:"
    title = "### Who stands on the frontier"
    return "\n\n".join([title, table(heads, rows), words, table(["language", *found], lines, left=4)])


def _standing(cells: pd.DataFrame, price: str) -> str:
    ordered = cells.sort_values([price, "entrant"], kind="stable")
    texts = [
        f"{code(str(entrant))} {' '.join(dict.fromkeys(plain(float(each)) for each in group[price]))}"
        for entrant, group in ordered.groupby("entrant", sort=False)
    ]
    return ", ".join(texts) or "nobody"


def order_section(own: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Which rules are worse than random order, and where; empty where random order was not measured."""
    verdicts = against_random_order(own)
    if verdicts.empty:
        return ""
    there = [each for each in RANDOM_ORDER if each in set(own["entrant"])]
    words = f"Random order is {listed(there)}. {_VERDICTS}"
    totals = verdicts.groupby("entrant")[["worse", "better"]].sum().reset_index()
    totals = totals.sort_values(["worse", "better", "entrant"], ascending=[False, True, True])
    decided = list(totals["entrant"][(totals["worse"] > 0) | (totals["better"] > 0)])
    said = {(row["entrant"], row["language"]): _verdict(row) for row in records(verdicts)}
    parts = ["### Worse or better than random order", words]
    for languages in language_groups(verdicts["language"]):
        rows = [[code(each), *(said.get((each, language), ABSENT) for language in languages)] for each in decided]
        rows = [row for row in rows if set(row[1:]) != {ABSENT}]
        if rows:
            parts.append(table(["sampler", *(names[each] for each in languages)], rows))
    rest = [each for each in totals["entrant"] if each not in decided]
    return "\n\n".join([*parts, *([f"Undecided everywhere: {listed(rest)}."] if rest else [])])


def _verdict(counts: Mapping[str, Any]) -> str:
    said = [f"{counts[word]} {word}" for word in ("worse", "better") if counts[word]]
    total = counts["worse"] + counts["better"] + counts["undecided"]
    return f"{', '.join(said)} of {total}" if said else "undecided"


def price_section(own: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Calls and rounds, cell by cell, of those that trade one for the other; empty where there are none."""
    kind = own["entrant"].str.extract(r"^([\w.-]+)")[0]
    differ = set(own["entrant"][(own["calls"] - own["rounds"]).abs() > 1e-6])
    priced = own[(kind.isin(_PRICED) | own["entrant"].isin(differ)) & own["calls"].notna()]
    if priced.empty:
        return ""
    words = "Calls / rounds a sequence, and the SER that they leave."
    if len(set(own["entrant"]) - set(priced["entrant"])):
        words += " Of all samplers that are not in this table rounds are calls."
    parts = ["### What it costs in calls and rounds", words]
    found = {(row["entrant"], row["setting"], row["language"]): row for row in records(priced)}
    for languages in language_groups(priced["language"]):
        rows = []
        for entrant, setting in dict.fromkeys((who, at) for who, at, _ in found):
            cells = [found.get((entrant, setting, language)) for language in languages]
            if any(cells):
                texts = [ABSENT if cell is None else _price(cell) for cell in cells]
                rows.append([code(entrant), setting, *texts])
        parts.append(table(["sampler", "at", *(names[each] for each in languages)], rows, left=2))
    return "\n\n".join(parts)


def _price(row: Mapping[str, Any]) -> str:
    price = f"{calls_text(row)} / {plain(float(row['rounds']))}"
    ser = value_text(row, "ser")
    return f"{price}: {ser}" if ser else price


def trust_section(whole: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Correction against δ: samplers that were measured with several δ in one language at one budget."""
    cells = whole.join(trusts(whole["entrant"])).dropna(subset="delta")
    keys = ["base", "language", "length", "setting"]
    cells = cells[cells.groupby(keys)["delta"].transform("nunique") > 1]
    if cells.empty:
        return ""
    deltas = sorted(set(cells["delta"]))
    result = ["## Correction against δ", "Above, only that δ of a sampler is ranked which has the most cells."]
    for measure in ("ser", "excess"):
        rows = []
        for (base, language, length, setting), group in cells.groupby(keys, sort=True):
            found = {row["delta"]: value_text(row, measure) or ABSENT for row in records(group)}
            texts = [found.get(each, ABSENT) for each in deltas]
            if set(texts) != {ABSENT}:
                rows.append([code(str(base)), names[str(language)], str(length), str(setting), *texts])
        if rows:
            heads = ["sampler", "language", "length", "at", *(f"δ={each:g}" for each in deltas)]
            result += [f"{TITLES[measure]}:", table(heads, rows, left=4)]
    return "\n\n".join(result)


def _ordered(own: pd.DataFrame) -> list[str]:
    return [language for group in language_groups(own["language"]) for language in group]
