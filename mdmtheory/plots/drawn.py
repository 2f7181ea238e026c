"""What can be drawn: metrics that have an axis, and what figures make of these; their rows and their reference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from mdmtheory.core.estimate import as_measured, bare_kind
from mdmtheory.core.printable import did_you_mean
from mdmtheory.metrics.cross_entropy import CrossEntropy
from mdmtheory.metrics.metric import PROBABILITY, Metric
from mdmtheory.metrics.registry import as_metric, built_in_metrics
from mdmtheory.metrics.ter import Ter, TerRatio
from mdmtheory.plots.words import IDENTITY, NO_PROMPT, said_of, with_prompts
from mdmtheory.sweeps.choices import reference_rows
from mdmtheory.sweeps.results import check_whole_sequences

_NUMBERS = ["value", "low", "high"]


class TerExcess(TerRatio):
    """TER(p)/TER(q) - 1, made from rows of the ratio: what is left of TER(p), to be drawn in decades."""

    name, short, label = "ter_excess", "TER excess", "TER($p$) / TER($q$) − 1"
    column = 4.5
    source, least = "ter_ratio", 1e-5

    def made(self, rows: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
        """From rows of the ratio."""
        rows[_NUMBERS] -= 1.0
        return rows


class Divergence(TerRatio):
    """KL(q||p) = L log(TER(p)/TER(q)) in nats per sequence, made from rows of the ratio."""

    name, short, label, unit = "kl", "KL", "KL($q$‖$p$)\n(nats per sequence)", "nats per sequence"
    column = 4.6
    source, least = "ter_ratio", 1e-3

    def made(self, rows: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
        """From rows of the ratio, of whole sequences alone: the length of answers stands in no row."""
        check_whole_sequences(rows, "divergences")
        rows[_NUMBERS] = rows["length"].to_numpy(float)[:, None] * np.log(rows[_NUMBERS].to_numpy(float))
        return rows


class LostEntropy(CrossEntropy):
    """The cross-entropy of what is right less H(q)/L: below 0 entropy is lost.

    H(q)/L is the logarithm of the TER of model ar. The interval is that of the cross-entropy; the column `slack` has
    the half width of that of H(q)/L.
    """

    name, short = "lost_entropy", "cross-entropy − H(q)/L"
    label = "cross-entropy − $H(q)/L$\n(nats per token)"
    column = 6.5
    source, least = "cross_entropy", None

    def made(self, rows: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
        """From rows of the cross-entropy where H(q)/L is known; ValueError where it is nowhere."""
        found = frame[reference_rows(frame) & (frame["metric"] == "ter") & frame["value"].notna()]
        known = found.drop_duplicates(["language", "length"])[["language", "length", *_NUMBERS]]
        rows = rows.merge(known, on=["language", "length"], suffixes=("", "_q"))
        if rows.empty:
            raise ValueError("the entropy of the language is not known: there are no rows of model ar with TER")
        rows[_NUMBERS] = rows[_NUMBERS].sub(np.log(rows["value_q"]), axis=0)
        rows["slack"] = (np.log(rows["high_q"]) - np.log(rows["low_q"])) / 2
        return rows


DERIVED: dict[str, Any] = {each.name: each for each in (TerExcess(), Divergence(), LostEntropy())}
"""What figures make of the rows of other metrics, by name."""


def least_of(metric: Metric) -> float | None:
    """The value below which nobody reads a metric that is 0 for an exact sampler; None for one that is not."""
    return getattr(metric, "least", 0.0 if metric.unit == PROBABILITY else None)


def drawable() -> dict[str, Metric]:
    """Every metric with an axis, by name, in the order of their columns."""
    every = sorted((*built_in_metrics(), *DERIVED.values()), key=lambda each: (each.column, each.name))
    return {each.name: each for each in every if each.label}


def drawn_metric(metric: str | Metric) -> Metric:
    """A metric that has an axis, itself or by name; ValueError for another, with those that have one."""
    known = drawable()
    if isinstance(metric, str) and metric in known:
        return known[metric]
    try:
        found = as_metric(metric)
    except ValueError:
        if not isinstance(metric, str) or ":" in metric:
            raise
        found = None
    if found is None or not found.label:
        name = metric if found is None else found.name
        raise ValueError(f"cannot draw {name!r}{did_you_mean(str(name), known)}; draw one of {', '.join(known)}")
    if found.name in DERIVED and type(found) is not type(DERIVED[found.name]):
        source = DERIVED[found.name].source
        raise ValueError(f"{found.name} is what figures make of {source}; give a metric of yours another name")
    return found


def metric_rows(frame: pd.DataFrame, metric: str, whole: pd.DataFrame | None = None) -> pd.DataFrame:
    """The rows of a metric that have a value, those of DERIVED made from their source. ValueError names what there is.

    What is exact has its value for an interval. `whole` has the rows of the reference too, if the frame does not.
    """
    derived = DERIVED.get(metric)
    source = derived.source if derived else metric
    rows = frame[(frame["metric"] == source) & frame["value"].notna()].copy()
    rows["kind"] = rows["kind"].map(bare_kind)
    if rows.empty:
        there = sorted(set(frame["metric"].dropna()))
        there += [name for name, each in DERIVED.items() if each.source in there]
        raise ValueError(f"no values of {metric!r} to draw; the metrics here: {', '.join(there) or 'none'}")
    for end in ("low", "high"):
        rows[end] = rows[end].fillna(rows["value"])
    if derived:
        rows = derived.made(rows, frame if whole is None else whole)
        rows["metric"] = metric
    rows.attrs = frame.attrs
    return rows


Setting = tuple[str, int, str]
"""Language, length and what is given (nothing: empty): what TER(q) depends on."""


@dataclass(frozen=True)
class Reference:
    """TER(q) of a language at a length, and the kind of that number."""

    value: float
    kind: str


def reference_ter(frame: pd.DataFrame) -> dict[Setting, Reference]:
    """TER(q) of each setting: what the autoregressive model scored, else TER(p) over the TER ratio."""
    keys = ["language", "length", "prompt"]
    frame = uncut(frame)
    frame["prompt"] = _prompts(frame)
    ter = frame[frame["metric"] == "ter"]
    cell = [column for column in IDENTITY if column not in keys]
    ratios = frame[frame["metric"] == "ter_ratio"]
    pairs = ter.merge(ratios, on=[*keys, *cell], suffixes=("", "_of_ratio"))
    implied = (pairs["value"] / pairs["value_of_ratio"]).groupby([pairs[key] for key in keys]).median()
    found: dict[Any, Any] = {key: Reference(float(value), "estimate") for key, value in implied.dropna().items()}
    for _, row in ter[reference_rows(ter) & ter["value"].notna()].iterrows():
        found[row["language"], row["length"], row["prompt"]] = Reference(float(row["value"]), str(row["kind"]))
    return {(str(name), int(length), str(prompt)): each for (name, length, prompt), each in found.items()}


def uncut(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows as they were measured: where noise took a number beyond what it can be, the row says it cut."""
    rows = frame.copy()
    kinds = [as_measured(str(row["kind"]), (row["value"], row["low"], row["high"])) for _, row in rows.iterrows()]
    rows["kind"] = [kind for kind, _ in kinds]
    rows[_NUMBERS] = [ends for _, ends in kinds]
    return rows


