"""One pair of axes: the curves of one metric, their bands, the reference, and scales that suit them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import seaborn
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from mdmtheory.metrics.metric import PROBABILITY, Metric
from mdmtheory.metrics.ter import Ter, TerRatio
from mdmtheory.plots.series import NO_PROMPT, X_LABELS, Reference, Series, Setting, TerExcess, metric_rows, settings
from mdmtheory.plots.style import REFERENCE, Look

References = dict[Setting, Reference]

_DECADES = 30.0  # a range wider than this is read on a log axis
_MOST_TICKS = 8
_ITSELF = Reference(1.0, "exact")
_BELOW_ANY_AXIS = 1e-30
_MARK: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.5, "clip_on": False, "zorder": 3}


def comparable_rows(
    frame: pd.DataFrame, metric: Metric, references: References
) -> tuple[Metric, pd.DataFrame, Reference | None, list[str]]:
    """What a panel of `metric` shows: the metric, its rows, the reference TER(q) or 1, and notes for the reader.

    No axis shows infinity, so infinite values are left out and counted in the notes. ValueError where all are infinite.
    """
    shown, rows, reference, notes = _comparable_rows(frame, metric, references)
    finite = np.isfinite(rows["high"].to_numpy(float))
    if not finite.any():
        raise ValueError(f"every {metric.short} is infinite: the model never writes some sequence of the language")
    if not finite.all():
        notes = [*notes, f"Not drawn: {(~finite).sum()} infinite {metric.short}."]
    return shown, rows[finite], reference, notes


def _comparable_rows(
    frame: pd.DataFrame, metric: Metric, references: References
) -> tuple[Metric, pd.DataFrame, Reference | None, list[str]]:
    """`comparable_rows`, also of what is infinite.

    TER is drawn as TER(q) times the ratio TER(p)/TER(q), with the ratio's interval: both are measured on the same
    sequences, so their difference is far better known than either. Where TER(q) is not one number (several
    languages or lengths) the ratio itself is drawn.
    """
    rows = metric_rows(frame, metric.name)
    if metric.name == TerRatio.name:
        return metric, rows, _ITSELF, []
    if metric.name != Ter.name or TerRatio.name not in set(frame["metric"]):
        return metric, rows, None, []
    ratios = metric_rows(frame, TerRatio.name)
    keys = settings(ratios)
    if any(key not in references for key in keys):
        return metric, rows, None, []
    if len(keys) == 1:
        reference = references[keys[0]]
        ratios[["value", "low", "high"]] *= reference.value
        return metric, ratios, reference, ["The interval of TER is that of TER(p)/TER(q) on the same sequences."]
    known = [f"{_named(each, keys)} {references[each].value:.4g}" for each in keys]
    kinds = sorted({references[key].kind for key in keys})
    return TerRatio(), ratios, _ITSELF, [f"TER(q), {' or '.join(kinds)}: {', '.join(known)}."]


def _named(setting: Setting, among: list[Setting]) -> str:
    """The language, with the length and the prompt where that alone does not tell which setting it is."""
    language, length, prompt = setting
    own = [each for each in among if each[0] == language]
    told = [f"L={length}"] if len({each[1] for each in own}) > 1 else []
    told += [prompt or NO_PROMPT] if len({each[2] for each in own}) > 1 else []
    return f"{language} ({', '.join(told)})" if told else language


class Panel:
    """The drawing of one metric on one pair of axes. `reference` is the autoregressive value of a TER metric."""

    def __init__(self, axes: Axes, metric: Metric, x: str, series: list[Series], reference: Reference | None) -> None:
        self.axes, self.metric, self.x, self.series, self.reference = axes, metric, x, series, reference
        self.probability = metric.unit == PROBABILITY
        self.log = metric.name == TerExcess.name or (self.probability and _spans_decades(series))
        self.notes: list[str] = []

    def draw(self) -> list[str]:
        """Everything on the axes; returns what the reader must be told below the figure."""
        self._scale_x()
        bottom = self._scale_y()
        levels = [each for each in self.series if each.flat]
        for index, each in enumerate(levels):
            self._flat(each, bottom, (index + 1) / (len(levels) + 1))
        for each in self.series:
            if not each.flat:
                self._curve(each, bottom)
        if self.reference is not None:
            known = f" = {self.reference.value:.4f} ({self.reference.kind})" if self.metric.name == Ter.name else ""
            self._line(self.reference.value, f"autoregressive, TER($q$){known}")
        elif self.probability:
            if self.log:
                self.notes.append("The autoregressive reference, SER = 0, lies below any log axis.")
            else:
                self._line(0.0, "autoregressive: SER = 0")
        self._label_y()
        seaborn.despine(ax=self.axes)
        return self.notes

    def _scale_x(self) -> None:
        places = sorted({value for each in self.series if not each.flat for value in each.x})
        self.axes.set_xlabel(X_LABELS[self.x])
        if not places:
            self.axes.set_xlim(0, 1)
            self.axes.xaxis.set_major_locator(NullLocator())
            return
        self.axes.set_xscale("log", base=2)
        wide = (places[-1] / places[0]) ** 0.04 if len(places) > 1 else 2.0
        self.axes.set_xlim(places[0] / wide, places[-1] * wide)
        if self.x in ("calls", "rounds"):  # means over sequences: their own values are no round numbers
            first, last = np.ceil(np.log2(places[0] / wide)), np.floor(np.log2(places[-1] * wide))
            places = [float(2**power) for power in np.arange(first, last + 1)] or places
        every = -(-len(places) // _MOST_TICKS)
        self.axes.xaxis.set_major_locator(FixedLocator(places[::-1][::every][::-1]))
        self.axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.5g}"))
        self.axes.xaxis.set_minor_locator(NullLocator())

    def _scale_y(self) -> float:
        """Sets the limits; returns the lowest value that the axis shows."""
        high = float(max(each.high.max() for each in self.series))
        if self.log:
            smallest = min(_told_apart(each).min() for each in self.series)
            self.axes.set_yscale("log")
            arrows = any((each.value <= 0).any() for each in self.series)
            bottom = (0.3 if arrows else 0.7) * smallest
            top = 1.08 if self.probability and high > 0.5 else 1.6 * high
            self.axes.set_ylim(bottom, max(top, 10 * bottom))
            return _BELOW_ANY_AXIS
        low = float(min(each.low.min() for each in self.series))
        if self.probability:
            top = 1.0 if high > 0.5 else 1.08 * high or 1.0
            self.axes.set_ylim(-0.09 * top, top)
            ticks = [tick for tick in self.axes.get_yticks() if -1e-9 <= tick <= top + 1e-9]
            self.axes.yaxis.set_major_locator(FixedLocator(ticks))
            return 0.0
        if self.reference is not None:
            low, high = min(low, self.reference.value), max(high, self.reference.value)
        room = (high - low) or abs(high) * 0.01 or 1.0
        self.axes.set_ylim(low - 0.14 * room, high + 0.06 * room)
        self.axes.ticklabel_format(axis="y", useOffset=False)
        return low - 0.14 * room

    def _curve(self, each: Series, bottom: float) -> None:
        look = each.look
        shown = each.value > 0 if self.log else np.ones(len(each.value), dtype=bool)
        low, high = np.maximum(each.low, bottom), np.maximum(each.high, bottom)
        # Bands join neighbours that are both on the axis; a point without such a neighbour gets a bar.
        for run in np.split(np.flatnonzero(shown), np.flatnonzero(np.diff(np.flatnonzero(shown)) > 1) + 1):
            if len(run) == 1:
                self.axes.vlines(each.x[run], low[run], high[run], color=look.colour, linewidth=1.2)
            elif len(run):
                self.axes.fill_between(each.x[run], low[run], high[run], color=look.colour, alpha=0.2, linewidth=0)
            if len(run):  # an empty line would still claim room in the layout
                line = {"color": look.colour, "linestyle": look.dashes, "marker": look.marker, **_MARK}
                self.axes.plot(each.x[run], each.value[run], **line)
        for place, limit in zip(each.x[~shown], each.high[~shown], strict=True):
            self._upper_limit(place, limit, look)

    def _flat(self, each: Series, bottom: float, place: float) -> None:
        """A curve whose cells have no choice of x: a level across the panel, its mark at `place` (0..1)."""
        self.notes.append(f"Level lines: no choice of {self.x}.")
        look = each.look
        limit = self.log and each.value[0] <= 0
        level = each.high[0] if limit else each.value[0]
        left, right = self.axes.get_xlim()
        middle = left * (right / left) ** place if self.axes.get_xscale() == "log" else left + place * (right - left)
        self.axes.axhline(level, color=look.colour, linestyle=look.dashes, zorder=2)
        if limit:
            self._upper_limit(middle, level, look)
        else:
            self.axes.axhspan(max(each.low[0], bottom), each.high[0], color=look.colour, alpha=0.2, linewidth=0)
            self.axes.plot([middle], [level], color=look.colour, marker=look.marker, **_MARK)

    def _upper_limit(self, place: float, limit: float, look: Look) -> None:
        """No error was seen: a hollow mark at the interval's upper end, and an arrow down."""
        mark = {**_MARK, "markerfacecolor": "white", "markeredgecolor": look.colour, "markeredgewidth": 1.0}
        self.axes.plot([place], [limit], marker=look.marker, linestyle="none", **mark)
        arrow = {
            "arrowstyle": "<|-,head_width=0.12,head_length=0.25",
            "color": look.colour,
            "shrinkA": 0,
            "shrinkB": 2.5,
        }
        drawn = self.axes.annotate("", (place, limit), (0, -14), textcoords="offset points", arrowprops=arrow)
        drawn.set_in_layout(False)
        self.notes.append("Hollow marks with an arrow: no error seen; the mark is the upper end of the interval.")

    def _line(self, value: float, text: str) -> None:
        self.axes.axhline(value, color=REFERENCE, linestyle=(0, (2, 2)), linewidth=0.9, zorder=1)
        self.axes.annotate(
            text,
            (0.015, value),
            (0, -2.5),
            xycoords=self.axes.get_yaxis_transform(),
            textcoords="offset points",
            va="top",
            color=REFERENCE,
            fontsize=7.5,
        )

    def _label_y(self) -> None:
        bounds = [each for each in self.series if each.kind == "upper bound"]
        label = self.metric.label
        if bounds and len(bounds) == len(self.series):
            label += "\nupper bound (mean over plans)"
        elif bounds:
            who = ", ".join(each.label for each in bounds)
            self.notes.append(
                f"{self.metric.short} of {who}: an upper bound (mean over plans); of the others an estimate."
            )
        self.axes.set_ylabel(label)


def _told_apart(each: Series) -> Float[np.ndarray, "points"]:
    """What a log axis must show of a curve: its values, and the upper end of the interval where one is 0."""
    shown = np.where(each.value > 0, each.value, each.high)
    return shown[shown > 0] if (shown > 0).any() else np.ones(1)


def _spans_decades(series: list[Series]) -> bool:
    """Whether the largest value is far above the smallest that can be told from zero."""
    every = np.concatenate([_told_apart(each) for each in series])
    return bool(every.max() > _DECADES * every.min())
