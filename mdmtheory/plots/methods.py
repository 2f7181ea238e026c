"""From the rows of a leaderboard to its curves: one for each way of generating, whatever its budget is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from mdmtheory.core.spec import Spec
from mdmtheory.languages.presets import LANGUAGES
from mdmtheory.metrics.ser import Ser
from mdmtheory.plots.series import TerExcess, metric_rows
from mdmtheory.plots.style import Look, family_looks, looks
from mdmtheory.sweeps.cell import DEFAULTS
from mdmtheory.sweeps.choices import LESS_TRUST, most_calls, reference_rows
from mdmtheory.sweeps.results import check_whole_sequences

Values = Float[np.ndarray, "points"]

NAMES = {
    "ser": Ser.label,
    "kl": "KL($q$‖$p$)\n(nats per sequence)",
    "excess": TerExcess.label,
    "collapse": "cross-entropy − $H(q)/L$\n(nats per token)",
}
CALLS = "denoiser calls per sequence"
ROUNDS = "rounds per sequence"
_LEAST = {"kl": 1e-3, "excess": 1e-5}
_FEW = 8
CELL = ["language", "length", "method", "options", "delta", "steps"]


@dataclass(frozen=True)
class Curve:
    """The points of one method, in the order of their cost: x and y with the ends of their intervals.

    `bound` says whether y is an upper bound, `told` which points are told apart from 0: not where the interval
    begins at 0 or below, nor where the value is below what anybody reads (KL of a thousandth of a nat).
    """

    method: str
    look: Look
    x: Values
    y: Values
    low: Values
    high: Values
    told: Bool[np.ndarray, "points"]
    bound: bool
    lead: bool


def leaderboard(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of a sweep with the columns that its figures need besides.

    `method`: the sampler's name, or the model's where it is not masked diffusion; `options`: those of either; `delta`:
    1 - trust of the oracle (0 for one that takes tokens as given); `place`: calls, or where no sequence was drawn to
    its end those that one would have taken, min(steps, length) or so many in each block, and empty where rules decide
    how many. ValueError for rows of imperfect denoisers, of several schedules or seeds, or of answers to a prompt.
    """
    if frame.empty:
        raise ValueError("nothing to draw: there are no rows; run mdmtheory sweep experiments/samplers.toml")
    check_whole_sequences(frame, "the figures of methods")
    for column in ("schedule", "seed"):
        several = sorted(map(str, frame[column].dropna().unique()))
        if len(several) > 1:
            raise ValueError(f"rows of several {column}s ({', '.join(several)}); choose those of one")
    rows = frame.copy()
    named = [_named(model, sampler) for model, sampler in zip(rows["model"], rows["sampler"], strict=True)]
    rows["method"], rows["options"] = [name for name, _ in named], [options for _, options in named]
    rows["delta"] = [_delta(each) for each in rows["denoiser"]]
    columns = (rows[name] for name in ("model", "sampler", "steps", "length"))
    most = [most_calls(*cell) for cell in zip(*columns, strict=True)]
    rows["place"] = rows["calls"].where(rows["calls"].notna(), most)
    return rows


