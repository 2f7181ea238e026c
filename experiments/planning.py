"""Planning by trained networks: one that sees the left alone, masked diffusion, and its MGDM weights, on small graphs.

python experiments/planning.py [train] [rows] [page]

`train` makes the runs that are not there, in runs/planning, each on graphs of one planning distance; `rows` draws ways
in three orders with every network there and writes planning.csv; `page` writes the table of docs/reasoning.md.
figures/planning_trained.py lays them over what observers of limited sight can do.
"""

from __future__ import annotations

import itertools
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

import mdmtheory as mt
from mdmtheory.report.text import table

HERE = Path(__file__).parent
CSV = HERE / "planning.csv"
RUNS = Path("runs/planning")
NODES, DISTANCES, SEEDS = 7, (1, 2, 3), (0, 1, 2)
OBJECTIVES = ("ar", "mdm", "mgdm")
TRAINING: dict[str, Any] = {"size": "nano", "batch": 64, "tokens": "6M", "targets": "tokens"}
ORDERS = ("left_to_right", "first_hitting", "confidence")
WAYS = 2000
"""Prompts with a way each, of every network in every order."""


def wanted() -> Iterator[tuple[str, int, int, Path]]:
    """Objective, planning distance, seed and folder of every run, the first seed of all of them first."""
    for seed, objective, distance in itertools.product(SEEDS, OBJECTIVES, DISTANCES):
        yield objective, distance, seed, RUNS / f"{objective}-{distance}-{seed}"


def language(distance: int) -> str:
    """The graphs of a planning distance."""
    return f"path:nodes={NODES},distance={distance}"


def train() -> None:
    """Make the runs that are not there, and finish those that are not finished."""
    for objective, distance, seed, out in wanted():
        task = mt.as_language(language(distance))
        if not (out / "run.json").is_file() or not mt.Run.open(out).finished:
            options = {**TRAINING, "seed": seed, "out": out, "resume": (out / "checkpoint").is_dir()}
            mt.train(objective, lang=task, length=task.length, **options)


def models(network: mt.Network, answered: int) -> dict[str, Any]:
    """By order the model that draws one token a call, from left to right alone where the network sees no more."""
    if network.sees == "left":
        return {"left_to_right": mt.Autoregressive(network)}
    return {order: mt.MaskedDiffusion(network, sampler=order, steps=answered) for order in ORDERS}


def rows() -> None:
    """P(right way) of every network that is there, in every order, and how far it is from the exact posterior."""
    found = []
    for objective, distance, seed, out in wanted():
        if not (out / "run.json").is_file():
            continue
        run, task = mt.Run.open(out), mt.as_language(language(distance))
        network = mt.Network(run, device="cpu")
        error = mt.learning_error(network, task, task.length, seed=1).mean
        own = {"objective": objective, "nodes": NODES, "distance": distance, "seed": seed}
        own |= {"tokens": run.record.trained_tokens, "minutes": run.record.seconds / 60, "error": error.value}
        own |= {"error_low": error.low, "error_high": error.high}
        for order, model in models(network, int((~task.given).sum())).items():
            wrong = mt.ser(model, task, task.length, count=WAYS, seed=1)
            ends = {"value": 1 - wrong.value, "low": 1 - wrong.high, "high": 1 - wrong.low}
            ends |= {"kind": wrong.kind, "count": wrong.count}
            found.append({**own, "order": order, **ends})
            print(found[-1])
    pd.DataFrame(found).to_csv(CSV, index=False, float_format="%.6g")


def planned() -> str:
    """P(right way) and nats a token not learned, of each seed one after the other."""
    frame, lines = pd.read_csv(CSV), []
    for (objective, distance), own in frame.groupby(["objective", "distance"], sort=False):
        each = own.pivot_table(index="seed", columns="order", values="value")
        chances = (", ".join(f"{value:.2f}" for value in each[order]) if order in each else "" for order in ORDERS)
        errors = ", ".join(f"{error:.2g}" for error in own.drop_duplicates("seed")["error"])
        lines.append([f"`{objective}`", str(distance), errors, *chances])
    return table(
        ["objective", "distance", "nats a token not learned", "left to right", "random order", "easy first"], lines
    )


TABLES = {"planned": planned}


def page() -> None:
    """The table made here."""
    runpy.run_path(str(HERE / "reasoning.py"))["write_tables"](TABLES)


PARTS = {"train": train, "rows": rows, "page": page}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
