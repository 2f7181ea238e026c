"""The figures of 2502.09622 with trained networks and, beside them, the exact posterior that they should have learned.

`python experiments/trained.py steps` trains and measures; what it found is in experiments/feng2025.csv, and

python figures/feng2025.py [FILE.png|svg|pdf] [ROWS.csv] [LENGTH]

draws it: excess of TER and SER against steps, and beside FILE, as FILE_length, SER against length. Rows of another
length, as from a larger machine, have the same columns.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from mdmtheory.plots import Picture, figure_style, looks, save_figure
from mdmtheory.plots.drawn import drawn_metric, metric_rows
from mdmtheory.plots.picture import bar_handle, handle, say_once
from mdmtheory.plots.series import Scale, Series, draw_all, scale_x, strip_note
from mdmtheory.plots.style import DASHES, Look
from mdmtheory.plots.words import X_LABELS

ROWS = Path(__file__).parents[1] / "experiments" / "feng2025.csv"
LANGUAGES = {"ngram:order=2": "2-gram", "ngram:order=3": "3-gram", "ngram:order=4": "4-gram", "hmm": "HMM"}
"""How the language of a panel begins, and its title."""

ORACLE, TRAINED = "exact posterior, random order", "trained network, random order"
EXACT_AR, AR = "exact, left to right (0)", "trained network, left to right"
LOOKS = {
    ORACLE: looks("sampler", ["ancestral"])["ancestral"],
    TRAINED: Look("#d55e00", "D", DASHES[1]),
    EXACT_AR: looks("sampler", ["ar"])["ar"],
    AR: Look("#b05bc8", "s", DASHES[3]),
}
LIMIT = Look("#d55e00", dashes=DASHES[2])
"""What learning alone makes of a trained network."""


def curve(rows: pd.DataFrame, name: str, x: str = "steps") -> Series:
    """Its rows against steps or length; the network that goes from left to right has no steps, and is a level."""
    return Series.of(name, LOOKS[name], rows.sort_values(x), x, least=1e-9)


def curves(rows: pd.DataFrame, x: str = "steps") -> list[Series]:
    """Of one metric, language and length (or of one rule of steps): the exact posterior, and what was trained."""
    masked, oracle = rows["model"] == "masked", rows["denoiser"] == "oracle"
    own = {ORACLE: rows[masked & oracle], TRAINED: rows[masked & ~oracle], AR: rows[~masked]}
    return [curve(each, name, x) for name, each in own.items() if len(each)]


def exact_from_left_to_right() -> Series:
    """The exact conditionals make p = q: no excess and no error, a level at 0."""
    nothing = np.zeros(1)
    return Series(EXACT_AR, LOOKS[EXACT_AR], nothing + np.nan, nothing, nothing, nothing, "exact", flat=True)


def number(rows: pd.DataFrame, metric: str) -> float:
    """Of the masked network."""
    return float(rows[(rows["metric"] == metric) & (rows["model"] == "masked")]["value"].iloc[0])


def against_steps(frame: pd.DataFrame, length: int) -> Picture:
    """Excess of TER above, SER below, a column for each language."""
    there = frame[frame["length"] == length]
    if there.empty:
        raise SystemExit(
            f"no rows of length {length}; the lengths here: {', '.join(map(str, frame['length'].unique()))}"
        )
    there = pd.concat([there, beyond(there)])
    panels = {title: there[there["language"].str.startswith(begin)] for begin, title in LANGUAGES.items()}
    panels = {title: own for title, own in panels.items() if len(own)}
    metrics = {name: drawn_metric(name) for name in ("ter_ratio", "ser")}
    drawn = {
        (name, title): curves(excess(metric_rows(own, name)) if name == "ter_ratio" else metric_rows(own, name))
        for name in metrics
        for title, own in panels.items()
    }
    for each in drawn.values():
        each.append(exact_from_left_to_right())
    with figure_style():
        picture = Picture(7.0, 4.4)
        cells = picture.grid(2, len(panels))
        for axes, ((name, title), every) in zip(cells, drawn.items(), strict=True):
            scale = Scale.of(
                [each for (metric, _), own in drawn.items() if metric == name for each in own],
                from_zero=True,
                log=True,
                probability=name == "ser",
            )
            scale.on(axes)
            scale_x(axes, panels[title]["steps"].dropna(), log=True, inches=1.35)
            limit(axes, panels[title], every, name, length)
            draw_all(axes, every, scale, list(LOOKS))
            axes.set_xlabel(X_LABELS["steps"])
            axes.set_ylabel("TER($p$) / TER($q$) − 1" if name == "ter_ratio" else metrics[name].label)
            axes.set_title(f"{title}, $L$ = {length}" if name == "ter_ratio" else "")
        say_once(cells, len(panels))
        sampled = [each for own in drawn.values() for each in own if each.label != EXACT_AR]
        note = (
            "Networks were taught by the exact posterior. TER of random order: upper bounds (means over plans). "
            "Shaded: 0, where the exact model from left to right is. Dotted: what learning alone costs, exp(ε) − 1, "
            "and of SER 1 − (1 − SER) exp(−Lz), with the exact posterior's SER."
        )
        picture.explain(entries(LOOKS), [note, strip_note(sampled)])
    return picture


def beyond(rows: pd.DataFrame) -> pd.DataFrame:
    """TER(p)/TER(q) of the exact posterior where it was not swept: what budgets of networks found of factorisation."""
    swept = rows[(rows["denoiser"] == "oracle") & (rows["metric"] == "ter_ratio")]["steps"].max()
    found = rows[(rows["metric"] == "factorisation") & (rows["steps"] > swept)]
    ratios = {end: np.exp(found[end]) for end in ("value", "low", "high")}
    return found.assign(metric="ter_ratio", denoiser="oracle", kind="upper bound", **ratios)


def excess(ratios: pd.DataFrame) -> pd.DataFrame:
    """TER(p)/TER(q) - 1."""
    return ratios.assign(**{end: ratios[end] - 1 for end in ("value", "low", "high")})


def limit(axes: Axes, own: pd.DataFrame, every: list[Series], name: str, length: int) -> None:
    """What learning alone costs: a level of TER, and of SER what z adds to the exact posterior's."""
    line = {"color": LIMIT.colour, "linestyle": LIMIT.dashes, "linewidth": 0.9, "zorder": 1.5}
    if name == "ter_ratio":
        axes.axhline(np.expm1(number(own, "learning_error")), **line)
        return
    [exact] = [each for each in every if each.label == ORACLE]
    axes.plot(exact.x, 1 - (1 - exact.value) * np.exp(-length * number(own, "z")), **line)


