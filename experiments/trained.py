"""Train small networks to a stated distance from the exact posterior; writes tables and the figure of docs/trained.md.

`python experiments/trained.py [runs] [targets] [steps]`: all parts unless some are named. What a run is, the TOML
file of its name says, which `mdmtheory train` takes as well. One that is there already is not trained again, one that
was stopped goes on. `steps` also sweeps experiments/feng2025.toml and writes feng2025.csv, which figures/feng2025.py
draws.
"""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import rel_entr

import mdmtheory as mt
from mdmtheory.core.estimate import Ends
from mdmtheory.core.means import Moments, mean_interval
from mdmtheory.core.protocols import Language
from mdmtheory.core.streams import stream_states
from mdmtheory.denoisers.network import Network
from mdmtheory.languages.presets import LANGUAGES as PRESETS
from mdmtheory.metrics.learning_error import learning_error
from mdmtheory.metrics.pricing import curve_weights
from mdmtheory.plots import save_figure
from mdmtheory.plots.picture import Picture, handle
from mdmtheory.plots.style import DASHES, PALETTE, Look, figure_style
from mdmtheory.plots.training import scale_tokens
from mdmtheory.sweeps import cells_of, read_toml
from mdmtheory.training.files import read_training

LENGTH = 64
CONTEXTS = 4096
BUDGETED = 512
HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"

WANTED: dict[str, tuple[float, float | None]] = {
    "bigram-mdm-small": (0.01, None),
    "bigram-mdm": (0.002, 2e-4),
    "bigram-ar": (0.015, None),
    "hmm-ar": (0.006, None),
    "hmm-mdm": (0.16, None),
    "paper2gram-mdm": (0.002, None),
    "paper2gram-ar": (0.002, None),
    "paper3gram-mdm": (0.05, None),
    "paper3gram-ar": (0.005, None),
    "paper4gram-mdm": (0.1, None),
    "paper4gram-ar": (0.02, None),
}
"""Runs, and how near the exact posterior each must come: in nats a token that is asked for, and with which z."""

LANGUAGES = {"bigram": "ngram:order=2", "hmm": "hmm"}
TAUGHT: dict[str, dict[str, Any]] = {
    "oracle": {},
    "tokens": {"targets": "tokens"},
    "fixed": {"targets": "tokens", "data": "fixed:samples=3125,epochs=20", "tokens": None},
}
"""What bigram-mdm is taught by: the exact posterior, fresh tokens, or as many tokens of 20 epochs, as the papers do."""


COMPARED = ("paper2gram", "paper3gram", "paper4gram", "hmm")
"""Whose runs NAME-mdm and NAME-ar stand in for those of 2502.09622."""

LENGTHS = (32, 128)
"""Of the masked 2-gram, besides LENGTH."""

STEPS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
SHOWN = (8, 16, 64, 256)
"""Steps of the table."""

LEVEL = 0.95
ENDS = ("value", "low", "high")
ROWS = ["language", "length", "model", "denoiser", "steps", "metric", "value", "low", "high", "level", "kind", "count"]


@cache
def trained(name: str, **changed: Any) -> tuple[mt.Run, str]:
    """The run, trained or gone on with where it is not finished, and how many of the processor's seconds that took."""
    keys = {**read_training(HERE / f"{changed.pop('like', name)}.toml"), **changed}
    out = Path(f"runs/{name}")
    spent = out / "cpu_seconds"
    if (out / "run.json").is_file() and (found := mt.Run.open(out)).finished:
        return found, spent.read_text() if spent.exists() else "trained before"
    began = time.process_time()
    run = mt.train(**{**keys, "out": out}, resume=out.exists())
    spent.write_text(f"{time.process_time() - began:.0f}")
    return run, spent.read_text()


def errors(run: mt.Run) -> tuple[Any, list[str]]:
    """How far from the oracle's posteriors it is at fresh contexts, and that as it is written: the mean, and z."""
    found = learning_error(Network(run, device="cpu"), run.language, run.record.length, count=CONTEXTS, seed=1)
    return found, [f"{each.value:.2g} [{each.low:.2g}, {each.high:.2g}]" for each in (found.mean, found.z)]


def runs() -> str:
    """What was asked of every run, and what is measured."""
    rows = []
    for name, (error, z) in WANTED.items():
        run, seconds = trained(name)
        found, said = errors(run)
        reached = found.mean.value <= error and (z is None or found.z.value <= z)
        asked = f"≤ {error:g}" + ("" if z is None else f", z ≤ {z:g}")
        rows.append([f"`{name}.toml`", described(run), asked, *said, "reached" if reached else "missed", seconds])
    return table(["", "run, length 64", "asked", "nats a token", "z", "", "CPU seconds"], rows)


def described(run: mt.Run) -> str:
    """Language, objective, size and tokens of a run."""
    record = run.record
    layers, width = record.architecture["layers"], record.architecture["width"]
    return f"{record.language}, {record.objective}, {layers} layers × {width}, {record.tokens / 1e6:.2g}M tokens"


