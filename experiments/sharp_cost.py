"""What an SER of a given relative error costs, by drawing, by walks of single tokens and by walks of whole steps.

    python experiments/sharp_cost.py

prints the table of docs/sharp.md, with one thread: a few minutes. Time is processor time of the sequences
that a relative standard error of 10 % takes, at the variance that was seen; of drawing that of a coin with the mean of
the walks by whole steps, which no drawing has to find. A mean whose walks are worth fewer than 20 has no such time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

import mdmtheory as mt

CELLS = [
    ("ngram:order=2", 64, "ancestral", 64, 2000),
    ("hmm", 64, "ancestral", 64, 2000),
    ("ngram:order=2", 64, "ancestral", 2048, 2000),
    ("hmm", 64, "ancestral", 2048, 2000),
    ("hmm", 128, "stride", 8, 2000),
    ("hmm", 128, "stride", 12, 4000),
]
RELATIVE = 0.1


def timed(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """What it gives, and the processor seconds that it took."""
    began = time.process_time()
    found = work()
    return found, time.process_time() - began


def row(lang: str, length: int, sampler: str, steps: int, count: int) -> tuple[str, ...]:
    """A line of the table."""
    q = mt.as_language(lang)
    model = mt.MaskedDiffusion(mt.Oracle(q), sampler=sampler, steps=steps)
    few = max(count // 8, 100)
    for warm in (model.sample, lambda *a, **k: model.walk(q, *a, **k), lambda *a, **k: model.walk_steps(q, *a, **k)):
        warm(2, length, seed=1, threads=1)
    sharp, sharp_s = timed(lambda: model.walk_steps(q, count, length, seed=0, threads=1).wrong)
    walk, walk_s = timed(lambda: model.walk(q, few, length, seed=0, threads=1).wrong)
    _, draw_s = timed(lambda: model.sample(few, length, seed=0, threads=1).tokens)
    mean = float(sharp.mean())
    worth = mean**2 * count / float((sharp**2).mean()) if mean > 0 else float(count)
    needed = {
        "sharp": sharp.var() / mean**2,
        "walk": walk.var() / max(walk.mean(), 1e-300) ** 2,
        "draws": (1 - mean) / mean,
    }
    each = {"sharp": sharp_s / count, "walk": walk_s / few, "draws": draw_s / few}
    seconds = {how: each[how] * needed[how] / RELATIVE**2 for how in each}
    known = {"sharp": worth >= 20, "walk": (walk.sum() ** 2 / max((walk**2).sum(), 1e-300)) >= 20, "draws": worth >= 20}
    times = [f"{seconds[how]:.2g}" if known[how] else "" for how in ("draws", "walk", "sharp")]
    ratio = f"{seconds['draws'] / seconds['sharp']:.2g}" if known["sharp"] else ""
    return lang, str(length), sampler, str(steps), f"{mean:.2g}", f"{worth:.0f} of {count}", *times, ratio


def main() -> None:
    """Print the table."""
    costs = "draws, s | walks of tokens, s | whole steps, s | draws/whole steps"
    print(f"| language | L | sampler | steps | SER | worth | {costs} |")
    print("|---|--:|---|--:|--:|--:|--:|--:|--:|--:|")
    for cell in CELLS:
        print("|", " | ".join(row(*cell)), "|", flush=True)


if __name__ == "__main__":
    main()
