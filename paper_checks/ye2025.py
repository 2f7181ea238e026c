"""2410.14157 (MGDM): countdown, its weights and decoding, planning distance, and what is wrong with wrong answers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from paper_checks.claims import Claim, Number, PaperCheck, Table
from paper_checks.orderings import NOT_TRAINED, Ordering, Share, cells_table, grouped, rows, said, shares

HERE = Path(__file__).parent.parent / "experiments"
PLANNING, SPEED = HERE / "planning.csv", HERE / "ye2025_speed.csv"

PUBLISHED: dict[str, tuple[float, float, float]] = {
    "mgdm": (99.5, 91.5, 46.6),
    "rdm": (99.5, 87.0, 45.8),
    "d3pm": (99.4, 83.1, 27.6),
    "vdm": (99.1, 73.4, 16.3),
    "ar": (95.9, 45.8, 5.1),
}
"""Accuracy in percent on countdown with 3, 4 and 5 numbers, of 85M weights, the best first; all learn 3 of them."""
ABLATION: dict[str, tuple[float, float]] = {
    "none": (82.1, 87.3),
    "original": (83.1, 88.5),
    "linear": (79.6, 87.0),
    "linear, v(0.25, 1)": (83.2, 88.0),
    "linear, v(1, 1)": (86.7, 90.4),
    "linear, v(0.25, 2)": (85.6, 91.5),
}
"""Accuracy in percent on countdown-4, random order and top-k."""
DECODINGS = ("random", "top-k")
BEST = {
    "ar": "left to right",
    "vdm": "its own steps",
    "d3pm": "its own steps",
    "rdm": "top-k",
    "mdm": "top-k",
    "mgdm": "top-k",
}
"""The order in which the paper draws from each system."""


def check(folder: Path) -> PaperCheck:
    """Everything; nothing is trained here."""
    return PaperCheck(
        "2410.14157",
        "Beyond Autoregression: Discrete Diffusion for Complex Reasoning and Planning",
        [above_ar(), among_diffusions(), top_k(), weights(), planning(), faults(), speed()],
        settings(),
        [systems_table(), pairs_table(), ablation_table(), ablation_cells_table(), planning_table(), faults_table()],
    )


def settings() -> list[str]:
    """What is ours."""
    found = rows()
    found = found[found["part"].isin(["countdown", "weights"])]
    tokens = " and ".join(f"{each:,}" for each in sorted(found["tokens"].unique()))
    seconds = found.drop_duplicates(["part", "system", "language", "seed"])["seconds"]
    return [
        f"Our countdown is {', '.join(f'`{each}`' for each in languages())}: what a network of ours learns in minutes; "
        "the paper's has 3, 4 and 5 numbers to 99.",
        f"Networks are of size {', '.join(found['size'].unique())} (the paper's have 6M, 85M and 303M weights), all "
        f"trained on as many tokens, prompts among them ({tokens}, fresh, {seconds.min():.0f} to {seconds.max():.0f} s "
        "on a busy processor), at the same learning rate, one seed where no other is said.",
        f"{found['count'].min()} prompts, the same for all, an answer each, of the most probable tokens "
        "(D3PM and VDM draw theirs), in at most 20 steps; right by the verifier.",
        "Intervals are over drawn answers, not over seeds: another seed may be another network.",
        "Every row with the command that trained it: experiments/ye2025.csv (`python experiments/ye2025.py train`); "
        "`python experiments/ye2025.py --full train` is the same at the paper's tasks with three seeds.",
    ]


def languages() -> list[str]:
    """The countdowns that were trained on."""
    found = rows()
    return list(found[found["part"] == "countdown"]["language"].unique())


def best(system: str, language: str) -> list[Share]:
    """A system's answers in the order of the paper, of each seed."""
    return shares("countdown", system, language, BEST[system])


def pair(first: str, second: str, language: str) -> Ordering:
    """Two systems on one countdown; the paper has the same order at 3, 4 and 5 numbers."""
    published = PUBLISHED[first][1] - PUBLISHED[second][1]
    what = f"{first} above {second}, `{language}`"
    return Ordering(what, published, best(first, language), best(second, language))


def pairs(some: Sequence[str], others: Sequence[str]) -> list[Ordering]:
    """Pairs of these systems with those that the paper has below them, on each countdown."""
    ranked = list(PUBLISHED)
    return [
        pair(first, second, language)
        for first, second in itertools.product(some, others)
        if ranked.index(first) < ranked.index(second)
        for language in languages()
    ]


def numbers_of(systems: Sequence[str]) -> list[Number]:
    """The accuracies of those that were trained."""
    return [
        Number(f"{system}, {language}{f', seed {seed}' if seed else ''}", each.estimate, percent=True)
        for language, system in itertools.product(languages(), systems)
        for seed, each in enumerate(best(system, language))
    ]


