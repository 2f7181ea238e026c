"""Rows such as a sweep makes, computed from the laws that they follow instead of measured; and a store of real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from mdmtheory.sweeps import read
from tests.plots.stores.make import STORE

COLUMNS = [
    *("language", "length", "prompt", "model", "denoiser", "sampler", "schedule", "steps", "seed"),
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


@pytest.fixture(scope="session")
def _stored() -> pd.DataFrame:
    return read(STORE)


@pytest.fixture
def stored(_stored: pd.DataFrame) -> pd.DataFrame:
    """What `mt.read` gives of the committed store, with rows of all kinds (tests/plots/stores/make.py)."""
    return _stored.copy()


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


def measured(
    method: str,
    language: str = "hmm",
    steps: int | None = None,
    *,
    length: int = 64,
    model: str = "masked",
    denoiser: str | None = "oracle",
    ser: tuple[float, float, float] = (0.5, 0.4, 0.6),
    ratio: tuple[float, float, float] | None = (1.1, 1.05, 1.15),
    entropy: tuple[float, float, float] | None = (1.0, 0.9, 1.1),
    kind: str = "estimate",
    calls: float | None = None,
    rounds: float | None = None,
) -> list[dict[str, Any]]:
    """The rows of one cell of a leaderboard; `method` is a sampler, or with another model than masked goes unsaid."""
    sampler = method if model == "masked" else None
    shared = {"language": language, "length": length, "model": model, "denoiser": denoiser, "sampler": sampler}
    shared |= {"schedule": "linear" if steps else None, "steps": steps, "seed": 0, "level": 0.95, "count": COUNT}
    cost = calls if calls is not None else float(steps) if steps else None
    shared |= {"calls": cost, "rounds": rounds if rounds is not None else cost, "seconds": 1.0}
    scale = 2.0  # TER(q)
    ter = None if ratio is None else tuple(scale * each for each in ratio)
    found = {
        "ser": (ser, "estimate"),
        "ter": (ter, kind),
        "ter_ratio": (ratio, kind),
        "cross_entropy": (entropy, "estimate"),
    }
    return [
        {**shared, "metric": metric, **dict(zip(("value", "low", "high"), numbers, strict=True)), "kind": each}
        for metric, (numbers, each) in found.items()
        if numbers is not None
    ]


@pytest.fixture
def measure() -> Callable[..., list[dict[str, Any]]]:
    return measured


@pytest.fixture
def board() -> pd.DataFrame:
    """Two languages, a sampler of several families each at its budgets, the reference, and one cell without calls."""
    cells = []
    for language in ("ngram:order=2", "hmm"):
        for steps, wrong in ((8, 0.9), (16, 0.7), (32, 0.4)):
            low, high = wrong - 0.02, wrong + 0.02
            fell = 1 + wrong / 10
            bound = (fell, fell - 0.01, fell + 0.01)
            cells.append(
                measured("ancestral", language, steps, ser=(wrong, low, high), ratio=bound, kind="upper bound")
            )
            cells.append(measured("stride", language, steps, ser=(0.0, 0.0, 0.002), ratio=(1.0, 0.999, 1.001)))
            lost = (0.4, 0.39, 0.41)
            cells.append(measured("draw_confidence", language, steps, ratio=None, entropy=lost, ser=(wrong, low, high)))
        for gamma, calls in ((0.5, 40.0), (2, 20.0), (8, 5.0)):
            cells.append(measured(f"entropy_bound:gamma={gamma}", language, calls=calls))
        for k, rounds in ((4, 30.0), (8, 25.0)):
            cells.append(
                measured(f"verify:k={k}", language, calls=100.0 * k, rounds=rounds, ratio=None, ser=(0, 0, 0.002))
            )
        cells.append(measured("left_to_right", language, calls=64.0, ratio=(1, 1, 1), ser=(0, 0, 0.002)))
        cells.append(measured("blocks", language, 128, calls=None, ser=(1.0, 0.998, 1.0), entropy=None))
        for row in cells[-1]:
            row["calls"] = row["rounds"] = None
        exact = np.exp(0.9) / 2.0
        span = tuple(exact * np.exp(each) for each in (0, -0.01, 0.01))
        cells.append(measured("ar", language, model="ar", denoiser=None, calls=64.0, ratio=span, ser=(0, 0, 0.002)))
    frame = frame_of(cells)
    return frame.astype({"steps": "Int64", "length": "Int64", "seed": "Int64", "count": "Int64"})
