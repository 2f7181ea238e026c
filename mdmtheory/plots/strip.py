"""Axes for quantities that reach 0: logarithmic above what can be told apart from 0, and a strip for what cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import blended_transform_factory

from mdmtheory.plots.methods import Curve

STRIP = 0.2
"""The part of an axis that the strip takes."""

_STRIP_COLOUR = "0.93"
_BELOW_ONE_DECADE = 0.5
INTO_STRIP: dict[str, Any] = {"linestyle": "-", "linewidth": 0.5, "alpha": 0.35}


def zero_scale(axes: Axes, which: str, least: float, most: float, strip: float = STRIP) -> None:
    """A symmetric-log axis from 0 to `most`, linear below `least`, and below 0 a shaded strip without numbers.

    Of the log part at least one decade is shown.
    """
    least = min(least, most / 10)
    if which == "y":
        axes.set_yscale("symlog", linthresh=least, linscale=_BELOW_ONE_DECADE)
    else:
        axes.set_xscale("symlog", linthresh=least, linscale=_BELOW_ONE_DECADE)
    axis = axes.yaxis if which == "y" else axes.xaxis
    scale = axis.get_transform()
    [top] = scale.transform(np.array([most]))
    [bottom] = scale.inverted().transform(np.array([-strip / (1 - strip) * top]))
    (axes.set_ylim if which == "y" else axes.set_xlim)(bottom, most)
    (axes.axhspan if which == "y" else axes.axvspan)(bottom, 0, color=_STRIP_COLOUR, linewidth=0, zorder=0)
    first, last = int(np.ceil(np.log10(least) - 1e-9)), int(np.floor(np.log10(most) + 1e-9))
    every = -(-(last - first + 1) // (5 if which == "y" else 4))
    [middle] = scale.inverted().transform(np.array([-strip / (1 - strip) * top / 2]))
    axis.set_major_locator(FixedLocator([middle, *(10.0**power for power in range(last, first - 1, -every))]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _decade(value)))
    axis.set_minor_locator(NullLocator())


def _decade(value: float) -> str:
    if value <= 0:
        return "0"
    power = round(np.log10(value))
    return f"{value:g}" if -3 <= power <= 2 else f"$10^{{{power}}}$"


def call_scale(axes: Axes, first: float, last: float) -> None:
    """A log axis for calls or rounds with powers of two as ticks."""
    axes.set_xscale("log", base=2)
    wide = 2**0.35
    axes.set_xlim(first / wide, last * wide)
    powers = np.arange(np.ceil(np.log2(first / wide)), np.floor(np.log2(last * wide)) + 1)
    every = -(-len(powers) // 7)
    axes.xaxis.set_major_locator(FixedLocator(list(2.0 ** powers[::-1][::every][::-1])))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def rows_of(families: Sequence[str]) -> dict[str, float]:
    """Where in the strip each family has its row, as a part of the axis."""
    return {name: STRIP * (1 - (index + 0.7) / (len(families) + 0.4)) for index, name in enumerate(families)}


def mark_style(curve: Curve) -> dict[str, Any]:
    """Hollow for upper bounds; smaller for the lesser members of a family."""
    hollow = {"markerfacecolor": "white", "markeredgecolor": curve.look.colour, "markeredgewidth": 0.7}
    filled = {"markeredgecolor": "white", "markeredgewidth": 0.3}
    size = (4.6 if curve.lead else 3.4) * (1.35 if curve.look.marker == "*" else 1)
    return {
        "marker": curve.look.marker,
        "color": curve.look.colour,
        "markersize": size,
        **(hollow if curve.bound else filled),
    }


def draw_with_strip(axes: Axes, curve: Curve, row: float) -> None:
    """The curve with its bars, and in the strip at `row` the points that are not told apart from 0."""
    told, order = curve.told, 4 if curve.lead else 3
    style: dict[str, Any] = {"color": curve.look.colour, "zorder": order}
    axes.vlines(curve.x[told], curve.low[told], curve.high[told], linewidth=0.6, alpha=0.7, **style)
    width = 1.1 if curve.lead else 0.6
    for start in np.flatnonzero(told[:-1] | told[1:]):
        ends = slice(start, start + 2)
        line = {"linestyle": curve.look.dashes, "linewidth": width} if told[ends].all() else INTO_STRIP
        axes.plot(curve.x[ends], np.where(told[ends], curve.y[ends], 0.0), **line, **style)
    marks = {**mark_style(curve), "linestyle": "none", "clip_on": False, "zorder": order + 0.5}
    if told.any():
        axes.plot(curve.x[told], curve.y[told], **marks)
    if not told.all():
        within = blended_transform_factory(axes.transData, axes.transAxes)
        axes.plot(curve.x[~told], np.full((~told).sum(), row), transform=within, **marks)


def strip_note(curves: Sequence[Curve], unit: str = "") -> str:
    """What the strip holds, and how far up the intervals of its points go."""
    tops = [float(each.high[~each.told].max()) for each in curves if not each.told.all()]
    if not tops:
        return ""
    return f"Shaded, a row a family: not told apart from 0 (intervals end at {max(tops):.2g}{unit} or below)."


def draw_plain(axes: Axes, curve: Curve) -> None:
    """The curve with its bars, on axes that show negative values too."""
    order = 4 if curve.lead else 3
    axes.vlines(curve.x, curve.low, curve.high, linewidth=0.6, alpha=0.7, color=curve.look.colour, zorder=order)
    style = {**mark_style(curve), "linestyle": curve.look.dashes, "linewidth": 1.1 if curve.lead else 0.8}
    axes.plot(curve.x, curve.y, **style, clip_on=False, zorder=order + 0.5)


def span(curves: Sequence[Curve]) -> tuple[float, float]:
    """The least value that any curve tells apart from 0, and the greatest value."""
    shown = np.concatenate([each.y[each.told] for each in curves])
    tops = np.concatenate([each.high for each in curves])
    if not len(shown):
        most = float(tops.max()) if tops.max() > 0 else 1.0
        return most / 10, most
    return float(shown.min()), float(shown.max())
