"""The figure of compared schedules: predicted TER and gap against steps, with what a chosen order gives beside them."""

from __future__ import annotations

import textwrap
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from mdmtheory.core.estimate import bare_kind
from mdmtheory.plots.picture import Picture, bar_handle, handle
from mdmtheory.plots.series import Scale, Series, draw, scale_x, strip_note
from mdmtheory.plots.style import REFERENCE, Dashes, Look, figure_style, looks
from mdmtheory.plots.words import X_LABELS

_LABELS = {"linear": "linear (= loglinear)", "sqrt_c": "√$c$ (for SER)", "geometric:min=0.001,max=20": "geometric"}
_TOLD = ("curve", "profile", "prices", "UNKNOWN", "bound", "estimate", "interval", "monotone")
_LAWS: dict[str, Dashes] = {"fixed": "-", "ancestral": (0.0, (1.0, 1.2))}
_TINY = 1e-6
_LEAST_GAP = 1e-3
"""Nats below which nobody reads a gap."""


def schedule_figure(frame: pd.DataFrame, about: dict[str, str]) -> Picture:
    """TER and gap against steps for every schedule of `compare_schedules`, of a language or of a loss profile."""
    names = [name for name in dict.fromkeys(frame["schedule"]) if name]
    stride = frame[frame["sampler"] == "stride"]
    palette = {**looks("sampler", [*names, *(["stride"] if len(stride) else [])]), "optimal": Look("0.1", "*", "-")}
    kinds = _kinds(frame)
    said = f"{kinds['fixed']} (mean over plans)" if len(set(kinds.values())) == 1 else "mean over plans"
    name = "TER (perplexity per token)" if "language" in about else "perplexity per token"
    steps, notes = sorted(set(frame["steps"])), []
    with figure_style():
        picture = Picture(6.9, 3.6)
        cells = picture.grid(1, 2)
        for axes, metric, label in zip(cells, ("ter", "gap"), (name, "gap (nats per sequence)"), strict=True):
            rows = frame[(frame["metric"] == metric) & frame["value"].notna()]
            drawn = _series(rows, palette, names, side_by_side="profile" in about)
            scale_x(axes, steps, log=True)
            axes.set_xlabel(X_LABELS["steps"])
            axes.set_ylabel(f"{label}\n{said}")
            if not drawn:
                _say_why(axes, frame)
                continue
            scale = Scale.of(drawn, from_zero=metric == "gap", log=metric == "gap")
            scale.on(axes)
            for each in drawn:
                draw(axes, each, scale, scale.row(0, 1), hollow=each.look.dashes == _LAWS["ancestral"])
            notes += [strip_note(drawn, " nats")] if scale.kind == "zero" else []
        if len(stride):
            notes.insert(0, "stride: estimates of TER and KL(q||p), not bounds.")
        picture.explain(_handles(palette, kinds, frame), [*_caption(frame, about), *notes])
    return picture


def _series(rows: pd.DataFrame, palette: dict[str, Look], names: list[str], *, side_by_side: bool) -> list[Series]:
    """A curve for each schedule and law of steps, and for stride; wide intervals stand side by side."""
    found = []
    for name, look in palette.items():
        for law in ("stride",) if name == "stride" else _LAWS:
            own = rows[(rows["sampler"] == law) & ((rows["schedule"] == name) | (law == "stride"))].sort_values("steps")
            if own.empty:
                continue
            aside = 2 ** (0.06 * (names.index(name) - (len(names) - 1) / 2)) if side_by_side else 1.0
            sure = ~np.isfinite(own["low"].astype(float))
            own = own.assign(
                place=own["steps"].astype(float) * aside,
                # A range of curves that begins at 0 says nothing against the value itself.
                low=own["low"].where(~sure, own["value"]).clip(lower=_TINY * own["value"] if side_by_side else None),
                high=own["high"].where(~sure, own["value"]),
            )
            drawn, least = replace(look, dashes=_LAWS.get(law, look.dashes)), _LEAST_GAP if law == "stride" else 0.0
            found.append(Series.of(name, drawn, own, "place", least))
    return found


def _say_why(axes: Axes, frame: pd.DataFrame) -> None:
    """In place of numbers that were withheld, the reason."""
    reasons = sorted({kind for kind in map(str, frame["kind"]) if kind.startswith("withheld")})
    words = "\n".join(textwrap.fill(reason, 44) for reason in reasons)
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", fontsize=7, color=REFERENCE)


def _kinds(frame: pd.DataFrame) -> dict[str, str]:
    """What the curves of each law of steps are: upper bounds of the mean over plans, or estimates of it."""
    prices = frame[frame["metric"].isin(["ter", "gap"]) & frame["value"].notna()]
    said = {law: sorted(set(prices["kind"][prices["sampler"] == law].map(bare_kind))) for law in _LAWS}
    return {law: " and ".join(kinds) or "withheld" for law, kinds in said.items()}


def _handles(palette: dict[str, Look], kinds: dict[str, str], frame: pd.DataFrame) -> list[Line2D]:
    # Where both are of one kind the axes say which.
    apart = {law: f": {kind}" for law, kind in kinds.items()}
    said = apart if len(set(kinds.values())) > 1 else {"fixed": "", "ancestral": " (i.i.d. steps)"}
    found = [handle(look, _label(name), line=name == "stride") for name, look in palette.items()]
    for law, words in (("fixed", "fixed sizes"), ("ancestral", "ancestral")):
        found.append(handle(Look("0.3", dashes=_LAWS[law]), words + said[law], hollow=law == "ancestral"))
    levels = {each for each in frame["level"][np.isfinite(frame["low"])] if each < 1}
    if levels:
        found.append(bar_handle(levels))
    elif (frame["low"] < frame["high"])[frame["sampler"] == "fixed"].any():
        found.append(bar_handle([], "bars: least to most (no level)"))
    return found


def _label(name: str) -> str:
    return _LABELS.get(name, "stride (a chosen order)" if name == "stride" else name)


def _caption(frame: pd.DataFrame, about: dict[str, str]) -> list[str]:
    """What the figure holds for: that of the table, without what is plain from the axes."""
    told = [f"{key}: {text}." for key, text in about.items() if key in _TOLD]
    beside = [] if len(frame[frame["sampler"] == "stride"]) else [f"stride: {about['stride']}."]
    order = about["order"]
    first = f"{frame['source'].iloc[0]}, length {frame['length'].iloc[0]}."
    return [first, f"{order[0].upper()}{order[1:]}.", "Gap: above one token a step.", *told, *beside]
