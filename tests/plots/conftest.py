"""Rows such as a sweep makes, computed from the laws that they follow instead of measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

COLUMNS = [
    *("language", "length", "model", "denoiser", "sampler", "schedule", "steps", "seed"),
    *("metric", "value", "low", "high", "level", "kind", "count", "calls", "rounds", "seconds"),
]
COUNT = 2000


def cell(
    language: str = "hmm",
    sampler: str | None = "ancestral",
    steps: int | None = 64,
    *,
    length: int = 512,
    model: str = "masked",
    errors: int = 700,
    excess: float = 0.01,
    ter_of_language: float = 3.0512,
    kind: str = "upper bound",
    metrics: Iterable[str] = ("ser", "ter", "ter_ratio"),
    rounds: float | None = None,
) -> list[dict[str, Any]]:
    """The rows of one cell."""
    masked = model != "ar"
    shared = {
        "language": language,
        "length": length,
        "model": model,
        "denoiser": "oracle" if masked else None,
        "sampler": sampler if masked else None,
        "schedule": "linear" if masked else None,
        "steps": steps,
        "seed": 0,
        "level": 0.95,
        "count": COUNT,
        "calls": float(rounds or steps or length),
        "rounds": float(rounds or steps or length),
        "seconds": 1.5,
    }
    low = beta.ppf(0.025, errors, COUNT - errors + 1) if errors else 0.0
    high = beta.ppf(0.975, errors + 1, COUNT - errors) if errors < COUNT else 1.0
    numbers = {
        "ser": (errors / COUNT, low, high, "estimate"),
        "ter": (
            ter_of_language * (1 + excess),
            ter_of_language * (0.999 + excess),
            ter_of_language * (1.001 + excess),
            kind,
        ),
        "ter_ratio": (1 + excess, 1 + 0.9 * excess, 1 + 1.1 * excess, kind),
    }
    return [
        {**shared, "metric": metric, **dict(zip(("value", "low", "high", "kind"), numbers[metric], strict=True))}
        for metric in metrics
    ]


def frame_of(cells: Iterable[list[dict[str, Any]]]) -> pd.DataFrame:
    return pd.DataFrame([row for rows in cells for row in rows], columns=COLUMNS)


def linear_law(steps: int, length: int = 512, rate: float = 0.36) -> int:
    """Errors that 1 - exp(-rate L/N) makes one expect."""
    return round(COUNT * (1 - float(np.exp(-rate * length / steps))))


@pytest.fixture
def make_frame() -> Callable[[Iterable[list[dict[str, Any]]]], pd.DataFrame]:
    return frame_of


@pytest.fixture
def make_cell() -> Callable[..., list[dict[str, Any]]]:
    return cell


@pytest.fixture
def one_curve() -> pd.DataFrame:
    return frame_of(cell(steps=n, errors=linear_law(n), excess=0.36 / n) for n in (64, 128, 256, 512, 1024, 2048))


@pytest.fixture
def languages() -> pd.DataFrame:
    """Two languages over steps, and the autoregressive reference of each."""
    ters = {"hmm": 3.05, "ngram:order=2": 4.4}
    curves = [
        cell(name, steps=n, errors=linear_law(n, rate=rate), excess=rate / n, ter_of_language=ters[name])
        for name, rate in (("hmm", 0.36), ("ngram:order=2", 0.5))
        for n in (64, 128, 256)
    ]
    reference = [
        cell(name, steps=None, model="ar", errors=0, excess=0.0, ter_of_language=ter, kind="estimate")
        for name, ter in ters.items()
    ]
    return frame_of(curves + reference)


@pytest.fixture
def orders() -> pd.DataFrame:
    """Four samplers on two languages, two of them without a choice of steps, many cells without an error."""
    cells = []
    for name in ("hmm", "ngram:order=2"):
        for n in (16, 64, 256):
            cells.append(cell(name, steps=n, errors=linear_law(n), metrics=["ser"], rounds=0.9 * n))
            cells.append(cell(name, "stride", steps=n, errors=0, metrics=["ser"]))
        cells.append(cell(name, "bisection", None, errors=0 if name != "hmm" else 1200, metrics=["ser"], rounds=10))
        cells.append(cell(name, "left_to_right", None, errors=0, metrics=["ser"]))
    return frame_of(cells)


@pytest.fixture
def lengths() -> pd.DataFrame:
    return frame_of(cell(length=n, steps=n // 4, errors=1500, metrics=["ser"]) for n in (64, 128, 256, 512, 1024))
