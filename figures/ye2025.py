"""Trained systems on planning distance, countdown and addition, beside exact observers, from experiments/ye2025.csv.

Ways are of experiments/planning.csv, as in figures/planning_trained.py; networks are drawn from, with 95 % intervals.

python figures/ye2025.py [FILE.png|svg|pdf]      # seconds
"""

import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import mdmtheory as mt
from mdmtheory.core.intervals import clopper_pearson
from mdmtheory.plots import Picture, figure_style, looks, save_figure
from mdmtheory.plots.picture import handle
from mdmtheory.plots.style import REFERENCE

sys.path.insert(0, str(Path(__file__).parent))
from planning import right  # what observers of few edges do

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
SYSTEMS = {
    "ar": "autoregressive",
    "mdm": "masked diffusion",
    "mgdm": "MGDM",
    "d3pm": "D3PM",
    "rdm": "RDM",
    "vdm": "VDM",
    "latent": "latent diffusion",
    "encdec": "encoder-decoder",
}
LOOK = looks("system", list(SYSTEMS))
APART = 0.07
"""Between the marks of two systems at one place."""
ADDENDS = (3, 4, 5)
LATENTS = {"latent": r"$\gamma$ = 5", "latent, adaln_zero, gamma 0.01": r"$\gamma$ = 0.01, adaLN-zero"}
"""The latents that are drawn, one as the paper weighs levels and shows prompts, one as learns best here."""
PROBLEMS = 2000
"""Drawn to say how often the observer of a column is right."""


def shares(frame, of):
    """The share and its interval of rows that count `of`."""
    ends = [clopper_pearson(int(row[of]), int(row["count"]), 0.95) for row in frame[[of, "count"]].to_dict("records")]
    value = (frame[of] / frame["count"]).to_numpy(float)
    low, high = np.array(ends).reshape(-1, 2).T
    return value, np.stack([value - low, high - value])


def marks(axes, system, x, value, ends, beside=()):
    """A system's numbers with their intervals, beside those of the others of a panel; with no others a line."""
    place = APART * (list(beside).index(system) - (len(beside) - 1) / 2) if len(beside) else 0.0
    style = LOOK[system].marks()
    axes.errorbar(np.asarray(x, float) + place, value, ends, linestyle="", elinewidth=0.8, **style)
    if not len(beside):
        axes.plot(x, value, color=LOOK[system].colour, linewidth=0.9, alpha=0.8)


def reference(axes, x, value, said, where):
    """What an exact observer does, said at its line."""
    axes.plot(x, value, color=REFERENCE, linewidth=1.0, zorder=0)
    axes.annotate(said, where, fontsize=6, color=REFERENCE, xytext=(0, 2), textcoords="offset points", ha="center")


def ways(axes):
    """P(right way) by planning distance, a mark for each seed: three of those of planning.csv, one of the others."""
    frame = pd.read_csv(EXPERIMENTS / "planning.csv")
    [nodes], distances = frame["nodes"].unique(), sorted(frame["distance"].unique())
    axes.set_xlim(distances[0] - 0.3, distances[-1] + 0.3)
    observed = [right(distance, 1, nodes)[0] for distance in distances]
    reference(axes, distances, [each[0] for each in observed], "sees 1 edge, left to right", (2.35, 0.4))
    reference(axes, distances, [each[2] for each in observed], "sees 1 edge, easy first", (1.5, 1.0))
    orders = {"ar": "left_to_right", "mdm": "confidence", "mgdm": "confidence"}
    others = {"d3pm": "its own steps", "rdm": "top-k", "vdm": "its own steps"}
    drawn, systems = pd.read_csv(EXPERIMENTS / "ye2025.csv").query("part == 'path'"), [*orders, *others]
    for system, order in orders.items():
        own = frame[(frame["objective"] == system) & (frame["order"] == order)]
        ends = np.stack([own["value"] - own["low"], own["high"] - own["value"]])
        marks(axes, system, own["distance"], own["value"], ends, systems)
    for system, order in others.items():
        own = drawn[(drawn["system"] == system) & (drawn["order"] == order)]
        marks(axes, system, own["language"].str[-1].astype(int), *shares(own, "right"), systems)
    axes.set(xlabel="planning distance", ylabel="P(right way)", title=f"path of {nodes} nodes", xticks=distances)


