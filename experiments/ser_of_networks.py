"""SER of denoisers that err: by walks, by counting, and as z has it; and what truncation buys; writes docs/trained.md.

`python experiments/ser_of_networks.py [ser] [coverage] [truncation]`: all unless some are named. Runs are those of
experiments/*.toml, under runs/, trained where they are missing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from trained import sections_written, table, trained

import mdmtheory as mt
from mdmtheory.core.defaults import DenoiserDefaults
from mdmtheory.denoisers.network import Network

SEQUENCES = 128
COUNTED = 256
BY_DENOISER = 10_000
CUT = 96
"""Sequences: walks of a network, counted ones of it, counted ones where the oracle's kernel draws, and what is cut."""


class BlindBehind(DenoiserDefaults):
    """The exact posterior, but where the first token shows and is `token`: there it sees nothing at all."""

    noises = frozenset({"masked"})

    def __init__(self, language: Any, *, token: int) -> None:
        self.language, self.token, self.vocab_size = language, token, language.vocab_size
        self.spec = mt.Spec.of("blind_behind", token=token)
        self.identity = ["blind behind", token, language.digest]

    def open(
        self, count: int, length: int, *, noise: str = "masked", prompt: Any = None, threads: Any = None
    ) -> BlindCanvas:
        """Two canvases, and who may look into which."""
        hidden = np.zeros(count, dtype=np.bool_) if prompt is None else prompt[:, 0] == self.token
        exact = mt.Oracle(self.language).open(count, length, prompt=prompt, threads=threads)
        blind = mt.Window(self.language, width=0).open(count, length, prompt=prompt, threads=threads)
        return BlindCanvas(exact, blind, hidden, self.token)


class BlindCanvas:
    """What BlindBehind says."""

    def __init__(self, exact: Any, blind: Any, hidden: Any, token: int) -> None:
        self.exact, self.blind, self.hidden, self.token = exact, blind, hidden, token
        self.calls, self.rounds, self.impossible = exact.calls, exact.rounds, exact.impossible

    def write(self, rows: Any, positions: Any, tokens: Any) -> None:
        """To both."""
        self.hidden[rows[(positions == 0) & (tokens == self.token)]] = True
        for each in (self.exact, self.blind):
            each.write(rows, positions, tokens)

    def marginals(self, rows: Any, positions: Any) -> Any:
        """Of one or the other."""
        laws = self.exact.marginals(rows, positions)
        hidden = self.hidden[rows]
        laws[hidden] = self.blind.marginals(rows[hidden], positions[hidden])
        return laws