def targets() -> str:
    """The run bigram-mdm and its like on the HMM, by what each is taught; their histories as CSV and as a figure."""
    rows, histories = [], []
    for language, lang in LANGUAGES.items():
        for taught, changed in TAUGHT.items():
            name = "bigram-mdm" if (language, taught) == ("bigram", "oracle") else f"{language}-mdm-by-{taught}"
            run, seconds = trained(name, like="bigram-mdm", lang=lang, **changed)
            record = run.record
            rows.append([record.language, record.targets, record.data, *errors(run)[1], seconds])
            history = pd.read_csv(run.path / "history.csv").drop(columns="seconds")
            histories.append(history.assign(language=record.language, targets=record.targets, data=record.data))
    frame = pd.concat(histories)
    frame = frame[[*frame.columns[-3:], *frame.columns[:-3]]]
    frame.to_csv(HERE / "targets.csv", index=False)
    save_figure(figure(frame), DOCS / "targets.png")
    return table(["language", "targets", "data", "nats a token", "z", "CPU seconds"], rows)


def steps() -> str:
    """The sweep feng2025.toml and the budgets of its masked networks, as feng2025.csv; what of TER is learning."""
    for name in COMPARED:
        trained(f"{name}-mdm"), trained(f"{name}-ar")
    for length in LENGTHS:
        trained(f"paper2gram-mdm-{length}", like="paper2gram-mdm", length=length)
    keys = read_toml(HERE / "feng2025.toml")
    swept = mt.collect(cells_of(keys), out=keys["out"])
    runs = [trained(each)[0] for name in COMPARED for each in (f"{name}-mdm", f"{name}-ar")]
    runs += [trained(f"paper2gram-mdm-{length}")[0] for length in LENGTHS]
    masked = [run for run in runs if run.record.objective == "mdm" and run.record.length == LENGTH]
    budgets = [
        row(run, metric, ends, steps=count)
        for run in masked
        for metric, count, ends in split(Network(run, device="cpu"), run.language, LENGTH)
    ]
    learned = [each for run in runs for each in unlearned(run)]
    frame = pd.concat(
        [swept[ROWS].drop_duplicates(), pd.DataFrame([*budgets, *learned], columns=ROWS)], ignore_index=True
    )
    frame.to_csv(HERE / "feng2025.csv", index=False, lineterminator="\n")
    return split_table(frame)


def split(net: Any, q: Language, length: int) -> Iterator[tuple[str, int, Ends]]:
    """Of a masked denoiser in random order, by steps: TER(p)/TER(q), and its logarithm's two parts in nats a token.

    Sequences of the language are revealed in random order, one position at a time; what a number of steps costs is a
    weighted sum over how many were revealed before (docs/theory.md, 2.1). Factorisation: what the exact posterior costs
    above -log q. Learning: KL(exact || network) at the same contexts, in the mean what the network costs above that.
    """
    oracle = mt.Oracle(q)
    tokens, rows = q.sample(BUDGETED, length, seed=0), np.arange(BUDGETED)
    states = stream_states(["budget", q.digest, length], 0, BUDGETED)
    rank = mt.MaskedDiffusion(oracle, sampler="first_hitting").draw_plans(states, length)
    costs, errors = np.empty((2, BUDGETED, length))
    for revealed in range(length):
        contexts, at = np.where(rank <= revealed, tokens, q.vocab_size), np.argmax(rank == revealed + 1, axis=1)
        exact, said = (each.conditionals(contexts)[rows, at] for each in (oracle, net))
        costs[:, revealed] = -np.log(exact[rows, tokens[rows, at]])
        errors[:, revealed] = rel_entr(exact, said).sum(axis=1)
    for steps in STEPS:
        weights = curve_weights(mt.MaskedDiffusion(oracle, steps=steps), length) / length
        factorisation, learning = costs @ weights + q.log_prob(tokens) / length, errors @ weights
        yield "factorisation", steps, mean_interval(Moments.of(factorisation), LEVEL)
        yield "learning", steps, mean_interval(Moments.of(learning), LEVEL)
        value, low, high = map(math.exp, mean_interval(Moments.of(factorisation + learning), LEVEL))
        yield "ter_ratio", steps, (value, low, high)


def unlearned(run: mt.Run) -> Iterator[dict[str, Any]]:
    """Learning error and z of a run, as rows."""
    found = errors(run)[0]
    for metric, each in {"learning_error": found.mean, "z": found.z}.items():
        yield row(run, metric, (each.value, each.low, each.high), count=CONTEXTS)


def row(run: mt.Run, metric: str, ends: Ends, **more: Any) -> dict[str, Any]:
    """As those of a sweep of the run."""
    record = run.record
    about = {"language": record.language, "length": record.length, "denoiser": f"runs/{run.path.name}"}
    about["model"] = "masked" if record.objective == "mdm" else record.objective
    numbers = {"metric": metric, **dict(zip(ENDS, ends, strict=True)), "level": LEVEL, "count": BUDGETED}
    return {**about, **numbers, "kind": "upper bound" if metric == "ter_ratio" else "estimate", **more}


