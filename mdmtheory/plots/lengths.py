"""SER over steps per token at several lengths: the law that random order follows, and what does not."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.plots.board import Panel, languages_of, leaderboard, method_words, require, sheet, usual
from mdmtheory.plots.drawn import drawn_metric, metric_rows
from mdmtheory.plots.picture import Picture
from mdmtheory.plots.series import Series
from mdmtheory.plots.style import REFERENCE, Look, shades
from mdmtheory.plots.words import said_of

COLLAPSE_METHODS = ("ancestral", "stride", "gaussian")


def collapse_figure(frame: pd.DataFrame, rates: Mapping[str, Estimate] | None = None) -> Picture:
    """SER against N/L, a row for random order, stride and Gaussian noise, a column a language with the most lengths.

    `rates` gives κ, the first-order constant per token, by language: 1 - exp(-κ L/N) is drawn beside random order. By
    default those of `first_order_rates`. ValueError without SER of `ancestral` at two lengths or more.
    """
    ser = drawn_metric("ser")
    found = require(metric_rows(usual(leaderboard(frame)), "ser"), COLLAPSE_METHODS, "SER against N/L")
    found = found[found["steps"].notna()]
    random = require(found, COLLAPSE_METHODS[:1], "SER against N/L")
    several = random.groupby("language")["length"].nunique()
    if several.max() < 2:
        raise ValueError("SER against N/L: ancestral is there at one length only; sweep several")
    names = [name for name in languages_of(random) if several[name] == several.max()]
    found = found[found["language"].isin(names)]
    found = found.assign(per_token=(found["steps"] / found["length"]).astype(float))
    lengths = sorted(int(each) for each in found["length"].unique())
    look = shades([f"$L$ = {each}" for each in lengths])
    known = first_order_rates(names, max(lengths), frame.attrs.get("digests")) if rates is None else rates
    methods = [each for each in COLLAPSE_METHODS if each in set(found["method"])]
    places = found["per_token"]

    def beside(axes: Axes, law: Estimate | None) -> None:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{at:g}" if at >= 1 else f"1/{1 / at:g}"))
        if law is not None:
            x = np.geomspace(places.min(), places.max(), 200)
            axes.plot(x, -np.expm1(-law.value / x), color=REFERENCE, linestyle=(0, (2, 2)), zorder=4, lw=1)

    panels = [
        Panel(
            f"{said_of('language', name)}, {method_words(method)}",
            ser,
            _series(found, name, method, lengths, look),
            "steps per token $N/L$",
            partial(beside, law=known.get(name) if method == COLLAPSE_METHODS[0] else None),
        )
        for method in methods
        for name in names
    ]
    told = [f"{said_of('language', name)} {_number(known[name])}" for name in names if name in known]
    note = f"κ, the first-order constant per token, nothing fitted: {', '.join(told)}." if told else ""
    law = Line2D([], [], color=REFERENCE, linestyle=(0, (2, 2)), lw=1, label="1 − exp(−κ$L/N$)")
    return sheet(panels, found, [note], columns=len(names), height=1.8, log=False, more=[law] if told else [])


def _series(
    rows: pd.DataFrame, language: str, method: str, lengths: list[int], look: Mapping[str, Look]
) -> list[Series]:
    own = rows[(rows["language"] == language) & (rows["method"] == method)].sort_values("per_token")
    labels = {length: f"$L$ = {length}" for length in lengths if (own["length"] == length).any()}
    return [Series.of(word, look[word], own[own["length"] == n], "per_token") for n, word in labels.items()]


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


def _number(rate: Estimate) -> str:
    if rate.kind == "exact":
        return f"{rate.value:.3g} (exact)"
    return f"{rate.value:.3g} ± {(rate.high - rate.low) / 2:.1g}"