@dataclass(frozen=True)
class Shown:
    """What a panel shows: a metric, its rows, the reference TER(q) or 1, and sentences for the caption."""

    metric: Metric
    rows: pd.DataFrame
    reference: Reference | None = None
    notes: tuple[str, ...] = ()


def comparable(frame: pd.DataFrame, metric: Metric, references: dict[Setting, Reference], whole: pd.DataFrame) -> Shown:
    """The rows of a metric as one panel shows them.

    TER is drawn as TER(q) times the ratio TER(p)/TER(q), with the ratio's interval: both are measured on the same
    sequences, so their difference is far better known than either. Where TER(q) is not one number (several
    languages or lengths) the ratio itself is drawn, and the caption says so. Withheld numbers are left out and
    counted, and so is infinity, which no axis shows. ValueError where all are infinite.
    """
    shown = _comparable(frame, metric, references, whole)
    source = DERIVED[metric.name].source if metric.name in DERIVED else metric.name
    withheld = frame["kind"][(frame["metric"] == source) & frame["value"].isna()].astype(str)
    if len(withheld):
        said = f"Not drawn: {len(withheld)} {metric.short} {withheld.iloc[0]}."
        shown = replace(shown, notes=(*shown.notes, said))
    finite = np.isfinite(shown.rows["high"].to_numpy(float))
    if not finite.any():
        raise ValueError(f"every {metric.short} is infinite: the model never writes some sequence of the language")
    if finite.all():
        return shown
    said = f"Not drawn: {(~finite).sum()} infinite {metric.short}."
    return replace(shown, rows=shown.rows[finite], notes=(*shown.notes, said))


def _comparable(
    frame: pd.DataFrame, metric: Metric, references: dict[Setting, Reference], whole: pd.DataFrame
) -> Shown:
    rows = metric_rows(frame, metric.name, whole)
    if metric.name == TerRatio.name:
        return Shown(metric, rows, Reference(1.0, "exact"))
    if metric.name != Ter.name or TerRatio.name not in set(frame["metric"]):
        return Shown(metric, rows)
    ratios = metric_rows(frame, TerRatio.name)
    keys = _settings(ratios)
    if any(key not in references for key in keys):
        return Shown(metric, rows)
    if len(keys) == 1:
        reference = references[keys[0]]
        ratios[_NUMBERS] *= reference.value
        said = "The interval of TER is that of TER(p)/TER(q) on the same sequences."
        return Shown(metric, ratios, reference, (said,))
    known = [f"{_named(each, keys)} {references[each].value:.4g}" for each in keys]
    kinds = sorted({references[key].kind for key in keys})
    said = f"In place of TER its ratio to TER(q), which differs: {', '.join(known)} ({' or '.join(kinds)})."
    return Shown(TerRatio(), ratios, Reference(1.0, "exact"), (said,))


def _settings(frame: pd.DataFrame) -> list[Setting]:
    columns = zip(frame["language"], frame["length"], _prompts(frame), strict=True)
    return list(dict.fromkeys((str(language), int(length), prompt) for language, length, prompt in columns))


def _prompts(frame: pd.DataFrame) -> pd.Series:
    """What is given, as text; empty where nothing is."""
    prompts = with_prompts(frame)["prompt"]
    return prompts.astype(object).where(prompts.notna(), "").astype(str)


def _named(setting: Setting, among: list[Setting]) -> str:
    """The language, with the length and the prompt where that alone does not tell which setting it is."""
    language, length, prompt = setting
    own = [each for each in among if each[0] == language]
    told = [f"L={length}"] if len({each[1] for each in own}) > 1 else []
    told += [said_of("prompt", prompt or None) or NO_PROMPT] if len({each[2] for each in own}) > 1 else []
    more = f" ({', '.join(told)})" if told else ""
    return said_of("language", language) + more
