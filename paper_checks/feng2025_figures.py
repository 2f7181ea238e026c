"""The figures of the check of 2502.09622."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

import mdmtheory as mt
from mdmtheory.core.estimate import Estimate
from mdmtheory.plots import figure_style, looks
from paper_checks.brackets import Bracket, estimate_of, measured
from paper_checks.claims import LEVEL
from paper_checks.published import ORDERS, STEPS, Cell

HMM = "hmm"
HMM_SAMPLES = 2000
SER_LENGTH = 512

Brackets = Mapping[tuple[int, int], Bracket]
Elsewhere = Mapping[int, Mapping[str, Mapping[int, Estimate]]]


def ser_figure(found: Mapping[int, Brackets]) -> Figure:
    """SER against steps for the three n-grams and the preset HMM: bigrams exact, the others sampled."""
    hmm = measured((HMM,), (SER_LENGTH,), HMM_SAMPLES, "ser")
    names = {HMM: "HMM"} | {f"{order}-gram": f"{order}-gram" for order in ORDERS}
    sers = {HMM: {steps: estimate_of(hmm, SER_LENGTH, steps, "ser") for steps in STEPS}}
    sers |= {f"{order}-gram": {steps: found[order][SER_LENGTH, steps].ser for steps in STEPS} for order in ORDERS}
    style = looks("language", list(names))
    with figure_style():
        drawing = Figure(figsize=(3.6, 3.1))
        axes = drawing.subplots()
        for name, values in sers.items():
            look = style[name]
            low, high = [each.low for each in values.values()], [each.high for each in values.values()]
            axes.fill_between(STEPS, low, high, color=look.colour, alpha=0.2, linewidth=0)
            line = {"color": look.colour, "linestyle": look.dashes, "marker": look.marker, "markeredgecolor": "white"}
            axes.plot(STEPS, [each.value for each in values.values()], label=names[name], **line)
        steps_axis(axes)
        axes.set_ylim(0, 1)
        axes.set_ylabel("SER (probability that\na sequence is wrong)")
        band = f"{100 * LEVEL:g} % interval (2-gram exact)"
        axes.fill_between([], [], [], color="0.5", alpha=0.3, linewidth=0, label=band)
        drawing.legend(loc="outside upper center", ncols=2)
    return drawing


def steps_axis(axes: Axes) -> None:
    """Doublings of N, no frame above and on the right."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(STEPS, [str(each) for each in STEPS])
    axes.minorticks_off()
    axes.set_xlabel("sampling steps $N$")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def ter_figure(found: Mapping[int, Brackets], elsewhere: Elsewhere, cells: Sequence[Cell], length: int = 512) -> Figure:
    """One panel for each order: our bracket as a band, the published values with their rounding."""
    with figure_style():
        figure = Figure(figsize=(7.0, 2.9))
        panels = figure.subplots(1, len(ORDERS), sharey=True)
        for axes, order in zip(panels, ORDERS, strict=True):
            own = [each for each in cells if each.order == order]
            _ter_panel(axes, order, found[order], elsewhere[order], own, length)
        panels[0].set_ylabel("TER($p$)/TER($q$) − 1, percent")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def _ter_panel(
    axes: Axes,
    order: int,
    found: Brackets,
    elsewhere: Mapping[str, Mapping[int, Estimate]],
    cells: Sequence[Cell],
    length: int,
) -> None:
    look = looks("sampler", ["ancestral"])["ancestral"]
    ends = [found[length, steps].ends for steps in STEPS]
    low, high = ([100 * each[k] for each in ends] for k in (0, 1))
    axes.fill_between(STEPS, low, high, color=look.colour, alpha=0.3, linewidth=0, label="oracle: between the bounds")
    axes.plot(STEPS, high, color=look.colour, linewidth=1.0, label="oracle: average over plans (upper bound)")
    for each in cells:
        if each.length == length:
            _published_mark(axes, each)
    axes.plot([], [], color="0.2", marker="D", linestyle="none", label="published (networks)")
    for spec, values in elsewhere.items():
        others = [100 * values[steps].value for steps in STEPS]
        axes.plot(STEPS, others, color="0.55", linestyle=(0, (4, 2)), linewidth=0.8)
        tokens = dict(mt.Spec.parse(spec).options)["vocab_size"]
        axes.annotate(
            f"{tokens}", (STEPS[-1], others[-1]), (5, -2), textcoords="offset points", fontsize=6.5, color="0.4"
        )
    axes.set_yscale("log")
    axes.set_ylim(0.01, 10)
    axes.set_title(f"{order}-gram, $L$ = {length}", loc="left")
    steps_axis(axes)


def _published_mark(axes: Axes, cell: Cell) -> None:
    low, high = 100 * cell.low, 100 * cell.high
    open_below = low == 0
    axes.vlines(cell.steps, 0.01 if open_below else low, high, color="0.2", linewidth=1.0)
    face = "white" if open_below else "0.2"
    axes.plot([cell.steps], [cell.percent], marker="D", markersize=4, color="0.2", markerfacecolor=face)
