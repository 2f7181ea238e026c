"""What an SER of a given relative error costs: by walks that make no error, against drawing, turn by turn.

A side does hundredths of a unit, one being the sequences of which the mean has a relative variance of 1: at n units the
relative error is 1/sqrt(n). The variance is that of walks before the clock starts; of drawing it is that of a coin
with their mean, which no drawing has to find.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import mdmtheory as mt
from benchmarks.page import number
from benchmarks.timing import Ratio, Side, compare
from mdmtheory.metrics.ser_sharp import LEAST_EFFECTIVE

HEADS = ["cell", "by", "SER", "worth", "walks, s", "draws, s", "draws/walks (least, greatest)"]
RELATIVE = 0.1
"""The relative standard error of the seconds in the table."""

CELLS = [
    ("ngram:order=2", 64, "ancestral", 64, "sharp", 1000),
    ("ngram:order=2", 64, "ancestral", 64, "shared", 1000),
    ("ngram:order=2", 64, "ancestral", 2048, "sharp", 2000),
    ("ngram:order=2", 64, "ancestral", 2048, "shared", 1000),
    ("ngram:order=2", 64, "ancestral", 10**5, "shared", 1000),
    ("hmm", 64, "ancestral", 64, "shared", 1000),
    ("hmm", 64, "ancestral", 2048, "shared", 1000),
    ("hmm", 64, "ancestral", 10**5, "shared", 1000),
    ("hmm", 128, "stride", 8, "sharp", 1000),
    ("hmm", 128, "stride", 12, "sharp", 4000),
    ("hmm", 128, "stride", 12, "tilted", 1000),
    ("hmm", 128, "stride", 16, "tilted", 1000),
    ("hmm", 128, "stride", 24, "tilted", 1000),
]
"""Language, length, sampler, steps, the method of `mt.ser`, and walks of which the variance is taken."""


def lines(rounds: int) -> Iterator[list[str]]:
    """The lines of the table, each as soon as it is measured."""
    for cell in CELLS:
        yield line(*cell, rounds=rounds)


def line(lang: str, length: int, sampler: str, steps: int, method: str, count: int, *, rounds: int) -> list[str]:
    """One line: nothing is timed where the walks are worth fewer than a mean of them needs."""
    q = mt.as_language(lang)
    model: Any = mt.MaskedDiffusion(mt.Oracle(q), sampler=sampler, steps=steps)
    walk = {"sharp": model.walk_steps, "shared": model.walk_shared, "tilted": model.walk_tilted}[method]
    wrong = walk(q, count, length, seed=0, threads=1).wrong
    mean, worth = float(wrong.mean()), float(wrong.sum() ** 2 / (wrong**2).sum())
    said = [f"`{lang}`, L={length}, `{sampler}`, N={steps:,}", method, number(mean), f"{worth:.0f} of {count:,}"]
    if worth < LEAST_EFFECTIVE:
        return [*said, "", "", ""]
    each, coin = float(np.var(wrong)) / mean**2, (1 - mean) / mean
    walks = Side("walks", _hundredths(lambda n: walk(q, n, length, seed=1, threads=1), each), round(count * 100 / each))
    draws = Side("draws", _hundredths(lambda n: model.sample(n, length, seed=1, threads=1), coin), None, *_many(coin))
    ratio = compare(walks, draws, rounds=rounds)
    seconds = [number(each.typical * 100 / RELATIVE**2) for each in (ratio.ours, ratio.other)]
    return [*said, *seconds, _in_words(ratio)]


def _hundredths(work: Callable[[int], object], each: float) -> Callable[[int], object]:
    """Hundredths of a unit, which is `each` sequences."""
    return lambda count: work(max(1, round(count * each / 100)))


def _many(each: float) -> tuple[int, int]:
    """A thousand sequences, and a hundred thousand, in hundredths of a unit."""
    return math.ceil(1000 * 100 / each), math.ceil(100_000 * 100 / each)


def _in_words(ratio: Ratio) -> str:
    return f"{number(ratio.median)}× ({number(min(ratio.ratios))}, {number(max(ratio.ratios))})"
