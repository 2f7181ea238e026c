"""How cost grows with length, steps, states and vocabulary: one process a point, so that its peak memory is its own.

The first number of a fresh installation is timed too: a process that finds no compiled kernel and draws a sequence.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

FIGURE = Path(__file__).parent / "growth.png"
TOKENS = 1 << 15
"""A chunk of the sweep: this many tokens, in whole sequences."""
PRODUCTS = 1 << 31
"""The most multiplications of one pass over all sequences of a point, a message being S² of them and a law S·V."""
LONG = 10.0
"""Seconds after which a job is not timed again."""
COLD = ("states", "vocab_size")
"""Axes on which the first number is timed: compiling takes most of it, which knows neither length nor steps."""
LOOK = "confidence"
"""The sampler that looks: it asks for the laws of all positions at each of its steps."""


@dataclass(frozen=True)
class Point:
    """A language and a job's size; one of the four fields is varied, the others stay as `BASES` has them."""

    states: int = 32
    vocab_size: int = 8
    length: int = 512
    steps: int = 512

    @property
    def count(self) -> int:
        """Sequences in a chunk, or as many as `PRODUCTS` allows."""
        each = self.length * self.states * (self.states + self.vocab_size)
        return max(1, min(TOKENS // self.length, PRODUCTS // each))

    @property
    def marginals(self) -> int:
        """Sequences whose marginals are asked for at once: a chunk, or as many as fill 128 MB."""
        return max(1, min(self.count, max(2, (1 << 24) // (self.length * self.vocab_size))))

    @property
    def by_products(self) -> bool:
        """Whether the oracle is the one of matrix products in torch, which keeps no tables of powers."""
        from mdmtheory.oracles.on_device import MANY_STATES

        return self.states >= MANY_STATES


AXES: dict[str, tuple[int, ...]] = {
    "length": (64, 128, 256, 512, 1024, 2048, 4096, 8192),
    "steps": (1, 4, 16, 64, 256, 1024, 4096),
    "states": (8, 16, 32, 64, 128, 256, 1024, 4096),
    "vocab_size": (2, 8, 32, 128, 512, 2048, 8192, 50_000),
}
SHORT = Point(length=64, steps=8)
BASES = {"length": Point(), "steps": Point(), "states": SHORT, "vocab_size": SHORT}
"""Where each axis runs through: large languages are measured where one sequence takes seconds."""
LETTERS = {"length": "L", "steps": "N", "states": "S", "vocab_size": "V"}
BIGRAM_VOCABULARY = 256
"""A bigram's powers are V×V each; above this the table of them is the cost, and is left to the HMM."""
JOBS = {
    "sample": "draw from the HMM",
    "log_prob": "log q(x)",
    "conditionals": "all marginals, half masked",
    "oracle": "masked sampling",
    "look": LOOK,
    "bigram": "masked sampling, bigram",
    "tables": "tables of the oracle (once)",
    "cold": "first number (once)",
}


def points() -> Iterator[tuple[str, Point]]:
    """Every point of every axis."""
    for axis, values in AXES.items():
        for value in values:
            yield axis, replace(BASES[axis], **{axis: value})


def measure(point: Point, *, cold: bool = False) -> dict[str, float]:
    """Seconds a sequence for each job, and memory, in a process of its own; to the first number, in another."""
    found: dict[str, float] = json.loads(_process("all", point, dict(os.environ)))
    if cold:
        with tempfile.TemporaryDirectory() as empty:
            found["cold"] = _once(lambda: _process("first", point, {**os.environ, "MDMTHEORY_CACHE": empty}))
    return found


def _process(what: str, point: Point, environment: dict[str, str]) -> str:
    command = [sys.executable, __file__, what, json.dumps(asdict(point))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{point} failed:\n{done.stderr}")
    return done.stdout


def first_here(point: Point) -> None:
    """One sequence by masked sampling, in this process."""
    import mdmtheory as mt

    language = mt.HMM.random(states=point.states, vocab_size=point.vocab_size, seed=0)
    mt.MaskedDiffusion(mt.Oracle(language), steps=point.steps).sample(1, point.length, seed=0)


def measure_here(point: Point) -> dict[str, float]:
    """In this process: everything compiled on a small case first, then each job on one chunk."""
    # Tokens of more than 8 bits have machine code of their own.
    small = Point(states=4, vocab_size=3 if point.vocab_size <= 255 else 256, length=8, steps=4)
    for work in _jobs(small).values():
        work()
    jobs = _jobs(point)
    tables = jobs.pop("tables")
    seconds = {} if point.by_products else {"tables": _once(tables)}
    seconds |= {name: _each(work) / point.count for name, work in jobs.items()}
    memory = peak_megabytes()
    for work in (_marginals(small) | _bigram(small)).values():
        work()
    seconds |= {name: _each(work) / point.marginals for name, work in _marginals(point).items()}
    if point.vocab_size <= BIGRAM_VOCABULARY and point.states == Point.states:
        seconds |= {name: _each(work) / point.count for name, work in _bigram(point).items()}
    return seconds | {"megabytes": memory}


def _jobs(point: Point) -> dict[str, Callable[[], object]]:
    import mdmtheory as mt

    language = mt.HMM.random(states=point.states, vocab_size=point.vocab_size, seed=0)
    tokens = language.sample(point.count, point.length, seed=0)
    oracle = mt.Oracle(language)
    plan = mt.MaskedDiffusion(oracle, steps=point.steps)
    look = mt.MaskedDiffusion(oracle, steps=point.steps, sampler=LOOK)
    return {
        "tables": lambda: language.chain.tables(point.length, 1.0),
        "sample": lambda: language.sample(point.count, point.length, seed=0, threads=2),
        "log_prob": lambda: language.log_prob(tokens, threads=2),
        "oracle": lambda: plan.sample(point.count, point.length, seed=0, threads=2),
        "look": lambda: look.sample(point.count, point.length, seed=0, threads=2),
    }


def _marginals(point: Point) -> dict[str, Callable[[], object]]:
    import numpy as np

    import mdmtheory as mt

    language = mt.HMM.random(states=point.states, vocab_size=point.vocab_size, seed=0)
    tokens = language.sample(point.marginals, point.length, seed=0)
    tokens[np.random.default_rng(0).random(tokens.shape) < 0.5] = point.vocab_size
    oracle = mt.Oracle(language)
    return {"conditionals": lambda: oracle.conditionals(tokens, threads=2)}


def _bigram(point: Point) -> dict[str, Callable[[], object]]:
    import mdmtheory as mt

    model = mt.MaskedDiffusion(mt.Oracle(mt.NGram.random(order=2, vocab_size=point.vocab_size)), steps=point.steps)
    return {"bigram": lambda: model.sample(point.count, point.length, seed=0, threads=2)}


def _once(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _each(work: Callable[[], object]) -> float:
    work()
    taken = [_once(work)]
    while (len(taken) < 3 and sum(taken) < LONG) or (sum(taken) < 0.2 and len(taken) < 100):
        taken.append(_once(work))
    return sorted(taken)[len(taken) // 2]


def peak_megabytes() -> float:
    """The most memory that this process has held so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # The resource module would count what the process held that started this one.
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def figure(results: dict[str, dict[int, dict[str, float]]]) -> None:
    """Four panels, one an axis; log-log, a dotted line of slope 1 to compare with."""
    import numpy as np
    from matplotlib.lines import Line2D

    from mdmtheory.plots import Picture, figure_style, looks, save_figure
    from mdmtheory.plots.picture import handle, say_once
    from mdmtheory.plots.series import Scale, Series, draw, scale_x
    from mdmtheory.plots.style import REFERENCE

    look = looks("job", list(JOBS.values()))
    every = [
        seconds[job] for measured in results.values() for seconds in measured.values() for job in JOBS if job in seconds
    ]
    scale = Scale("log", 0.7 * min(every), 1.4 * max(every))
    with figure_style():
        picture = Picture(7.0, 5.4)
        cells = picture.grid(2, 2)
        for axes, (axis, measured) in zip(cells, results.items(), strict=True):
            scale.on(axes)
            scale_x(axes, measured, log=True)
            for job, label in JOBS.items():
                here = {value: seconds[job] for value, seconds in measured.items() if job in seconds}
                if not here:
                    continue
                values = np.array(list(here.values()))
                draw(axes, Series(label, look[label], np.array(list(here), dtype=float), values, values, values), scale)
            ends = np.array([min(measured), max(measured)], dtype=float)
            foot = min(seconds["oracle"] for seconds in measured.values()) / 3
            axes.plot(ends, foot * ends / ends[0], color=REFERENCE, linewidth=0.8, linestyle=":", zorder=1)
            name = f"{axis.replace('_', ' ')} ${LETTERS[axis]}${_elsewhere(axis)}"
            axes.set(xlabel=name, ylabel="seconds a sequence")
        say_once(cells, 2)
        slope = Line2D([], [], color=REFERENCE, linewidth=0.8, linestyle=":", label="slope 1")
        picture.explain([*(handle(look[label], label) for label in JOBS.values()), slope], [])
    save_figure(picture, FIGURE)


def _elsewhere(axis: str) -> str:
    """What this axis has otherwise than the others, as its label says it."""
    usual, here = asdict(Point()), asdict(BASES[axis])
    told = [f"${LETTERS[name]} = {value}$" for name, value in here.items() if value != usual[name]]
    return f" (at {', '.join(told)})" if told else ""


def stored(page: str) -> dict[str, dict[int, dict[str, float]]]:
    """The numbers of a page that has the rows of `lines`, as `figure` takes them."""
    axes = {letter: axis for axis, letter in LETTERS.items()}
    results: dict[str, dict[int, dict[str, float]]] = {axis: {} for axis in AXES}
    for line in page.splitlines():
        heads, *cells = [cell.strip() for cell in line.strip("| ").split("|")]
        letter, sign, value = heads.partition(" = ")
        if sign and letter in axes and value.isdecimal():
            known = zip(JOBS, cells, strict=False)
            results[axes[letter]][int(value)] = {job: float(cell) for job, cell in known if cell}
    return results


def lines(results: dict[str, dict[int, dict[str, float]]]) -> Iterator[list[Any]]:
    """The rows of the table: what varies, its value, seconds a sequence for each job, megabytes."""
    for axis, measured in results.items():
        for value, seconds in measured.items():
            yield [f"{LETTERS[axis]} = {value}", *(seconds.get(job) for job in JOBS), seconds["megabytes"]]


if __name__ == "__main__":
    where = Point(**json.loads(sys.argv[2]))
    if sys.argv[1] == "first":
        first_here(where)
    else:
        print(json.dumps(measure_here(where)))
