"""The loss of entropy against calls: cross-entropy of what is right less that of the language."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from matplotlib.axes import Axes

from mdmtheory.core.integers import whole_numbers
from mdmtheory.plots.board import (
    CALLS,
    ENTROPY_NOTE,
    Panel,
    at_length,
    curves,
    given_up_notes,
    languages_of,
    leaderboard,
    length_note,
    methods_of,
    require,
    sheet,
    usual,
)
from mdmtheory.plots.drawn import drawn_metric, metric_rows
from mdmtheory.plots.picture import Picture
from mdmtheory.plots.series import level_line
from mdmtheory.plots.words import said_of

ENTROPY_METHODS = ("ancestral", "confidence", "draw_confidence", "redraw", "topk_remask")
_ROUNDING = 1e-6


@whole_numbers(length=1)
def entropy_figure(frame: pd.DataFrame, length: int | None = None) -> Picture:
    """Cross-entropy of what is right less H(q)/L, against calls: what is below 0 has lost entropy.

    L times the cross-entropy E[-log q(x)] over right draws bounds their entropy from above (Gibbs' inequality). It says
    nothing of languages in which all sequences are equally likely; these have no panel.
    ValueError without rows of `cross_entropy` of one of ENTROPY_METHODS, and of model ar.
    """
    lost = drawn_metric("lost_entropy")
    rows = at_length(usual(leaderboard(frame)), length)
    found = require(metric_rows(rows, lost.name), ENTROPY_METHODS, "the entropy collapse")
    largest = found["value"].abs().groupby(found["language"]).max()
    uniform = [name for name in languages_of(found) if largest[name] < _ROUNDING]
    found = found[~found["language"].isin(uniform)]
    alike = ", ".join(said_of("language", name) for name in uniform)
    if found.empty:
        raise ValueError(f"in {alike} all right sequences are equally likely: nothing shows in cross-entropy")
    palette = methods_of(found)
    panels = [
        Panel(said_of("language", name), lost, curves(own, lost, palette), CALLS, entropy_line(own))
        for name in languages_of(found)
        for own in [found[found["language"] == name]]
    ]
    missing = f"No panel, all right sequences being equally likely: {alike}." if uniform else ""
    return sheet(panels, found, [length_note(rows), ENTROPY_NOTE, missing, *given_up_notes(found)])


def entropy_line(rows: pd.DataFrame) -> Callable[[Axes], None]:
    """What draws the level of the language's own entropy, and the half width of its interval."""
    slack = float(rows["slack"].max())

    def line(axes: Axes) -> None:
        axes.axhspan(-slack, slack, color="0.85", linewidth=0, zorder=0)
        level_line(axes, 0.0)

    return line
