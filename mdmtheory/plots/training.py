"""How far above its floor a training is, token by token."""

from __future__ import annotations

import pandas as pd
import seaborn
from matplotlib.figure import Figure

from mdmtheory.plots.style import figure_style


def training_figure(history: pd.DataFrame, title: str) -> Figure:
    """The learning error against tokens, on logarithmic axes: of training batches, and of the averaged weights.

    `history` has the columns of a run's history.csv. ValueError where nothing in it lies above a known floor.
    """
    above = {
        "training batches": history["loss"] - history["floor"],
        "averaged weights, validation": history["learning_error"],
    }
    if not any((values > 0).any() for values in above.values()):
        raise ValueError("no line of the history has a loss above a known floor")
    with figure_style():
        figure = Figure(figsize=(4.6, 3.0))
        axes = figure.subplots()
        for (name, values), (color, mark) in zip(above.items(), (("0.6", "-"), ("C0", "o-")), strict=True):
            drawn = values > 0
            axes.plot(history["tokens"][drawn], values[drawn], mark, color=color, label=name, markersize=3)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("tokens")
        axes.set_ylabel("loss above its floor\n(nats a token)")
        axes.set_title(title, loc="left")
        axes.legend()
        seaborn.despine(ax=axes)
        figure.set_layout_engine("tight")
    return figure
