"""Tasks of many right answers: -log(1 - SER) N/L against steps for six orders; the linear law of random order is level.

mdmtheory sweep experiments/reasoning.toml && python experiments/reasoning.py rows      # writes reasoning.csv
python figures/tasks.py [FILE.png|svg|pdf]
"""

import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from mdmtheory.plots import Picture, figure_style, looks, save_figure
from mdmtheory.plots.picture import bar_handle, handle, say_once
from mdmtheory.plots.series import Scale, Series, draw_all, scale_x, strip_note
from mdmtheory.plots.style import REFERENCE
from mdmtheory.plots.words import X_LABELS, said_of

EXPERIMENT = Path(__file__).parents[1] / "experiments" / "reasoning.py"
TASKS = {
    "lists:kind=replace": "replace",
    "lists:kind=shuffle": "shuffle",
    "finite:most=4": "sum of two",
    "sat:variables=9": "3-SAT",
    "paths:layers=9": "paths",
    "addition:digits=2,addends=2,given=joint": "addition",
    "sudoku:size=4": "sudoku",
    "latin:size=4": "latin",
    "countdown:numbers=3": "3 numbers",
    "countdown:numbers=4": "4 numbers",
}
"""In the order of panels, with titles."""


def main(out: str = "results/tasks.pdf") -> None:
    told = runpy.run_path(str(EXPERIMENT))
    frame = pd.read_csv(told["ROWS"])
    frame = frame[frame["sampler"].isin(told["SAMPLERS"])]
    sampled, bounds = frame[frame["metric"] == "ser"], frame[frame["metric"] == "kl"]
    shown = told["law"](sampled)
    wrong = ~np.isfinite(shown["value"])
    shown = shown[~wrong].replace({"high": {np.inf: np.nan}})
    look = looks("sampler", told["SAMPLERS"])
    names = {sampler: said_of("sampler", sampler) for sampler in told["SAMPLERS"]}
    with figure_style():
        picture = Picture(7.0, 4.2)
        cells = picture.grid(2, 5)
        drawn = {
            task: [
                Series.of(names[sampler], look[sampler], own.sort_values("steps"), "steps")
                for sampler in told["SAMPLERS"]
                if len(own := shown[(shown["language"] == task) & (shown["sampler"] == sampler)])
            ]
            for task in TASKS
        }
        every = [each for task in drawn.values() for each in task]
        scale = Scale.of(every, from_zero=True, log=True)
        for axes, (task, title) in zip(cells, TASKS.items(), strict=True):
            own = sampled[sampled["language"] == task]
            length = int(own["answered"].iloc[0])
            scale.on(axes)
            scale_x(axes, own["steps"], log=True, inches=1.25)
            axes.axvline(length, color=REFERENCE, linewidth=0.7, linestyle=":", zorder=1)
            bound = bounds[bounds["language"] == task].sort_values("steps")
            axes.plot(bound["steps"], bound["value"] * bound["steps"] / length, **BOUND)
            draw_all(axes, drawn[task], scale, list(names.values()))
            axes.set(xlabel=X_LABELS["steps"], ylabel="−log(1 − SER) · $N$/$L$", title=f"{title}, $L$ = {length}")
        say_once(cells, 5)
        marks = [handle(look[sampler], name) for sampler, name in names.items()]
        lines = [
            Line2D([], [], label="random order: KL($q$‖$p$) · $N$/$L$, which it cannot exceed", **BOUND),
            Line2D([], [], color=REFERENCE, linewidth=0.7, linestyle=":", label="$N$ = $L$"),
        ]
        notes = [
            f"Exact posteriors; {int(sampled['count'].min()):,} sequences or more a mark, prompts drawn afresh. "
            "L is the length of the answer. Level marks are the linear law.",
            f"Not drawn: {wrong.sum()} marks where every sequence was wrong, and bars that end nowhere."
            if wrong.any()
            else "",
            strip_note(every),
        ]
        picture.explain([*marks, *lines, bar_handle([0.95])], notes)
    save_figure(picture, out)


BOUND = {"color": REFERENCE, "linewidth": 0.9, "linestyle": (0, (4, 2)), "zorder": 1.5}
"""How the divergence of random order is drawn."""

if __name__ == "__main__":
    main(*sys.argv[1:])
