"""What several models differ by: rows with simultaneous intervals and corrected p-values, and how they were paired."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mdmtheory.core.differences import LEAST_P, holm, p_value, simultaneous_level
from mdmtheory.core.estimate import Ends, WithheldError, decimals_of
from mdmtheory.core.html_tables import html_table

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "metric", "first", "second", "first_value", "second_value", "difference", "low", "high", "level", "kind", "p_value",
    "p_holm", "ratio", "ratio_low", "ratio_high", "pairing", "gain", "count", "first_steps", "second_steps",
    "first_calls", "second_calls",
)  # fmt: skip

BOUNDS = "difference of bounds"
"""What a difference of two upper bounds is: no bound of the difference."""


@dataclass(frozen=True)
class Contrast:
    """Two models in one metric: both values, and the interval of their difference at any level.

    `per_token` is the length by which a difference in nats becomes a ratio of perplexities, 0 where it is none.
    """

    metric: str
    first: str
    second: str
    values: tuple[float, float]
    interval: Callable[[float], Ends]
    kind: str
    pairing: str
    gain: float
    count: int
    per_token: int
    more: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Differences:
    """Pairs of models, a row of `frame` for each pair and metric, and what it all holds for in `about`.

    Columns: `metric` (ser; nats, -log p a sequence; or that of a store), the models, their values, `difference` (first
    less second) with its interval, all of which hold together at the level that was asked for; `level` is that of each.
    `kind`: "estimate", or "difference of bounds". `p_value` by itself, and `p_holm` corrected for all rows. `ratio`
    with its ends is TER(first)/TER(second). `pairing` says what both were measured on, and `gain` by what factor that
    made the variance of the difference smaller. `count` of sequences; steps and mean calls of both, empty where
    unknown. What stands before `metric` is of a store: what the cells of the row share.
    """

    frame: pd.DataFrame
    about: dict[str, str]

    def __repr__(self) -> str:
        return f"<Differences of {len(self.frame)} pairs; see its frame and about>"

    def __str__(self) -> str:
        named = [zip(self.headings, row, strict=True) for row in self.rows()]
        lines = [", ".join(f"{head} {each}" for head, each in row if each) for row in named]
        return "\n".join([*lines, *(f"{name}: {text}" for name, text in self.about.items())])

    @property
    def shared(self) -> list[str]:
        """The columns of what the cells of a row share, where those vary."""
        before = list(self.frame.columns[: list(self.frame.columns).index("metric")])
        return [name for name in before if self.frame[name].nunique(dropna=False) > 1]

    @property
    def headings(self) -> tuple[str, ...]:
        """Of `rows`."""
        ratio = ("ratio of TER",) if self.frame["ratio"].notna().any() else ()
        return (*self.shared, "metric", "first", "second", "first less second", "p (Holm)", *ratio, "paired")

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A line a pair, in words: both with steps, calls and value, the difference, p-value, ratio of TER, pairing."""
        for _, row in self.frame.iterrows():
            unknown = math.isnan(row["difference"])
            found = {
                **{name: str(row[name]) for name in self.shared},
                "metric": row["metric"],
                "first": _model_text(row, "first"),
                "second": _model_text(row, "second"),
                "first less second": row["kind"] if unknown else _ends_text(row["difference"], row["low"], row["high"]),
                "p (Holm)": _p_text(row["p_holm"], row["p_value"]),
                "ratio of TER": "" if unknown else _ends_text(row["ratio"], row["ratio_low"], row["ratio_high"]),
                "paired": row["pairing"].partition(":")[0]
                + ("" if math.isnan(row["gain"]) else f", variance / {row['gain']:.3g}"),
            }
            yield tuple(found[name] for name in self.headings)

    def _repr_html_(self) -> str:
        return html_table(self.headings, self.rows(), note="; ".join(f"{k}: {v}" for k, v in self.about.items()))


def tabled(contrasts: Sequence[Contrast], level: float, about: Mapping[str, str]) -> Differences:
    """All pairs, their intervals made for all of them to hold together, their p-values corrected for all."""
    import pandas as pd

    each = simultaneous_level(level, max(1, len(contrasts)))
    rows: list[dict[str, Any]] = []
    for contrast in contrasts:
        row = {**contrast.more, "metric": contrast.metric, "first": contrast.first, "second": contrast.second}
        row |= {"first_value": contrast.values[0], "second_value": contrast.values[1], "kind": contrast.kind}
        row |= {"level": each, "pairing": contrast.pairing, "gain": contrast.gain, "count": contrast.count}
        try:
            ends = contrast.interval(each)
            if math.isnan(ends[0]):  # of a number that is withheld itself, or of two that are infinite
                withheld_itself = any(map(math.isnan, contrast.values))
                row["kind"] = contrast.kind if withheld_itself else "withheld (both are infinite)"
            else:
                row |= dict(zip(("difference", "low", "high"), ends, strict=True))
                row["p_value"] = p_value(contrast.interval)
            if contrast.per_token:
                ratios = (math.exp(end / contrast.per_token) for end in ends)
                row |= dict(zip(("ratio", "ratio_low", "ratio_high"), ratios, strict=True))
        except WithheldError as withheld:
            row["kind"] = withheld.kind
        rows.append(row)
    known = [i for i, row in enumerate(rows) if "p_value" in row]
    for i, corrected in zip(known, holm([rows[i]["p_value"] for i in known]), strict=True):
        rows[i]["p_holm"] = corrected
    shared = [name for name in (contrasts[0].more if contrasts else ()) if name not in COLUMNS]
    frame = pd.DataFrame(rows, columns=[*shared, *COLUMNS])
    real = [name for name in COLUMNS if name not in ("metric", "first", "second", "kind", "pairing", "count")]
    number = len(contrasts)
    of_all = f"all {number} intervals hold together" if number > 1 else "the interval holds"
    told = {
        "intervals": f"{of_all} with probability {level:g}" + (f" (Bonferroni, each {each:.6g})" if number > 1 else "")
    }
    if len(known) > 1:
        sharper = "where it is small and the interval holds 0, it is the sharper"
        told["p"] = f"corrected for {len(known)} comparisons (Holm); {sharper}"
    for text in dict.fromkeys(frame["pairing"]):
        answer, _, how = text.partition(": ")
        told["paired" if answer == "yes" else "not paired"] = how
    if (frame["kind"] == BOUNDS).any():
        told["bounds"] = "a difference of two upper bounds is no bound of the difference of what they bound"
    return Differences(frame.astype(dict.fromkeys(real, "float64")), {**about, **told})


def _model_text(row: Any, which: str) -> str:
    value = "" if math.isnan(row[f"{which}_value"]) else f" {row[f'{which}_value']:.4g}"
    steps, calls = row[f"{which}_steps"], row[f"{which}_calls"]
    told = [f"N = {steps:.0f}"] if not math.isnan(steps) else []
    told += [f"{calls:.4g} calls"] if not math.isnan(calls) else []
    return f"{row[which]}{value}" + (f" ({', '.join(told)})" if told else "")


def _ends_text(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return ""
    half = (high - low) / 2
    digits = decimals_of(half) if 0 < half < math.inf else 6
    # What rounds to 0 from below has no sign.
    shown, least, most = (f"{round(each, digits) + 0.0:.{digits}f}" for each in (value, low, high))
    return f"{shown} [{least}, {most}]"


def _p_text(p: float, alone: float) -> str:
    if math.isnan(p):
        return ""
    return f"< {p:.0e}" if alone <= LEAST_P else f"{p:.2g}"
