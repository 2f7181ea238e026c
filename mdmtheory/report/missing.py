"""What a page does not show, and why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from mdmtheory.report.budgets import TITLES, records
from mdmtheory.report.entries import MEASURES
from mdmtheory.report.naming import language_groups, trusts
from mdmtheory.report.reasons import NOT_RUN, no_log_p, not_there
from mdmtheory.report.text import code, folded
from mdmtheory.sweeps.building import Builder

_WORDS = f"""\
*{NOT_RUN}*: left out of the file of the sweep, mostly because it is too slow on two cores. A group in a file of your
own and the same command fill the place."""


def missing_section(whole: pd.DataFrame, ranked: pd.DataFrame, names: Mapping[str, str]) -> str:
    """The samplers without log p, the numbers that the store withholds, and the cells that it lacks, with reasons."""
    builder = Builder()
    parts = ["\n".join(lines) for lines in (_unscored(whole, builder), _withheld(whole)) if lines]
    missing = [*_lengths(ranked, names), *_cells(ranked, names, builder)]
    if missing:
        parts += [_WORDS, folded("cells that are not there", "\n".join(missing))]
    return "\n\n".join(["## What is not there, and why", *parts]) if parts else ""


def _unscored(whole: pd.DataFrame, builder: Builder) -> list[str]:
    without = whole[whole["kl"].isna()]
    without = without.assign(base=trusts(without["entrant"])["base"]).drop_duplicates("base")
    reasons = {str(row["base"]): no_log_p(row, builder) for row in records(without.sort_values("base"))}
    return [f"- {code(base)}: no log p; {reason}" for base, reason in reasons.items() if reason]


def _withheld(whole: pd.DataFrame) -> list[str]:
    """How many numbers the store withholds, by measure and reason; reasons that differ in their counts are one."""
    lines = []
    for measure in MEASURES:
        kinds = whole[f"{measure}_kind"].str.replace(
            r"\d+ right of \d+ < (\d+)", r"fewer than \1 right sequences", regex=True
        )
        counts = kinds[kinds.str.startswith("withheld")].value_counts().sort_index()
        lines += [f"- {TITLES[measure]}: {reason} in {count} cells" for reason, count in counts.items()]
    return lines


def _lengths(ranked: pd.DataFrame, names: Mapping[str, str]) -> Iterator[str]:
    for length, own in ranked.groupby("length", sort=True):
        absent = [short for spec, short in names.items() if spec not in set(own["language"])]
        if absent:
            yield f"- length {length}: {', '.join(absent)}; {NOT_RUN}"


def _cells(ranked: pd.DataFrame, names: Mapping[str, str], builder: Builder) -> Iterator[str]:
    for length, own in ranked.groupby("length", sort=True):
        languages = [language for group in language_groups(own["language"]) for language in group]
        for entrant, cells in own.groupby("entrant", sort=True):
            absent: dict[str, list[str]] = {}
            for language in languages:
                if language not in set(cells["language"]):
                    reason = not_there(records(cells)[0], language, builder)
                    absent.setdefault(reason, []).append(names[language])
            for reason, which in absent.items():
                yield f"- {code(str(entrant))}, length {length}: {', '.join(which)}; {reason}"
