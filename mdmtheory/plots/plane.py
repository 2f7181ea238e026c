"""The plane of both errors: how often a sequence is wrong, and how far the law is from the language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from mdmtheory.core.integers import whole_numbers
from mdmtheory.plots.methods import (
    CELL,
    NAMES,
    Curve,
    at_length,
    chosen_languages,
    curves,
    leaderboard,
    methods_of,
    of_metric,
    usual,
)
from mdmtheory.plots.sheet import (
    bars_note,
    caption,
    families_of,
    family_legend,
    kinds_note,
    length_note,
    outer_labels,
    panels,
)
from mdmtheory.plots.strip import INTO_STRIP, mark_style, rows_of, span, zero_scale
from mdmtheory.plots.style import REFERENCE, figure_style

_SMALLEST, _LARGEST = 2.6, 6.0


@dataclass(frozen=True)
class Track:
    """A method's way over the plane as its calls grow: SER over calls, and its TER excess over calls."""

    ser: Curve
    excess: Curve


@whole_numbers(length=1)
def plane_figure(frame: pd.DataFrame, languages: Sequence[str] | None = None, length: int | None = None) -> Figure:
    """SER against TER(p)/TER(q) - 1: each sampler a curve over its budgets, marks growing with calls.

    Six languages by default, of each kind the first. Hollow marks where TER is an upper bound. The grey line is the
    most SER that a law at that KL can have, 1 - exp(-KL) (docs/theory.md, section 7). ValueError without rows that
    have both metrics.
    """
    rows = at_length(usual(leaderboard(frame)), length)
    ser, excess = of_metric(rows, "ser"), of_metric(rows, "excess")
    both = ser[CELL].merge(excess[CELL]).drop_duplicates()
    if both.empty:
        raise ValueError("no cell has both SER and TER; sweep with --metrics ser,ter")
    ser, excess = ser.merge(both), excess.merge(both)
    names = chosen_languages(ser, languages, 6)
    palette = methods_of(ser)
    drawn = {name: _tracks(ser[ser["language"] == name], excess[excess["language"] == name], palette) for name in names}
    every = [track for panel in drawn.values() for track in panel]
    (least, most), (left, right) = span([each.ser for each in every]), span([each.excess for each in every])
    families = rows_of(families_of(palette.values()))
    costs = np.concatenate([each.ser.x for each in every])
    calls = costs[np.isfinite(costs)]
    at = int(rows["length"].iloc[0])
    with figure_style():
        figure, sheet = panels(names, len(palette), height=2.1)
        for name, axes in sheet.items():
            zero_scale(axes, "y", least, max(most, 1.0))
            zero_scale(axes, "x", left, 1.5 * right)
            most_wrong(axes, at, left, 1.5 * right)
            for track in drawn[name]:
                _draw(axes, track, families[track.ser.look.family], (calls.min(), calls.max()))
        outer_labels(list(sheet.values()), NAMES["excess"], NAMES["ser"])
        family_legend(figure, [each.excess for each in every])
        notes = [
            length_note(rows),
            f"Marks grow with calls, from {calls.min():.3g} to {calls.max():.3g}.",
            "Grey line: 1 − exp(−KL), which no SER exceeds.",
            bars_note(ser),
            "Shaded: not told apart from 0, a row a family.",
            kinds_note([each.excess for each in every]),
        ]
        caption(figure, notes)
    return figure


def most_wrong(axes: Axes, length: int, first: float, last: float) -> None:
    """The line SER = 1 - exp(-KL) over the TER excess, KL = length log(1 + excess)."""
    excess = np.geomspace(first, last, 300)
    axes.plot(excess, -np.expm1(-length * np.log1p(excess)), color=REFERENCE, linewidth=0.8, alpha=0.6, zorder=1)


def _tracks(ser: pd.DataFrame, excess: pd.DataFrame, palette: dict[str, Any]) -> list[Track]:
    pairs = zip(curves(ser, palette), curves(excess, palette), strict=True)
    return [Track(replace(first, bound=second.bound), second) for first, second in pairs]


def _draw(axes: Axes, track: Track, row: float, calls: tuple[float, float]) -> None:
    x, y, order = track.excess, track.ser, 4 if track.ser.lead else 3
    style: dict[str, Any] = {"color": y.look.colour, "zorder": order}
    across, up = np.where(x.told, x.y, 0.0), np.where(y.told, y.y, 0.0)
    shown = x.told & y.told
    width = 1.0 if y.lead else 0.6
    for start in range(len(shown) - 1):
        ends = slice(start, start + 2)
        if (x.told | y.told)[ends].any():
            line = {"linestyle": y.look.dashes, "linewidth": width} if shown[ends].all() else INTO_STRIP
            axes.plot(across[ends], up[ends], **line, **style)
    axes.vlines(across[shown], y.low[shown], y.high[shown], linewidth=0.5, alpha=0.6, **style)
    axes.hlines(up[shown], x.low[shown], x.high[shown], linewidth=0.5, alpha=0.6, **style)
    grown = np.log2(np.nan_to_num(y.x, nan=calls[0]) / calls[0]) / max(np.log2(calls[1] / calls[0]), 1e-9)
    for index, size in enumerate(_SMALLEST + (_LARGEST - _SMALLEST) * grown):
        sideways = axes.transData if x.told[index] else axes.transAxes
        upwards = axes.transData if y.told[index] else axes.transAxes
        axes.plot(
            [across[index] if x.told[index] else row],
            [up[index] if y.told[index] else row],
            transform=blended_transform_factory(sideways, upwards),
            **{**mark_style(y), "markersize": size * (1.35 if y.look.marker == "*" else 1), "linestyle": "none"},
            clip_on=False,
            zorder=order + 0.5,
        )
