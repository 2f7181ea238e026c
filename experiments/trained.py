"""Train small networks to a stated distance from the exact posterior; writes tables and the figure of docs/trained.md.

`python experiments/trained.py [runs] [ser] [targets]`: all three parts unless some are named. What a run is, the TOML
file of its name says, which `mdmtheory train` takes as well. One that is there already is not trained again, one that
was stopped goes on.
"""

from __future__ import annotations

import math
import re
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

import mdmtheory as mt
from mdmtheory.denoisers.network import Network
from mdmtheory.languages.presets import LANGUAGES as PRESETS
from mdmtheory.metrics.learning_error import learning_error
from mdmtheory.plots import save_figure
from mdmtheory.plots.picture import Picture, handle
from mdmtheory.plots.style import DASHES, PALETTE, Look, figure_style
from mdmtheory.plots.training import scale_tokens
from mdmtheory.training.files import read_training

LENGTH = 64
CONTEXTS = 4096
SEQUENCES = 1024
HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"

WANTED: dict[str, tuple[float, float | None]] = {
    "bigram-mdm-small": (0.01, None),
    "bigram-mdm": (0.002, 2e-4),
    "bigram-ar": (0.015, None),
    "hmm-ar": (0.006, None),
    "hmm-mdm": (0.16, None),
}
"""Runs, and how near the exact posterior each must come: in nats a token that is asked for, and with which z."""

LANGUAGES = {"bigram": "ngram:order=2", "hmm": "hmm"}
TAUGHT: dict[str, dict[str, Any]] = {
    "oracle": {},
    "tokens": {"targets": "tokens"},
    "fixed": {"targets": "tokens", "data": "fixed:samples=3125,epochs=20", "tokens": None},
}
"""What bigram-mdm is taught by: the exact posterior, fresh tokens, or as many tokens of 20 epochs, as the papers do."""


@cache
def trained(name: str, **changed: Any) -> tuple[mt.Run, str]:
    """The run, trained or gone on with where it is not finished, and how many of the processor's seconds that took."""
    keys = {**read_training(HERE / f"{changed.pop('like', name)}.toml"), **changed}
    out = Path(f"runs/{name}")
    if (out / "run.json").is_file() and (found := mt.Run.open(out)).finished:
        return found, "trained before"
    began = time.process_time()
    run = mt.train(**{**keys, "out": out}, resume=out.exists())
    return run, f"{time.process_time() - began:.0f}"


def errors(run: mt.Run) -> tuple[Any, list[str]]:
    """How far from the oracle's posteriors it is at fresh contexts, and that as it is written: the mean, and z."""
    found = learning_error(Network(run, device="cpu"), run.language, LENGTH, count=CONTEXTS, seed=1)
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


def ser() -> str:
    """SER of the bigram's masked network against that of the oracle and its own z: 1 - (1 - SER_oracle) exp(-L z)."""
    run = trained("bigram-mdm")[0]
    q, net = run.language, Network(run, device="cpu")
    z = errors(run)[0].z.value
    rows = []
    for steps in (64, 256):
        exact = float(mt.exact.ser(q, length=LENGTH, steps=steps))
        measured = mt.ser(mt.MaskedDiffusion(net, steps=steps), q, length=LENGTH, count=SEQUENCES, seed=0)
        expected = 1 - (1 - exact) * math.exp(-LENGTH * z)
        interval = f"{measured.value:.3f} [{measured.low:.3f}, {measured.high:.3f}]"
        rows.append([str(steps), f"{exact:.3f}", f"{expected:.3f}", interval, f"{measured.value - expected:+.3f}"])
    return table(["steps", "SER of the oracle", "1 − (1 − SER) e^(−Lz)", "SER of the network", "miss"], rows)


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


PARTS = {"runs": runs, "ser": ser, "targets": targets}


def main(wanted: list[str]) -> None:
    """Train what is missing, measure it, and write the page, part by part."""
    for name in wanted or PARTS:
        text = PARTS[name]()
        print(text, end="\n\n", flush=True)
        write_part(DOCS / "trained.md", name, text)


if __name__ == "__main__":
    main(sys.argv[1:])
