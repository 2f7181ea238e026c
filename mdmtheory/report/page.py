"""The leaderboard as a page of Markdown: every number of it is a row of the frame, or computed from one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from mdmtheory.core.estimate import bare_kind
from mdmtheory.metrics.registry import built_in_metrics
from mdmtheory.report.budgets import budget_section
from mdmtheory.report.closed_forms import closed_forms
from mdmtheory.report.entries import entries, entropies_of
from mdmtheory.report.front import FIRST, best_section, contents_section, first_figures
from mdmtheory.report.held import held_section
from mdmtheory.report.laws import closed_section, exact_section
from mdmtheory.report.learned import learned_section
from mdmtheory.report.missing import missing_section
from mdmtheory.report.naming import language_names, trusts
from mdmtheory.report.references import references_section
from mdmtheory.report.sections import frontier_section, order_section, price_section, trust_section
from mdmtheory.report.text import code, folded_below, table
from mdmtheory.report.ties import ties_section, without_twins
from mdmtheory.sweeps.ranges import PartOfLength

TOGETHER = 0.99
"""With what probability all comparisons with closed forms hold together."""

_HEAD = """\
# Leaderboard of samplers

Every sampler here asks a perfect denoiser: the exact posterior of a language that is known. Nothing was learned, so
what differs is the sampler alone."""

_LEARNED = "What becomes of it [under a learned denoiser](#under-a-learned-denoiser) stands in a section of its own."

_READING = """\
## How to read it

- **SER** is the probability that a drawn sequence is not in the language. **KL(q‖p)** is in nats a sequence: L times
  the log of TER(p)/TER(q). It is −log(1 − SER), what is **wrong**, plus KL(q‖p given the language), what is
  **unfaithful** among the right; *withheld* where no sequence was right.
- **Cross-entropy** is the mean of −log q(x) over the drawn sequences that are right, in nats a token. What is shown is
  its excess over the language's own, H(q)/L. Below 0 it proves that the sampler has lost variety (bold: even if all
  such numbers here are to be right at once, Bonferroni); above 0 it writes what is rare in the language.
- **Calls** are evaluations of the denoiser a sequence, in the mean over the sequences that were drawn to their end;
  they stand in brackets. **Rounds** are those that must wait for one another. Where every sequence was given up at a
  context that cannot occur, calls are only known to be at most the steps: (≤16).
- A number stands with the half-width of its interval, ±, the wider side where it has two; where that is below 0.00005
  it is left out. *2e-09, at most 0.0018*: no drawn sequence was wrong; beside the upper end that drawing leaves stands
  the mean of what steps miss along walks that miss nothing (`ser_sharp` or `ser_tilted`, [sharp.md](sharp.md)). **≤**
  marks an upper bound: for random order, random ties, uniform and Gaussian noise KL is not known exactly.
- *over*: every cell of this sampler needs more calls. *calls unknown*: every sequence of a rule without a budget was
  given up. *no log p*: the sampler has no likelihood. —: not in the store. Why not is said at the end.
- A name such as `entropy_bound:gamma` is a rule without a budget of steps; its curve runs along its own parameter.
  **δ** is how far the oracle distrusts tokens that a sampler may change, 1 − trust."""

_RULES = """\
## Rules

**Frontier.** A cell stands on a language's frontier if no other with as few calls has an interval wholly below its own,
and its own lies wholly below that of every cell with fewer calls. Calls count as whole ones, rounded up. A cell with
fewer than 20 right sequences stands nowhere. A bound competes by its own interval, and may be better than it shows.

