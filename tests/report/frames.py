"""Frames as a sweep makes them, written down instead of measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from mdmtheory.sweeps.results import COLUMNS

LEVEL = 0.95


def cell(
    language: str = "parity",
    sampler: str | None = "ancestral",
    steps: int | None = 16,
    *,
    length: int = 64,
    model: str = "masked",
    denoiser: str | None = "oracle",
    schedule: str | None = "linear",
    calls: float = 16.0,
    rounds: float | None = None,
    **metrics: tuple[float, float, float] | tuple[float, float, float, str],
) -> list[dict[str, Any]]:
    """The rows of a cell; each metric is its value, low, high and, unless it is an estimate, its kind."""
    shared = {
        "language": language,
        "length": length,
        "model": model,
        "denoiser": denoiser,
        "sampler": sampler,
        "schedule": schedule,
        "steps": steps,
        "seed": 0,
        "level": LEVEL,
        "count": 1000,
        "calls": calls,
        "rounds": calls if rounds is None else rounds,
        "seconds": 1.0,
        "form": 1,
        "task": "",
    }
    rows = []
    for metric, numbers in metrics.items():
        value, low, high = numbers[:3]
        kind = numbers[3] if len(numbers) > 3 else "estimate"
        rows.append({**shared, "metric": metric, "value": value, "low": low, "high": high, "kind": kind})
    return rows


def frame_of(cells: Iterable[list[dict[str, Any]]]) -> pd.DataFrame:
    frame = pd.DataFrame([row for rows in cells for row in rows], columns=list(COLUMNS))
    whole = dict.fromkeys(("length", "steps", "seed", "count", "form"), "Int64")
    return frame.astype({**whole, **dict.fromkeys(("value", "low", "high", "level", "calls", "rounds"), "float64")})


def around(value: float, half: float = 0.02) -> tuple[float, float, float]:
    return value, max(value - half, 0.0), value + half


def entries_at(rows: Iterable[tuple[str, str, float, float, float]]) -> pd.DataFrame:
    """Entries of one length as `entries` makes them: entrant, language, calls, low and high of SER."""
    found = pd.DataFrame(list(rows), columns=["entrant", "language", "calls", "ser_low", "ser_high"])
    middle = (found["ser_low"] + found["ser_high"]) / 2
    same = {"length": 64, "rounds": found["calls"], "count": 1000, "seed": 0, "setting": "", "kl": np.nan}
    return found.assign(ser=middle, given_up=False, held=False, **same)


def small_frame() -> pd.DataFrame:
    """Random order, a rule that is better, one that is worse and has no log p, and autoregression, on two languages."""
    cells = []
    for language, worse in (("parity", 0.9), ("ngram:order=2", 0.8)):
        for steps, error in ((16, 0.6), (32, 0.4), (64, 0.2)):
            bound = (1 + error / 100, 1 + error / 120, 1 + error / 80, "upper bound")
            cells.append(cell(language, steps=steps, calls=steps, ser=around(error), ter_ratio=bound))
            cells.append(
                cell(
                    language, "confidence", steps, calls=steps, ser=around(error / 4), ter_ratio=(1.001, 1.0005, 1.0015)
                )
            )
            cells.append(
                cell(
                    language,
                    "remdm-cap",
                    steps,
                    calls=steps,
                    denoiser="oracle:trust=0.999",
                    ser=around(worse),
                    cross_entropy=around(0.5),
                )
            )
        reference = {"model": "ar", "denoiser": None, "schedule": None, "calls": 64.0}
        cells.append(cell(language, None, None, ser=(0.0, 0.0, 0.004), ter_ratio=(1.0, 1.0, 1.0), **reference))
    return frame_of(cells)
