"""Measured numbers beside those that are known in closed form: every cell of a sweep for which there is one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from mdmtheory.core.estimate import Estimate, Kind, as_measured, bare_kind
from mdmtheory.core.intervals import anytime_binomial, clopper_pearson
from mdmtheory.report.answers import Answer, answers
from mdmtheory.report.entries import at_level
from mdmtheory.sweeps.building import Builder
from mdmtheory.sweeps.cell import Cell
from mdmtheory.sweeps.choices import registries

if TYPE_CHECKING:
    import pandas as pd

LANGUAGES = ("parity", "equal_pairs", "copy", "permutation", "ngram")
"""Languages some of whose answers are known; of `ngram` only order 1."""

ROUNDING = 1e-9
"""Numbers that differ by so much of their size, or of 1, are equal: some intervals are points, and sums round."""

Verdict = Literal["holds", "refuted"]


@dataclass(frozen=True)
class ClosedForm:
    """What a cell of a sweep must give: one line of the page.

    `metric` is "ser"; "kl", KL(q||p) in nats a sequence; "kl_average", the average over plans (paths) of the KL given
    each, which plan-averaged scores estimate; "cross_entropy", E[-log q(x)] in nats a token of drawn sequences that are
    in the language. What a model has no choice of is None.
    """

    language: str
    length: int
    model: str
    denoiser: str | None
    sampler: str | None
    schedule: str | None
    steps: int | None
    metric: str
    value: float
    formula: str
    source: str


class Compared(NamedTuple):
    """A closed form, what was measured, its interval widened for the number of comparisons, and what follows.

    A measured upper bound of KL refutes "kl" only from below.
    """

    form: ClosedForm
    measured: Estimate
    verdict: Verdict


def closed_forms(frame: pd.DataFrame, level: float = 0.99) -> list[Compared]:
    """Every number of a frame (of `sweeps.read`) that has a closed form, held against it.

    All n intervals together hold with probability `level`: each is taken at 1 - (1 - level)/n (Bonferroni), made anew
    from the counts for SER, and stretched for means, whose intervals are normal.
    """
    builder = Builder()
    known: dict[tuple[Any, ...], list[Answer]] = {}
    found: list[tuple[dict[str, Any], ClosedForm]] = []
    for record in frame.to_dict("records"):
        row = {str(name): value for name, value in record.items()}
        found += [(row, form) for form in _forms_of_row(row, builder, known)]
    own_level = 1 - (1 - level) / max(len(found), 1)
    return [_compared(form, _measured(row, own_level)) for row, form in found]


def closed_form(row: Mapping[str, Any]) -> list[ClosedForm]:
    """What is known of one row of such a frame; empty where nothing is."""
    return _forms_of_row(row, Builder(), {})


def _forms_of_row(
    row: Mapping[str, Any], builder: Builder, known: dict[tuple[Any, ...], list[Answer]]
) -> list[ClosedForm]:
    metrics = _metrics_of(row)
    language = str(row["language"])
    names: dict[str, Any] = {name: _given(row[name]) for name in ("denoiser", "sampler", "schedule", "steps")}
    # Files, and languages told apart by a digest, cannot be built from their names.
    if not metrics or language.partition(":")[0] not in LANGUAGES or "@" in language:
        return []
    # What is known is of whole sequences.
    if _given(row.get("prompt")) is not None:
        return []
    if names["steps"] is not None:
        names["steps"] = int(names["steps"])
    cell: dict[str, Any] = {"language": language, "length": int(row["length"]), "model": str(row["model"]), **names}
    # Nor is a plug-in: names in results are data, which neither run code nor open files.
    words = {kind: cell[kind] for kind in ("model", "denoiser", "sampler", "schedule") if cell[kind] is not None}
    if not all(registries()[kind].is_plain(str(text)) for kind, text in words.items()):
        return []
    key = tuple(cell.values())
    if key not in known:
        known[key] = answers(*builder.build(Cell(**cell, seed=0)), cell["length"])
    return [
        ClosedForm(**cell, metric=each.metric, value=each.value, formula=each.formula, source=each.source)
        for each in known[key]
        if each.metric in metrics
    ]


def _metrics_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The metrics of closed forms that a row measures, or bounds."""
    metric, kind = row["metric"], bare_kind(str(row["kind"]))
    if _given(row["value"]) is None:
        return ()
    if metric == "ter_ratio":
        return ("kl",) if kind == "estimate" else ("kl_average", "kl") if kind == "upper bound" else ()
    return (metric,) if metric in ("ser", "cross_entropy") else ()


def _given(value: Any) -> Any:
    """The value, None where a frame is empty."""
    import pandas as pd

    return None if pd.isna(value) else value


def _measured(row: Mapping[str, Any], level: float) -> Estimate:
    """The row's number with an interval at another level; KL in nats a sequence for a ratio of TERs."""
    count, given = int(row["count"]), (float(row["value"]), float(row["low"]), float(row["high"]))
    said, (value, low, high) = as_measured(str(row["kind"]), given)
    kind = cast(Kind, said)
    if row["metric"] == "ser":
        errors = round(value * count)
        return Estimate(value, *_error_interval(errors, count, row, level), level, kind, count)
    if row["metric"] == "ter_ratio":
        value, low, high = (int(row["length"]) * math.log(each) for each in (value, low, high))
    return at_level(Estimate(value, low, high, float(row["level"]), kind, count), level)


def _error_interval(errors: int, count: int, row: Mapping[str, Any], level: float) -> tuple[float, float]:
    """Clopper-Pearson, or the anytime-valid interval where the row has that one: errors stopped its drawing."""
    low, high = clopper_pearson(errors, count, float(row["level"]))
    fixed = math.isclose(low, row["low"], abs_tol=1e-12) and math.isclose(high, row["high"], abs_tol=1e-12)
    interval = clopper_pearson if fixed else anytime_binomial
    return interval(errors, count, level)


def _compared(form: ClosedForm, measured: Estimate) -> Compared:
    room = ROUNDING * max(1.0, abs(form.value))
    below = measured.high < form.value - room
    above = measured.low > form.value + room
    if form.metric == "kl" and measured.kind == "upper bound":
        above = False
    return Compared(form, measured, "refuted" if below or above else "holds")
