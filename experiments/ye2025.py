"""Systems of the literature trained alike and small: countdown, weights and decoding, planning distance, answer first.

python experiments/ye2025.py [--full] [train|draw [PART…] [SYSTEM…]] [speed] [page]

`train` makes the runs that are not there, in runs/ye2025, draws answers with each as it is done and keeps what came out
in ye2025.csv; `draw` does so of runs that are there; `speed` writes ye2025_speed.csv, answers a processor second, and
`page` the tables of docs/reasoning.md. With `--full` the same on the papers' tasks with larger networks, which was not
run yet, into runs/ye2025_full and ye2025_full.csv. paper_checks/ye2025.py and latent2025.py hold the rows against what
the papers publish.
"""

from __future__ import annotations

import itertools
import runpy
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import mdmtheory as mt
from mdmtheory.core.intervals import clopper_pearson
from mdmtheory.core.protocols import Samples
from mdmtheory.networks.runs import LATENT
from mdmtheory.report.text import table

HERE = Path(__file__).parent
CSV, SPEED = HERE / "ye2025.csv", HERE / "ye2025_speed.csv"
LEVEL = 0.95


# ------------------------------------------------------------------------------------------------ what is trained


@dataclass(frozen=True)
class Scale:
    """How large and how long: networks, tokens that each learns from, answers drawn of each, and where it all goes."""

    size: str
    countdown: Mapping[str, str]
    """Tokens by task, as of all that follow."""
    weighed: str
    """The countdown of the ablation of weights, which has every seed."""
    path: Mapping[str, str]
    first: str
    """Tokens of each task that is answered first."""
    latents: str
    """Tokens of the ablation of latent diffusion."""
    path_systems: tuple[str, ...]
    seeds: tuple[int, ...]
    """Of the ablation's countdown, and of paths where they are of this study; all else has the first."""
    path_seeds: tuple[int, ...]
    answers: int
    runs: Path
    csv: Path


SMALL = Scale(
    size="nano",
    countdown={"countdown:numbers=2,largest=9": "1M", "countdown:numbers=3,largest=9": "6M"},
    weighed="countdown:numbers=3,largest=9",
    path={f"path:nodes=7,distance={distance}": "6M" for distance in (1, 2, 3)},
    first="1M",
    latents="1M",
    path_systems=("d3pm", "rdm", "vdm"),  # experiments/planning.csv has the others
    seeds=(0, 1, 2),
    path_seeds=(0,),
    answers=400,
    runs=Path("runs/ye2025"),
    csv=CSV,
)
COUNTDOWN_SYSTEMS = ("ar", "mgdm", "mdm", "d3pm", "rdm", "vdm")
FULL = Scale(
    size="tiny",
    countdown={f"countdown:numbers={numbers}": "20M" for numbers in (3, 4, 5)},
    weighed="countdown:numbers=4",
    path={f"path:nodes=10,distance={distance}": "20M" for distance in (1, 2, 3, 4)},
    first="10M",
    latents="10M",
    path_systems=COUNTDOWN_SYSTEMS,
    seeds=(0, 1, 2),
    path_seeds=(0, 1, 2),
    answers=2000,
    runs=Path("runs/ye2025_full"),
    csv=HERE / "ye2025_full.csv",
)


