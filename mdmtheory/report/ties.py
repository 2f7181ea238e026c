"""Ties of ranked samplers: what changes where they go to the lowest position instead of being broken at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mdmtheory.core.estimate import bare_kind
from mdmtheory.core.spec import Spec
from mdmtheory.report.budgets import ABSENT, calls_text, records, value_text
from mdmtheory.report.naming import language_groups
from mdmtheory.report.text import code, folded, table
from mdmtheory.sweeps.results import CELL_COLUMNS

_LOWEST = ("ties", "lowest")

_WORDS = """\
Positions whose scores agree to six decimals are ranked by a random order of the positions, drawn once a sequence; with
`ties=lowest` those that agree to ten are ranked by their number, as in programs that sort. Cells with `ties=lowest` are
shown here alone, and compete nowhere. With random ties KL is an upper bound, from log p(x) given the order, so that it
can only be shown to be less."""


def without_twins(cells: pd.DataFrame) -> pd.DataFrame:
    """The rows (of a frame or of entries) but for samplers with `ties=lowest` that are there with random ties too."""
    there = set(cells["sampler"].dropna())
    twin = [not pd.isna(each) and _at_random(str(each)) in there - {str(each)} for each in cells["sampler"]]
    return cells[[not each for each in twin]].reset_index(drop=True)


def ties_section(whole: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Where intervals of SER or KL are disjoint, cell by cell, folded by language; empty where nothing has a twin."""
    pairs = _pairs(whole)
    if pairs.empty:
        return ""
    decided = pd.DataFrame(
        {
            "SER less": pairs["ser_high"] < pairs["ser_low_lowest"],
            "SER more": pairs["ser_low"] > pairs["ser_high_lowest"],
            "KL less": pairs["kl_high"] < pairs["kl_low_lowest"],
            "KL more": (pairs["kl_low"] > pairs["kl_high_lowest"]) & (pairs["kl_kind"].map(bare_kind) != "upper bound"),
        }
    )
    differ = decided.any(axis=1)
    same = int((~differ).sum())
    counted = f"Of {len(pairs):,} cells measured both ways {same:,} do not differ. What random ties make of the others:"
    rows, parts = [], []
    for length, own in pairs.groupby("length", sort=True):
        for language in [each for group in language_groups(own["language"]) for each in group]:
            cells = own[own["language"] == language]
            at = decided.loc[cells.index]
            here = cells[differ.loc[cells.index]]
            rows.append(
                [names[language], str(length), str(len(cells)), *(str(int(at[each].sum())) for each in decided)]
            )
            if len(here):
                title = f"{names[language]}, {length} tokens: {len(here)} of {len(cells)} cells differ"
                parts.append(folded(title, _table(here)))
    heads = ["language", "length", "cells", *decided]
    return "\n\n".join(["## Ties", f"{_WORDS}\n\n{counted}", table(heads, rows, left=1), *parts])


def _pairs(whole: pd.DataFrame) -> pd.DataFrame:
    """Cells with random ties, and beside them, in columns that end in `_lowest`, the same with `ties=lowest`."""
    lowest = whole[[not pd.isna(each) and _has_lowest(str(each)) for each in whole["sampler"]]]
    lowest = lowest.assign(sampler=[_at_random(str(each)) for each in lowest["sampler"]])
    return whole.merge(lowest, on=list(CELL_COLUMNS), suffixes=("", "_lowest"))


def _table(pairs: pd.DataFrame) -> str:
    rows = []
    for row in records(pairs.sort_values(["entrant", "calls"], kind="stable")):
        lowest = {name.removesuffix("_lowest"): value for name, value in row.items() if name.endswith("_lowest")}
        texts = [value_text(of, measure) or ABSENT for measure in ("ser", "kl") for of in (row, lowest)]
        calls = [calls_text(of) for of in (row, lowest)]
        rows.append([code(row["entrant"]), row["setting"], *calls, *texts])
    measures = [f"{measure}, {ties}" for measure in ("calls", "SER", "KL(q‖p)") for ties in ("random", "lowest")]
    heads = ["sampler", "at", *measures]
    return table(heads, rows, left=2)


def _has_lowest(sampler: str) -> bool:
    return _LOWEST in Spec.parse(sampler).options


def _at_random(sampler: str) -> str:
    """The sampler with the ties that go unsaid."""
    spec = Spec.parse(sampler)
    options: tuple[tuple[str, Any], ...] = tuple(each for each in spec.options if each != _LOWEST)
    return sampler if options == spec.options else str(Spec(spec.name, options))
