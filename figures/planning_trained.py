"""Planning by trained networks over what observers of limited sight can do, from experiments/planning.csv.

Observers are exact, as in figures/planning.py; networks are drawn from, with 95 % intervals, a mark a seed.

python figures/planning_trained.py [FILE.png|svg|pdf]      # seconds
"""

import sys
from pathlib import Path

import pandas as pd

from mdmtheory.plots import Picture, figure_style, looks, save_figure
from mdmtheory.plots.picture import handle, say_once

sys.path.insert(0, str(Path(__file__).parent))
from planning import ORDERS, right  # the orders, and what observers do in them

CSV = Path(__file__).parents[1] / "experiments" / "planning.csv"
SIGHT = 1
TITLES = {"ar": "autoregressive network", "mdm": "masked diffusion", "mgdm": "masked diffusion, MGDM weights"}
APART = 0.12
"""Between the marks of two orders at one distance."""


def lay(axes, nodes, distances, own, look):
    """The exact lines of an observer, and over them a mark for every network, in each order that it was asked in."""
    exact = [right(distance, SIGHT, nodes)[0] for distance in distances]
    for k, order in enumerate(ORDERS):
        colour, some = look[order].colour, own[own["order"] == order]
        if len(some):
            axes.plot(distances, [each[k] for each in exact], color=colour, linewidth=1.0, alpha=0.6, zorder=1)
            ends = [some["value"] - some["low"], some["high"] - some["value"]]
            x = some["distance"] + APART * (k - (len(ORDERS) - 1) / 2)
            axes.errorbar(x, some["value"], ends, linestyle="", elinewidth=0.8, zorder=2, **look[order].marks())


def main(out: str = "results/planning_trained.pdf") -> None:
    frame = pd.read_csv(CSV)
    [nodes], distances, look = frame["nodes"].unique(), sorted(frame["distance"].unique()), looks("sampler", [*ORDERS])
    with figure_style():
        picture = Picture(7.0, 2.4)
        cells = picture.grid(1, len(TITLES))
        for axes, (name, title) in zip(cells, TITLES.items(), strict=True):
            lay(axes, nodes, distances, frame[frame["objective"] == name], look)
            axes.set(xlabel="planning distance", ylabel="P(right way)", title=title, ylim=(-0.04, 1.04))
            axes.set(xticks=distances, xlim=(min(distances) - 0.4, max(distances) + 0.4))
        say_once(cells, len(TITLES))
        tokens, seeds, ways = frame["tokens"].max() / 1e6, frame["seed"].nunique(), frame["count"].min()
        notes = [
            f"path of {nodes} nodes, one token a call. Marks: networks of 2 layers after {tokens:.0f} million tokens, "
            f"one for each of {seeds} seeds; {ways:,} ways each, 95 % intervals. Lines: the observer who sees {SIGHT} "
            "edge, exact."
        ]
        picture.explain([handle(look[name], label) for name, label in ORDERS.items()], notes)
    save_figure(picture, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
