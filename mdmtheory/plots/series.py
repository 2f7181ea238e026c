"""From the rows of a store to the curves of a figure: what is on the axes, what varies, what is a reference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from mdmtheory.core.estimate import as_measured, bare_kind
from mdmtheory.metrics.metric import Metric
from mdmtheory.metrics.registry import as_metric, built_in_metrics
from mdmtheory.metrics.ter import TerRatio
from mdmtheory.plots.style import DASHES, Look, looks
from mdmtheory.sweeps.choices import reference_rows

X_LABELS = {
    "steps": "sampling steps $N$",
    "length": "sequence length $L$",
    "calls": "denoiser calls per sequence (NFE)",
    "rounds": "rounds per sequence (sequential depth)",
}


class TerExcess(TerRatio):
    """TER(p)/TER(q) - 1, made from rows of the ratio: what is left of TER(p), to be drawn in decades."""

    name, short, label = "ter_excess", "TER excess", "TER($p$) / TER($q$) − 1"
    column = 4.5


# What makes two cells different, in the order in which a colour is given to whatever varies.
IDENTITY = ("sampler", "language", "prompt", "model", "denoiser", "schedule", "length", "steps", "seed")
NO_PROMPT = "no prompt"
"""What a row of whole sequences is called beside rows of answers."""
_ALIASES = {"lang": "language", "N": "steps", "L": "length"}


Setting = tuple[str, int, str]
"""Language, length and what is given (nothing: empty): what TER(q) depends on."""


@dataclass(frozen=True)
class Series:
    """One curve: values with intervals in the order of x; `flat` when its cells have no choice of x."""

    label: str
    look: Look
    x: Float[np.ndarray, "points"]
    value: Float[np.ndarray, "points"]
    low: Float[np.ndarray, "points"]
    high: Float[np.ndarray, "points"]
    kind: str
    flat: bool


def column_of(name: str) -> str:
    """The column that a name on the command line stands for: `lang` is `language`."""
    return _ALIASES.get(name, name)


def drawn_metric(metric: str | Metric) -> Metric:
    """A metric that has an axis, itself or by name; ValueError for another, with those that have one."""
    every = sorted((*built_in_metrics(), TerExcess()), key=lambda each: (each.column, each.name))
    known = {each.name: each for each in every if each.label}
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
        raise ValueError(f"cannot draw {name!r}; draw one of {', '.join(known)}")
    if found.name == TerExcess.name and type(found) is not TerExcess:
        raise ValueError(f"{found.name} is what figures make of {TerRatio.name}; give a metric of yours another name")
    return found


def metric_rows(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows of a metric that have a value; `ter_excess` is made from `ter_ratio`. ValueError names what there is."""
    source = TerRatio.name if metric == TerExcess.name else metric
    rows = frame[(frame["metric"] == source) & frame["value"].notna()].copy()
    rows["kind"] = rows["kind"].map(bare_kind)
    if rows.empty:
        there = sorted(set(frame["metric"].dropna()))
        derived = [TerExcess.name] if TerRatio.name in there else []
        raise ValueError(f"no values of {metric!r} to draw; the metrics here: {', '.join(there + derived) or 'none'}")
    if metric == TerExcess.name:
        rows[["value", "low", "high"]] -= 1.0
        rows["metric"] = metric
    return rows


