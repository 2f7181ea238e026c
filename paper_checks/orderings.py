"""Orderings of a paper's accuracies, held against networks of ours that are far smaller and trained alike.

The rows are drawn by `python experiments/ye2025.py`; here they are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from mdmtheory.core.differences import difference_of_shares
from mdmtheory.core.estimate import Ends, Estimate
from mdmtheory.core.intervals import clopper_pearson
from paper_checks.claims import LEVEL, Claim, Number, Table, Verdict, shown

ROWS = Path(__file__).parent.parent / "experiments" / "ye2025.csv"
NOT_TRAINED = "–"


@dataclass(frozen=True)
class Share:
    """How many of so many drawn answers are right."""

    right: int
    count: int

    @property
    def estimate(self) -> Estimate:
        """The probability of a right answer, with its interval."""
        low, high = clopper_pearson(self.right, self.count, LEVEL)
        return Estimate(self.right / self.count, low, high, LEVEL, "estimate", self.count)

    def __str__(self) -> str:
        return shown(self.estimate, percent=True)


@dataclass(frozen=True)
class Ordering:
    """One cell: a published difference of two accuracies, in points, and ours, seed by seed from 0 on.

    `published` may be a direction alone, 1 or -1, where the paper says one and no number; 0 says none.
    """

    what: str
    published: float
    first: Sequence[Share]
    second: Sequence[Share]

    @property
    def differences(self) -> list[Ends]:
        """First less second of each seed that has both, with an interval over drawn answers."""
        both = zip(self.first, self.second, strict=False)
        return [difference_of_shares(a.right, a.count, b.right, b.count, LEVEL) for a, b in both]

    @property
    def verdict(self) -> Verdict:
        """Agrees where every seed's interval leaves 0 out as the paper has it, differs where all do the other way."""
        signs = {(low > 0) - (high < 0) for _, low, high in self.differences}
        direction = (self.published > 0) - (self.published < 0)
        if not direction or len(signs) != 1 or signs == {0}:
            return "cannot say"
        return "agrees" if signs == {direction} else "differs"

    @property
    def said(self) -> str:
        """The published difference in points; a direction alone is said as such."""
        return "said" if abs(self.published) == 1 else f"{self.published:+.1f}"

    @property
    def ours(self) -> str:
        """The differences in points."""
        points = [f"{100 * value:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]" for value, low, high in self.differences]
        return "; ".join(points) or NOT_TRAINED


def grouped(says: str, published: str, cells: Sequence[Ordering], numbers: Sequence[Number], why: str) -> Claim:
    """A claim of several cells: it agrees or differs where some do and none does the contrary."""
    counted = Counter(each.verdict for each in cells)
    found = [each for each in ("agrees", "differs") if counted[each]]
    verdict: Verdict = "cannot say" if len(found) != 1 else "agrees" if found == ["agrees"] else "differs"
    missing = sum(not each.differences for each in cells)
    counts = (
        f"of {len(cells)} cells {counted['agrees']} agree, {counted['differs']} differ, and of {counted['cannot say']} "
        f"our size cannot say{f' ({missing} not trained)' if missing else ''}. {why}"
    )
    return Claim(says, published, numbers, verdict, counts.strip())


def cells_table(title: str, cells: Sequence[Ordering], note: str) -> Table:
    """Cells with their verdicts."""
    lines = [[each.what, each.said, each.ours, each.verdict] for each in cells]
    return Table(title, ["ordering", "published, points:", "ours, points:", "verdict"], lines, note)


@cache
def rows() -> pd.DataFrame:
    """What `experiments/ye2025.py` drew."""
    return pd.read_csv(ROWS)


def shares(part: str, system: str, language: str, order: str, of: str = "right") -> list[Share]:
    """The answers that count as `of`, in one order, of the network of every seed that was trained, from 0 on."""
    found = rows()
    chosen = (found["part"] == part) & (found["system"] == system) & (found["language"] == language)
    found = found[chosen & (found["order"] == order)].sort_values("seed")
    return [Share(int(row[of]), int(row["count"])) for row in found.to_dict("records")]


def said(some: Sequence[Share]) -> str:
    """The share of each seed, or that there is none."""
    return "; ".join(map(str, some)) or NOT_TRAINED
