"""What samplers that change tokens gain and lose as the oracle trusts revealed tokens less."""

from __future__ import annotations

import pandas as pd

from mdmtheory.plots.board import (
    ENTROPY_NOTE,
    count_note,
    curves,
    explain,
    languages_of,
    leaderboard,
    methods_of,
    scale_for,
    sheet,
)
from mdmtheory.plots.drawn import drawn_metric, metric_rows
from mdmtheory.plots.entropy import entropy_line
from mdmtheory.plots.picture import Picture, say_once
from mdmtheory.plots.series import draw_all, scale_x, strip_note
from mdmtheory.plots.style import figure_style
from mdmtheory.plots.words import said_of

DELTA = "distrust of revealed tokens, 1 − trust"
_CELL = ["language", "length", "method", "options", "steps"]


def correction_figure(frame: pd.DataFrame) -> Picture:
    """SER, and the cross-entropy of what is right less H(q)/L, against δ = 1 - trust: a row a language.

    Each sampler that changes tokens is a curve, at the number of steps for which most δ were measured. The second
    column needs rows of cross_entropy and of model ar, and is left out with a note where there are none. ValueError
    unless some cell was measured at two δ or more.
    """
    rows = leaderboard(frame)
    ser, lost = drawn_metric("ser"), drawn_metric("lost_entropy")
    found = _compared(metric_rows(rows, "ser"))
    drawn, missing = {ser: found}, ENTROPY_NOTE
    try:
        drawn[lost] = metric_rows(rows, lost.name).merge(found[[*_CELL, "delta"]])
    except ValueError as error:
        missing = f"No cross-entropy: {error}."
    palette = methods_of(found)
    panels = [
        (metric, name, curves(part[part["language"] == name], metric, palette, "delta"))
        for name in languages_of(found)
        for metric, part in drawn.items()
    ]
    every = [each for metric, _, own in panels for each in own if metric is ser]
    steps = found["steps"].dropna().unique()
    about = f"$L$ = {found['length'].iloc[0]}, {f'$N$ = {steps[0]}' if len(steps) else 'no $N$'}"
    order = list(dict.fromkeys(each.label for each in every))
    with figure_style():
        titles = [f"{said_of('language', name)}, {about}" for _, name, _ in panels]
        picture, cells, columns = sheet(titles, columns=len(drawn), height=2.3)
        for axes, (metric, name, own) in zip(cells, panels, strict=True):
            scale = scale_for(metric, every if metric is ser else own)
            scale.on(axes)
            if metric is lost:
                slack = drawn[lost]["slack"][drawn[lost]["language"] == name]
                entropy_line(axes, float(slack.max()))
            scale_x(axes, found["delta"], log=True)
            draw_all(axes, own, scale, order)
            axes.set(xlabel=DELTA, ylabel=metric.label)
        say_once(cells, columns)
        explain(picture, every, found, [missing, count_note(found), strip_note(every)])
    return picture


def _compared(rows: pd.DataFrame) -> pd.DataFrame:
    """The cells at the length and number of steps for which most δ were measured."""
    soft = rows[rows["delta"] > 0]
    many = soft.drop_duplicates(["length", "steps", "delta"]).groupby(["length", "steps"], dropna=False).size()
    if many.empty or many.max() < 2:
        raise ValueError("no sampler was measured at two values of trust; sweep --denoiser oracle:trust=0.9 and others")
    chosen = soft.merge(many.sort_values().index[-1:].to_frame(index=False))
    return chosen[chosen.groupby(_CELL, dropna=False)["delta"].transform("nunique") > 1]
