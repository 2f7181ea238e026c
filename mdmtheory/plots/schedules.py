"""The figure of compared schedules: predicted TER and gap against steps, with what a chosen order gives beside them."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from mdmtheory.core.estimate import bare_kind
from mdmtheory.plots.series import X_LABELS
from mdmtheory.plots.style import Dashes, Look, figure_style, looks

_LABELS = {"linear": "linear (= loglinear)", "sqrt_c": "√$c$ (for SER)", "geometric:min=0.001,max=20": "geometric"}
_TOLD = ("curve", "profile", "prices", "UNKNOWN", "bound", "estimate", "interval", "monotone")
_LAWS: dict[str, Dashes] = {"fixed": "-", "ancestral": (0.0, (1.0, 1.2))}


def schedule_figure(frame: pd.DataFrame, about: dict[str, str]) -> Figure:
    """TER and gap against steps for every schedule of `compare_schedules`, of a language or of a loss profile."""
    names = [name for name in dict.fromkeys(frame["schedule"]) if name]
    stride = frame[frame["sampler"] == "stride"]
    order = [*names, *(["stride"] if len(stride) else [])]
    palette = {**looks("sampler", order), "optimal": Look("0.1", "*", "-")}
    name = "TER (perplexity per token)" if "language" in about else "perplexity per token"
    notes = []
    # Prices of a loss profile have the range of all curves with these losses.
    bars = "profile" in about
    with figure_style():
        figure = Figure(figsize=(6.9, 3.9))
        panels = dict(zip(("ter", "gap"), figure.subplots(1, 2), strict=True))
        for metric, axes in panels.items():
            for each in names:
                for law in _LAWS:
                    rows = frame[(frame["schedule"] == each) & (frame["sampler"] == law)]
                    prices = rows[rows["metric"] == metric]
                    _curve(axes, prices, palette[each], law, log=metric == "gap", bars=bars)
                    if law == "fixed" and bars:
                        _bars(axes, prices, palette[each], names.index(each) - (len(names) - 1) / 2)
            _scale_steps(axes, sorted(set(frame["steps"])))
            seaborn.despine(ax=axes)
            if not axes.lines:
                _say_why(axes, frame)
        kinds = _kinds(frame)
        said = f"{kinds['fixed']} (mean over plans)" if len(set(kinds.values())) == 1 else "mean over plans"
        panels["ter"].set_ylabel(f"{name}\n{said}")
        panels["gap"].set_ylabel(f"gap (nats per sequence)\n{said}")
        panels["gap"].set_yscale("log")
        _leave_bands_out(panels["gap"])
        if len(stride):
            look = palette["stride"]
            _curve(panels["ter"], stride[stride["metric"] == "ter"], look, "fixed", log=False)
            notes += _stride_gap(panels["gap"], stride[stride["metric"] == "gap"], look)
        _legend(figure, palette, frame)
        words = textwrap.wrap(_caption(frame, about, notes), int(19.5 * figure.get_figwidth()))
        figure.supxlabel("\n".join(words), fontsize=7, color="0.3", ha="left", x=0.01)
    return figure


def _curve(axes: Axes, rows: pd.DataFrame, look: Look, law: str, *, log: bool, bars: bool = False) -> None:
    """A line with its band; what a log axis cannot show is left out."""
    rows = rows.sort_values("steps")
    rows = rows[rows["value"].notna() & ((rows["value"] > 0) | (not log))]
    if rows.empty:
        return
    x, value, low, high = (rows[column].to_numpy(float) for column in ("steps", "value", "low", "high"))
    first = law == "fixed"
    line: dict[str, Any] = {"color": look.colour, "linestyle": _LAWS[law], "linewidth": 1.4 if first else 1.0}
    mark: dict[str, Any] = {
        "marker": look.marker,
        "markersize": (4.5 if first else 3.5) * (1.5 if look.marker == "*" else 1),
        "markeredgewidth": 0.5 if first else 0.8,
    }
    filled: dict[str, Any] = {"markeredgecolor": "white"} if first else {"markerfacecolor": "white"}
    axes.plot(x, value, **line, **mark, **filled, zorder=3, clip_on=False)
    if first and not bars and np.isfinite(low).any():
        # A band down to 0 or below goes as far down as anybody looks.
        axes.fill_between(x, np.maximum(low, 1e-3 * value) if log else low, high, color=look.colour, alpha=0.15, lw=0)


def _say_why(axes: Axes, frame: pd.DataFrame) -> None:
    """In place of numbers that were withheld, the reason."""
    reasons = sorted({kind for kind in map(str, frame["kind"]) if kind.startswith("withheld")})
    words = "\n".join(textwrap.fill(reason, 44) for reason in reasons)
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", fontsize=7, color="0.3")


def _kinds(frame: pd.DataFrame) -> dict[str, str]:
    """What the curves of each law of steps are: upper bounds of the mean over plans, or estimates of it."""
    prices = frame[frame["metric"].isin(["ter", "gap"]) & frame["value"].notna()]
    said = {law: sorted(set(prices["kind"][prices["sampler"] == law].map(bare_kind))) for law in _LAWS}
    return {law: " and ".join(kinds) or "withheld" for law, kinds in said.items()}


def _bars(axes: Axes, rows: pd.DataFrame, look: Look, place: float) -> None:
    """Intervals so wide that bands would hide each other: bars side by side, down to the edge where they reach 0."""
    rows = rows[np.isfinite(rows["low"])]
    if rows.empty:
        return
    at = rows["steps"].to_numpy(float) * 2 ** (0.07 * place)
    low, high = np.maximum(rows["low"].to_numpy(float), 1e-12), rows["high"].to_numpy(float)
    axes.vlines(at, low, high, color=look.colour, alpha=0.45, linewidth=2.2, zorder=2)


def _leave_bands_out(axes: Axes) -> None:
    """A log axis is as long as the lines need: a band may go down to 0."""
    drawn = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines] or [np.ones(1)])
    axes.set_ylim(0.5 * drawn.min(), 2 * drawn.max())


def _stride_gap(axes: Axes, rows: pd.DataFrame, look: Look) -> list[str]:
    """Stride's KL on the log axis of the bounds: three decades below the least of these it is an arrow at the edge."""
    lowest = min(float(line.get_ydata().min()) for line in axes.lines) if axes.lines else 1.0  # type: ignore[union-attr]
    floor = 1e-3 * lowest
    known = rows[(rows["low"] > 0) & (rows["value"] > floor)]
    _curve(axes, known, look, "fixed", log=True)
    notes = ["stride: estimates of TER and KL(q||p), not bounds."]
    if len(known) < len(rows):
        rest = rows.drop(known.index)
        limits = np.maximum(rest["high"].to_numpy(float), floor)
        hollow: dict[str, Any] = {"linestyle": "none", "color": look.colour, "markerfacecolor": "white"}
        axes.plot(rest["steps"], limits, marker=look.marker, **hollow)
        for place, limit in zip(rest["steps"], limits, strict=True):
            arrow = {"arrowstyle": "<|-,head_width=0.12,head_length=0.25", "color": look.colour, "shrinkB": 2.5}
            drawn = axes.annotate("", (place, limit), (0, -14), textcoords="offset points", arrowprops=arrow)
            drawn.set_in_layout(False)
        axes.set_ylim(bottom=0.12 * limits.min())
        notes.append("Hollow marks with an arrow: stride's KL is below the mark, and may be 0.")
    return notes


