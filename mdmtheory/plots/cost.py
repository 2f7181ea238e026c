"""What generating costs: SER or KL against calls, a panel a language."""

from __future__ import annotations

import pandas as pd

from mdmtheory.core.integers import whole_numbers
from mdmtheory.plots.board import (
    CALLS,
    Panel,
    at_length,
    curves,
    given_up_notes,
    languages_of,
    leaderboard,
    left_out_note,
    length_note,
    methods_of,
    readable,
    sheet,
    usual,
)
from mdmtheory.plots.drawn import drawn_metric, metric_rows
from mdmtheory.plots.picture import Picture
from mdmtheory.plots.series import kinds_note
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
    nothing = f"No panel, all is 0 or not told apart from it: {', '.join(silent)}." if silent else ""
    notes = [length_note(rows), left_out_note(every_method, palette), kinds_note(every, drawn.short), nothing]
    shown = [Panel(said_of("language", name), drawn, own, CALLS) for name, own in panels.items()]
    return sheet(shown, found, [*notes, *given_up_notes(found)])


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
