"""Power laws drawn through a series, with the band of what is known of them, and told in the caption."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mdmtheory.analysis.fit import Fit, fit
from mdmtheory.plots.style import Look


@dataclass(frozen=True)
class Fitted:
    """The law of one series."""

    label: str
    look: Look
    law: Fit

    @classmethod
    def of(cls, label: str, look: Look, cells: pd.DataFrame, metric: str, x: str) -> Fitted:
        """ValueError where the points of a series are too few, or of several laws."""
        try:
            return cls(label, look, fit(cells, metric, x, level=float(cells["level"].max())))
        except ValueError as reason:
            raise ValueError(f"no law fits {label or 'the points'}: {reason}") from reason

    def draw(self, axes: Axes) -> None:
        """In the place of the line from mark to mark, on a band, over what was measured."""
        at = self.law.frame["x"].to_numpy(float)
        curve = self.law.curve(np.geomspace(at.min(), at.max(), 100))
        colour = self.look.colour
        axes.fill_between(curve["x"], curve["low"], curve["high"], color=colour, alpha=0.15, linewidth=0, zorder=1)
        axes.plot(curve["x"], curve["value"], color=colour, linestyle=self.look.dashes, linewidth=1.2, zorder=2)

    @property
    def note(self) -> str:
        """For the caption: the exponent with its interval, and whether the law holds."""
        law, exponent = self.law, self.law.exponent
        doubt = f"; no power law, p = {law.p_value:.2g}" if law.doubtful else ""
        ends = f"{exponent.value:.3f} [{exponent.low:.3f}, {exponent.high:.3f}]"
        return f"Line{f', {self.label}' if self.label else ''}: {law.law}, b = {ends}{doubt}."
