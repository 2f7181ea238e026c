"""SER against rounds and against calls: what can be done at once, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mdmtheory.core.integers import whole_numbers
from mdmtheory.plots.board import (
    CALLS,
    at_length,
    chosen_languages,
    count_note,
    curves,
    explain,
    given_up_notes,
    leaderboard,
    length_note,
    methods_of,
    require,
    scale_for,
    sheet,
    usual,
)
from mdmtheory.plots.drawn import drawn_metric, metric_rows
from mdmtheory.plots.picture import Picture, say_once
from mdmtheory.plots.series import draw_all, scale_x, strip_note
from mdmtheory.plots.style import figure_style
from mdmtheory.plots.words import said_of

ROUNDS = "rounds per sequence"
ROUND_METHODS = ("ancestral", "stride", "bisection", "left_to_right", "blocks", "verify")


@whole_numbers(length=1)
def rounds_figure(frame: pd.DataFrame, languages: Sequence[str] | None = None, length: int | None = None) -> Picture:
    """SER against rounds above and against calls below, for verification and the orders: a column a language.

    Three languages by default. ValueError without SER of `verify` and of another of ROUND_METHODS.
    """
    ser = drawn_metric("ser")
    rows = at_length(usual(leaderboard(frame)), length)
    found = require(metric_rows(rows, "ser"), ROUND_METHODS, "SER against rounds and calls").copy()
    require(found, ("verify",), "SER against rounds and calls")
    found["rounds"] = found["rounds"].fillna(found["place"])
    names, palette = chosen_languages(found, languages, 3), methods_of(found)
    panels = [
        (
            said_of("language", name) if x == "rounds" else "",
            label,
            curves(found[found["language"] == name], ser, palette, x),
        )
        for x, label in (("rounds", ROUNDS), ("place", CALLS))
        for name in names
    ]
    every = [each for *_, own in panels for each in own]
    order = list(dict.fromkeys(each.label for each in every))
    scale = scale_for(ser, every)
    with figure_style():
        picture, cells, columns = sheet([title for title, *_ in panels], columns=len(names))
        for axes, (_, label, own) in zip(cells, panels, strict=True):
            scale.on(axes)
            scale_x(axes, [place for each in every for place in each.x], log=True, means=True, inches=1.6)
            draw_all(axes, own, scale, order)
            axes.set(xlabel=label, ylabel=ser.label)
        say_once(cells, columns)
        explain(
            picture, every, found, [length_note(rows), count_note(found), strip_note(every), *given_up_notes(found)]
        )
    return picture
