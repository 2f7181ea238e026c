"""SER over steps per token at several lengths: the law that random order follows, and what does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.plots.methods import NAMES, curves, languages_of, leaderboard, methods_of, of_metric, require, usual
from mdmtheory.plots.sheet import bars_note, caption, label_of, outer_labels, panels
from mdmtheory.plots.style import REFERENCE, Look, figure_style

COLLAPSE_METHODS = ("ancestral", "stride", "bisection", "gaussian")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_PALEST = 0.55

Rates = Mapping[str, Estimate]


def collapse_figure(frame: pd.DataFrame, rates: Rates | None = None) -> Figure:
    """SER against N/L for random order, stride, bisection and Gaussian noise: a panel a language with the most lengths.

    `rates` gives κ, the first-order constant per token, by language: 1 - exp(-κ L/N) is drawn beside random order. By
    default those of `first_order_rates`. Bisection chooses no N; its rounds stand for it. ValueError without SER of
    `ancestral` at two lengths or more.
    """
    rows = usual(leaderboard(frame))
    found = require(of_metric(rows, "ser"), COLLAPSE_METHODS, "SER against N/L").copy()
    random = require(found, COLLAPSE_METHODS[:1], "SER against N/L")
    most = max(_lengths(random, name) for name in languages_of(random))
    names = [name for name in languages_of(random) if _lengths(random, name) == most]
    if most < 2:
        raise ValueError("SER against N/L: ancestral is there at one length only; sweep several")
    found = found[found["language"].isin(names)]
    steps = found["steps"].astype("Float64").fillna(found["place"])  # a plan without steps takes a call a round
    found["per_token"] = (steps / found["length"]).astype(float)
    lengths = sorted(int(each) for each in found["length"].unique())
    palette = {method: look for method, look in methods_of(found).items() if method in COLLAPSE_METHODS}
    known = first_order_rates(names, max(lengths), frame.attrs.get("digests")) if rates is None else rates
    with figure_style():
        figure, sheet = panels(names, len(palette), height=2.3)
        for name, axes in sheet.items():
            if name in known:
                _law(axes, known[name], found["per_token"])
            for index, length in enumerate(lengths):
                here = found[(found["language"] == name) & (found["length"] == length)]
                for curve in curves(here, palette, "per_token"):
                    colour, marker = _shade(curve.look, index, len(lengths)), _MARKERS[index % len(_MARKERS)]
                    axes.vlines(curve.x, curve.low, curve.high, color=colour, linewidth=0.8)
                    line: dict[str, Any] = {
                        "color": colour,
                        "marker": marker,
                        "linestyle": curve.look.dashes,
                        "linewidth": 0.9,
                    }
                    axes.plot(curve.x, curve.y, **line, markeredgecolor="white", markeredgewidth=0.4, clip_on=False)
            _scales(axes, found["per_token"])
        outer_labels(list(sheet.values()), "steps per token $N/L$", NAMES["ser"])
        _legend(figure, palette, lengths)
        told = [f"{name} {_number(known[name])}" for name in names if name in known]
        notes = [
            f"κ, the first-order constant per token, nothing fitted: {', '.join(told)}." if told else "",
            "Bisection chooses no N: its rounds stand for it." if "bisection" in palette else "",
            bars_note(found),
        ]
        caption(figure, notes)
    return figure


@whole_numbers(length=1)
def first_order_rates(
    languages: list[str], length: int, digests: Mapping[str, str] | None = None
) -> dict[str, Estimate]:
    """κ of each language that has one: in closed form for bigrams that forget, else the constant at `length` over it.

    Languages of which neither is known are left out, and those that no built-in name stands for, or only one of another
    digest.
    """
    from mdmtheory.exact import first_order, kappa
    from mdmtheory.languages.presets import language_named

    found: dict[str, Estimate] = {}
    for name in languages:
        language = language_named(name, (digests or {}).get(name))
        if language is None:
            continue
        try:
            found[name] = kappa(language)
        except ValueError:
            try:
                whole = first_order(language, length, count=2000)
            except ValueError:
                continue
            value, low, high = (each / length for each in (whole.value, whole.low, whole.high))
            found[name] = Estimate(value, low, high, whole.level, whole.kind, whole.count)
    return found


def _law(axes: Axes, rate: Estimate, places: pd.Series[float]) -> None:
    x = np.geomspace(places.min() / 1.2, places.max() * 1.2, 200)
    axes.plot(x, -np.expm1(-rate.value / x), color=REFERENCE, linestyle=(0, (2, 2)), linewidth=1.0, zorder=1)


def _scales(axes: Axes, places: pd.Series[float]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xlim(places.min() / 1.25, places.max() * 1.25)
    powers = np.arange(np.ceil(np.log2(places.min() / 1.25)), np.floor(np.log2(places.max() * 1.25)) + 1)
    axes.xaxis.set_major_locator(FixedLocator(list(2.0 ** powers[:: -(-len(powers) // 7)])))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value >= 1 else f"1/{1 / value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(-0.04, 1.0)
    axes.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))


def _shade(look: Look, index: int, many: int) -> str:
    """The colour of a method, paler at shorter lengths."""
    from matplotlib.colors import to_hex, to_rgb

    pale = _PALEST * (1 - (index + 1) / many)
    red, green, blue = (pale + (1 - pale) * part for part in to_rgb(look.colour))
    return to_hex((red, green, blue))


def _legend(figure: Figure, palette: Mapping[str, Look], lengths: list[int]) -> None:
    handles = [
        Line2D([], [], color=look.colour, linestyle=look.dashes, label=label_of(method))
        for method, look in palette.items()
    ]
    handles.append(Line2D([], [], color=REFERENCE, linestyle=(0, (2, 2)), linewidth=1.0, label="1 − exp(−κ$L/N$)"))
    for index, length in enumerate(lengths):
        shade = f"{_PALEST * (1 - (index + 1) / len(lengths)):.3f}"
        marker = _MARKERS[index % len(_MARKERS)]
        handles.append(Line2D([], [], color=shade, marker=marker, linestyle="none", label=f"$L$ = {length}"))
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 4), handlelength=2.4)


def _lengths(rows: pd.DataFrame, language: str) -> int:
    return int(rows["length"][rows["language"] == language].nunique())


def _number(rate: Estimate) -> str:
    if rate.kind == "exact":
        return f"{rate.value:.3g} (exact)"
    return f"{rate.value:.3g} ± {(rate.high - rate.low) / 2:.1g}"
