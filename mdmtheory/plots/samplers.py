"""The figures of the samplers' leaderboard, all at once."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import pandas as pd

from mdmtheory.plots.board import leaderboard
from mdmtheory.plots.correction import correction_figure
from mdmtheory.plots.cost import cost_figure, long_cost_figure
from mdmtheory.plots.entropy import entropy_figure
from mdmtheory.plots.lengths import collapse_figure
from mdmtheory.plots.picture import Picture
from mdmtheory.plots.plane import plane_figure
from mdmtheory.plots.rounds import rounds_figure

FIGURES: dict[str, Callable[[pd.DataFrame], Picture]] = {
    "cost": cost_figure,
    "cost_kl": partial(cost_figure, metric="kl"),
    "cost_long": long_cost_figure,
    "plane": plane_figure,
    "collapse": collapse_figure,
    "entropy": entropy_figure,
    "correction": correction_figure,
    "rounds": rounds_figure,
}
"""What draws each figure, by the stem of its file."""


def sampler_figures(frame: pd.DataFrame, report: Callable[[str], object] = warnings.warn) -> dict[str, Picture]:
    """All figures that the rows of a leaderboard allow, by the stem of their file; `frame` as of `mdmtheory.read`.

    What cannot be drawn is left out, and `report` (a warning by default) is told its stem and the reason. ValueError
    for rows that no figure can be drawn of, and for those that no leaderboard has (imperfect denoisers, several
    schedules or seeds).
    """
    leaderboard(frame)
    figures: dict[str, Picture] = {}
    reasons: list[str] = []
    for stem, draw in FIGURES.items():
        try:
            figures[stem] = draw(frame)
        except ValueError as error:
            reasons.append(f"{stem}: {error}")
    if not figures:
        raise ValueError(f"none of the figures can be drawn; {reasons[0]}")
    for reason in reasons:
        report(f"figure left out, {reason}")
    return figures
