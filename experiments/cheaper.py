"""At equal SER, and at equal TER, is masked generation or autoregression cheaper? Writes tables of docs/generation.md.

`python experiments/cheaper.py [length] [bigram] [hmm]`: runs as experiments/trained.py has them, trained where they are
not there. One thread; seconds are the processor's. `length` trains nothing: it has exact steps of the 2-gram at every
length of benchmarks/generation.csv, and the times there and in the paper's table.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from trained import LENGTH, table, trained, write_part

import mdmtheory as mt
from mdmtheory.analysis.calls import mean_calls

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # what is beside the package is not installed
from benchmarks.generation import PAPER_STEPS, stored  # noqa: E402
from benchmarks.page import number  # noqa: E402
from paper_checks.published import AR_SECONDS, MDM_SECONDS, TIME_LENGTHS, working_steps  # noqa: E402

PAGE = ROOT / "docs" / "generation.md"
ORDERS = {"random": "ancestral", "stride": "stride"}
TIMED_STEPS = {"random": 1024, "stride": 16}
"""Steps at which a call is timed: so many that a call reveals about as much as where the answers lie."""
BATCHES = (1, 128)
"""The second is what a network of 64 tokens takes at once on a processor."""
ROUNDS = 5
TARGETS = (0.5, 0.1)
EXCESS = 0.01
COUNTS = {"bigram": 500, "hmm": 128}
"""Sequences behind a number of a network: the second one has three times the layers."""
ORACLE_COUNT = 500
AR_COUNT = 4000
GRID = {"ancestral": (16, 64, 256, 1024, 4096), "stride": (2, 3, 4, 6, 8, 16, 64)}
"""Numbers of steps between which a network's SER is looked for."""


@dataclass(frozen=True)
class Ratio:
    """How many masked calls autoregression costs: the median round, the least and the greatest."""

    value: float
    low: float
    high: float

    def cost(self, fewest: float, most: float) -> str:
        """What so many calls cost in the time of autoregression: the least and the greatest that it may be."""
        return f"{fewest / self.high:.2g} to {most / self.low:.2g}"