def above_ar() -> Claim:
    """Every diffusion against autoregression."""
    diffusions = [each for each in PUBLISHED if each != "ar"]
    return grouped(
        "On countdown every discrete or continuous diffusion is right more often than an autoregressive network.",
        "85M weights, 3/4/5 numbers: AR 95.9/45.8/5.1; VDM 99.1/73.4/16.3; D3PM 99.4/83.1/27.6; RDM 99.5/87.0/45.8; "
        "MGDM 99.5/91.5/46.6 %",
        pairs(diffusions, ["ar"]),
        numbers_of(["ar", *diffusions]),
        "All learn from the same few tokens, of which an autoregressive network uses each; with more of them, or for "
        "as long as each needs, the order may be another.",
    )


def among_diffusions() -> Claim:
    """The order of the diffusions."""
    diffusions = [each for each in PUBLISHED if each != "ar"]
    return grouped(
        "Among diffusions MGDM is right most often, then RDM, D3PM and VDM.",
        "as above",
        pairs(diffusions, diffusions),
        numbers_of(["mdm"]),
        "Masked diffusion with its own weights (`mdm`) is beside them, which the table of the paper lacks.",
    )


def ablated(name: str, order: str, language: str) -> list[Share]:
    """A row of the ablation, of each seed."""
    return shares("weights", name, language, order)


def weighed() -> str:
    """The countdown of the ablation."""
    found = rows()
    [language] = found[found["part"] == "weights"]["language"].unique()
    return str(language)


def top_k_cells() -> list[Ordering]:
    """Top-k against random order for each choice of weights."""
    return [
        Ordering(
            f"top-k above random order, {name}",
            of_top_k - of_random,
            ablated(name, "top-k", weighed()),
            ablated(name, "random", weighed()),
        )
        for name, (of_random, of_top_k) in ABLATION.items()
    ]


def weight_cells() -> list[Ordering]:
    """Every two choices of weights, in each order of drawing, the better of the paper first."""
    cells = []
    for place, order in enumerate(DECODINGS):
        ranked = sorted(ABLATION, key=lambda name: -ABLATION[name][place])
        for first, second in itertools.combinations(ranked, 2):
            published = ABLATION[first][place] - ABLATION[second][place]
            shares = (ablated(each, order, weighed()) for each in (first, second))
            cells.append(Ordering(f"{first} above {second}, {order}", published, *shares))
    return cells


def top_k() -> Claim:
    """Decoding."""
    return grouped(
        "Top-k decoding is right more often than random order, whatever the weights.",
        "countdown-4, random/top-k: " + "; ".join(f"{name} {a}/{b}" for name, (a, b) in ABLATION.items()) + " %",
        top_k_cells(),
        [],
        "",
    )


def weights() -> Claim:
    """Weights of sequences and tokens."""
    return grouped(
        "Focal weights of tokens with linear weights of sequences are right more often than either without.",
        "as above; every two rows in both columns",
        weight_cells(),
        [],
        "",
    )


# ------------------------------------------------------------------------------------------------ planning distance


def way(frame: pd.DataFrame, objective: str, distance: int) -> list[Share]:
    """The ways of a network of each seed: from the left where it sees no more, else easy first."""
    order = "left_to_right" if objective == "ar" else "confidence"
    own = frame[(frame["objective"] == objective) & (frame["distance"] == distance) & (frame["order"] == order)]
    own = own.sort_values("seed")
    return [Share(round(value * count), int(count)) for value, count in zip(own["value"], own["count"], strict=True)]


def planning_cells() -> list[Ordering]:
    """Networks that do not go from left to right above autoregressive ones, at each planning distance."""
    frame, cells = pd.read_csv(PLANNING), []
    [nodes] = frame["nodes"].unique()
    for system, distance in itertools.product(
        ("mgdm", "mdm", "rdm", "d3pm", "vdm"), sorted(frame["distance"].unique())
    ):
        own = way(frame, system, distance) or shares(
            "path", system, f"path:nodes={nodes},distance={distance}", BEST[system]
        )
        cells.append(Ordering(f"{system} above ar, distance {distance}", 1, own, way(frame, "ar", distance)))
    return cells


def planning() -> Claim:
    """Accuracy by planning distance."""
    return grouped(
        "On a graph with one crossing diffusion finds ways at planning distances where autoregression does not.",
        "accuracy by planning distance at 10 nodes; no numbers that we had",
        planning_cells(),
        [],
        "Networks of 2 layers on 7 nodes and 6 million tokens, three seeds of ar, mgdm and mdm (docs/reasoning.md), "
        "one of the others; a cell is decided where all seeds are on one side. Whether a masked network learned to "
        "look along edges is a matter of the seed.",
    )


