"""What generating costs: SER or KL against calls, a panel a language."""

from __future__ import annotations

import pandas as pd

from mdmtheory.core.integers import whole_numbers
from mdmtheory.plots.board import (
    CALLS,
    at_length,
    count_note,
    curves,
    explain,
    given_up_notes,
    languages_of,
    leaderboard,
    left_out_note,
    length_note,
    methods_of,
    readable,
    scale_for,
    sheet,
    usual,
)
from mdmtheory.plots.drawn import drawn_metric, metric_rows
from mdmtheory.plots.picture import Picture, say_once
from mdmtheory.plots.series import draw_all, kinds_note, scale_x, strip_note
from mdmtheory.plots.style import figure_style
from mdmtheory.plots.words import said_of

_FEWEST = 5


@whole_numbers(length=1)
def cost_figure(frame: pd.DataFrame, metric: str = "ser", length: int | None = None) -> Picture:
    """SER ("ser"), or KL(q||p) in nats per sequence ("kl"), against calls: a panel a language, one sampler a family.

    `length`: the one with the most cells by default. KL is L log of TER(p)/TER(q): hollow marks where it is an upper
    bound. ValueError for another metric and for rows without what is needed.
    """
    if metric not in ("ser", "kl"):
        raise ValueError(f"cannot draw {metric!r} against calls; choose ser or kl")
    drawn = drawn_metric(metric)
    rows = at_length(usual(leaderboard(frame)), length)
    found = metric_rows(rows, metric)
    every_method = methods_of(found)
    palette = readable(every_method)
    found = found[found["method"].isin(palette)]
    panels = {
        name: curves(found[(found["language"] == name) & found["place"].notna()], drawn, palette)
        for name in languages_of(found)
    }
    silent = [said_of("language", name) for name, own in panels.items() if not any(each.told.any() for each in own)]
    panels = {name: own for name, own in panels.items() if any(each.told.any() for each in own)}
    if not panels:
        raise ValueError(f"{metric} is nowhere told apart from 0: {', '.join(silent)}")
    every = [each for own in panels.values() for each in own]
    order = list(dict.fromkeys(each.label for each in every))
    scale = scale_for(drawn, every)
    with figure_style():
        picture, cells, columns = sheet([said_of("language", name) for name in panels])
        for axes, own in zip(cells, panels.values(), strict=True):
            scale.on(axes)
            scale_x(axes, [place for each in every for place in each.x], log=True, means=True, inches=1.6)
            draw_all(axes, own, scale, order)
            axes.set(xlabel=CALLS, ylabel=drawn.label)
        say_once(cells, columns)
        nothing = f"No panel, all is 0 or not told apart from it: {', '.join(silent)}." if silent else ""
        unit = " nats" if metric == "kl" else ""
        notes = [length_note(rows), left_out_note(every_method, palette), count_note(found), strip_note(every, unit)]
        explain(picture, every, found, [*notes, kinds_note(every, drawn.short), nothing, *given_up_notes(found)])
    return picture


def long_cost_figure(frame: pd.DataFrame) -> Picture:
    """SER against calls at the greatest length, where another one has more cells.

    ValueError when fewer than five methods were measured at it.
    """
    rows = leaderboard(frame)
    longest = int(rows["length"].max())
    methods = rows["method"][(rows["length"] == longest) & (rows["metric"] == "ser")].nunique()
    if longest == int(at_length(rows, None)["length"].iloc[0]) or methods < _FEWEST:
        raise ValueError(f"no length but the main one has SER of {_FEWEST} methods or more")
    return cost_figure(frame, length=longest)
