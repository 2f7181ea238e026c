"""Does the ranking of samplers turn where the network errs? Against learning error: right sequences, nats, z, entropy.

python figures/learned_ranking.py [FILE.png|svg|pdf] [ROWS.csv]      # from experiments/learned.csv, which is committed
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

import mdmtheory as mt
from mdmtheory.plots import Picture, figure_style, looks, save_figure
from mdmtheory.plots.picture import bar_handle, handle, say_once
from mdmtheory.plots.series import level_line, plain
from mdmtheory.plots.style import Look
from mdmtheory.plots.words import said_of

ROWS = Path(__file__).parents[1] / "experiments" / "learned.csv"
PANELS = (("ngram:order=2", 16), ("ngram:order=2", 64), ("hmm", 16), ("copy:distance=16", 16))
NAMES = {"ngram:order=2": "2-gram", "hmm": "HMM", "copy:distance=16": "copy"}
RANDOM = "fixed"
SAMPLERS = (RANDOM, "confidence", "entropy", "draw_confidence", "stride")
EVEN = ("copy:distance=16",)
"""Languages whose right sequences are equally likely, so that none can be preferred."""
LENGTH = 64
LEAST = 1e-4
"""Where the oracle stands on the axis of learning errors, left of all that errs."""
FEWEST, MOST = 0.002, 40.0
"""The ends of the first row: right sequences beside those of random order."""


@dataclass(frozen=True)
class Ends:
    """A number with its interval."""

    value: float
    low: float
    high: float


Points = list[tuple[float, Ends]]
"""Numbers by learning error."""


def ratio(a: Ends, b: Ends) -> Ends:
    """a / b of independent estimates, its logarithm's interval from those of both (MOVER, Zou and Donner 2008).

    Infinite where b is 0, and then at least the least of a over the most of b.
    """
    if b.value <= 0:
        return Ends(math.inf, a.low / b.high, math.inf) if a.low > 0 else Ends(math.nan, math.nan, math.nan)
    with np.errstate(divide="ignore"):
        (x, lx, ux), (y, ly, uy) = (np.log(np.maximum([e.value, e.low, e.high], 0)) for e in (a, b))
    if a.value <= 0:
        return Ends(0.0, 0.0, math.exp(ux - y + (y - ly)))
    return Ends(*(math.exp(x - y + d) for d in (0.0, -math.hypot(x - lx, uy - y), math.hypot(ux - x, y - ly))))


def turn(points: Points) -> tuple[float | None, float | None]:
    """Up to which learning error fewer sequences are right than in random order, and from which more; None for never.

    By intervals that leave 1 out. What lies between is where the ranking turns, if it does.
    """
    worse = [error for error, each in points if each.high < 1]
    better = [error for error, each in points if each.low > 1]
    return max(worse, default=None), min(better, default=None)


def read(path: str | Path) -> pd.DataFrame:
    """The rows, each with the learning error of its denoiser: 0 of the oracle."""
    frame = pd.read_csv(path)
    errors = frame[frame["metric"] == "learning_error"].set_index(["language", "denoiser"])["value"]
    keys = list(zip(frame["language"], frame["denoiser"], strict=True))
    return frame.assign(error=[0.0 if name == "oracle" else errors.get((lang, name), math.nan) for lang, name in keys])


def points(frame: pd.DataFrame, sampler: str, metric: str) -> Points:
    """Learning errors and numbers of a sampler, by learning error."""
    own = frame[(frame["sampler"] == sampler) & (frame["metric"] == metric) & frame["value"].notna()]
    own = own.sort_values("error")
    return [
        (float(error), Ends(float(value), float(low), float(high)))
        for error, value, low, high in zip(own["error"], own["value"], own["low"], own["high"], strict=True)
    ]


def right(found: Points) -> Points:
    """1 - SER."""
    return [(error, Ends(1 - each.value, 1 - each.high, 1 - each.low)) for error, each in found]


def beside(found: Points, random: Points) -> Points:
    """Over random order with the same denoiser, where both are known."""
    known = dict(random)
    pairs = [(error, ratio(each, known[error])) for error, each in found if error in known]
    return [(error, each) for error, each in pairs if not math.isnan(each.value)]


def nats(frame: pd.DataFrame, sampler: str) -> list[tuple[float, Ends, float]]:
    """KL(q || p given the order) in nats a sequence, and what of it is factorisation."""
    parts = dict(points(frame, sampler, "factorisation"))
    found = []
    for error, each in points(frame, sampler, "visited_error"):
        if error not in parts:
            continue
        part = max(parts[error].value, 0.0)
        low, high = LENGTH * (each.low - each.value), LENGTH * (each.high - each.value)
        low, high = (
            math.hypot(a, b - parts[error].value) for a, b in ((low, parts[error].low), (high, parts[error].high))
        )
        total = LENGTH * each.value + part
        found.append((error, Ends(total, max(total - low, 0.0), total + high), part))
    return found


def excess(frame: pd.DataFrame, language: str, sampler: str) -> Points:
    """Cross-entropy of right sequences above H(q)/L, nats a token."""
    own = mt.as_language(language).entropy(LENGTH).value / LENGTH
    found = points(frame, sampler, "cross_entropy")
    return [(error, Ends(each.value - own, each.low - own, each.high - own)) for error, each in found]


def place(error: float) -> float:
    return max(error, LEAST)


def draw(
    axes: Axes,
    found: Points,
    look: Look,
    *,
    bottom: float = -math.inf,
    top: float = math.inf,
    pale: bool = False,
) -> None:
    """One line, with bars, within `bottom` and `top`; a denoiser that errs evenly is pale."""
    if not found:
        return
    x = [place(error) for error, _ in found]
    value, low, high = (np.array([getattr(each, end) for _, each in found]) for end in ("value", "low", "high"))
    shown, low, high = (np.clip(each, bottom, top) for each in (value, low, high))
    style = {"alpha": 0.4, "linewidth": 0.8} if pale else {}
    marks = {**look.marks(hollow=pale), **({"markersize": 3} if pale else {})}
    axes.vlines(x, low, high, color=look.colour, linewidth=0.8, alpha=0.35 if pale else 0.75)
    axes.plot(x, shown, linestyle=look.dashes, **{**marks, **style}, zorder=2 if pale else 3, clip_on=False)


def mark_turn(axes: Axes, found: Points, look: Look) -> None:
    """Between which learning errors drawn confidence comes to be better than random order, above the panel in words."""
    worse, better = turn(found)
    if better is None:
        return
    said = f"drawn: better from {better:.2g}"
    if worse is not None:
        ends = [place(worse), place(better)]
        axes.plot(ends, [1.0, 1.0], color=look.colour, linewidth=5, alpha=0.3, solid_capstyle="butt", zorder=1)
        said = f"drawn: turns at {worse:.2g} to {better:.2g}"
    axes.text(0.0, 1.02, said, transform=axes.transAxes, va="bottom", fontsize=7, color=look.colour, in_layout=False)


def scale_errors(axes: Axes, largest: float) -> None:
    """Decades, and the oracle at the left, where a shade says that the axis breaks."""
    axes.set_xscale("log")
    axes.set_xlim(LEAST / 1.6, largest * 1.6)
    axes.axvspan(LEAST / 1.6, LEAST * 1.7, color="0.94", linewidth=0, zorder=0)
    axes.xaxis.set_major_locator(FixedLocator([LEAST, 1e-3, 1e-2, 1e-1]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: "0" if at <= LEAST else plain(at)))
    axes.xaxis.set_minor_locator(NullLocator())


def scale_parts(axes: Axes, low: float, high: float) -> None:
    """Decades, or 1, 2 and 5 of them."""
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    wide = high > 50 * low
    ticks = [a * 10.0**b for b in range(-4, 4) for a in ((1,) if wide else (1, 2, 5)) if low <= a * 10.0**b <= high]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda at, _: plain(at)))
    axes.yaxis.set_minor_locator(NullLocator())


LABELS = (
    "right sequences over\nthose of random order",
    "KL($q$‖$p$) given the order\n(nats a sequence)",
    "$z$ where it asks, over\n$z$ where random order does",
    "cross-entropy of right ones\nabove $H(q)/L$ (nats a token)",
)


def main(out: str = "results/learned_ranking.pdf", rows: str | Path = ROWS) -> None:
    every = read(rows)
    look = looks("sampler", list(SAMPLERS))
    said: list[str] = []
    largest = float(every["error"].max())
    with figure_style():
        picture = Picture(8.6, 8.4)
        cells = picture.grid(len(LABELS), len(PANELS))
        for column, (language, steps) in enumerate(PANELS):
            own = every[(every["language"] == language) & (every["steps"] == steps)]
            even = own["denoiser"].str.startswith("perturbed")
            oracle, trained, evenly = own["denoiser"] == "oracle", own[~even], own[even]
            top, costs, where, price = (cells[row * len(PANELS) + column] for row in range(len(LABELS)))
            top.set_title(f"{NAMES[language]}, $N$ = {steps}", pad=15)
            random = right(points(trained, RANDOM, "ser"))
            for sampler in SAMPLERS:
                found = beside(right(points(trained, sampler, "ser")), random)
                if sampler != RANDOM:
                    draw(top, found, look[sampler], bottom=FEWEST, top=MOST)
                    if sampler == "draw_confidence":
                        mark_turn(top, found, look[sampler])
                    control = beside(right(points(evenly, sampler, "ser")), right(points(evenly, RANDOM, "ser")))
                    draw(top, control, look[sampler], bottom=FEWEST, top=MOST, pale=True)
                    # Where z is 0, as of tokens that nothing was revealed of, there is nothing to go by.
                    masses = beside(points(trained, sampler, "visited_mass"), points(trained, RANDOM, "visited_mass"))
                    draw(
                        where,
                        [(error, each) for error, each in masses if each.value],
                        look[sampler],
                        bottom=0.4,
                        top=2.2,
                    )
                    said.append(sentence(sampler, language, steps, found))
                if language not in EVEN:
                    draw(price, excess(trained, language, sampler), look[sampler])
                whole = nats(own[~even & ~oracle], sampler)
                draw(costs, [(error, each) for error, each, _ in whole], look[sampler], bottom=5e-3, top=100)
                if steps < LENGTH:
                    at = [place(error) for error, _, _ in whole]
                    costs.plot(
                        at,
                        [max(part, 5e-3) for _, _, part in whole],
                        color=look[sampler].colour,
                        linewidth=0.7,
                        alpha=0.6,
                    )
            scale_parts(top, FEWEST, MOST)
            scale_parts(costs, 5e-3, 100)
            scale_parts(where, 0.2, 2.2)
            for axes in (top, where):
                level_line(axes, 1.0)
            level_line(price, 0.0)
            if language in EVEN:
                price.set_ylim(-1, 1)
                price.yaxis.set_major_locator(FixedLocator([0]))
                price.text(0.5, 0.6, "all right sequences\nare equally likely", transform=price.transAxes, ha="center")
            for axes, label in zip((top, costs, where, price), LABELS, strict=True):
                scale_errors(axes, largest)
                axes.set(ylabel=label, xlabel="learning error (nats a token)")
        say_once(cells, len(PANELS))
        handles = [
            handle(look[name], said_of("sampler", name) + (" (random order)" if name == RANDOM else ""))
            for name in SAMPLERS
        ]
        picture.explain([*handles, bar_handle([0.95])], [NOTE, *said])
    save_figure(picture, out)


NOTE = (
    "Masked networks of one architecture a language, trained on ever more tokens; at 0, shaded, the oracle. Pale: the "
    "oracle perturbed evenly, by as many nats at every context. First row, marks at the bottom: no right sequence; at "
    "the top: none of random order, and the bar begins where the ratio may. Broad bar: between these learning errors "
    "the ranking turns, by intervals that leave 1 out. Second row: thin lines are what drawing together costs with the "
    "exact posterior at the same contexts, the rest is what was not learned."
)


def sentence(sampler: str, language: str, steps: int, found: Points) -> str:
    """Where a sampler turns against random order, by intervals."""
    worse, better = turn(found)
    name = f"{sampler} on {NAMES[language]}, N = {steps}:"
    if worse is None and better is None:
        return f"{name} never told from random order."
    if better is None:
        return f"{name} worse up to {worse:.2g} nats, never better."
    if worse is None or worse < better:
        return f"{name} better from {better:.2g} nats" + (
            ", never worse." if worse is None else f", worse up to {worse:.2g}."
        )
    return f"{name} both better (from {better:.2g} nats) and worse (up to {worse:.2g})."


if __name__ == "__main__":
    main(*sys.argv[1:])
