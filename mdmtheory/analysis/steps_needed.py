"""Numbers of steps that reach a target, as a frame and in words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mdmtheory.core.estimate import SIGNS
from mdmtheory.core.html_tables import html_table

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "language", "length", "denoiser", "sampler", "schedule", "target", "at", "steps", "low", "high", "level", "kind",
    "crossing", "method", "reached", "reached_low", "reached_high", "count", "calls", "calls_of", "seconds",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class StepsNeeded:
    """The steps that reach a target, one row of `frame` for each length, and what it holds for in `about`.

    Columns: what was asked (`language` to `at`), the least number of `steps`, its interval `low`, `high` at `level`,
    its `kind`, the real number of steps at which the target is crossed (`crossing`), the `method`; what was `reached`
    at these steps with its interval where it was computed or drawn from `count` sequences, their mean `calls`, of which
    sequences those are, and `seconds` of one thread a sequence on this machine. Empty where it was not measured.
    """

    frame: pd.DataFrame
    about: dict[str, str]

    def __int__(self) -> int:
        if len(self.frame) != 1:
            raise ValueError(f"{len(self.frame)} lengths have steps each; see frame")
        return int(self.frame["steps"].iloc[0])

    def __repr__(self) -> str:
        first = self.frame.iloc[0]
        asked = f"{first['target']} {first['at']:g}"
        if len(self.frame) == 1:
            return f"<StepsNeeded {_steps_text(first)} steps for {asked} at length {first['length']}>"
        return f"<StepsNeeded of {len(self.frame)} lengths for {asked}; see its frame>"

    def __str__(self) -> str:
        named = [zip(self.headings, row, strict=True) for row in self.rows()]
        lines = [", ".join(f"{head} {each}" for head, each in row if each) for row in named]
        return "\n".join([*lines, *(f"{name}: {text}" for name, text in self.about.items())])

    @property
    def headings(self) -> tuple[str, ...]:
        """Of `rows`."""
        reached = {"ser": "SER", "rate": "rate", "gap": "gap", "excess": "TER excess"}[self.frame["target"].iloc[0]]
        return ("length", "steps", f"{reached} there", "calls", "seconds", "method")

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A line a length, in words: steps with interval and kind, what is reached, calls and seconds a sequence."""
        for _, row in self.frame.iterrows():
            yield (
                str(row["length"]),
                _steps_text(row),
                _ends_text(row["reached"], row["reached_low"], row["reached_high"]),
                "" if math.isnan(row["calls"]) else f"{row['calls']:.4g}",
                "" if math.isnan(row["seconds"]) else f"{row['seconds']:.2g}",
                str(row["method"]),
            )

    def _repr_html_(self) -> str:
        return html_table(self.headings, self.rows(), note="; ".join(f"{k}: {v}" for k, v in self.about.items()))


def _steps_text(row: Any) -> str:
    if math.isnan(row["steps"]):
        return str(row["kind"])
    ends = f" [{row['low']:.0f}, {row['high']:.0f}]" if row["low"] < row["high"] else ""
    return f"{SIGNS[row['kind']]}{row['steps']:.0f}{ends}"


def _ends_text(value: float, low: float, high: float) -> str:
    ends = f" [{low:.3g}, {high:.3g}]" if low < high else ""
    return "" if math.isnan(value) else f"{value:.4g}{ends}"
