"""What samplers that change tokens gain and lose as the oracle trusts revealed tokens less."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from mdmtheory.plots.methods import NAMES, Curve, curves, languages_of, leaderboard, methods_of, of_metric
from mdmtheory.plots.sheet import ENTROPY_NOTE, bars_note, caption, entropy_line, families_of, family_legend
from mdmtheory.plots.strip import draw_plain, draw_with_strip, rows_of, span, strip_note, zero_scale
from mdmtheory.plots.style import figure_style

DELTA = "distrust δ of revealed tokens (trust = 1 − δ)"
_LEAST_SER = 0.05
_CELL = ["language", "length", "method", "options", "steps"]


def correction_figure(frame: pd.DataFrame) -> Figure:
    """SER, and the cross-entropy of what is right less H(q)/L, against δ = 1 - trust: a row a language.

    Each sampler that changes tokens is a curve, at the number of steps for which most δ were measured. The second
    column needs rows of cross_entropy and of model ar, and is left out with a note where there are none. ValueError
    unless some cell was measured at two δ or more.
    """
    rows = leaderboard(frame)
    found = _compared(of_metric(rows, "ser"))
    names = languages_of(found)
    drawn = {"ser": found}
    try:
        drawn["collapse"] = of_metric(rows, "collapse").merge(found[[*_CELL, "delta"]])
        missing = ""
    except ValueError as error:
        missing = f"No cross-entropy: {error}."
    palette = methods_of(found)
    families = rows_of(families_of(palette.values()))
    with figure_style():
        figure = Figure(figsize=(3.5 * len(drawn), 2.4 * len(names) + 1.1))
        grid = figure.subplots(len(names), len(drawn), squeeze=False)
        every = {
            (name, metric): curves(part[part["language"] == name], palette, "delta")
            for name in names
            for metric, part in drawn.items()
        }
        ser = [curve for (_, metric), panel in every.items() if metric == "ser" for curve in panel]
        for axes, ((name, metric), panel) in zip(grid.ravel(), every.items(), strict=True):
            if metric == "ser":
                zero_scale(axes, "y", min(span(ser)[0], _LEAST_SER), 1.0)
                for curve in panel:
                    draw_with_strip(axes, curve, families[curve.look.family])
            else:
                _entropies(axes, panel, drawn[metric])
            _delta_scale(axes, found["delta"])
            axes.set_ylabel(NAMES[metric])
            axes.set_title(f"{name}, $L$ = {found['length'].iloc[0]}, {_steps(found)}", loc="left")
            seaborn.despine(ax=axes)
        for axes in grid[-1]:
            axes.set_xlabel(DELTA)
        family_legend(figure, ser)
        caption(figure, [ENTROPY_NOTE if len(drawn) > 1 else missing, bars_note(found), strip_note(ser)])
    return figure


def _compared(rows: pd.DataFrame) -> pd.DataFrame:
    """The cells at the length and number of steps for which most δ were measured."""
    soft = rows[rows["delta"] > 0]
    many = soft.drop_duplicates(["length", "steps", "delta"]).groupby(["length", "steps"], dropna=False).size()
    if many.empty or many.max() < 2:
        raise ValueError("no sampler was measured at two values of trust; sweep --denoiser oracle:trust=0.9 and others")
    chosen = soft.merge(many.sort_values().index[-1:].to_frame(index=False))
    return chosen[chosen.groupby(_CELL, dropna=False)["delta"].transform("nunique") > 1]


def _entropies(axes: Axes, panel: list[Curve], rows: pd.DataFrame) -> None:
    entropy_line(axes, float(rows["slack"].max()))
    for curve in panel:
        draw_plain(axes, curve)
    axes.yaxis.set_major_locator(MaxNLocator(5))


def _delta_scale(axes: Axes, deltas: pd.Series[float]) -> None:
    axes.set_xscale("log")
    axes.set_xlim(deltas.min() / 1.5, deltas.max() * 1.5)
    first, last = np.floor(np.log10(deltas.min())), np.ceil(np.log10(deltas.max()))
    axes.xaxis.set_major_locator(FixedLocator(list(10.0 ** np.arange(first, last + 1))))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"$10^{{{round(np.log10(value))}}}$"))
    axes.xaxis.set_minor_locator(NullLocator())


def _steps(rows: pd.DataFrame) -> str:
    steps = rows["steps"].dropna().unique()
    return f"$N$ = {steps[0]}" if len(steps) else "no $N$"