def _scale_steps(axes: Axes, steps: list[int]) -> None:
    axes.set_xlabel(X_LABELS["steps"])
    axes.set_xscale("log", base=2)
    every = -(-len(steps) // 8)
    axes.xaxis.set_major_locator(FixedLocator(steps[::-1][::every][::-1]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    if len(steps) == 1:
        axes.set_xlim(steps[0] / 2, steps[0] * 2)


def _legend(figure: Figure, palette: dict[str, Look], frame: pd.DataFrame) -> None:
    kinds = _kinds(frame)
    # Where both are of one kind the axes say which.
    apart = {law: f": {kind}" for law, kind in kinds.items()}
    said = apart if len(set(kinds.values())) > 1 else {"fixed": "", "ancestral": " (i.i.d. steps)"}
    handles: list[Any] = [
        Line2D([], [], color=look.colour, marker=look.marker, markeredgecolor="white", label=_label(name))
        for name, look in palette.items()
    ]
    handles += [
        Line2D([], [], color="0.3", linestyle=_LAWS["fixed"], label=f"fixed sizes{said['fixed']}"),
        Line2D([], [], color="0.3", linestyle=_LAWS["ancestral"], lw=1.0, label=f"ancestral{said['ancestral']}"),
    ]
    levels = sorted({each for each in frame["level"][np.isfinite(frame["low"])] if each < 1})
    if levels:
        handles.append(Patch(color="0.5", alpha=0.3, linewidth=0, label=f"{100 * levels[0]:g} % interval"))
    elif (frame["low"] < frame["high"])[frame["sampler"] == "fixed"].any():
        handles.append(Patch(color="0.5", alpha=0.3, linewidth=0, label="least to most (no level)"))
    figure.legend(handles=handles, loc="outside upper center", ncols=4, handlelength=2.8, columnspacing=1.2)


def _label(name: str) -> str:
    return _LABELS.get(name, "stride (a chosen order)" if name == "stride" else name)


def _caption(frame: pd.DataFrame, about: dict[str, str], notes: list[str]) -> str:
    """What the figure holds for: that of the table, without what is plain from the axes."""
    told = {key: text for key, text in about.items() if key in _TOLD}
    first = f"{frame['source'].iloc[0]}, length {frame['length'].iloc[0]}. "
    rest = [f"{key}: {text}." for key, text in told.items()]
    beside = [] if len(frame[frame["sampler"] == "stride"]) else [f"stride: {about['stride']}."]
    order = about["order"]
    gap = "Gap: above one token a step."
    return first + " ".join([f"{order[0].upper()}{order[1:]}.", gap, *rest, *beside, *notes])
