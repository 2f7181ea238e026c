"""The page of all checks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import get_args

from paper_checks.claims import LEVEL, Claim, PaperCheck, Table, Verdict

_OPENING = f"""\
# What the papers say, and what we find

Written by `make checks`, nothing of it by hand. The denoiser is the exact posterior of the language (the *oracle*), so
what is measured is the error of sampling alone, without learning error; where it is a network of ours, that is said.
`≤` and `≥` mark bounds, brackets a {100 * LEVEL:g} % interval: of the number itself, or of the bound where that was
sampled; other numbers say that they are exact. Published values are those that we had at hand, with their precision; a
setting that a paper does not give is ours, and is named.

A claim **agrees** when our numbers meet what it says, **fails** when they contradict it, and **cannot be compared**
when the paper gives no value or leaves open what decides it. Where networks of ours, small and trained for minutes,
stand in the place of a paper's, its orderings **differ** from ours or not, which contradicts nothing, and where
intervals or seeds leave the order open our size **cannot say**."""


def page(checks: Sequence[PaperCheck]) -> str:
    """README.md from what every paper's file found."""
    return "\n\n".join([_OPENING, _summary(checks), *(_section(each) for each in checks)]) + "\n"


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    r"""A Markdown table; numbers to the right where the head ends in a colon, which is not shown.

    >>> print(markdown(["a", "b:"], [["x|y", "1"]]))
    | a | b |
    | --- | --: |
    | x\|y | 1 |
    """
    rule = ["--:" if head.endswith(":") else "---" for head in heads]
    lines = [[head.removesuffix(":") for head in heads], rule, *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _summary(checks: Sequence[PaperCheck]) -> str:
    rows = [
        [f"{check.paper}", claim.says, claim.published or "–", _ours(claim), _verdict(claim)]
        for check in checks
        for claim in check.claims
    ]
    counts = {
        verdict: sum(claim.verdict == verdict for check in checks for claim in check.claims)
        for verdict in get_args(Verdict)
    }
    total = ", ".join(f"{count} {_PLURAL[verdict]}" for verdict, count in counts.items() if count)
    return f"{total}.\n\n" + markdown(["paper", "claim", "published", "ours", "verdict"], rows)


_PLURAL = {
    "agrees": "agree",
    "fails": "fail",
    "cannot be compared": "cannot be compared",
    "differs": "differ",
    "cannot say": "beyond what our size can say",
}


def _section(check: PaperCheck) -> str:
    parts = [f"## {check.paper}: {check.title}", "Ours: " + " ".join(check.settings)]
    for number, claim in enumerate(check.claims, start=1):
        parts.append(f"{number}. {claim.says} {_verdict(claim)}: {claim.why}")
    parts += [f"![{each.caption}]({each.file})\n\n{each.caption}" for each in check.pictures]
    parts += [_table(each) for each in check.tables]
    return "\n\n".join(parts)


def _table(table: Table) -> str:
    return "\n\n".join(part for part in (f"### {table.title}", table.note, markdown(table.heads, table.rows)) if part)


def _ours(claim: Claim) -> str:
    return "; ".join(str(number) for number in claim.ours) or "–"


def _verdict(claim: Claim) -> str:
    return f"**{claim.verdict}**"
