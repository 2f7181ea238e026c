"""Speeds that were asked for: what they were, what they are now, and what bounds them.

Sequences a second on two threads, as of a sweep. A ratio to what was is no ratio of one run: what was is of another
day, on the same kind of processor; `python -m benchmarks --base COMMIT` takes turns with another commit's package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mdmtheory as mt
from benchmarks.ancestral import LENGTH, PLANS, STATES, THREADS, VOCAB_SIZE, plan_runner
from benchmarks.page import number
from benchmarks.timing import Side, measure

HEADS = ["job", "was", "asked", "sequences/s (least, greatest)", "asked for", "what bounds it"]


@dataclass(frozen=True)
class Asked:
    """A job with the speeds that it had and should have, in sequences a second."""

    job: str
    was: str
    least: float | None
    work: Callable[[int], object]
    bound: str
    count: int | None = None
    """Sequences at once; None: as many as take a third of a second."""


OF_NGRAMS = (
    ("56,000", 100_000, "512 products of 8 numbers, some 34 ns a token in all; no single part"),
    ("4,050", 8000, "3,980 hops, each of which waits for the one before it, 0.9 million multiply-adds"),
    ("94", 500, "11,700 steps, half of them of all contexts, of 4,096 multiply-adds each"),
    ("under 1", 10, "256 KB of laws a step from the second cache, a thousand messages of 32 KB beyond it"),
    ("under 1", 10, "2 MB of laws a step from the third cache, a thousand messages of 256 KB beyond it"),
)
"""By order from 2 on: what was, what was asked for, and what bounds it, counted in runs of the benchmark's plans."""
LOOKING: dict[str, tuple[str, float | None, str]] = {
    "confidence": ("195", 400, "messages 45 %, ranking 9 %"),
    "entropy_bound:gamma=0.5": ("–", None, "messages 20 %, entropies 9 %, ranking 9 %; passes of Python"),
    "verify:k=8": ("124", 248, "messages a third, many short passes of numpy"),
    "independent:mu=0.1": ("–", None, "information of pairs"),
}


def jobs() -> Iterator[Asked]:
    """Oracle sampling by ancestral plans, and samplers that look."""
    hmm = mt.HMM.random(states=STATES, vocab_size=VOCAB_SIZE, seed=0)
    bound = "tables in the second cache: 11,800 hops of 32 by 32 multiply-adds, some 70 ns each with all else"
    yield Asked("HMM oracle, S=32, N=512", "718 to 937", 1500, plan_runner(hmm)(512), bound)
    for order, (was, least, bound) in enumerate(OF_NGRAMS, start=2):
        run = plan_runner(mt.NGram.random(order=order, vocab_size=VOCAB_SIZE, seed=0))
        yield Asked(f"{order}-gram oracle, N=512", was, least, run(512), bound)
    book = _drawn(mt.as_language("book:order=4"), 16, length=64)
    yield Asked("`book:order=4` (arcs), L=64, N=16", "17", None, book, "gathers: 6,627 arcs a token and pass, 1.9 ns")
    for sampler, (known, asked, bound) in LOOKING.items():
        yield Asked(f"`{sampler}`, HMM, N=64", known, asked, _drawn(hmm, 64, sampler=sampler), bound, count=128)
    remasking = _drawn(hmm, 64, 0.999, sampler="remdm-cap")
    yield Asked("`remdm-cap`, HMM, trust .999, N=64", "240", 480, remasking, "smoothing all anew 64 %", count=128)


def _drawn(
    language: Any, steps: int, trust: float = 1.0, *, length: int = LENGTH, sampler: str = "ancestral"
) -> Callable[[int], object]:
    model = mt.MaskedDiffusion(mt.Oracle(language, trust=trust), steps=steps, sampler=sampler)
    return lambda count: model.sample(count, length, seed=0, threads=THREADS)


def lines(rounds: int) -> Iterator[list[str]]:
    """The lines of the table."""
    for each in jobs():
        found = measure(Side(each.job, each.work, count=each.count, unit=2 * THREADS, most=PLANS), rounds)
        speeds = sorted(1 / seconds for seconds in found.seconds)
        met = "–" if each.least is None else "yes" if 1 / found.typical >= each.least else "NO"
        asked = "–" if each.least is None else number(each.least)
        speed = f"{number(1 / found.typical)} ({number(speeds[0])}, {number(speeds[-1])})"
        yield [each.job, each.was, asked, speed, met, each.bound]
