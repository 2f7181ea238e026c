"""AntiBERTy on simulated heavy chains: losses by mask ratio, prices of rules, and what residues say at a distance.

python figures/antibody.py [FILE.png|svg|pdf]      # from experiments/antibody_*.csv
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from mdmtheory.plots import Picture, figure_style, looks, save_figure
from mdmtheory.plots.style import REFERENCE
from mdmtheory.plots.words import said_of

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
RESIDUES = 20


def main(out: str = "results/antibody.pdf") -> None:
    losses, prices, distances = (
        pd.read_csv(EXPERIMENTS / f"antibody_{name}.csv", comment="#") for name in ("losses", "prices", "distances")
    )
    with figure_style():
        picture = Picture(7.0, 2.6)
        left, middle, right = picture.subplots(1, 3)
        _losses(left, losses)
        _prices(middle, prices)
        _distances(right, distances)
        picture.caption = (
            "AntiBERTy on simulated human heavy chains of 121 residues; bars are 95 % intervals of independent chains. "
            "Left: the loss of a masked residue, which at mask ratio 1 exceeds log 20, what knowing nothing costs. "
            "Middle: nats a residue of decoding rules by exact replay; of ancestral steps an upper bound, of one "
            "random plan a chain. Right: what one residue says of another at a "
            "distance, any number of the others revealed; hollow: two chains carry the mean, which has no interval."
        )
        save_figure(picture, out)


def _losses(axes, frame):
    half = 1.96 * frame["stderr"]
    axes.errorbar(frame["mask_ratio"], frame["loss"], half, color="black", marker="o", markersize=3, linewidth=1)
    axes.axhline(np.log(RESIDUES), color=REFERENCE, linewidth=0.8)
    axes.annotate("log 20", (0.02, np.log(RESIDUES)), xytext=(0, 2), textcoords="offset points", fontsize="small")
    axes.set(xlabel="mask ratio", ylabel="loss, nats a masked residue", xlim=(0, 1.05), ylim=(0, None))


def _prices(axes, frame):
    rules = list(dict.fromkeys(frame["rule"]))
    look = looks("sampler", rules)
    for place, rule in enumerate(rules):
        own = frame[frame["rule"] == rule]
        ends = np.abs(np.stack([own["nats"] - own["low"], own["high"] - own["nats"]]))
        label = f"{said_of('sampler', rule)}{' (≤)' if (own['kind'] == 'upper bound').all() else ''}"
        at = own["steps"] * 1.04 ** (place - 1)
        style = {"color": look[rule].colour, "marker": look[rule].marker, "markersize": 4, "linewidth": 1}
        axes.errorbar(at, own["nats"], ends, label=label, **style)
    steps = sorted(set(frame["steps"]))
    axes.set(xlabel="steps", ylabel="price, nats a residue", xscale="log", ylim=(0, None))
    axes.set_xticks(steps, [str(each) for each in steps])
    axes.minorticks_off()
    axes.legend(fontsize="x-small", loc="lower left", frameon=False)


def _distances(axes, frame):
    ends = np.abs(np.stack([frame["nats"] - frame["low"], frame["high"] - frame["nats"]]))
    axes.errorbar(frame["distance"], frame["nats"], ends, color="black", marker="o", markersize=3, linewidth=1)
    carried = frame[~np.isfinite(frame["high"])]
    style = {"markersize": 5, "color": "black", "markerfacecolor": "white", "markeredgecolor": "black"}
    axes.plot(carried["distance"], carried["nats"], "o", markeredgewidth=1, zorder=5, **style)
    axes.axhline(0, color=REFERENCE, linewidth=0.8)
    axes.set(xlabel="residues apart", ylabel="said of the other, nats", xscale="log")
    axes.set_xticks([1, 4, 16, 64], ["1", "4", "16", "64"])
    axes.minorticks_off()


if __name__ == "__main__":
    main(*sys.argv[1:])