SYSTEMS: Mapping[str, str] = {
    "ar": "ar",
    "mdm": "mdm",
    "mgdm": "mgdm:alpha=0.25,beta=2,weights=linear",
    "d3pm": "d3pm:kind=absorbing,steps=20",
    "rdm": "rdm",
    "vdm": "vdm",
    "encdec": "encdec",
    "latent": "latent",
    "latent, gamma 0.01": "latent:gamma=0.01",
    "latent, adaln_zero, gamma 0.01": "latent:conditioning=adaln_zero,gamma=0.01",
}
"""The objective behind each system's name."""
WEIGHTS: Mapping[str, str] = {
    "none": "mgdm:alpha=1,beta=0,weights=none",
    "original": "mdm",
    "linear": "mgdm:alpha=1,beta=0,weights=linear",
    "linear, v(0.25, 1)": "mgdm:alpha=0.25,beta=1,weights=linear",
    "linear, v(1, 1)": "mgdm:alpha=1,beta=1,weights=linear",
    "linear, v(0.25, 2)": "mgdm:alpha=0.25,beta=2,weights=linear",
}
"""The rows of the ablation in 2410.14157: weights of sequences, and focal weights of tokens v(alpha, beta)."""
FIRST_SYSTEMS = ("latent", "latent, gamma 0.01", "latent, adaln_zero, gamma 0.01", "encdec", "mgdm", "ar")
FIRST: Mapping[str, str] = {
    "three digits": "addition:digits=1,addends=3,chain=after",
    "four digits": "addition:digits=1,addends=4,chain=after",
    "five digits": "addition:digits=1,addends=5,chain=after",
    "two-digit numbers": "addition:digits=2,addends=3,chain=after",
    "three operations": "arithmetic:operations=3,chain=after",
    "rotation": "rotation:turns=4,chain=after",
}
"""Answer first: the result, and after it what stands between."""
LATENTS: Mapping[str, str] = {
    "4 of 32, in_context": "latent",
    "4 of 32, in_context, gamma 0.01": "latent:gamma=0.01",
    "4 of 32, adaln_zero, gamma 0.01": "latent:conditioning=adaln_zero,gamma=0.01",
    "2 of 8, in_context": "latent:latents=2,dim=8",
    "2 of 8, cross": "latent:latents=2,dim=8,conditioning=cross",
    "2 of 8, adaln_zero": "latent:latents=2,dim=8,conditioning=adaln_zero",
    "2 of 8, in_context, gamma 0.1": "latent:latents=2,dim=8,gamma=0.1",
    "2 of 8, cross, gamma 0.1": "latent:latents=2,dim=8,conditioning=cross,gamma=0.1",
    "2 of 8, adaln_zero, gamma 0.1": "latent:latents=2,dim=8,conditioning=adaln_zero,gamma=0.1",
    "2 of 8, in_context, gamma 0.01": "latent:latents=2,dim=8,gamma=0.01",
}
"""The ablation of latent diffusion: how many numbers latents are, how a prompt comes to them, gamma of Min-SNR (5)."""
STEPS = 20
"""As in 2410.14157, or as many as the answer has tokens where that is fewer."""


@dataclass(frozen=True)
class Wanted:
    """A run: the part of the study that asks for it, what it learns, and from how much."""

    part: str
    system: str
    objective: str
    language: str
    tokens: str
    seed: int


def wanted(scale: Scale) -> Iterator[Wanted]:
    """Every run, the first seed of all of them first."""
    for seed in scale.seeds:
        if seed == 0:
            for language, system in itertools.product(FIRST.values(), FIRST_SYSTEMS):
                yield Wanted("first", system, SYSTEMS[system], language, scale.first, seed)
            for name, objective in LATENTS.items():
                yield Wanted("latents", name, objective, FIRST["three digits"], scale.latents, seed)
        for (language, tokens), system in itertools.product(scale.countdown.items(), COUNTDOWN_SYSTEMS):
            if seed == 0 or language == scale.weighed:
                yield Wanted("countdown", system, SYSTEMS[system], language, tokens, seed)
        if seed in scale.path_seeds:
            for (language, tokens), system in itertools.product(scale.path.items(), scale.path_systems):
                yield Wanted("path", system, SYSTEMS[system], language, tokens, seed)
        for name, objective in WEIGHTS.items():
            yield Wanted("weights", name, objective, scale.weighed, scale.countdown[scale.weighed], seed)


def command(run: Wanted, scale: Scale) -> str:
    """What makes the run, as it is typed."""
    said = f"mdmtheory train {run.objective} --lang {run.language} --size {scale.size} --targets tokens"
    return f"{said} --tokens {run.tokens} --seed {run.seed} -o {folder(run, scale)}"


def folder(run: Wanted, scale: Scale) -> Path:
    """Where the run is; equal trainings of two parts share one."""
    name = f"{run.objective}-{run.language}-{run.tokens}-{run.seed}"
    return scale.runs / name.translate(str.maketrans({",": "_", ":": "_", "=": ""}))


# ------------------------------------------------------------------------------------------- training and drawing

Models = Mapping[str, Callable[..., Any]]
"""By the order in which a system draws, the model of so many steps."""


@dataclass(frozen=True)
class Greedy:
    """The most probable token after those before it, one after the other, of a network that sees the left alone."""

    network: Any

    def sample(self, count: int, length: int, seed: int, *, prompt: Any) -> Samples:
        """Each prompt with its answer; `seed` changes nothing."""
        tokens = np.array(prompt, dtype=np.int64)
        places = np.flatnonzero((tokens == self.network.vocab_size).any(axis=0))
        for place in places:
            tokens[:, place] = self.network.conditionals(tokens)[:, place].argmax(axis=1)
        calls = np.full(count, len(places))
        return Samples(tokens, calls, calls, np.zeros(count, dtype=bool))


