"""Latent diffusion for reasoning (under review): answers first, against an encoder-decoder trained alike."""

from __future__ import annotations

import itertools
from pathlib import Path

from paper_checks.claims import Claim, Number, PaperCheck, Table
from paper_checks.orderings import Ordering, Share, cells_table, grouped, rows, shares

TASKS: dict[str, tuple[str, tuple[float, ...], float]] = {
    "addition:digits=1,addends=3,chain=after": ("3 to 5 single digits", (97.2, 96.7, 97.3), 1.3),
    "addition:digits=1,addends=4,chain=after": ("3 to 5 single digits", (97.2, 96.7, 97.3), 1.3),
    "addition:digits=1,addends=5,chain=after": ("3 to 5 single digits", (97.2, 96.7, 97.3), 1.3),
    "addition:digits=2,addends=3,chain=after": ("two-digit numbers", (87.2,), 0.0),
    "arithmetic:operations=3,chain=after": ("three operations", (100.0,), 11.8),
    "rotation:turns=4,chain=after": ("rotation", (90.4, 92.3, 89.5), 0.0),
}
"""By our language what the paper calls it, its accuracies of latent diffusion, and of the encoder-decoder."""
ENCDEC = "encdec"
LATENTS = ("latent", "latent, gamma 0.01", "latent, adaln_zero, gamma 0.01")
"""As the paper weighs errors at the levels of noise, with more weight for the noisiest, and so with its adaLN-zero."""
ORDERS = {**dict.fromkeys(LATENTS, "100 steps, guidance 2"), ENCDEC: "left to right"}
"""The order in which claims take answers of each."""
PARTS = {"result": "the result", "right": "result and chain"}
"""What is asked to be right, by the column that counts it."""


def check(folder: Path) -> PaperCheck:
    """Everything; nothing is trained here."""
    return PaperCheck(
        "Latent diffusion (under review)",
        "Latent Diffusion with LLMs for Reasoning",
        [above_encoder_decoder()],
        settings(),
        [
            shares_table(),
            cells_table("Orderings, answer first", cells(), "Published: at several T the least of the accuracies."),
            latents_table(),
        ],
    )


def settings() -> list[str]:
    """What is ours."""
    found = rows()
    found = found[found["part"] == "first"]
    tokens, sizes = ", ".join(f"{each:,}" for each in found["tokens"].unique()), ", ".join(found["size"].unique())
    return [
        "Tasks and how they are written are ours after what the paper says (docs/reasoning.md): the result first, then "
        "what stands between.",
        f"Networks of size {sizes}, trained alike on {tokens} tokens, fresh, of "
        "drawn answers; the paper's latent is 16 x 256 and its T 500 to 4000, ours 4 x 32 and 1000.",
        "Every row with its command: experiments/ye2025.csv (`python experiments/ye2025.py train`); with `--full` at a "
        "larger size.",
        "Intervals are over drawn answers, not over seeds.",
    ]


def first(language: str, system: str, of: str = "result") -> list[Share]:
    """The answers of a system's network, in the order of the claims."""
    return shares("first", system, language, ORDERS[system], of)


def above(latent: str, language: str, of: str) -> Ordering:
    """Latent diffusion above the encoder-decoder on one task."""
    _, accuracies, other = TASKS[language]
    what = f"{latent} above {ENCDEC}, `{language}`, {PARTS[of]}"
    return Ordering(what, min(accuracies) - other, first(language, latent, of), first(language, ENCDEC, of))


def cells() -> list[Ordering]:
    """Every task, the result alone and the whole answer, in both ways to weigh."""
    return [above(*each) for each in itertools.product(LATENTS, TASKS, PARTS)]


def above_encoder_decoder() -> Claim:
    """The table of the paper."""
    numbers = [
        Number(f"{system}, {language}", each.estimate, percent=True)
        for language, system in itertools.product(TASKS, ORDERS)
        for each in first(language, system)
    ]
    return grouped(
        "Written answer first, latent diffusion is right where an encoder-decoder trained alike is not.",
        "T = 500/1000/4000 against an encoder-decoder: 97.2/96.7/97.3 and 1.3 (3 to 5 single digits), 87.2 and 0.0 "
        "(two digits), 100.0 and 11.8 (three operations), 90.4/92.3/89.5 and 0.0 % (rotation)",
        cells(),
        numbers,
        "Of whole answers and of results alone; what the paper counts as right is not said in what we had.",
    )


def shares_table() -> Table:
    """Accuracies of ours beside the published ones."""
    found = rows()
    found = found[found["part"] == "first"]
    lines = []
    for row in found.to_dict("records"):
        name, accuracies, other = TASKS[row["language"]]
        latent = "/".join(f"{each:.1f}" for each in accuracies)
        published = {**dict.fromkeys(LATENTS, latent), ENCDEC: f"{other:.1f}"}
        own = [f"`{row['language']}`", f"`{row['system']}`", str(row["order"])]
        own += [str(Share(int(row[of]), int(row["count"]))) for of in PARTS]
        told = published.get(row["system"])
        lines.append([*own, f"{name}: {told} %" if told else "–"])
    heads = ["task", "system", "drawn", "result right:", "all right:", "published"]
    return Table("Answer first", heads, lines, "")


def latents_table() -> Table:
    """How the prompt comes to the latents, and how many numbers those are."""
    found = rows()
    lines = [
        [
            row["system"],
            f"{row['tokens']:,}",
            row["order"],
            *(str(Share(int(row[of]), int(row["count"]))) for of in PARTS),
        ]
        for row in found[found["part"] == "latents"].to_dict("records")
    ]
    note = (
        "On `addition:digits=1,addends=3,chain=after`, one seed: latents of so many numbers, how the prompt comes to "
        "them, and gamma of Min-SNR where it is not the paper's 5: the smaller, the more the noisiest levels count."
    )
    return Table("Latents", ["latents", "tokens:", "drawn", "result right:", "all right:"], lines, note)