def split_table(frame: pd.DataFrame) -> str:
    """What of TER is learning, and SER beside what z says, by language and steps; the network from left to right."""
    written = []
    for name in COMPARED:
        masked, causal = (f"runs/{name}-{objective}" for objective in ("mdm", "ar"))
        language = frame[frame["denoiser"] == masked]["language"].iloc[0]
        own = frame[(frame["language"] == language) & (frame["length"] == LENGTH)]
        for steps in SHOWN:
            oracle, ratio, ser = (
                found(own, metric, denoiser, steps)
                for metric, denoiser in (("ser", "oracle"), ("ter_ratio", masked), ("ser", masked))
            )
            learning, factorisation = (found(own, metric, masked, steps) for metric in ("learning", "factorisation"))
            expected = 1 - (1 - oracle["value"]) * math.exp(-LENGTH * found(own, "z", masked)["value"])
            share = learning["value"] / (learning["value"] + factorisation["value"])
            percent = [f"{100 * (ratio[end] - 1):.3g}" for end in ENDS]
            nats = [interval([1000 * each[end] for end in ENDS], 3) for each in (factorisation, learning)]
            sers = [interval([each[end] for end in ENDS], 3) for each in (oracle, ser)]
            at = [f"`{language}`" if steps == SHOWN[0] else "", str(steps)]
            total = f"≤ {percent[0]} [{percent[1]}, {percent[2]}] %"
            written.append([*at, total, *nats, f"{100 * share:.0f} %", *sers, f"{expected:.3f}"])
        ratio, ser = (found(own, metric, causal) for metric in ("ter_ratio", "ser"))
        percent = [f"{100 * (ratio[end] - 1):.3g}" for end in ENDS]
        nats = interval([1000 * math.log(ratio[end]) for end in ENDS], 3)
        at = ["", "left to right", f"{percent[0]} [{percent[1]}, {percent[2]}] %"]
        written.append([*at, "0", nats, "100 %", "0", interval([ser[end] for end in ENDS], 3), ""])
    heads = ["language", "steps", "TER(p)/TER(q) − 1", "factorisation, mnats", "learning, mnats", "learning's share"]
    return table([*heads, "SER of the oracle", "SER of the network", "1 − (1 − SER) e^(−Lz)"], written)


def found(rows: pd.DataFrame, metric: str, denoiser: str, steps: int | None = None) -> dict[str, Any]:
    """The row of a metric of masked diffusion with this denoiser, or of a run; `steps` None: of none."""
    there = rows[(rows["metric"] == metric) & (rows["denoiser"] == denoiser)]
    [only] = there[there["steps"].isna() if steps is None else there["steps"] == steps].to_dict("records")
    return only


def interval(ends: Sequence[float], digits: int) -> str:
    """A value with the ends of its interval."""
    value, low, high = (f"{each:.{digits}g}" for each in ends)
    return f"{value} [{low}, {high}]"


def figure(frame: pd.DataFrame) -> Picture:
    """The learning error of the averaged weights against tokens, a panel for each language."""
    looks = {}
    with figure_style():
        picture = Picture(6.4, 2.7)
        panels = picture.grid(1, len(LANGUAGES))
        for axes, (language, own) in zip(panels, frame.groupby("language", sort=False), strict=True):
            scale_tokens(axes, own["tokens"], frame["learning_error"].to_numpy())
            for (aim, data), lines in own.groupby(["targets", "data"], sort=False):
                label = "the exact posterior" if aim == "oracle" else f"tokens, {str(data).partition(':')[0]} data"
                look = looks.setdefault(label, Look(PALETTE[len(looks)], dashes=DASHES[len(looks)]))
                axes.plot(lines["tokens"], lines["learning_error"], color=look.colour, linestyle=look.dashes)
            axes.set_title(f"{PRESETS.reader_name(str(language))}, $L$ = {LENGTH}")
        panels[0].set_ylabel("learning error\n(nats per masked token)")
        note = "KL(exact ‖ network) of the averaged weights, from 2,048 validation tokens a point; one seed."
        picture.explain([handle(look, label, mark=False) for label, look in looks.items()], [note])
    return picture


def table(headings: list[str], rows: list[list[str]]) -> str:
    """In Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(each) + " |" for each in lines)


def write_part(page: Path, name: str, text: str) -> None:
    """Put a part of a page between its marks."""
    block = f"<!-- {name} -->\n{text}\n<!-- /{name} -->"
    before = page.read_text(encoding="utf-8")
    after, count = re.subn(f"<!-- {name} -->.*<!-- /{name} -->", lambda _: block, before, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"{page} has {count} places for {name}; put <!-- {name} --> and <!-- /{name} --> there once")
    page.write_text(after, encoding="utf-8")


PARTS = {"runs": runs, "targets": targets, "steps": steps}


def sections_written(parts: dict[str, Callable[[], str]], wanted: list[str]) -> None:
    """Train what is missing, measure it, and write the page, part by part."""
    for name in wanted or parts:
        text = parts[name]()
        print(text, end="\n\n", flush=True)
        write_part(DOCS / "trained.md", name, text)


if __name__ == "__main__":
    sections_written(PARTS, sys.argv[1:])