def models(system: str, trained: mt.Run) -> Models:
    """How a system's network is drawn from, by what its order is called: the most probable tokens, as in the papers."""
    if trained.record.noise == LATENT:
        shown = {1.0: "", GUIDANCE: f", guidance {GUIDANCE:g}"}
        return {
            f"{steps} steps{said}": partial(mt.LatentDiffusion, trained, guidance=guidance)
            for steps, (guidance, said) in itertools.product(OF_LATENTS, shown.items())
        }
    network = mt.Network(trained, device="cpu")
    if network.sees == "left":
        return {"left to right": lambda steps: Greedy(network)}
    if system == "d3pm":
        return {CHAIN: partial(mt.MaskedDiffusion, network, sampler="ancestral")}
    if system == "vdm":
        return {CHAIN: partial(mt.VariationalDiffusion, network)}
    return {
        "random": partial(mt.MaskedDiffusion, network, sampler="fixed:temperature=0"),
        "easy first": partial(mt.MaskedDiffusion, network, sampler="confidence:temperature=0"),
        TOP_K: partial(mt.MaskedDiffusion, network, sampler="rdm:temperature=0"),
    }


TOP_K = "top-k"
OF_LATENTS = (20, 100)
"""Numbers of steps through latents."""
GUIDANCE = 2.0
"""Of latents, besides none."""
CHAIN = "its own steps"
"""The order of systems whose steps are those that they were trained with, or go through noise."""


def train(scale: Scale, chosen: set[str], *, more: bool = True) -> None:
    """Make the runs that are not there, finish those that are not finished, and draw from each that was not drawn from.

    `chosen` are parts and systems by name; of neither named all are made. Without `more` nothing is trained.
    """
    parts, systems = chosen & PARTS, chosen - PARTS
    for run in wanted(scale):
        out = folder(run, scale)
        if (parts and run.part not in parts) or (systems and run.system not in systems):
            continue
        if (out / "rows.csv").is_file() or not (more or finished(out)):
            continue
        try:
            trained = trained_run(run, scale)
        except ValueError as refusal:
            print(f"{run.objective} on {run.language}: {refusal}", file=sys.stderr)
            continue
        drawn = list(drawn_rows(run, trained, scale))
        pd.DataFrame(drawn).to_csv(out / "rows.csv", index=False, float_format="%.6g")
        for row in drawn:
            print(*row.values(), flush=True)


def finished(out: Path) -> bool:
    """Whether a folder holds a run that is done."""
    return (out / "run.json").is_file() and mt.Run.open(out).finished


def trained_run(run: Wanted, scale: Scale) -> mt.Run:
    """The run, made or finished."""
    out, task = folder(run, scale), mt.as_language(run.language)
    if finished(out):
        return mt.Run.open(out)
    how: dict[str, Any] = {"size": scale.size, "tokens": run.tokens, "targets": "tokens"}
    resume = (out / "checkpoint").is_dir()
    return mt.train(run.objective, lang=task, length=task.length, **how, out=out, seed=run.seed, resume=resume)


def drawn_rows(run: Wanted, trained: mt.Run, scale: Scale) -> Iterator[dict[str, Any]]:
    """What came out in each order: answers, those right, those whose result is, and of countdown what is wrong."""
    task = mt.as_language(run.language)
    prompts, answered = task.prompts(scale.answers, seed=1), int((~task.given).sum())
    record = trained.record
    for order, model in models(run.system, trained).items():
        steps = steps_of(order, answered)
        drawn = model(steps=steps).sample(scale.answers, task.length, seed=1, prompt=prompts).tokens
        faults = task.faults(drawn) if hasattr(task, "faults") else []
        yield {
            "language": run.language,
            "objective": run.objective,
            "seed": run.seed,
            "size": scale.size,
            "tokens": record.trained_tokens,
            "seconds": record.seconds,
            "order": order,
            "steps": steps,
            "count": len(drawn),
            "right": int(task.in_support(drawn).sum()),
            "result": int(result_right(run.language, drawn).sum()),
            **{each: faults.count(each) if faults else None for each in ("form", "arithmetic", "planning")},
            "command": command(run, scale),
        }


def steps_of(order: str, answered: int) -> int:
    """How many steps an order takes."""
    if order[0].isdigit():
        return int(order.split(maxsplit=1)[0])
    return STEPS if order in (CHAIN, TOP_K) else min(STEPS, answered)


def result_right(language: str, drawn: Any) -> Any:
    """Whether the result alone is right, of tasks that write it first; else whether all is."""
    task = mt.as_language(language)
    if not language.endswith("chain=after"):
        return task.in_support(drawn)
    alone = mt.as_language(language.replace("chain=after", "chain=none"))
    return alone.in_support(drawn[:, : alone.length])