def usual(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that are compared: of oracles that trust less, those at the usual 1 - trust."""
    return rows[(rows["delta"] == 0) | np.isclose(rows["delta"], 1 - LESS_TRUST)]


def of_metric(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows of ser, kl (from ter_ratio), excess (of ter_ratio over 1) or collapse (of cross_entropy over H(q)/L).

    The interval of `collapse` is that of cross_entropy; the column `slack` has the half width of that of H(q)/L.
    `least` is the value below which nobody reads. ValueError when there are none, with the metrics that are there.
    """
    source = {"kl": "ter_ratio", "excess": "ter_ratio", "collapse": "cross_entropy"}.get(metric, metric)
    found = metric_rows(rows, source)
    numbers = ["value", "low", "high"]
    if metric == "kl":
        lengths = found["length"].to_numpy(float)
        for column in numbers:
            found[column] = lengths * np.log(found[column].to_numpy(float))
    elif metric == "excess":
        found[numbers] -= 1.0
    elif metric == "collapse":
        entropies = entropy_per_token(rows)
        known = [(language, n) in entropies for language, n in zip(found["language"], found["length"], strict=True)]
        found = found[known]
        if found.empty:
            raise ValueError("the entropy of the language is not known: there are no rows of model ar with TER")
        pairs = [entropies[each] for each in zip(found["language"], found["length"], strict=True)]
        found[numbers] = found[numbers].sub([entropy for entropy, _ in pairs], axis=0)
        found["slack"] = [slack for _, slack in pairs]
    found["least"] = _LEAST.get(metric, 0.0)
    return found.reset_index(drop=True)


def entropy_per_token(rows: pd.DataFrame) -> dict[tuple[str, int], tuple[float, float]]:
    """H(q)/L in nats by (language, length), and the half width of its interval: from the TER of model ar."""
    found = rows[reference_rows(rows) & (rows["metric"] == "ter") & rows["value"].notna()]
    return {
        (str(row["language"]), int(row["length"])): (
            float(np.log(row["value"])),
            float(np.log(row["high"]) - np.log(row["low"])) / 2,
        )
        for _, row in found.iterrows()
    }


def chosen_languages(rows: pd.DataFrame, languages: Sequence[str] | None, most: int) -> list[str]:
    """The languages asked for, or the first that tell samplers apart; ValueError for one that is not there."""
    there = languages_of(rows)
    for name in languages or ():
        if name not in there:
            raise ValueError(f"no rows of language {name!r}; the languages here: {', '.join(there)}")
    return list(languages) if languages is not None else (various(rows) or there)[:most]


def at_length(rows: pd.DataFrame, length: int | None) -> pd.DataFrame:
    """The rows of one length: by default that of the most cells. ValueError with the lengths that are there."""
    known = rows.drop_duplicates(CELL)["length"].astype(int).value_counts()
    chosen = int(known.index[0]) if length is None else length
    if chosen not in known.index:
        raise ValueError(f"no rows of length {length}; the lengths here: {', '.join(map(str, sorted(known.index)))}")
    return rows[rows["length"] == chosen]


def languages_of(rows: pd.DataFrame) -> list[str]:
    """The languages, those with short memory first."""
    there = list(dict.fromkeys(rows["language"]))
    known = {name: place for place, name in enumerate(LANGUAGES.built_in)}
    return sorted(there, key=lambda name: (known.get(name.partition(":")[0], len(known)), there.index(name)))


def various(rows: pd.DataFrame) -> list[str]:
    """The languages that tell samplers apart, in which SER is not always 0: the first of each kind, then the others."""
    wrong = rows[(rows["metric"] == "ser") & (rows["value"] > 0)]
    names = languages_of(wrong)
    kinds = {name.partition(":")[0]: name for name in reversed(names)}
    first = [name for name in names if kinds[name.partition(":")[0]] == name]
    return first + [name for name in names if name not in first]


def methods_of(rows: pd.DataFrame) -> dict[str, Look]:
    """A look for each method: those of a family first, then the others."""
    there = list(dict.fromkeys(rows["method"]))
    families = rows.attrs.get("families")
    members = family_looks(families)
    every = looks("sampler", [*members, *there], families)
    return {name: look for name, look in members.items() if name in there} | {
        name: every[name] for name in there if name not in members
    }


def curves(rows: pd.DataFrame, palette: dict[str, Look], x: str = "place", along: str | None = None) -> list[Curve]:
    """The curves of one panel, in the order of the palette, their points in the order of `along` (x by default).

    Points without a place on that axis come first: their sequences were all given up, after a few calls.
    A sampler without a budget has one curve over its options; one with a budget has a curve for each set of options.
    """
    result: list[Curve] = []
    for method, look in palette.items():
        cells = rows[rows["method"] == method]
        budgets = cells.groupby("options")["steps"].nunique()
        parts: Iterable[Any] = cells.groupby("options", sort=False) if (budgets > 1).any() else [("", cells)]
        for _, part in parts:
            if part.empty:
                continue
            ordered = part.sort_values([along or x, "steps", "options"], na_position="first")
            places, value, low, high = (ordered[column].to_numpy(float) for column in (x, "value", "low", "high"))
            told = (low > 0) & (value >= ordered["least"].to_numpy(float))
            bound = bool((ordered["kind"] == "upper bound").any())
            lead = len(palette) <= _FEW or look.lead
            result.append(Curve(method, look, places, value, low, high, told, bound, lead))
    return result


def require(rows: pd.DataFrame, methods: Sequence[str], what: str) -> pd.DataFrame:
    """The rows of these methods; ValueError when there are none."""
    found = rows[rows["method"].isin(methods)]
    if found.empty:
        raise ValueError(f"{what}: there are no rows of {', '.join(methods)}")
    return found


def _named(model: Any, sampler: Any) -> tuple[str, str]:
    """The method's name and its options; the ancestral sampler goes unsaid inside other models."""
    outer = Spec.parse(str(model))
    inner = None if pd.isna(sampler) else Spec.parse(str(sampler))
    if inner is None:
        return outer.name, _options(outer)
    if outer.name == DEFAULTS["model"]:
        return inner.name, _options(inner)
    name = outer.name if inner.name == DEFAULTS["sampler"] else f"{outer.name} {inner.name}"
    return name, ",".join(filter(None, (_options(outer), _options(inner))))


def _options(spec: Spec) -> str:
    return str(spec).partition(":")[2]


def _delta(denoiser: Any) -> float:
    """1 - trust of an oracle."""
    if pd.isna(denoiser):
        return 0.0
    spec = Spec.parse(str(denoiser))
    if spec.name != DEFAULTS["denoiser"]:
        raise ValueError(
            f"rows of denoiser {denoiser}; these figures compare samplers under the oracle, leave them out"
        )
    return round(1 - float(dict(spec.options).get("trust", 1)), 12)