**Rank.** Within a budget a sampler is represented by its cell with the most calls that fit. Its rank in a language is
1 + the number of samplers whose interval lies wholly below; without a cell that fits it comes after all that have one,
and where it was not measured it has none.
The tables of a budget go by the mean of these ranks; the one of all budgets goes by the number of languages on whose
frontier a sampler stands, then by the mean rank. **Bold**: the interval lies wholly below all others in its column."""


@dataclass(frozen=True)
class Contents:
    """What a page is made of.

    `frame` is that of `mdmtheory.read`, `entries` its `ranked_entries`; `command` is what makes the page; `budgets` are
    calls, or parts of the length; `laws` and `corrections` are whole laws as of `exact_laws`; `figures` maps titles to
    links and captions, `csv` is the link of all rows. `learned` has the rows of trained networks; `frame` has none.
    """

    frame: pd.DataFrame
    entries: tuple[pd.DataFrame, pd.DataFrame]
    command: str
    budgets: Sequence[int | PartOfLength]
    laws: pd.DataFrame | None = None
    corrections: pd.DataFrame | None = None
    figures: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    csv: str = "leaderboard.csv"
    learned: pd.DataFrame | None = None


def page(contents: Contents) -> str:
    """The page."""
    whole, ranked = contents.entries
    names = language_names(whole["language"])
    lengths = sorted({int(each) for each in ranked["length"]})
    budgets = {length: budgets_at(contents.budgets, length) for length in lengths}
    parts = [
        best_section(ranked, budgets, names),
        first_figures(contents.figures),
        _READING,
        _RULES,
        folded_below(_languages(names)),
    ]
    for length, own in ranked.groupby("length", sort=True):
        parts.append(f"## {length} tokens\n\n{frontier_section(own, budgets[int(str(length))], names)}")
        parts += [
            folded_below(f"### At most {each} calls\n\n{budget_section(own, each, names)}")
            for each in budgets[int(str(length))]
        ]
        parts += [folded_below(order_section(own, names)), folded_below(price_section(own, names))]
    compared = closed_forms(contents.frame, TOGETHER)
    competing = without_twins(whole)
    parts += [
        "" if contents.learned is None else learned_section(contents.learned, whole, names),
        held_section(competing, names),
        folded_below(ties_section(whole, names)),
        folded_below(trust_section(competing, names)),
        folded_below(closed_section(compared, names, TOGETHER)),
        folded_below(exact_section(contents.laws, contents.corrections)),
        folded_below(_figures(contents.figures), "other figures, and captions of all"),
        folded_below(missing_section(competing, ranked, names), "reasons"),
        references_section(each for each in (contents.frame, contents.learned) if each is not None),
    ]
    return "\n\n".join(part for part in (_head(contents, whole), contents_section(parts), *parts) if part) + "\n"


def budgets_at(budgets: Sequence[int | PartOfLength], length: int) -> list[int]:
    """The budgets of calls at a length, rising. ValueError where a part of the length is less than a call."""
    for each in budgets:
        if isinstance(each, PartOfLength) and each.divisor > length * each.multiple:
            raise ValueError(f"budgets hold {each}, which is less than a call at length {length}; pass larger ones")
    return sorted({each.at(length) if isinstance(each, PartOfLength) else each for each in budgets})


def ranked_entries(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All entries of a frame, and those that are ranked.

    These are, of several δ of one sampler, those of the δ with the most cells, and, of samplers that are there with
    both ways of breaking ties, those with random ties. ValueError where there is no SER.
    """
    whole = entries(frame, entropies_of(frame))
    if not whole["ser"].notna().any():
        raise ValueError("there is no SER of these cells to rank; run the sweep first, with metrics that hold ser")
    competing = without_twins(whole)
    split = trusts(competing["entrant"])
    kept = set(competing["entrant"][split["delta"].isna()])
    for _, own in competing[split["delta"].notna()].groupby(split["base"]):
        # Of equal numbers of cells the first by name: the order of the rows decides nothing.
        kept.add(own["entrant"].value_counts().sort_index().idxmax())
    return whole, competing[competing["entrant"].isin(kept)].reset_index(drop=True)


def _head(contents: Contents, whole: pd.DataFrame) -> str:
    frame = contents.frame
    known = frame["level"].dropna()
    levels = ", ".join(f"{100 * level:g} %" for level in sorted(set(known) - {1.0}))
    least, most = int(whole["count"].min()), int(whole["count"].max())
    counts = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    kinds = frame["kind"][frame["value"].notna()].map(bare_kind).value_counts().sort_index()
    numbers = ", ".join(f"{count:,} of kind {kind}" for kind, count in kinds.items())
    seeds = ", ".join(str(each) for each in sorted(set(whole["seed"])))
    return (
        f"{_HEAD}{_beside(contents)}\n\n"
        f"Made by `{contents.command}`, which measures what neither its store nor the rows beside this\n"
        "page have of the same versions of everything, and writes the page anew.\n"
        f"{len(whole):,} cells of {counts} sequences, seed {seeds}; intervals of {levels}.\n"
        f"{numbers}; all rows: [{contents.csv}]({contents.csv}).{_former(frame)}"
    )


def _beside(contents: Contents) -> str:
    """That networks stand on the page too; empty where none does."""
    return "" if contents.learned is None or contents.learned.empty else f"\n{_LEARNED}"


def _former(frame: pd.DataFrame) -> str:
    """That some rows are older than the form that their number or interval has today; empty where none is."""
    forms = {metric.name: metric.form for metric in built_in_metrics()}
    former = int((frame["form"] < frame["metric"].map(forms)).sum())
    if not former:
        return ""
    return f"\n{former:,} of {len(frame):,} rows are of an earlier measurement; intervals as published with them."


def _languages(names: Mapping[str, str]) -> str:
    rows = [[short, code(spec)] for spec, short in names.items()]
    return "## Languages\n\n" + table(["name here", "spec"], rows, left=2)


def _figures(figures: Mapping[str, tuple[str, str]]) -> str:
    """Captions of all, and those that do not stand first."""
    shown = [
        f"*{title}: {caption}*" if title in FIRST else f"![{title}]({link})\n\n*{caption}*"
        for title, (link, caption) in figures.items()
    ]
    return "\n\n".join(["## Figures", *shown]) if shown else ""
