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
    most: int = PLANS


def jobs() -> Iterator[Asked]:
    """Oracle sampling by ancestral plans, and samplers that look."""
    hmm = mt.HMM.random(states=STATES, vocab_size=VOCAB_SIZE, seed=0)
    yield Asked("HMM oracle, S=32, N=512", "718 to 937", 1500, plan_runner(hmm)(512), "")
    ngrams = {
        2: ("56,000", 100_000.0),
        3: ("4,050", 8000.0),
        4: ("94", 500.0),
        5: ("under 1", 10.0),
        6: ("under 1", 10.0),
    }
    for order, (was, least) in ngrams.items():
        run = plan_runner(mt.NGram.random(order=order, vocab_size=VOCAB_SIZE, seed=0))
        yield Asked(f"{order}-gram oracle, N=512", was, least, run(512), "")
    yield Asked(
        "`book:order=4` (arcs), L=64, N=16", "17", None, _drawn(mt.as_language("book:order=4"), 16, length=64), ""
    )
    looking = {
        "confidence": ("195", 400.0),
        "entropy_bound:gamma=0.5": ("–", None),
        "verify:k=8": ("124", 248.0),
        "independent:mu=0.1": ("–", None),
    }
    for sampler, (was, least) in looking.items():
        yield Asked(f"`{sampler}`, HMM, N=64", was, least, _drawn(hmm, 64, sampler=sampler), "")
    yield Asked("`remdm-cap`, HMM, trust .999, N=64", "240", 480, _drawn(hmm, 64, 0.999, sampler="remdm-cap"), "")


def _drawn(
    language: Any, steps: int, trust: float = 1.0, *, length: int = LENGTH, sampler: str = "ancestral"
) -> Callable[[int], object]:
    model = mt.MaskedDiffusion(mt.Oracle(language, trust=trust), steps=steps, sampler=sampler)
    return lambda count: model.sample(count, length, seed=0, threads=THREADS)


def lines(rounds: int) -> Iterator[list[str]]:
    """The lines of the table."""
    for each in jobs():
        found = measure(Side(each.job, each.work, unit=2 * THREADS, most=each.most), rounds)
        speeds = sorted(1 / seconds for seconds in found.seconds)
        met = "–" if each.least is None else "yes" if 1 / found.typical >= each.least else "NO"
        asked = "–" if each.least is None else number(each.least)
        speed = f"{number(1 / found.typical)} ({number(speeds[0])}, {number(speeds[-1])})"
        yield [each.job, each.was, asked, speed, met, each.bound]
