"""Train small networks to a stated distance from the exact posterior; writes the table of docs/trained.md.

`python experiments/trained.py [FOLDER]`: runs stand in FOLDER (runs/ unless given); one that is there already is not
trained again, one that was stopped goes on.
"""

from __future__ import annotations

import math
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import mdmtheory as mt
from mdmtheory.denoisers.network import Network
from mdmtheory.metrics.learning_error import learning_error
from mdmtheory.training.trainer import train

LENGTH = 64
CONTEXTS = 4096
SEQUENCES = 1024
PAGE = Path(__file__).parents[1] / "docs" / "trained.md"


@dataclass(frozen=True)
class Wanted:
    """A network and how near the exact posterior it must come, in nats a token that is asked for, and with which z."""

    name: str
    objective: str
    language: str
    size: str
    tokens: int
    error: float
    z: float | None = None


WANTED = (
    Wanted("bigram-mdm-small", "mdm", "ngram:order=2", "nano", 500_000, 0.01),
    Wanted("bigram-mdm", "mdm", "ngram:order=2", "nano", 4_000_000, 0.002, 2e-4),
    Wanted("bigram-ar", "ar", "ngram:order=2", "nano", 400_000, 0.015),
    Wanted("hmm-ar", "ar", "hmm", "nano", 1_000_000, 0.006),
    Wanted("hmm-mdm", "mdm", "hmm", "tiny", 3_000_000, 0.16),
)


def trained(wanted: Wanted, folder: Path) -> tuple[mt.Run, str]:
    """The run, trained or gone on with where it is not finished, and how many of the processor's seconds that took."""
    path = folder / wanted.name
    if (path / "run.json").is_file() and (found := mt.Run.open(path)).finished:
        return found, "trained before"
    began = time.process_time()
    run = train(
        wanted.objective,
        lang=wanted.language,
        length=LENGTH,
        size=wanted.size,
        tokens=wanted.tokens,
        out=path,
        resume=path.exists(),
        device="cpu",
    )
    return run, f"{time.process_time() - began:.0f}"


def row(wanted: Wanted, run: mt.Run, seconds: str) -> list[str]:
    """What was asked and what is measured, from the oracle's posteriors at fresh contexts."""
    found = learning_error(Network(run, device="cpu"), run.language, LENGTH, count=CONTEXTS, seed=1)
    reached = found.mean.value <= wanted.error and (wanted.z is None or found.z.value <= wanted.z)
    asked = f"≤ {wanted.error:g}" + ("" if wanted.z is None else f", z ≤ {wanted.z:g}")
    what = f"{wanted.language}, {wanted.objective}, {wanted.size}, {wanted.tokens / 1e6:g}M tokens"
    mean, z = (f"{each.value:.2g} [{each.low:.2g}, {each.high:.2g}]" for each in (found.mean, found.z))
    return [what, asked, mean, z, "reached" if reached else "missed", seconds]


def ser_rows(run: mt.Run) -> list[list[str]]:
    """SER of the bigram's masked network against that of the oracle and its own z: 1 - (1 - SER_oracle) exp(-L z)."""
    q, net = run.language, Network(run, device="cpu")
    z = learning_error(net, q, LENGTH, count=CONTEXTS, seed=1).z.value
    rows = []
    for steps in (64, 256):
        exact = float(mt.exact.ser(q, length=LENGTH, steps=steps))
        measured = mt.ser(mt.MaskedDiffusion(net, steps=steps), q, length=LENGTH, count=SEQUENCES, seed=0)
        expected = 1 - (1 - exact) * math.exp(-LENGTH * z)
        interval = f"{measured.value:.3f} [{measured.low:.3f}, {measured.high:.3f}]"
        rows.append([str(steps), f"{exact:.3f}", f"{expected:.3f}", interval, f"{measured.value - expected:+.3f}"])
    return rows


def cache_row(run: mt.Run, length: int = 128, count: int = 32) -> list[str]:
    """Drawing with keys and values kept against computing all anew, with the weights of a size, and how far apart."""
    from dataclasses import replace

    from mdmtheory.networks.cached_canvas import CachedCanvas
    from mdmtheory.networks.transformer import Transformer

    network = Transformer(replace(run.architecture, length=length), seed=0)
    network.load_state_dict(run.weights())
    network.eval().requires_grad_(False)
    seconds, laws = [], []
    tokens = run.language.sample(count, length, 0)
    for cached in (True, False):
        canvas = CachedCanvas(network, count, length, "cpu", cached=cached)
        rows, said = np.arange(count), []
        began = time.process_time()
        for i in range(length):
            said.append(canvas.ask(rows, np.full(count, i)).numpy())
            canvas.write(rows, np.full(count, i), tokens[:, i].astype(np.int64))
            canvas.settle_before(i + 1)
        seconds.append(time.process_time() - began)
        laws.append(np.stack(said))
    apart = np.abs(laws[0] - laws[1]).max()
    return [f"{seconds[1]:.1f}", f"{seconds[0]:.1f}", f"{seconds[1] / seconds[0]:.1f}", f"{apart:.1e}"]


def table(headings: list[str], rows: list[list[str]]) -> str:
    """In Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(each) + " |" for each in lines)


def main(folder: Path) -> None:
    """Train what is missing, measure all, and write the page."""
    runs = {wanted.name: trained(wanted, folder) for wanted in WANTED}
    parts = {
        "runs": table(
            ["run, length 64", "asked", "nats a token", "z", "", "CPU seconds"],
            [row(wanted, *runs[wanted.name]) for wanted in WANTED],
        ),
        "ser": table(
            ["steps", "SER of the oracle", "1 − (1 − SER) e^(−Lz)", "SER of the network", "miss"],
            ser_rows(runs["bigram-mdm"][0]),
        ),
        "cache": table(
            ["computed anew, s", "kept, s", "times faster", "largest difference"], [cache_row(runs["hmm-ar"][0])]
        ),
    }
    page = PAGE.read_text(encoding="utf-8")
    for name, text in parts.items():
        print(text, end="\n\n")
        block = f"<!-- {name} -->\n{text}\n<!-- /{name} -->"
        page = re.sub(f"<!-- {name} -->.*<!-- /{name} -->", lambda _, block=block: block, page, flags=re.DOTALL)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs"))
