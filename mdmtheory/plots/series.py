"""A series, and the axes that it is drawn on: linear, in decades, or in decades above a strip for what may be 0."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import blended_transform_factory

from mdmtheory.plots.style import REFERENCE, Look

Values = Float[np.ndarray, "points"]

_DECADES = 30.0  # a range wider than this is read on a log axis
_BELOW_ONE_DECADE = 0.5
_STRIP_COLOUR = "0.94"
PALE: dict[str, Any] = {"linestyle": "-", "linewidth": 0.6, "alpha": 0.35}


@dataclass(frozen=True)
class Series:
    """One curve: values with the ends of their intervals, in the order of x; `flat` when its cells have no choice of x.

    `kind` is that of its numbers. `least` is the value below which nobody reads them.
    """

    label: str
    look: Look
    x: Values
    value: Values
    low: Values
    high: Values
    kind: str = "estimate"
    flat: bool = False
    least: float = 0.0

    @classmethod
    def of(cls, label: str, look: Look, cells: pd.DataFrame, x: str, least: float | None = None) -> Series:
        """From rows of results, in their order."""
        at, value, low, high = (cells[column].to_numpy(float) for column in (x, "value", "low", "high"))
        kind, flat = " and ".join(sorted(set(cells["kind"]))), bool(np.isnan(at).all())
        return cls(label, look, at, value, low, high, kind, flat, least or 0.0)

    @property
    def told(self) -> Bool[np.ndarray, "points"]:
        """Which points are told apart from 0: not where the interval begins at 0 or below, nor what nobody reads."""
        return (self.low > 0) & (self.value >= self.least)

    @property
    def bound(self) -> bool:
        """Whether some of its numbers are upper bounds."""
        return "upper bound" in self.kind


@dataclass(frozen=True)
class Scale:
    """An axis of values from `low` to `high`; of kind "zero" it is logarithmic above `low`, over a strip for 0."""

    kind: Literal["linear", "log", "zero"]
    low: float
    high: float
    strip: float = 0.0
    probability: bool = False

    @classmethod
    def of(
        cls,
        every: Sequence[Series],
        *,
        from_zero: bool,
        log: bool | None = None,
        probability: bool = False,
        levels: Iterable[float] = (),
    ) -> Scale:
        """What suits these series, and the `levels` that are drawn beside them.

        `from_zero`: the quantity is 0 for an exact sampler. Where `log` is None, such ones are drawn in decades where
        they span some or none is told apart from 0, others are not. ValueError for a log axis of what is not above 0.
        """
        low, high = (
            float(f(np.concatenate([getattr(s, end) for s in every]))) for f, end in ((min, "low"), (max, "high"))
        )
        told = np.concatenate([each.value[each.told] for each in every])
        if log is None:
            tops = np.concatenate([np.where(each.told, each.value, each.high) for each in every])
            tops = tops[tops > 0]
            log = from_zero and (not len(told) or bool(tops.max() > _DECADES * tops.min()))
        if log:
            sure = all(each.told.all() for each in every)
            if not sure and not from_zero:
                raise ValueError("a log axis shows what is above 0 with its whole interval; leave out --logy")
            top = 1.2 if probability and high > 0.3 else 1.3 * high if high > 0 else 1.0
            least = float(told.min()) if len(told) else top / 10
            if sure:
                # A bar that begins far below all values is cut.
                return cls("log", min(max(0.8 * low, 0.2 * least), top / 10), top)
            return cls("zero", min(least, top / 10), top, float(np.clip(0.06 + 0.022 * len(every), 0.1, 0.2)))
        if probability:
            top = 1.03 if high > 0.5 else 1.08 * high or 1.0
            return cls("linear", -0.1 * top, top, probability=True)
        low, high = min([low, *levels]), max([high, *levels])
        room = (high - low) or abs(high) * 0.01 or 1.0
        return cls("linear", low - 0.14 * room, high + 0.06 * room)

    def on(self, axes: Axes, which: Literal["x", "y"] = "y") -> None:
        """Give the axes this scale, with ticks."""
        axis, limits = (axes.yaxis, axes.set_ylim) if which == "y" else (axes.xaxis, axes.set_xlim)
        scaled = axes.set_yscale if which == "y" else axes.set_xscale
        if self.kind == "linear":
            limits(self.low, self.high)
            ticks = MaxNLocator(5).tick_values(0 if self.probability else self.low, self.high)
            axis.set_major_locator(FixedLocator([each for each in ticks if each <= self.high]))
            if not self.probability:
                axes.ticklabel_format(axis=which, useOffset=False)
            return
        ticks = _decades(self.low, self.high, 5 if which == "y" else 3)
        if self.kind == "log":
            scaled("log")
            limits(self.low, self.high)
        else:
            scaled("symlog", linthresh=self.low, linscale=_BELOW_ONE_DECADE)
            scale = axis.get_transform()
            [top] = scale.transform(np.array([self.high]))
            below = -self.strip / (1 - self.strip) * top
            bottom, middle = scale.inverted().transform(np.array([below, below / 2]))
            limits(bottom, self.high)
            (axes.axhspan if which == "y" else axes.axvspan)(bottom, 0, color=_STRIP_COLOUR, linewidth=0, zorder=0)
            ticks = [middle, *ticks]
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value) if value > 0 else "0"))
        axis.set_minor_locator(NullLocator())

    def row(self, place: int, many: int) -> float:
        """Where in the strip a series has its row, as a part of the axis."""
        return self.strip * (1 - (place + 1) / (many + 1))


def plain(value: float) -> str:
    """A number for a tick; far from 1 as a power of ten."""
    if value and not 1e-3 <= abs(value) < 1e5:
        power = int(np.floor(np.log10(abs(value)) + 1e-9))
        first = value / 10.0**power
        return f"$10^{{{power}}}$" if abs(first - 1) < 1e-6 else f"${first:.3g}\\cdot 10^{{{power}}}$"
    return f"{value:.5g}"


def _decades(low: float, high: float, most: int) -> list[float]:
    """Powers of ten, or 1, 2 and 5 of them where there are few."""
    first, last = int(np.ceil(np.log10(low) - 1e-9)), int(np.floor(np.log10(high) + 1e-9))
    every = max(1, -(-(last - first + 1) // most))
    tens = [10.0**power for power in range(last, first - 1, -every)]
    if len(tens) > 2 or high >= 100 * low:
        return tens
    parts = [part * 10.0**power for power in range(first - 1, last + 1) for part in (1, 2, 5)]
    return [each for each in parts if low * 0.999 <= each <= high * 1.001]


def is_spread(places: Iterable[float]) -> bool:
    """Whether places are read on a log axis: above 0, and the last four times the first or more."""
    known = sorted({float(place) for place in places})
    return len(known) > 1 and known[0] > 0 and known[-1] >= 4 * known[0]


def scale_x(
    axes: Axes, places: Iterable[float], *, log: bool | None = None, means: bool = False, inches: float = 2.6
) -> bool:
    """Place the x axis with ticks at what was measured, as many as `inches` hold; whether it is logarithmic.

    `means` are no round numbers, and have powers of two for ticks. ValueError for a log axis of what is not above 0.
    """
    known = sorted({float(place) for place in places})
    if not known:
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_locator(NullLocator())
        return False
    log = is_spread(known) if log is None else log
    if log and known[0] <= 0:
        raise ValueError(f"{plain(known[0])} has no place on a log axis; leave out --logx")
    if log:
        axes.set_xscale("log", base=2)
        wide = (known[-1] / known[0]) ** 0.05 if len(known) > 1 else 2.0
        first, last = known[0] / wide, known[-1] * wide
    else:
        room = 0.05 * (known[-1] - known[0]) or 0.5 * abs(known[0]) or 1.0
        first, last = known[0] - room, known[-1] + room
    axes.set_xlim(first, last)
    if means and log:
        known = [2.0**power for power in np.arange(np.ceil(np.log2(first)), np.floor(np.log2(last)) + 1)] or known
    elif means:
        known = [each for each in MaxNLocator(5).tick_values(first, last) if first <= each <= last]
    axes.xaxis.set_major_locator(FixedLocator(_thinned(known, first, last, log, inches)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axes.xaxis.set_minor_locator(NullLocator())
    return log


def _thinned(places: Sequence[float], first: float, last: float, log: bool, inches: float) -> list[float]:
    """Those of the ticks that have room for their numbers, the last one first."""
    at = np.log if log else np.asarray
    ends = at(np.array([first, last]))
    kept: list[float] = []
    edge = np.inf
    widest = max(len(plain(each).translate(str.maketrans("", "", "$^{}"))) for each in places)
    half = (0.035 * widest + 0.025) / inches
    for value in places[::-1]:
        place = float((at(np.array([value]))[0] - ends[0]) / (ends[1] - ends[0]))
        if place + half <= edge:
            kept.append(value)
            edge = place - half
    return kept[::-1]


def draw(axes: Axes, each: Series, scale: Scale, row: float = 0.0, *, hollow: bool = False) -> None:
    """One series: its marks with bars, joined by a line.

    Of a scale with a strip, what is not told apart from 0 stands in it at `row` (a part of the axis), with a pale bar
    up to where its interval ends.
    """
    look, told = each.look, each.told if scale.kind == "zero" else np.ones(len(each.x), dtype=bool)
    line: dict[str, Any] = {"linestyle": look.dashes, "color": look.colour}
    if each.flat:
        _level(axes, each, scale, row, line)
        return
    floor = 0.0 if scale.kind == "zero" else scale.low if scale.kind == "log" else -np.inf
    sure, low = told & (each.low < each.high), np.maximum(each.low, floor)
    if sure.any():
        axes.vlines(each.x[sure], low[sure], each.high[sure], color=look.colour, linewidth=1.0, alpha=0.75)
    marks: dict[str, Any] = {**look.marks(hollow=hollow), "clip_on": False, "zorder": 3}
    if told.all():
        axes.plot(each.x, each.value, **line, **{key: value for key, value in marks.items() if key != "color"})
        return
    within = blended_transform_factory(axes.transData, axes.transAxes)
    pale: dict[str, Any] = {"color": look.colour, "linewidth": 0.8, "alpha": 0.3}
    axes.vlines(each.x[~told], 0, np.maximum(each.high, 0)[~told], **pale)
    axes.vlines(each.x[~told], row, scale.strip, transform=within, **pale)
    for start in np.flatnonzero(told[:-1] | told[1:]):
        ends = slice(start, start + 2)
        style = line if told[ends].all() else {**line, **PALE}
        axes.plot(each.x[ends], np.where(told[ends], each.value[ends], 0.0), zorder=2.5, **style)
    if told.any():
        axes.plot(each.x[told], each.value[told], linestyle="none", **marks)
    axes.plot(each.x[~told], np.full((~told).sum(), row), linestyle="none", transform=within, **marks)


def _level(axes: Axes, each: Series, scale: Scale, row: float, line: dict[str, Any]) -> None:
    """A curve whose cells have no choice of x: a level across the panel; no mark, for nothing was measured there."""
    if scale.kind == "zero" and not each.told[0]:
        axes.plot([0, 1], [row, row], transform=axes.transAxes, **line)
        return
    axes.axhspan(max(each.low[0], scale.low), each.high[0], color=each.look.colour, alpha=0.15, linewidth=0)
    axes.axhline(each.value[0], zorder=2, **line)


def draw_all(axes: Axes, series: Sequence[Series], scale: Scale, order: Sequence[str] = ()) -> None:
    """The series of one panel. Hollow marks tell upper bounds where there are estimates too.

    Rows of the strip go by `order`, labels of all panels; by default by these series.
    """
    names = list(order) or [each.label for each in series]
    mixed = len({each.bound for each in series}) > 1
    for each in series:
        draw(axes, each, scale, scale.row(names.index(each.label), len(names)), hollow=mixed and each.bound)


def level_line(axes: Axes, value: float, text: str = "", *, right: bool = False) -> None:
    """A reference across the panel, named below it, at the left or the right."""
    axes.axhline(value, color=REFERENCE, linestyle=(0, (2, 2)), linewidth=0.9, zorder=1)
    axes.annotate(
        text,
        (0.99 if right else 0.015, value),
        (0, -4.5 if right else -2.5),
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        ha="right" if right else "left",
        va="top",
        color=REFERENCE,
        fontsize=7.5,
    )


def strip_note(series: Iterable[Series], unit: str = "") -> str:
    """What the strip holds, and how far up the intervals of its points go."""
    tops = [float(each.high[~each.told].max()) for each in series if not each.told.all()]
    if not tops:
        return ""
    return f"Shaded: not told apart from 0; pale bars end where the intervals do, at {max(tops):.2g}{unit} or below."


def kinds_note(series: Iterable[Series], short: str) -> str:
    """What is an upper bound here, in words; empty where nothing is."""
    bounds = [each.bound for each in series]
    if not any(bounds):
        return ""
    if all(bounds):
        return f"{short}: an upper bound (mean over plans)."
    return f"{short}: hollow marks are upper bounds (means over plans), filled ones estimates."