def cases() -> Iterator[tuple[str, Any, int, list[int | None], tuple[int, int]]]:
    """What errs, its language, a length, numbers of steps (None: one position each), and sequences of both ways."""
    for lang, length in (("ngram:order=2", 64), ("hmm", 64), ("hmm", 512)):
        q = mt.as_language(lang)
        denoiser = mt.Perturbed(mt.Oracle(q), epsilon=0.0005)
        yield f"perturbed by .0005, {lang}", denoiser, length, [4 * length, None], (64_000 // length, BY_DENOISER)
    q = mt.as_language("ngram:order=2")
    first = q.oracle().conditionals(np.full((1, 8), q.vocab_size, dtype=np.uint8))[0, 0]
    rare = int(np.where(first > 0, first, 2).argmin())
    yield f"blind behind a first token of {first[rare]:.3f}", BlindBehind(q, token=rare), 64, [None], (1000, 1000)
    networks = (SEQUENCES, COUNTED)
    for name in ("bigram-ar", "hmm-ar", "bigram-mdm-small", "bigram-mdm", "hmm-mdm"):
        run = trained(name)[0]
        steps: list[int | None] = [64, None] if name.startswith("bigram-mdm") else [None]
        yield f"`{name}`", run, run.record.length, steps, networks


def model_of(what: Any, steps: int | None) -> Any:
    """A model of a run or a denoiser; a position a step where no steps are named."""
    denoiser = Network(what, device="cpu") if isinstance(what, mt.Run) else what
    if denoiser.sees == "left":
        return mt.Autoregressive(denoiser)
    return mt.MaskedDiffusion(denoiser, **({"sampler": "first_hitting"} if steps is None else {"steps": steps}))


def ser() -> str:
    """What z says of SER, SER by walks and by counting, and the processor's seconds of either."""
    rows = []
    for name, what, length, numbers, (walks, counted) in cases():
        for steps in numbers:
            model, language = model_of(what, steps), what.language
            found, seconds = timed(mt.ser_from_z, model, language, length, count=walks, contexts=1000)
            count, its_seconds = timed(mt.ser, model, language, length, count=counted)
            rows.append(
                [
                    name,
                    f"{length}",
                    "one each" if steps is None else f"{steps}",
                    f"{found.oracle.value:.4f}",
                    f"{found.z.value:.2g}",
                    f"{found.expected.value:.4f}",
                    shown(found.measured),
                    f"{seconds:.1f}",
                    shown(count),
                    f"{its_seconds:.1f}",
                    f"{found.miss.value:+.4f} [{found.miss.low:+.4f}, {found.miss.high:+.4f}]",
                ]
            )
            print(rows[-1], flush=True)
    headings = ["denoiser", "L", "steps", "SER of the oracle", "z", "from z", "SER by walks", "s", "SER counted", "s"]
    return table([*headings, "by walks − from z"], rows)


def coverage() -> str:
    """How often 95 % intervals hold, of 200 of 64 and 256 walks each, against the mean of all 51,200."""
    rows = []
    q, hmm = mt.as_language("ngram:order=2"), mt.as_language("hmm")
    found = {
        "perturbed by .0005, ngram:order=2": (mt.Perturbed(mt.Oracle(q), epsilon=0.0005), q, None),
        "perturbed by .0005, hmm": (mt.Perturbed(mt.Oracle(hmm), epsilon=0.0005), hmm, None),
        "the oracle, hmm, 64 steps": (mt.Oracle(hmm), hmm, 64),
        "window:width=4, hmm": (mt.Window(hmm, width=4), hmm, None),
    }
    name, what, *_ = next(case for case in cases() if isinstance(case[1], BlindBehind))
    found[name] = (what, q, None)
    from mdmtheory.metrics.metric import Measured
    from mdmtheory.metrics.ser_walk import SerWalk
    from mdmtheory.metrics.sums import Sums, moments

    for name, (denoiser, language, steps) in found.items():
        wrong = model_of(denoiser, steps).walk(language, 51_200, 32, 5).wrong
        truth = wrong.mean()
        cells = [name, f"{truth:.5f}"]
        for size in (64, 256):
            ends = [
                SerWalk().estimate(Measured(Sums(sequences=size, **moments("wrong", some)), 32))
                for some in wrong[: 200 * size].reshape(200, size)
            ]
            cells.append(f"{np.mean([each.low <= truth <= each.high for each in ends]):.1%}")
        rows.append(cells)
        print(cells, flush=True)
    return table(["denoiser, L = 32", "SER", "64 walks", "256"], rows)


def truncation() -> str:
    """What a temperature, a nucleus and min_p buy and cut of the bigram's smallest network."""
    rows = []
    run = trained("bigram-mdm-small")[0]
    for steps in (run.record.length, 16):
        for options in ("", "temperature=0.5", "nucleus=0.95", "nucleus=0.8", "min_p=0.05", "min_p=0.2"):
            sampler = f"ancestral:{options}" if options else "ancestral"
            model = mt.MaskedDiffusion(Network(run, device="cpu"), sampler=sampler, steps=steps)
            found = mt.truncation(model, run.language, run.record.length, count=CUT)
            nats = "" if found.nats is None else shown(found.nats)
            rows.append(
                [f"{steps}", options or "none", shown(found.ser), shown(found.kept), nats, f"{found.cut.value:.4f}"]
            )
            print(rows[-1], flush=True)
    return table(["steps", "options", "SER", "kept", "nats a kept token", "mass cut a token"], rows)


def timed(call: Any, *arguments: Any, **options: Any) -> tuple[Any, float]:
    """What it returns, and the processor's seconds."""
    began = time.process_time()
    return call(*arguments, **options), time.process_time() - began


def shown(number: mt.Estimate) -> str:
    """With its interval."""
    return f"{number.value:.4f} [{number.low:.4f}, {number.high:.4f}]"


PARTS = {"ser": ser, "coverage": coverage, "truncation": truncation}

if __name__ == "__main__":
    sections_written(PARTS, sys.argv[1:])
