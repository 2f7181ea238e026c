"""How far above its floor a training is, token by token."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator

from mdmtheory.plots.picture import Picture, handle
from mdmtheory.plots.series import Scale, Series, draw, scale_x
from mdmtheory.plots.style import PALETTE, Look, figure_style

_BATCHES, _AVERAGED = "training batches", "averaged weights, validation"


def training_figure(history: pd.DataFrame, title: str) -> Picture:
    """The learning error against tokens, on logarithmic axes: of training batches, and of the averaged weights.

    `history` has the columns of a run's history.csv. ValueError where nothing in it lies above a known floor.
    """
    above = {_BATCHES: history["loss"] - history["floor"], _AVERAGED: history["learning_error"]}
    if not any((values > 0).any() for values in above.values()):
        raise ValueError("no line of the history has a loss above a known floor")
    drawn = []
    for name, look in ((_BATCHES, Look("0.6")), (_AVERAGED, Look(PALETTE[0]))):
        shown = above[name] > 0
        values = above[name][shown].to_numpy(float)
        drawn.append(Series(name, look, history["tokens"][shown].to_numpy(float), values, values, values))
    every = np.concatenate([each.value for each in drawn])
    scale = Scale("log", 0.8 * every.min(), 1.3 * every.max())
    with figure_style():
        picture = Picture(4.6, 3.0)
        [axes] = picture.grid(1, 1)
        scale.on(axes)
        scale_x(axes, history["tokens"], log=True, inches=3.6)
        powers = range(int(np.ceil(np.log10(axes.get_xlim()[0]))), int(np.log10(axes.get_xlim()[1])) + 1)
        if len(powers) > 1:
            axes.xaxis.set_major_locator(FixedLocator([10.0**power for power in powers]))
        batches, averaged = drawn
        axes.plot(batches.x, batches.value, color=batches.look.colour, zorder=2)
        draw(axes, averaged, scale)
        axes.set(xlabel="tokens", ylabel="loss above its floor\n(nats per token)", title=title)
        handles = [handle(each.look, each.label, mark=each is averaged) for each in drawn if len(each.x)]
        picture.explain(handles, [f"{title}: loss above its floor, nats per token."])
    return picture
