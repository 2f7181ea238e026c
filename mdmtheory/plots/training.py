"""How far above its floor a training is, token by token."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, LogLocator

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
        raise ValueError("it shows the loss above the exact floor, and no line of the history has both")
    drawn = []
    for name, look in ((_BATCHES, Look("0.6")), (_AVERAGED, Look(PALETTE[0]))):
        shown = above[name] > 0
        values = above[name][shown].to_numpy(float)
        drawn.append(Series(name, look, history["tokens"][shown].to_numpy(float), values, values, values))
    every = np.concatenate([each.value for each in drawn])
    with figure_style():
        picture = Picture(4.6, 3.0)
        [axes] = picture.grid(1, 1)
        scale = scale_tokens(axes, history["tokens"], every)
        batches, averaged = drawn
        axes.plot(batches.x, batches.value, color=batches.look.colour, zorder=2)
        draw(axes, averaged, scale)
        axes.set(ylabel="loss above its floor\n(nats per token)", title=title)
        handles = [handle(each.look, each.label, mark=each is averaged) for each in drawn if len(each.x)]
        picture.explain(handles, [f"{title}: loss above its floor, nats per token."])
    return picture


def scale_tokens(axes: Axes, tokens: Iterable[float], values: Float[np.ndarray, "n"]) -> Scale:
    """Tokens across, with ticks at round numbers, and nats that fall, both on logarithmic axes."""
    scale = Scale("log", 0.8 * values.min(), 1.3 * values.max())
    scale.on(axes)
    scale_x(axes, tokens, log=True, inches=3.6)
    first, last = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if last > 100 * first else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(EngFormatter(sep="\N{THIN SPACE}"))
    axes.set_xlabel("tokens")
    return scale
