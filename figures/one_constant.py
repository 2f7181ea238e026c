"""SER against steps, and what the first-order constant of each language predicts, with nothing fitted.

mdmtheory sweep experiments/one_constant.toml && python figures/one_constant.py [FILE.png|svg|pdf]
"""

import sys
from dataclasses import replace

import numpy as np
from matplotlib.lines import Line2D

import mdmtheory as mt
from mdmtheory.plots import Picture, figure_style, looks, save_figure
from mdmtheory.plots.drawn import drawn_metric, metric_rows
from mdmtheory.plots.picture import bar_handle, handle
from mdmtheory.plots.series import Scale, Series, draw, scale_x
from mdmtheory.plots.words import X_LABELS, said_of

LANGUAGES = ("hmm", "ngram:order=2", "ngram:order=3")


def main(out: str = "results/one_constant.pdf", store: str = "results/one_constant.sqlite") -> None:
    found = metric_rows(mt.read(store), "ser")
    look = looks("language", LANGUAGES)
    length, count = int(found["length"].iloc[0]), int(found["count"].min())
    drawn, handles = [], []
    with figure_style():
        picture = Picture(4.6, 3.6)
        [axes] = picture.grid(1, 1)
        for language in LANGUAGES:
            rows, style = found[found["language"] == language].sort_values("steps"), look[language]
            constant = mt.exact.first_order(mt.as_language(language), length, count=4000)
            steps = np.geomspace(rows["steps"].min(), rows["steps"].max(), 200)
            low, law, high = (-np.expm1(-each / steps) for each in (constant.low, constant.value, constant.high))
            axes.plot(steps, law, color=style.colour, linestyle=style.dashes, linewidth=1.0, zorder=2)
            axes.fill_between(steps, low, high, color=style.colour, alpha=0.3, linewidth=0)
            half = "" if constant.kind == "exact" else f" ± {(constant.high - constant.low) / 2:.0f}"
            places = 1 if constant.kind == "exact" else 0
            label = f"{said_of('language', language)}: $C$ = {constant.value:.{places}f}{half} ({constant.kind})"
            drawn.append(Series.of(label, replace(style, dashes="none"), rows, "steps"))
            handles.append(handle(style, label))
        scale = Scale.of(drawn, from_zero=True, log=True, probability=True)
        scale.on(axes)
        scale_x(axes, found["steps"].astype(float), log=True, inches=3.8)
        for each in drawn:
            draw(axes, each, scale)
        axes.set(xlabel=f"{X_LABELS['steps']} (ancestral, linear, $L$ = {length})", ylabel=drawn_metric("ser").label)
        handles.append(Line2D([], [], color="0.3", linewidth=1.0, label="lines: 1 − exp(−$C/N$)"))
        note = f"Marks: {count:,} sequences or more each. Lines: 1 − exp(−C/N) with C of first order, nothing fitted."
        picture.explain([*handles, bar_handle([0.95])], [note])
    save_figure(picture, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
