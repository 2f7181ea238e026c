"""What generating costs: SER, KL and the loss of entropy against calls and rounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mdmtheory.core.integers import whole_numbers
from mdmtheory.plots.methods import (
    CALLS,
    NAMES,
    ROUNDS,
    Curve,
    at_length,
    chosen_languages,
    curves,
    languages_of,
    leaderboard,
    methods_of,
    of_metric,
    require,
    usual,
)
from mdmtheory.plots.sheet import (
    ENTROPY_NOTE,
    bars_note,
    caption,
    entropy_line,
    families_of,
    family_legend,
    given_up_notes,
    kinds_note,
    length_note,
    outer_labels,
    panels,
)
from mdmtheory.plots.strip import call_scale, draw_plain, draw_with_strip, rows_of, span, strip_note, zero_scale
from mdmtheory.plots.style import figure_style

ENTROPY_METHODS = ("ancestral", "confidence", "draw_confidence", "redraw", "topk_remask")
_FEWEST = 5
_ROUNDING = 1e-6
ROUND_METHODS = ("ancestral", "stride", "bisection", "left_to_right", "blocks", "verify")


@whole_numbers(length=1)
def cost_figure(frame: pd.DataFrame, metric: str = "ser", length: int | None = None) -> Figure:
    """SER ("ser"), or KL(q||p) in nats per sequence ("kl"), against calls: a panel a language, every sampler.

    `length`: the one with the most cells by default. KL is L log of TER(p)/TER(q): hollow marks where it is an upper
    bound. ValueError for another metric and for rows without what is needed.
    """
    if metric not in ("ser", "kl"):
        raise ValueError(f"cannot draw {metric!r} against calls; choose ser or kl")
    rows = at_length(usual(leaderboard(frame)), length)
    found = of_metric(rows, metric)
    palette = methods_of(found)
    every, drawn = [], {}
    silent = []
    for name in languages_of(found):
        panel = curves(found[(found["language"] == name) & found["place"].notna()], palette)
        every += panel
        if any(curve.told.any() for curve in panel):
            drawn[name] = panel
        else:
            silent.append(name)
    if not drawn:
        raise ValueError(f"{metric} is nowhere told apart from 0: {', '.join(silent)}")
    with figure_style():
        figure, sheet = panels(list(drawn), len(palette))
        for name, axes in sheet.items():
            _costs(axes, drawn[name], every, 1.0 if metric == "ser" else None)
        outer_labels(list(sheet.values()), CALLS, NAMES[metric])
        family_legend(figure, every)
        unit = " nats" if metric == "kl" else ""
        notes = [length_note(rows), bars_note(found), strip_note(every, unit), kinds_note(every)]
        nothing = f"No panel, all is 0 or not told apart from it: {', '.join(silent)}." if silent else ""
        caption(figure, [*notes, nothing, *given_up_notes(found)])
    return figure


def long_cost_figure(frame: pd.DataFrame) -> Figure:
    """SER against calls at the greatest length, where another one has more cells.

    ValueError when fewer than five methods were measured at it.
    """
    rows = leaderboard(frame)
    longest = int(rows["length"].max())
    methods = rows["method"][(rows["length"] == longest) & (rows["metric"] == "ser")].nunique()
    if longest == int(at_length(rows, None)["length"].iloc[0]) or methods < _FEWEST:
        raise ValueError(f"no length but the main one has SER of {_FEWEST} methods or more")
    return cost_figure(frame, length=longest)


@whole_numbers(length=1)
def rounds_figure(frame: pd.DataFrame, languages: Sequence[str] | None = None, length: int | None = None) -> Figure:
    """SER against rounds above and against calls below, for verification and the orders: a column a language.

    Three languages by default. ValueError without SER of `verify` and of another of ROUND_METHODS.
    """
    rows = at_length(usual(leaderboard(frame)), length)
    found = require(of_metric(rows, "ser"), ROUND_METHODS, "SER against rounds and calls").copy()
    require(found, ("verify",), "SER against rounds and calls")
    found["rounds"] = found["rounds"].fillna(found["place"])
    names = chosen_languages(found, languages, 3)
    palette = methods_of(found)
    drawn = [
        (name, label, curves(found[found["language"] == name], palette, x))
        for x, label in (("rounds", ROUNDS), ("place", CALLS))
        for name in names
    ]
    every = [curve for _, _, panel in drawn for curve in panel]
    with figure_style():
        figure = Figure(figsize=(7.0 if len(names) > 1 else 4.2, 5.0))
        grid = figure.subplots(2, len(names), squeeze=False).ravel()
        for axes, (name, label, panel) in zip(grid, drawn, strict=True):
            _costs(axes, panel, every, 1.0)
            axes.set_title(name if label == ROUNDS else "", loc="left")
            axes.set_xlabel(label)
            seaborn.despine(ax=axes)
        for axes in grid[:: len(names)]:
            axes.set_ylabel(NAMES["ser"])
        family_legend(figure, every)
        caption(figure, [length_note(rows), bars_note(found), strip_note(every), *given_up_notes(found)])
    return figure


@whole_numbers(length=1)
def entropy_figure(frame: pd.DataFrame, length: int | None = None) -> Figure:
    """Cross-entropy of what is right less H(q)/L, against calls: what is below 0 has lost entropy.

    L times the cross-entropy E[-log q(x)] over right draws bounds their entropy from above (Gibbs' inequality). It says
    nothing of languages in which all sequences are equally likely; these have no panel.
    ValueError without rows of `cross_entropy` of one of ENTROPY_METHODS, and of model ar.
    """
    rows = at_length(usual(leaderboard(frame)), length)
    found = require(of_metric(rows, "collapse"), ENTROPY_METHODS, "the entropy collapse")
    largest = found["value"].abs().groupby(found["language"]).max()
    uniform = [name for name in languages_of(found) if largest[name] < _ROUNDING]
    found = found[~found["language"].isin(uniform)]
    if found.empty:
        raise ValueError(
            f"in {', '.join(uniform)} all right sequences are equally likely: nothing shows in cross-entropy"
        )
    palette = methods_of(found)
    drawn = {name: curves(found[found["language"] == name], palette) for name in languages_of(found)}
    every = [curve for panel in drawn.values() for curve in panel]
    places = np.concatenate([curve.x for curve in every])
    with figure_style():
        figure, sheet = panels(list(drawn), len(palette))
        for name, axes in sheet.items():
            entropy_line(axes, float(found["slack"][found["language"] == name].max()))
            call_scale(axes, places.min(), places.max())
            for curve in drawn[name]:
                draw_plain(axes, curve)
            axes.yaxis.set_major_locator(MaxNLocator(5))
        outer_labels(list(sheet.values()), CALLS, NAMES["collapse"])
        family_legend(figure, every)
        alike = f"No panel, all right sequences being equally likely: {', '.join(uniform)}." if uniform else ""
        caption(figure, [length_note(rows), ENTROPY_NOTE, bars_note(found), alike, *given_up_notes(found)])
    return figure


def _costs(axes: Axes, panel: Sequence[Curve], every: Sequence[Curve], top: float | None) -> None:
    """Curves with a strip for what is not told apart from 0, on scales that suit the whole figure."""
    least, most = span(every)
    families = rows_of(families_of(curve.look for curve in every))
    places = np.concatenate([curve.x for curve in every])
    zero_scale(axes, "y", least, top or 1.3 * most)
    call_scale(axes, places.min(), places.max())
    for curve in panel:
        draw_with_strip(axes, curve, families[curve.look.family])
