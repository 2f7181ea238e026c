"""The figures of the check of 2502.09622."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

import mdmtheory as mt
from mdmtheory.core.estimate import Estimate
from mdmtheory.plots import Picture, figure_style, looks
from mdmtheory.plots.drawn import drawn_metric
from mdmtheory.plots.picture import bar_handle, handle, say_once
from mdmtheory.plots.series import Scale, Series, draw, scale_x
from mdmtheory.plots.style import DASHES, Look
from mdmtheory.plots.words import X_LABELS
from paper_checks.brackets import Bracket, estimate_of, excess, measured
from paper_checks.claims import LEVEL
from paper_checks.feng2025_trained import LENGTH, trained
from paper_checks.published import ORDERS, STEPS, Cell

TRAINED = Look("#d55e00", dashes=DASHES[3])
HMM = "hmm"
HMM_SAMPLES = 2000
SER_LENGTH = 512

Brackets = Mapping[tuple[int, int], Bracket]
Elsewhere = Mapping[int, Mapping[str, Mapping[int, Estimate]]]


def ser_figure(found: Mapping[int, Brackets]) -> Picture:
    """SER against steps for the three n-grams and the preset HMM: bigrams exact, the others sampled."""
    hmm = measured((HMM,), (SER_LENGTH,), HMM_SAMPLES, "ser")
    names = {HMM: "HMM"} | {f"{order}-gram": f"{order}-gram" for order in ORDERS}
    sers = {HMM: {steps: estimate_of(hmm, SER_LENGTH, steps, "ser") for steps in STEPS}}
    sers |= {f"{order}-gram": {steps: found[order][SER_LENGTH, steps].ser for steps in STEPS} for order in ORDERS}
    style = looks("language", list(names))
    drawn = []
    for name, values in sers.items():
        ends = ([getattr(each, end) for each in values.values()] for end in ("value", "low", "high"))
        drawn.append(Series(names[name], style[name], np.array(STEPS, dtype=float), *map(np.array, ends)))
    scale = Scale.of(drawn, from_zero=True, log=False, probability=True)
    with figure_style():
        drawing = Picture(3.8, 3.2)
        [axes] = drawing.grid(1, 1)
        scale.on(axes)
        scale_x(axes, STEPS, log=True, inches=3.0)
        for each in drawn:
            draw(axes, each, scale)
        axes.set(xlabel=X_LABELS["steps"], ylabel=drawn_metric("ser").label)
        bars = bar_handle([], f"bars: {100 * LEVEL:g} % interval (2-gram exact)")
        drawing.explain([*(handle(each.look, each.label) for each in drawn), bars], [])
    return drawing


def ter_figure(
    found: Mapping[int, Brackets], elsewhere: Elsewhere, cells: Sequence[Cell], length: int = 512
) -> Picture:
    """One panel for each order: our bracket as a band, the published values with their rounding."""
    look = looks("sampler", ["ancestral"])["ancestral"]
    with figure_style():
        figure = Picture(7.0, 3.0)
        panels = figure.grid(1, len(ORDERS))
        for axes, order in zip(panels, ORDERS, strict=True):
            own = [each for each in cells if each.order == order and each.length == length]
            _ter_panel(axes, found[order], elsewhere[order], own, length)
            ours = [100 * excess(trained(order, "ter_ratio", steps=steps)).value for steps in STEPS]
            axes.plot(STEPS, ours, color=TRAINED.colour, linestyle=TRAINED.dashes, linewidth=1.0)
            axes.set(title=f"{order}-gram, $L$ = {length}", xlabel=X_LABELS["steps"])
            axes.set_ylabel("TER($p$) / TER($q$) − 1, percent")
        say_once(panels, len(panels))
        figure.explain(
            [
                Patch(color=look.colour, alpha=0.3, linewidth=0, label="oracle: between the bounds"),
                handle(look, "oracle: average over plans (upper bound)", mark=False),
                handle(Look("0.2", "D"), "published (networks)", line=False),
                handle(TRAINED, f"networks of ours, $L$ = {LENGTH} (upper bound)", mark=False),
                handle(Look("0.5", dashes=DASHES[1]), "other languages, by their tokens", mark=False),
            ],
            [],
        )
    return figure


def _ter_panel(
    axes: Axes, found: Brackets, elsewhere: Mapping[str, Mapping[int, Estimate]], cells: Sequence[Cell], length: int
) -> None:
    look = looks("sampler", ["ancestral"])["ancestral"]
    Scale("log", 0.01, 250.0).on(axes)
    scale_x(axes, STEPS, log=True, inches=1.7)
    low, high = ([100 * found[length, steps].ends[k] for steps in STEPS] for k in (0, 1))
    axes.fill_between(STEPS, low, high, color=look.colour, alpha=0.3, linewidth=0)
    axes.plot(STEPS, high, color=look.colour, linewidth=1.0)
    for each in cells:
        _published_mark(axes, each)
    for spec, values in elsewhere.items():
        others = [100 * values[steps].value for steps in STEPS]
        axes.plot(STEPS, others, color="0.5", linestyle=DASHES[1], linewidth=0.8)
        tokens = str(dict(mt.Spec.parse(spec).options)["vocab_size"])
        place = (STEPS[-1], others[-1])
        axes.annotate(tokens, place, (4, -2), textcoords="offset points", fontsize=6.5, color="0.4")


def _published_mark(axes: Axes, cell: Cell) -> None:
    low, high = 100 * cell.low, 100 * cell.high
    axes.vlines(cell.steps, max(low, 0.01), high, color="0.2", linewidth=1.0)
    marks = Look("0.2", "D").marks(hollow=low == 0)
    axes.plot([cell.steps], [cell.percent], linestyle="none", **{**marks, "markersize": 4.5})
