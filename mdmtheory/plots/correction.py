"""What samplers that change tokens gain and lose as the oracle trusts revealed tokens less."""

from __future__ import annotations

import pandas as pd

from mdmtheory.plots.board import ENTROPY_NOTE, Panel, curves, languages_of, leaderboard, methods_of, sheet
from mdmtheory.plots.drawn import drawn_metric, metric_rows
from mdmtheory.plots.entropy import entropy_line
from mdmtheory.plots.picture import Picture
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
    steps = found["steps"].dropna().unique()
    about = f"$L$ = {found['length'].iloc[0]}, {f'$N$ = {steps[0]}' if len(steps) else 'no $N$'}"
    panels = [
        Panel(f"{said_of('language', name)}, {about}", metric, curves(own, metric, palette, "delta"), DELTA, beside)
        for name in languages_of(found)
        for metric, part in drawn.items()
        for own in [part[part["language"] == name]]
        for beside in [entropy_line(own) if metric is lost else None]
    ]
    return sheet(panels, found, [missing], columns=len(drawn), height=2.3)


def _compared(rows: pd.DataFrame) -> pd.DataFrame:
    """The cells at the length and number of steps for which most δ were measured."""
    soft = rows[rows["delta"] > 0]
    many = soft.drop_duplicates(["length", "steps", "delta"]).groupby(["length", "steps"], dropna=False).size()
    if many.empty or many.max() < 2:
        raise ValueError("no sampler was measured at two values of trust; sweep --denoiser oracle:trust=0.9 and others")
    chosen = soft.merge(many.sort_values().index[-1:].to_frame(index=False))
    return chosen[chosen.groupby(_CELL, dropna=False)["delta"].transform("nunique") > 1]
