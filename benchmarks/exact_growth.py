"""How the exact routines grow with length, steps and vocabulary: seconds of a processor, one thread.

A row has one language but where V varies, and what is kept of it is forgotten before each cell. What took more than
MOST_SECONDS is not tried any larger; what a routine refuses, by its own limit of operations or memory, is said.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

import mdmtheory as mt
from benchmarks.page import number
from mdmtheory import exact
from mdmtheory.exact import forgetting, rates

MOST_SECONDS = 1.0
FRACTIONS = np.linspace(0.05, 0.95, 8)
LETTERS = {"length": "L", "steps": "N", "vocab_size": "V", "cycles": "T"}


@dataclass(frozen=True)
class Size:
    """What a routine is asked for; one of the numbers is varied, the others stay."""

    length: int
    steps: int
    vocab_size: int
    cycles: int = 50
    """A chain that is nearly periodic is out of step once in so many tokens."""


Axes = dict[str, tuple[int, ...]]

CLOSED = Size(length=64, steps=64, vocab_size=4)
CLOSED_AXES: Axes = {
    "length": (16, 32, 64, 128, 256, 512, 1024),
    "steps": (4, 16, 64, 256, 1024),
    "vocab_size": (4, 8, 16, 32, 64),
}
SMALL = Size(length=6, steps=8, vocab_size=3)
SMALL_AXES: Axes = {"length": (2, 4, 6, 8, 10, 12), "steps": (2, 8, 32, 128), "vocab_size": (2, 3, 4, 5, 6)}


@dataclass(frozen=True)
class Routine:
    """A routine, what it is asked by a size, and along which axes that matters."""

    name: str
    work: Callable[[Size], object]
    base: Size = CLOSED
    axes: Axes = field(default_factory=lambda: CLOSED_AXES)

    def along(self, *axes: str, **values: tuple[int, ...]) -> Routine:
        """Along some of its axes, or along values of its own."""
        return replace(self, axes={**{axis: self.axes[axis] for axis in axes}, **values})


def _bigram(size: Size) -> mt.NGram:
    return mt.NGram.random(order=2, vocab_size=size.vocab_size, seed=0, prune=0.7)


def _nearly_periodic(size: Size) -> mt.NGram:
    stays, around = np.eye(size.vocab_size), np.roll(np.eye(size.vocab_size), 1, axis=1)
    law = np.full(size.vocab_size, 1 / size.vocab_size)
    return mt.NGram(law, (stays + (size.cycles - 1) * around) / size.cycles)


def _hmm(size: Size) -> mt.HMM:
    return mt.HMM.random(states=8, vocab_size=size.vocab_size, seed=0, prune_transition=1.5, prune_emission=1.0)


def _trigram(size: Size) -> mt.NGram:
    return mt.NGram.random(order=3, vocab_size=size.vocab_size, seed=0, prune=1.0)


@lru_cache
def _fivegram(size: Size) -> mt.NGram:
    return mt.NGram.random(order=5, vocab_size=size.vocab_size, seed=0, prune=1.0)


def _masked(size: Size, sampler: str) -> mt.MaskedDiffusion:
    return mt.MaskedDiffusion(mt.Oracle(_hmm(size)), sampler=sampler, steps=size.steps)


def _log_prob(size: Size) -> object:
    q = _bigram(size)
    return exact.log_prob(q, q.sample(1, size.length, seed=0), steps=size.steps, threads=1)


def _prompt(size: Size) -> object:
    q = _hmm(size)
    return exact.prompt_log_prob(q, q.sample(8, size.length, seed=0), f"prefix:size={size.length // 2}", threads=1)


def _uniform(size: Size) -> object:
    q = _hmm(size)
    return exact.elbo(mt.UniformDiffusion(mt.Oracle(q), steps=size.steps), q, size.length, threads=1)


ROUTINES = [
    Routine("`ser`, bigram", lambda s: exact.ser(_bigram(s), s.length, steps=s.steps, threads=1)),
    Routine(
        "`ser`, nearly periodic cycle", lambda s: exact.ser(_nearly_periodic(s), s.length, steps=s.steps, threads=1)
    ),
    Routine("`log_prob`, bigram, a sequence", _log_prob),
    Routine("`information_curve`, bigram", lambda s: exact.information_curve(_bigram(s), s.length)).along(
        "length", "vocab_size"
    ),
    Routine("`first_order`, bigram", lambda s: exact.first_order(_bigram(s), s.length, threads=1)).along(
        "length", "vocab_size"
    ),
    Routine("`growth_rate`", lambda s: exact.growth_rate(_bigram(s), steps=s.steps)).along("steps", "vocab_size"),
    Routine("`kappa`", lambda s: exact.kappa(_bigram(s))).along("vocab_size"),
    Routine("`kappa`, nearly periodic cycle", lambda s: exact.kappa(_nearly_periodic(s))).along(
        cycles=(50, 100, 200, 400, 1000)
    ),
    Routine("`optimal_kappa`, nearly periodic cycle", lambda s: exact.optimal_kappa(_nearly_periodic(s))).along(
        cycles=(50, 100, 200, 400, 1000)
    ),
    Routine("`optimal_kappa`", lambda s: exact.optimal_kappa(_bigram(s))).along("vocab_size"),
    Routine("`first_order_density`, 8 fractions", lambda s: exact.first_order_density(_bigram(s), FRACTIONS)).along(
        "vocab_size"
    ),
    Routine("`limit_curve`, 8 fractions", lambda s: exact.limit_curve(_bigram(s), FRACTIONS)).along("vocab_size"),
    Routine(
        "`information_curve`, HMM of 8 states, 64 a point",
        lambda s: exact.information_curve(_hmm(s), s.length, count=64, threads=1),
    ).along("length", "vocab_size"),
    Routine(
        "`first_order`, HMM of 8 states, 1,000 contexts",
        lambda s: exact.first_order(_hmm(s), s.length, count=1000, threads=1),
    ).along("length", "vocab_size"),
    Routine(
        "`information_curve`, 3-gram of 676 contexts, 64 a point",
        lambda s: exact.information_curve(_trigram(s), s.length, count=64, threads=1),
        replace(CLOSED, vocab_size=26),
    ).along("length", vocab_size=(26, 32, 64, 128)),
    Routine(
        "`information_curve`, 5-gram of 4,096 contexts, 64 a point",
        lambda s: exact.information_curve(_fivegram(s), s.length, count=64, threads=1),
        replace(CLOSED, vocab_size=8),
    ).along("length"),
    Routine(
        "`first_order`, 3-gram of 676 contexts, 1,000 contexts",
        lambda s: exact.first_order(_trigram(s), s.length, count=1000, threads=1),
        replace(CLOSED, vocab_size=26),
    ).along("length", vocab_size=(26, 32, 64, 128)),
    Routine("`prompt_log_prob`, HMM of 8 states, 8 sequences", _prompt).along("length", "vocab_size"),
    Routine("`joint`", lambda s: exact.joint(_hmm(s), s.length), SMALL, SMALL_AXES).along("length", "vocab_size"),
    Routine(
        "`enumerated_information_curve`",
        lambda s: exact.enumerated_information_curve(exact.joint(_hmm(s), s.length)),
        SMALL,
        SMALL_AXES,
    ).along("length", "vocab_size"),
    Routine("`ser`, enumerated", lambda s: exact.ser(_hmm(s), s.length, steps=s.steps, threads=1), SMALL, SMALL_AXES),
    Routine(
        "`law`, ancestral",
        lambda s: exact.law(_masked(s, "ancestral"), _hmm(s), s.length, threads=1),
        SMALL,
        SMALL_AXES,
    ),
    Routine(
        "`law`, confidence",
        lambda s: exact.law(_masked(s, "confidence"), _hmm(s), s.length, threads=1),
        SMALL,
        SMALL_AXES,
    ),
    Routine("`elbo`, uniform noise", _uniform, SMALL, SMALL_AXES),
    Routine("`serial_depth`", lambda s: exact.serial_depth(_hmm(s), s.length), SMALL, SMALL_AXES).along(
        "length", "vocab_size"
    ),
]


def lines(quick: bool) -> Iterator[tuple[tuple[str, tuple[int, ...]], list[str]]]:
    """The table that a line belongs to, an axis and what it is tried at, and the line, as soon as it is measured."""
    for routine in ROUTINES:
        for axis, values in routine.axes.items():
            some = values[:2] if quick else values
            cells = list(_cells(routine, axis, some))
            yield (axis, some), [routine.name, *(cell for cell, _ in cells), _grows([s for _, s in cells], some)]


def heads(axis: str, values: tuple[int, ...]) -> list[str]:
    """Those of a table."""
    return ["", *(f"{LETTERS[axis]} = {value:,}" for value in values), f"as {LETTERS[axis]}^"]


def _cells(routine: Routine, axis: str, values: tuple[int, ...]) -> Iterator[tuple[str, float | None]]:
    """Seconds in words and as a number, None where there are none."""
    routine.work(replace(routine.base, **{axis: values[0]}))  # compiles
    taken = 0.0
    for value in values:
        if taken > MOST_SECONDS:
            yield "", None
            continue
        forgetting._forgetting_chain.cache_clear()
        rates.pair_clashes.cache_clear()
        begin = time.process_time()
        try:
            routine.work(replace(routine.base, **{axis: value}))
        except ValueError:
            yield "refused", None
            continue
        taken = time.process_time() - begin
        yield number(taken), taken


def _grows(seconds: list[float | None], values: tuple[int, ...]) -> str:
    """The exponent between the last two that were measured; nothing where the last takes too little to tell."""
    known = [(value, second) for value, second in zip(values, seconds, strict=True) if second is not None]
    if len(known) < 2 or known[-1][1] < 0.02 or known[-2][1] <= 0:
        return ""
    (a, before), (b, after) = known[-2:]
    return f"{math.log(after / before) / math.log(b / a):.1f}"