def uncut(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows as they were measured: where noise took a number beyond what it can be, the row says it cut."""
    rows, numbers = frame.copy(), ["value", "low", "high"]
    kinds = [as_measured(str(row["kind"]), (row["value"], row["low"], row["high"])) for _, row in rows.iterrows()]
    rows["kind"] = [kind for kind, _ in kinds]
    rows[numbers] = [ends for _, ends in kinds]
    return rows


def without_reference(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that are not those of the autoregressive reference (all of them, when there is nothing else)."""
    others = frame[~reference_rows(frame)]
    return frame if others.empty else others


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


def with_prompts(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame, with the column `prompt` where it was made before there was one: nothing is given there."""
    return frame if "prompt" in frame else frame.assign(prompt=None)


def settings(frame: pd.DataFrame) -> list[Setting]:
    """The settings of the rows, each once."""
    columns = zip(frame["language"], frame["length"], _prompts(frame), strict=True)
    return list(dict.fromkeys((str(language), int(length), prompt) for language, length, prompt in columns))


def _prompts(frame: pd.DataFrame) -> pd.Series:
    """What is given, as text; empty where nothing is."""
    prompts = with_prompts(frame)["prompt"]
    return prompts.astype(object).where(prompts.notna(), "").astype(str)


def default_x(frame: pd.DataFrame) -> str:
    """`length` where lengths vary and each has but one number of steps, else `steps`."""
    frame = without_reference(with_prompts(frame))
    others = [column for column in IDENTITY if column != "steps"]
    one_each = frame.groupby(others, dropna=False)["steps"].nunique().max() <= 1
    return "length" if frame["length"].nunique() > 1 and one_each else "steps"


def varying(frame: pd.DataFrame, x: str) -> list[str]:
    """The columns that tell curves apart when drawn against x, in the order of IDENTITY."""
    texts = identities(frame)
    return [column for column in IDENTITY if column not in _along(x) and _different(texts[column])]


def identities(frame: pd.DataFrame) -> pd.DataFrame:
    """What each row is, in words for a legend; empty where a column does not apply.

    Numbers of steps that are all one part of the length are written so: N = L/4. Beside rows with a prompt those of
    whole sequences say so.
    """
    texts, frame = pd.DataFrame(index=frame.index), with_prompts(frame)
    for column in IDENTITY:
        symbol = {"length": "$L$ = ", "steps": "$N$ = ", "seed": "seed "}.get(column)
        texts[column] = [
            "" if pd.isna(value) else f"{symbol}{int(value)}" if symbol else str(value).replace("_", " ")
            for value in frame[column]
        ]
    if frame["prompt"].notna().any():
        texts["prompt"] = texts["prompt"].where(frame["prompt"].notna(), NO_PROMPT)
    parts = frame["length"] / frame["steps"]
    known = parts.dropna()
    if known.nunique() < frame["steps"].nunique() and (known % 1 == 0).all():
        texts["steps"] = ["$N$ = $L$" if p == 1 else f"$N$ = $L$/{p:.0f}" if p > 1 else "" for p in parts]
    return texts


def series_of(
    rows: pd.DataFrame, x: str, names: Sequence[str], hue: Sequence[str], palette: dict[str, Look]
) -> list[Series]:
    """The curves of one panel. The columns `names` tell them apart; `hue`, some of these, choose from the palette.

    ValueError when two cells of a curve have the same x.
    """
    texts = identities(rows)
    keys = texts[list(names)].agg(tuple, axis=1) if names else pd.Series([()] * len(rows), index=rows.index)
    others = list(dict.fromkeys(tuple(w for n, w in zip(names, key, strict=True) if n not in hue) for key in keys))
    result: list[Series] = []
    for key in dict.fromkeys(keys):
        cells = rows[keys == key].sort_values(x)
        flat = bool(cells[x].isna().all())
        cells = cells if flat else cells[cells[x].notna()]
        if cells[x].duplicated().any():
            raise ValueError(f"a curve has several values at one {x}; choose another --x, or another --hue than {hue}")
        words = dict(zip(names, key, strict=True))
        look = palette[", ".join(words[column] for column in hue)]
        if len(others) > 1:
            other = tuple(word for name, word in words.items() if name not in hue)
            look = replace(look, dashes=DASHES[others.index(other) % len(DASHES)])
        value, low, high = (cells[column].to_numpy(float) for column in ("value", "low", "high"))
        label = ", ".join(word for word in words.values() if word)
        kind = " and ".join(sorted(set(cells["kind"])))
        result.append(Series(label, look, cells[x].to_numpy(float), value, low, high, kind, flat))
    return result


def palette_of(rows: pd.DataFrame, hue: Sequence[str]) -> dict[str, Look]:
    """A look for each value of the hue columns together, in the order in which they appear."""
    texts = identities(rows)
    values = list(dict.fromkeys(texts[list(hue)].agg(", ".join, axis=1)))
    return looks(hue[0] if len(hue) == 1 else "", values, rows.attrs.get("families"))


def _along(x: str) -> tuple[str, ...]:
    """The columns that change along a curve: its cost is that of its number of steps."""
    return (x, "steps") if x in ("calls", "rounds") else (x,)


def _different(texts: Iterable[str]) -> bool:
    return len(set(texts) - {""}) > 1