BEST = {"ar": "left to right", "d3pm": "its own steps", "vdm": "its own steps"}
"""The order that a system is drawn in; of the others the easiest tokens first."""
NUMBERS = (2, 3)


def countdown(axes):
    """P(right) by how many numbers are given, and of the exact posterior."""
    frame = pd.read_csv(EXPERIMENTS / "ye2025.csv").query("part == 'countdown' and seed == 0")
    systems = list(frame["system"].unique())
    for system, own in frame.groupby("system", sort=False):
        own = own[own["order"] == BEST.get(system, "easy first")]
        marks(axes, system, own["language"].str.extract(r"numbers=(\d)").astype(int)[0], *shares(own, "right"), systems)
    reference(axes, NUMBERS, [1.0] * len(NUMBERS), "exact posterior", (2.5, 1.0))
    axes.set(xlabel="numbers to 9", ylabel="P(right)", title="countdown", xticks=NUMBERS, xlim=(1.6, 3.4))


def one_column(addends):
    """How often who sees a column alone has the right sum, from left to right."""
    task = mt.as_language(f"addition:digits=1,addends={addends}")
    rows = task.sample(PROBLEMS, task.length, 0)
    observer, chance = mt.Carry(task, columns=0), np.ones(PROBLEMS)
    for place in np.flatnonzero(~task.given):
        seen = np.where(np.arange(task.length) < place, rows, task.vocab_size)
        chance *= observer.conditionals(seen)[np.arange(PROBLEMS), place, rows[:, place]]
    return chance.mean()


def addition(axes):
    """P(right sum), written first, by addends."""
    program = runpy.run_path(str(EXPERIMENTS / "ye2025.py"))
    frame = pd.read_csv(program["CSV"])
    frame = frame[(frame["part"] == "first") & frame["language"].str.startswith("addition:digits=1")]
    frame = frame.assign(addends=frame["language"].str.extract(r"addends=(\d)").astype(int)[0])
    beside = ["latent", "encdec", "mgdm", "ar"]
    for system, own in frame.groupby("system", sort=False):
        last = own[own["order"] == own["order"].iloc[-1]]
        look = "latent" if system in LATENTS else system
        if look in beside:
            marks(axes, look, last["addends"], *shares(last, "result"), beside)
            if system in LATENTS:
                height = shares(last, "result")[0][1]
                axes.annotate(LATENTS[system], (4.0, height), (0, -2), textcoords="offset points", fontsize=6)
    reference(axes, ADDENDS, [one_column(each) for each in ADDENDS], "sees one column", (4.5, one_column(4)))
    reference(axes, ADDENDS, [1.0] * len(ADDENDS), "exact posterior", (4.5, 1.0))
    axes.set(xlabel="addends of one digit", ylabel="P(right sum)", title="addition, sum first", xticks=ADDENDS)
    axes.set(xlim=(ADDENDS[0] - 0.3, ADDENDS[-1] + 0.3))


def main(out: str = "results/ye2025.pdf") -> None:
    with figure_style():
        picture = Picture(7.0, 2.5)
        cells = picture.grid(1, 3)
        for axes, draw in zip(cells, (ways, countdown, addition), strict=True):
            draw(axes)
            axes.set(ylim=(-0.04, 1.1))
        drawn = pd.read_csv(EXPERIMENTS / "ye2025.csv")
        named = {*drawn.loc[drawn["part"].isin(["countdown", "first"]), "system"]}
        notes = [
            "Marks: networks of 2 layers, 95 % intervals of drawn answers; on the left three seeds of 6 million "
            "tokens (one of D3PM, RDM, VDM), else one seed of 1 million, of countdown-3 of 6. Lines: exact observers."
        ]
        picture.explain([handle(LOOK[name], label) for name, label in SYSTEMS.items() if name in named], notes)
    save_figure(picture, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
