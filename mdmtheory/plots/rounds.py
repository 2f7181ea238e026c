"""SER against rounds and against calls: what can be done at once, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mdmtheory.core.integers import whole_numbers
from mdmtheory.plots.board import (
    CALLS,
    Panel,
    at_length,
    chosen_languages,
    curves,
    given_up_notes,
    leaderboard,
    length_note,
    methods_of,
    require,
    sheet,
    usual,
)
from mdmtheory.plots.drawn import drawn_metric, metric_rows
from mdmtheory.plots.picture import Picture
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
        Panel(title, ser, curves(found[found["language"] == name], ser, palette, x), label)
        for x, label in (("rounds", ROUNDS), ("place", CALLS))
        for name in names
        for title in [said_of("language", name) if x == "rounds" else ""]
    ]
    return sheet(panels, found, [length_note(rows), *given_up_notes(found)], columns=len(names))
