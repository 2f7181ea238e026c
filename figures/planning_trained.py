"""Planning by trained networks over what observers of limited sight can do, from experiments/planning.csv.

Observers are exact, as in figures/planning.py; networks are drawn from, with 95 % intervals, a mark a seed.

python figures/planning_trained.py [FILE.png|svg|pdf]      # seconds
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from mdmtheory.plots import Picture, figure_style, looks, save_figure
from mdmtheory.plots.picture import handle, say_once
from mdmtheory.plots.series import Scale, Series, draw_all, scale_x

sys.path.insert(0, str(Path(__file__).parent))
from planning import ORDERS, right  # the orders, and what observers do in them

CSV = Path(__file__).parents[1] / "experiments" / "planning.csv"
SIGHT = 1
TITLES = {"ar": "autoregressive network", "mdm": "masked diffusion", "mgdm": "its MGDM weights"}


def observers(nodes, distances, look):
    """P(right way) of an observer in each order, exact."""
    found = [right(distance, SIGHT, nodes)[0] for distance in distances]
    x = np.array(distances, dtype=float)
    return [
        Series(label, look[order], x, *[np.array([each[k] for each in found])] * 3)
        for k, (order, label) in enumerate(ORDERS.items())
    ]


def networks(frame, look):
    """P(right way) of networks of one objective, a series for each order and seed."""
    return [
        Series.of(ORDERS[order], look[order], own.sort_values("distance"), "distance")
        for (order, _), own in frame.groupby(["order", "seed"], sort=False)
    ]


def main(out: str = "results/planning_trained.pdf") -> None:
    frame = pd.read_csv(CSV)
    [nodes], distances, look = frame["nodes"].unique(), sorted(frame["distance"].unique()), looks("sampler", [*ORDERS])
    panels = {f"sees {SIGHT} edge, exact": observers(nodes, distances, look)}
    panels |= {TITLES[name]: networks(own, look) for name, own in frame.groupby("objective", sort=False)}
    with figure_style():
        picture = Picture(7.0, 2.3)
        cells = picture.grid(1, len(panels))
        scale = Scale.of([each for some in panels.values() for each in some], from_zero=True, log=False)
        for axes, (title, some) in zip(cells, panels.items(), strict=True):
            scale.on(axes)
            scale_x(axes, list(distances), log=False, inches=1.3)
            draw_all(axes, some, scale)
            axes.set(xlabel="planning distance", ylabel="P(right way)", title=title)
        say_once(cells, len(panels))
        seeds = frame["seed"].nunique()
        notes = [
            f"path of {nodes} nodes, one token a call. Networks: {frame['tokens'].max() / 1e6:.0f} million tokens, "
            f"{seeds} seed{'s'[: seeds > 1]}, {frame['count'].min():,} ways each, 95 % intervals."
        ]
        picture.explain([handle(look[name], label) for name, label in ORDERS.items()], notes)
    save_figure(picture, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
