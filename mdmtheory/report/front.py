"""What stands first on the page: where everything is, the best samplers in short, and the figures that matter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from mdmtheory.report.budgets import calls_text, records, value_text
from mdmtheory.report.naming import language_groups
from mdmtheory.report.ranking import competing, ranks, valued, within_budget
from mdmtheory.report.text import code, table

_MOST_NAMES = 3

FIRST = {
    "cost": "What a call buys: SER against calls, language by language. Further left and lower is better.",
    "plane": "Whether what is right has the right law: SER beside the excess of TER, where 0 and 0 is perfect.",
    "entropy": "Whether right sequences are varied enough: what lies below the dashed line has lost entropy.",
}
"""The figures that stand first, by title, and what each is for."""

_BEST = """\
## The best for their calls

Within a number of calls the samplers with no other's interval of SER wholly below theirs, those with the fewest calls
first, three at most; then the SER and, in brackets, the calls of the first. *Nobody*: fewer than 20 right sequences."""


def best_section(ranked: pd.DataFrame, budgets: Mapping[int, Sequence[int]], names: Mapping[str, str]) -> str:
    """A short table for each length: who is best in a language within each budget of calls; of `ranked` entries."""
    parts = [_BEST]
    for length, each_budget in budgets.items():
        own = valued(ranked[ranked["length"] == length], "ser")
        found = {budget: within_budget(own, budget) for budget in each_budget}
        rows = [
            [names[language], *(_best(cells[cells["language"] == language]) for cells in found.values())]
            for group in language_groups(own["language"])
            for language in group
        ]
        heads = [f"{length} tokens", *(f"at most {budget} calls" for budget in each_budget)]
        parts.append(table(heads, rows, left=len(heads)))
    return "\n\n".join(parts)


def _best(cells: pd.DataFrame) -> str:
    first = competing(cells[ranks(cells, "ser") == 1], "ser").sort_values(["calls", "entrant"], kind="stable")
    if first.empty:
        return "nobody"
    best, *_ = records(first)
    shown = ", ".join(code(each) for each in first["entrant"][:_MOST_NAMES])
    more = f" and {len(first) - _MOST_NAMES} more" if len(first) > _MOST_NAMES else ""
    return f"{shown}{more}: {value_text(best, 'ser')} ({calls_text(best)})"


def first_figures(figures: Mapping[str, tuple[str, str]]) -> str:
    """The figures that matter, each below what it is for; empty where none was drawn."""
    shown = [f"{words}\n\n![{title}]({figures[title][0]})" for title, words in FIRST.items() if title in figures]
    return "\n\n".join(["## What to see", *shown]) if shown else ""


def contents_section(parts: Iterable[str]) -> str:
    """Links to all headings of second rank, as GitHub names them."""
    headings = [each for part in parts for each in re.findall(r"^## (.+)$", part, flags=re.MULTILINE)]
    return "\n".join(f"- [{each}](#{_anchor(each)})" for each in headings)


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
