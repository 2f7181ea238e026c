"""The plane of both errors: how often a sequence is wrong, and how far the law is from the language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.transforms import blended_transform_factory

from mdmtheory.core.integers import whole_numbers
from mdmtheory.plots.board import (
    CELL,
    at_length,
    chosen_languages,
    count_note,
    curves,
    leaderboard,
    left_out_note,
    length_note,
    methods_of,
    readable,
    scale_for,
    usual,
)
from mdmtheory.plots.drawn import drawn_metric, metric_rows
from mdmtheory.plots.picture import Picture, bar_handle, handle, say_once
from mdmtheory.plots.series import PALE, Scale, Series, kinds_note
from mdmtheory.plots.style import REFERENCE, SIZES, figure_style
from mdmtheory.plots.words import said_of

_SMALLEST, _LARGEST = 3.2, 7.0


@whole_numbers(length=1)
def plane_figure(frame: pd.DataFrame, languages: Sequence[str] | None = None, length: int | None = None) -> Picture:
    """SER against TER(p)/TER(q) - 1: each sampler a curve over its budgets, marks growing with calls.

    Six languages by default, of each kind the first. Hollow marks where TER is an upper bound. The grey line is the
    most SER that a law at that KL can have, 1 - exp(-KL) (docs/theory.md, section 7). ValueError without rows that
    have both metrics.
    """
    metrics = drawn_metric("ter_excess"), drawn_metric("ser")
    rows = at_length(usual(leaderboard(frame)), length)
    excess, ser = (metric_rows(rows, each.name) for each in metrics)
    both = ser[CELL].merge(excess[CELL]).drop_duplicates()
    if both.empty:
        raise ValueError("no cell has both SER and TER; sweep with --metrics ser,ter")
    every_method = methods_of(ser.merge(both))
    palette = readable(every_method)
    excess, ser = excess.merge(both), ser.merge(both)
    excess, ser = (each[each["method"].isin(palette)] for each in (excess, ser))
    names = chosen_languages(ser, languages, 6)
    tracks = {
        name: list(
            zip(
                *(
                    curves(part[part["language"] == name], metric, palette)
                    for metric, part in zip(metrics, (excess, ser), strict=True)
                ),
                strict=True,
            )
        )
        for name in names
    }
    across, up = (
        scale_for(metric, [track[n] for own in tracks.values() for track in own]) for n, metric in enumerate(metrics)
    )
    calls = np.concatenate([y.x for own in tracks.values() for _, y in own])
    least, most = np.nanmin(calls), np.nanmax(calls)
    every = [x for own in tracks.values() for x, _ in own]
    order = list(dict.fromkeys(each.label for each in every))
    with figure_style():
        columns = min(3, len(names))
        picture = Picture(SIZES["page"], 2.2 * -(-len(names) // columns) + 0.9)
        cells = picture.grid(-(-len(names) // columns), columns, len(names))
        for axes, (name, own) in zip(cells, tracks.items(), strict=True):
            axes.set_title(said_of("language", name))
            across.on(axes, "x")
            up.on(axes)
            most_wrong(axes, int(rows["length"].iloc[0]), across.low, across.high)
            for x, y in own:
                grown = np.log2(np.nan_to_num(y.x, nan=least) / least) / max(np.log2(most / least), 1e-9)
                _draw(
                    axes, x, y, across, up, order.index(x.label), len(order), _SMALLEST + (_LARGEST - _SMALLEST) * grown
                )
            axes.set(xlabel=metrics[0].label, ylabel=metrics[1].label)
        say_once(cells, columns)
        notes = [
            length_note(rows),
            left_out_note(every_method, palette),
            f"Marks grow with calls, from {least:.3g} to {most:.3g}.",
            "Grey line: 1 − exp(−KL), which no SER exceeds.",
            count_note(ser),
            "Shaded: not told apart from 0.",
            kinds_note(every, metrics[0].short),
        ]
        shown = {each.label: each.look for each in every}
        picture.explain([*(handle(look, label) for label, look in shown.items()), bar_handle(ser["level"])], notes)
    return picture


def most_wrong(axes: Axes, length: int, first: float, last: float) -> None:
    """The line SER = 1 - exp(-KL) over the TER excess, KL = length log(1 + excess)."""
    excess = np.geomspace(first, last, 300)
    axes.plot(excess, -np.expm1(-length * np.log1p(excess)), color=REFERENCE, linewidth=0.8, alpha=0.6, zorder=1)


def _draw(axes: Axes, x: Series, y: Series, across: Scale, up: Scale, place: int, many: int, sizes: Any) -> None:
    """One sampler's way over the plane; what is not told apart from 0 by either error lies in that error's strip."""
    told_x, told_y = (
        each.told if scale.kind == "zero" else np.full(len(each.x), True) for each, scale in ((x, across), (y, up))
    )
    at, height = np.where(told_x, x.value, 0.0), np.where(told_y, y.value, 0.0)
    shown, colour = told_x & told_y, y.look.colour
    for start in range(len(shown) - 1):
        ends = slice(start, start + 2)
        if (told_x | told_y)[ends].any():
            line = {"linestyle": y.look.dashes, "linewidth": 1.1} if shown[ends].all() else PALE
            axes.plot(at[ends], height[ends], color=colour, **line)
    axes.vlines(at[shown], y.low[shown], y.high[shown], linewidth=0.6, alpha=0.6, color=colour)
    axes.hlines(height[shown], x.low[shown], x.high[shown], linewidth=0.6, alpha=0.6, color=colour)
    for index, size in enumerate(sizes):
        sideways = axes.transData if told_x[index] else axes.transAxes
        upwards = axes.transData if told_y[index] else axes.transAxes
        style = {**y.look.marks(hollow=x.bound), "linestyle": "none", "clip_on": False, "zorder": 4}
        axes.plot(
            [at[index] if told_x[index] else across.row(place, many)],
            [height[index] if told_y[index] else up.row(place, many)],
            transform=blended_transform_factory(sideways, upwards),
            **{**style, "markersize": size * (1.35 if y.look.marker == "*" else 1)},
        )