# ------------------------------------------------------------------------------------------------ errors and speed

FAULTS = ("arithmetic", "planning", "form")


def wrong(system: str, language: str) -> dict[str, Share]:
    """Of the wrong answers of a system's first seed, how many are wrong in which way; nothing where there is none."""
    counted = [shares("countdown", system, language, BEST[system], of=each)[:1] for each in (*FAULTS, "right")]
    if not all(counted):
        return {}
    *found, right = [each for [each] in counted]
    return {name: Share(each.right, right.count - right.right) for name, each in zip(FAULTS, found, strict=True)}


def faults() -> Claim:
    """Arithmetic against planning errors."""
    numbers = []
    for language, system in itertools.product(languages(), BEST):
        for fault, found in wrong(system, language).items():
            if found.count:
                numbers.append(Number(f"{system}, {language}, {fault}", found.estimate, percent=True))
    return Claim(
        "What is wrong with wrong answers: an equation (arithmetic), or where true equations lead (planning).",
        "an analysis of errors; no numbers that we had",
        numbers,
        "cannot be compared",
        "shares of wrong answers, by the verifier: arithmetic where an equation is false, planning where all are true "
        "and the target is not reached, or with other numbers; `form` is no string of equations.",
    )


def speed() -> Claim:
    """Answers a second against steps."""
    found = pd.read_csv(SPEED) if SPEED.is_file() else pd.DataFrame(columns=["system", "steps", "per_second"])
    each = "; ".join(
        f"{row['system']}, {row['steps']:.0f} steps: {row['per_second']:.0f}" for row in found.to_dict("records")
    )
    return Claim(
        "How many answers a second at 1 to 20 steps, against autoregression.",
        "a figure; no numbers that we had, and hardware and batch not given",
        [],
        "cannot be compared",
        f"answers of a processor second, one thread, of our networks: {each or 'not measured'}.",
    )


# ------------------------------------------------------------------------------------------------------- tables


def systems_table() -> Table:
    """Everything that was drawn on countdown, in every order."""
    found = rows()
    found = found[found["part"] == "countdown"]
    lines = [
        [
            f"`{row['language']}`",
            f"`{row['system']}`",
            str(row["order"]),
            f"{row['tokens']:,}",
            f"{row['seconds']:.0f}",
            str(Share(int(row["right"]), int(row["count"]))),
        ]
        for row in found.to_dict("records")
    ]
    return Table(
        "Countdown",
        ["task", "system", "order", "tokens:", "seconds:", "right:"],
        lines,
        "Accuracies of ours with 95 % intervals; the commands that trained them are in experiments/ye2025.csv.",
    )


def pairs_table() -> Table:
    """Every pair of systems."""
    return cells_table(
        "Pairs of systems on countdown",
        pairs(list(PUBLISHED), list(PUBLISHED)),
        "Published: at 4 numbers and 85M weights; the order is the same at 3 and 5.",
    )


def ablation_table() -> Table:
    """Accuracies of the ablation beside the published ones."""
    lines = []
    for name, published in ABLATION.items():
        ours = [said(ablated(name, order, weighed())) for order in DECODINGS]
        lines.append([name, *[f"{each:.1f} %" for each in published], *ours])
    heads = ["weights", "published, random:", "published, top-k:", "ours, random:", "ours, top-k:"]
    return Table("Weights and decoding", heads, lines, f"Published on countdown-4, ours on `{weighed()}`.")


def ablation_cells_table() -> Table:
    """Orderings of the ablation."""
    cells = [*top_k_cells(), *weight_cells()]
    return cells_table("Orderings of weights and decoding", cells, "The better of the paper first.")


def planning_table() -> Table:
    """Diffusions against autoregressive networks by distance, seed by seed."""
    note = (
        "Published: said, without numbers that we had. Ours: seeds 0, 1 and 2 of mgdm, mdm and ar, from "
        "experiments/planning.csv, and seed 0 of the others."
    )
    return cells_table("Planning distance", planning_cells(), note)


def faults_table() -> Table:
    """What is wrong with wrong answers."""
    lines = []
    for language, system in itertools.product(languages(), BEST):
        found = wrong(system, language)
        count = str(found["form"].count) if found else NOT_TRAINED
        own = [str(found[name]) if found and found[name].count else NOT_TRAINED for name in FAULTS]
        lines.append([f"`{language}`", f"`{system}`", count, *own])
    note = "Of wrong answers. Arithmetic: an equation is false. Planning: all are true, numbers or end are not right."
    heads = ["task", "system", "wrong answers:", "arithmetic:", "planning:", "no equations:"]
    return Table("Errors", heads, lines, note)