@dataclass(frozen=True)
class Pair:
    """A language and what was trained on it."""

    name: str
    language: Any
    masked: Any
    ar: Any

    @classmethod
    def of(cls, name: str) -> Pair:
        """The runs NAME-mdm and NAME-ar."""
        masked, ar = (trained(f"{name}-{each}")[0] for each in ("mdm", "ar"))
        return cls(name, masked.language, mt.Network(masked, device="cpu"), mt.Network(ar, device="cpu"))

    def ratios(self, batch: int) -> dict[str, Ratio]:
        """Autoregression over a masked call, for each order, both drawing so many sequences together, turn by turn."""
        ar = mt.Autoregressive(self.ar)
        models = {
            order: mt.MaskedDiffusion(self.masked, sampler=sampler, steps=TIMED_STEPS[order])
            for order, sampler in ORDERS.items()
        }
        found: dict[str, list[float]] = {order: [] for order in ORDERS}
        repeats = max(1, 8 // batch)
        for seed in range(1 + ROUNDS):
            took, calls = {}, {}
            for order, model in {"ar": ar, **models}.items():
                begun = time.process_time()
                drawn = [model.sample(batch, LENGTH, seed * repeats + each, threads=1) for each in range(repeats)]
                took[order] = (time.process_time() - begun) / repeats
                calls[order] = sum(float(each.calls.mean()) for each in drawn) / repeats
            for order in ORDERS if seed else ():  # the first round warms up
                found[order].append(took["ar"] / (took[order] / calls[order]))
        return {order: Ratio(median(each), min(each), max(each)) for order, each in found.items()}


def part(name: str) -> str:
    """What a masked call costs, and for every target the steps that reach it and what those cost."""
    pair = Pair.of(name)
    q = pair.language
    own = mt.ser(mt.Autoregressive(pair.ar), q, LENGTH, count=AR_COUNT, threads=1)
    excess = mt.ter_ratio(mt.Autoregressive(pair.ar), q, LENGTH, count=AR_COUNT, threads=1)
    print(own, excess, flush=True)
    ratios = {batch: pair.ratios(batch) for batch in BATCHES}
    lines = [
        [f"batch {batch}", *(f"{each.value:.3g} ({each.low:.3g}, {each.high:.3g})" for each in of.values())]
        for batch, of in ratios.items()
    ]
    text = [
        f"Autoregression: SER {own.value:.3g} [{own.low:.3g}, {own.high:.3g}], TER(p)/TER(q) − 1 = "
        f"{excess.value - 1:.2g} [{excess.low - 1:.2g}, {excess.high - 1:.2g}]. It costs so many masked calls (least, "
        f"greatest of {ROUNDS} rounds):",
        table(["", *(f"{order} order" for order in ORDERS)], lines),
    ]
    print("\n\n".join(text), flush=True)
    heads = ["denoiser", "target"]
    for order in ORDERS:
        heads += [f"{order} order: steps", *(f"cost, batch {batch}" for batch in BATCHES)]
    goals: list[tuple[str, str, float]] = [(f"SER ≤ {at:g}", "ser", at) for at in TARGETS]
    goals.append((f"SER of AR, {own.value:.2g}", "ser", own.value))
    goals.append((f"TER of AR + {100 * EXCESS:g} %", "excess", excess.value * (1 + EXCESS) - 1))
    rows = []
    for said, denoiser, count in (
        ("exact posterior", mt.Oracle(q), ORACLE_COUNT),
        ("network", pair.masked, COUNTS[name]),
    ):
        for goal, kind, at in goals:
            row = [said, goal]
            for order, sampler in ORDERS.items():
                found = reached(q, denoiser, sampler, kind, at, count)
                row += found.cells([ratios[batch][order] for batch in BATCHES])
            print(row, flush=True)
            rows.append(row)
    return "\n\n".join([*text, table(heads, rows)])


@dataclass(frozen=True)
class Reached:
    """Steps that reach a target, as they are written, and the fewest and the most calls that may be; or why none do."""

    said: str
    calls: tuple[float, float] | None = None

    def cells(self, ratios: list[Ratio]) -> list[str]:
        """The steps, and their cost by every ratio."""
        if self.calls is None:
            return [self.said, *["–"] * len(ratios)]
        return [self.said, *(each.cost(*self.calls) for each in ratios)]


def reached(q: Any, denoiser: Any, sampler: str, kind: str, at: float, count: int) -> Reached:
    """The steps that bring SER, or TER(p)/TER(q) - 1, to a target."""
    model = partial(mt.MaskedDiffusion, denoiser, sampler=sampler)
    if isinstance(denoiser, mt.Network):
        best = one_by_one(denoiser, sampler, kind, count)
        if best.low > at:
            value, low, high = (
                f"{100 * each:.2g} %" if kind == "excess" else f"{each:.2g}"
                for each in (best.value, best.low, best.high)
            )
            return Reached(f"none: at best {value} [{low}, {high}]")
        if kind == "ser":
            tried = {steps: error(denoiser, sampler, steps, count) for steps in GRID[sampler]}
            above = max((steps for steps, found in tried.items() if found.low > at), default=0)
            enough = [steps for steps, found in tried.items() if steps > above and found.high <= at]
            most = math.inf if not enough else enough[0]
            said = f"{above + 1} or more" if math.isinf(most) else f"{above + 1} to {most}"
            said = f"{most}" if most == above + 1 else said
            return Reached(said, (calls_at(model, above + 1), calls_at(model, most)))
    found = mt.steps_for(q, LENGTH, **{kind: at}, sampler=sampler, denoiser=denoiser, count=count, threads=1)
    row = found.frame.iloc[0]
    mark = "≤ " if row["kind"] == "upper bound" else ""
    interval = "" if row["low"] == row["high"] else f" [{row['low']:.0f}, {row['high']:.0f}]"
    return Reached(f"{mark}{row['steps']}{interval}", (calls_at(model, row["low"]), calls_at(model, row["high"])))


@cache
def error(denoiser: Any, sampler: str, steps: int, count: int) -> mt.Estimate:
    """SER of a network at so many steps."""
    model = mt.MaskedDiffusion(denoiser, sampler=sampler, steps=steps)
    found = mt.ser(model, denoiser.run.language, LENGTH, count=count, threads=1)
    print(sampler, steps, found, flush=True)
    return found


@cache
def one_by_one(denoiser: Any, sampler: str, kind: str, count: int) -> mt.Estimate:
    """SER, or TER(p)/TER(q) - 1, where every token has a call of its own: the least that any number of steps gives."""
    law = "fixed" if sampler == "ancestral" else sampler
    if kind == "ser":
        return error(denoiser, law, LENGTH, count)
    model = mt.MaskedDiffusion(denoiser, sampler=law, steps=LENGTH)
    ratio = mt.ter_ratio(model, denoiser.run.language, LENGTH, count=count, threads=1)
    print(law, ratio, flush=True)
    return mt.Estimate(ratio.value - 1, ratio.low - 1, ratio.high - 1, ratio.level, ratio.kind, ratio.count)


def calls_at(model: Callable[..., Any], steps: float) -> float:
    """Mean calls of a sequence; of infinitely many steps one a token."""
    return float(LENGTH) if math.isinf(steps) else mean_calls(model(steps=int(steps)), LENGTH)[0].value


def by_length(name: str) -> str:
    """Steps of random order with the exact posterior at every length, and their cost by every table of times."""
    lines = stored((ROOT / "benchmarks" / "generation.csv").read_text(encoding="utf-8"))
    times: dict[str, dict[int, float]] = {said: {} for said in ("one", "saturating", "paper")}
    for line in lines:
        if line.size == "nano":
            times[line.batching][line.length] = line.ar_in_masked_calls
    for length, mdm, ar in zip(TIME_LENGTHS, MDM_SECONDS, AR_SECONDS, strict=True):
        times["paper"][length] = ar * working_steps(length, PAPER_STEPS) / mdm
    goals = {f"TER + {100 * EXCESS:g} %": {"excess": EXCESS}, f"SER ≤ {TARGETS[0]:g}": {"ser": TARGETS[0]}}
    heads = ["length"]
    for goal in goals:
        heads += [f"{goal}: steps", "calls", "cost, `nano`, one", "`nano`, batch", "by the paper's seconds"]
    rows = []
    for length in times["one"]:
        row = [str(length)]
        for target in goals.values():
            method = "first-order" if "ser" in target else "exact"
            found = mt.steps_for("ngram:order=2", length, **target, method=method, count=0, threads=1).frame.iloc[0]
            costs = [number(found["calls"] / of[length]) if length in of else "" for of in times.values()]
            mark = "≤ " if found["kind"] == "upper bound" else ""
            row += [f"{mark}{found['steps']:,}", f"{found['calls']:,.0f}", *costs]
        rows.append(row)
    return table(heads, rows)


PARTS = {"length": by_length, "bigram": part, "hmm": part}


def main(wanted: list[str]) -> None:
    """Write the page, part by part."""
    torch.set_num_threads(1)
    for name in wanted or PARTS:
        begun = time.process_time()
        text = PARTS[name](name)
        print(f"{text}\n\n{time.process_time() - begun:.0f} CPU s\n", flush=True)
        write_part(PAGE, name, text)


if __name__ == "__main__":
    main(sys.argv[1:])
