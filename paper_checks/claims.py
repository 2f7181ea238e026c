"""What a check of a paper finds: claims with published values, ours and verdicts; tables and figures beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mdmtheory.core.estimate import Estimate

Verdict = Literal["agrees", "fails", "cannot be compared", "differs", "cannot say"]
"""The last two of networks of ours in the place of a paper's larger ones, which they do not contradict."""

LEVEL = 0.95
"""Confidence of every interval on the page."""


@dataclass(frozen=True)
class Number:
    """One of our numbers: what it is, its estimate, and how it is written."""

    what: str
    estimate: Estimate
    percent: bool = False
    unit: str = ""

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.what}: {shown(self.estimate, percent=self.percent)}{unit}"


@dataclass(frozen=True)
class Claim:
    """A claim of a paper, what it publishes, what we find, and whether they agree; `why` says how that was decided."""

    says: str
    published: str
    ours: Sequence[Number]
    verdict: Verdict
    why: str


@dataclass(frozen=True)
class Table:
    """Rows of text under a title; `note` says how to read them."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """A file beside the page, and what it shows."""

    file: str
    caption: str


@dataclass(frozen=True)
class PaperCheck:
    """Everything that one paper's file found; `settings` are those that the paper does not give and we chose."""

    paper: str
    title: str
    claims: Sequence[Claim]
    settings: Sequence[str]
    tables: Sequence[Table] = field(default=())
    pictures: Sequence[Picture] = field(default=())


def shown(estimate: Estimate, *, percent: bool = False) -> str:
    """A number with its kind: "exact", a sign for a bound, and an interval where it was sampled.

    >>> shown(Estimate.exact(0.25)), shown(Estimate(0.5, 0.46, 0.54, level=0.95, kind="upper bound", count=9))
    ('0.25 (exact)', '≤ 0.500 [0.460, 0.540]')
    """
    scale, unit = (100.0, " %") if percent else (1.0, "")
    value, low, high = scale * estimate.value, scale * estimate.low, scale * estimate.high
    sign = {"upper bound": "≤ ", "lower bound": "≥ "}.get(estimate.kind, "")
    half = (high - low) / 2
    if not 0 < half < math.inf:
        return f"{sign}{value:.4g}{unit}" + (" (exact)" if estimate.kind == "exact" else "")
    digits = min(max(1 - math.floor(math.log10(half)), 0), 12)
    if value and digits > 6:
        return f"{sign}{value:.3g} [{low:.3g}, {high:.3g}]{unit}"
    return f"{sign}{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]{unit}"


def plain(check: PaperCheck) -> dict[str, Any]:
    """A check's claims as JSON values, numbers in full."""
    return {
        "paper": check.paper,
        "title": check.title,
        "settings": list(check.settings),
        "claims": [
            {
                "says": each.says,
                "published": each.published,
                "verdict": each.verdict,
                "why": each.why,
                "ours": [{"what": number.what, "unit": number.unit, **vars(number.estimate)} for number in each.ours],
            }
            for each in check.claims
        ],
    }