def rows(scale: Scale) -> None:
    """Write the rows of every run that is there into one file, by the part that asks for them."""
    found = []
    for run in wanted(scale):
        own = folder(run, scale) / "rows.csv"
        if own.is_file():
            found.append(pd.read_csv(own).assign(part=run.part, system=run.system))
    frame = pd.concat(found)
    frame = frame[["part", "system", *[each for each in frame if each not in ("part", "system")]]]
    frame.astype(dict.fromkeys(("form", "arithmetic", "planning"), "Int64")).to_csv(scale.csv, index=False)


# ---------------------------------------------------------------------------------------------- steps, and seconds

EACH = (1, 2, 5, 10, 20)
"""Numbers of steps at which answers are counted and timed, as in 2410.14157."""
TIMED = 200
"""Answers of each."""
OWN_ORDER: Mapping[str, str] = {"ar": "left to right", "mdm": TOP_K, "mgdm": TOP_K, "rdm": TOP_K}
"""The order of the paper, by the system."""


def speed(scale: Scale) -> None:
    """Answers a processor second, and how many are right, of every system on the smallest countdown, and its oracle."""
    language = next(iter(scale.countdown))
    task, found = mt.as_language(language), []
    prompts, answered = task.prompts(TIMED, seed=1), int((~task.given).sum())
    exact = partial(mt.MaskedDiffusion, mt.Oracle(task), sampler="confidence:temperature=0")
    asked: dict[str, tuple[str, Models]] = {"oracle": ("easy first", {"easy first": exact})}
    for run in wanted(scale):
        out = folder(run, scale)
        if (run.part, run.language, run.seed) == ("countdown", language, 0) and (out / "run.json").is_file():
            asked[run.system] = OWN_ORDER.get(run.system, CHAIN), models(run.system, mt.Run.open(out))
    for system, (order, made) in asked.items():
        for steps in EACH if system != "ar" else (answered,):
            model = made[order](steps=steps)
            model.sample(8, task.length, seed=0, prompt=prompts[:8])  # kernels are compiled now
            begun = time.process_time()
            drawn = model.sample(TIMED, task.length, seed=1, prompt=prompts).tokens
            seconds = time.process_time() - begun
            right = int(task.in_support(drawn).sum())
            found.append([language, system, order, steps, len(drawn), right, seconds, len(drawn) / seconds])
            print(*found[-1], flush=True)
    heads = ["language", "system", "order", "steps", "count", "right", "seconds", "per_second"]
    pd.DataFrame(found, columns=heads).to_csv(SPEED, index=False, float_format="%.4g")


# --------------------------------------------------------------------------------------------------------- the page


def shown(right: int, count: int) -> str:
    """A share with its interval."""
    low, high = clopper_pearson(right, count, LEVEL)
    return f"{right / count:.3f} [{low:.3f}, {high:.3f}]"


def counted() -> str:
    """Of every network on countdown what is right in each order, and what is wrong with what is not."""
    frame, lines = pd.read_csv(CSV), []
    for row in frame[frame["part"] == "countdown"].to_dict("records"):
        own = (f"`{row['language']}`", f"`{row['system']}`", row["order"], shown(row["right"], row["count"]))
        lines.append([*own, *(f"{row[each]:.0f}" for each in ("arithmetic", "planning", "form"))])
    heads = ["task", "system", "order", "P(right)", "arithmetic", "planning", "no equations"]
    return table(heads, lines)


def answer_first() -> str:
    """Latent diffusion, in the most steps and with guidance, against the others."""
    frame, lines = pd.read_csv(CSV), []
    most = f"{OF_LATENTS[-1]} steps, guidance {GUIDANCE:g}"  # of latents; all are in paper_checks/README.md
    told = (frame["part"] == "first") & (~frame["order"].str[0].str.isdigit() | (frame["order"] == most))
    for row in frame[told].to_dict("records"):
        own = (f"`{row['language']}`", f"`{row['system']}`", row["order"])
        lines.append([*own, shown(row["result"], row["count"]), shown(row["right"], row["count"])])
    return table(["task", "system", "drawn", "P(result right)", "P(all right)"], lines)


TABLES = {"counted": counted, "answer_first": answer_first}


def page(scale: Scale) -> None:
    """The tables made here."""
    runpy.run_path(str(HERE / "reasoning.py"))["write_tables"](TABLES)


PARTS = {"countdown", "weights", "path", "first", "latents"}
VERBS = {"train", "draw", "speed", "page"}


def main(words: list[str]) -> None:
    """`train` or only `draw` of everything, or of the parts and systems that are named; `speed`, `page`."""
    scale, named = FULL if "--full" in words else SMALL, {*words} - {"--full"}
    if {"train", "draw"} & named:
        train(scale, named - VERBS, more="train" in named)
        rows(scale)
    if "speed" in named:
        speed(scale)
    if "page" in named:
        page(scale)


if __name__ == "__main__":
    main(sys.argv[1:])