def against_length(frame: pd.DataFrame) -> Picture:
    """SER with N tied to L, a panel for each rule."""
    language = "ngram:order=2"
    there = frame[frame["language"].str.startswith(language) & (frame["model"] == "masked")]
    ser, z = metric_rows(there, "ser"), there[there["metric"] == "z"].set_index("length")["value"]
    with figure_style():
        picture = Picture(5.6, 2.8)
        panels = picture.grid(1, 2)
        for axes, (rule, said) in zip(panels, {0.25: "$N$ = $L$/4", 4.0: "$N$ = 4$L$"}.items(), strict=True):
            every = curves(ser[ser["steps"] == rule * ser["length"]], "length")
            scale = Scale.of(every, from_zero=True, log=False, probability=True)
            scale.on(axes)
            scale_x(axes, every[0].x, log=True, inches=2.0)
            exact = every[0]
            expected = 1 - (1 - exact.value) * np.exp(-exact.x * z.loc[exact.x.astype(int)].to_numpy())
            axes.plot(exact.x, expected, color=LIMIT.colour, linestyle=LIMIT.dashes, linewidth=0.9, zorder=1.5)
            draw_all(axes, every, scale)
            axes.set(xlabel=X_LABELS["length"], ylabel=drawn_metric("ser").label)
            axes.set_title(f"{LANGUAGES[language]}, {said}")
        say_once(panels, 2)
        note = (
            "A network for each length, of the same size and tokens. Dotted: 1 − (1 − SER) exp(−Lz) of the exact SER."
        )
        picture.explain(entries([ORACLE, TRAINED]), [note])
    return picture


def entries(names: Iterable[str]) -> list[Line2D]:
    """Of a legend."""
    dotted = handle(replace(LIMIT), "what learning alone adds", mark=False)
    return [
        *(handle(LOOKS[name], name, mark=name not in (AR, EXACT_AR)) for name in names),
        dotted,
        bar_handle([], "bars, bands: 95 % interval"),
    ]


def main(out: str = "results/feng2025.pdf", rows: str = str(ROWS), length: str = "64") -> None:
    frame, target = pd.read_csv(rows), Path(out)
    save_figure(against_steps(frame, int(length)), target)
    if frame[frame["model"] == "masked"]["length"].nunique() > 1:
        save_figure(against_length(frame), target.with_stem(f"{target.stem}_length"))


if __name__ == "__main__":
    main(*sys.argv[1:])
