from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core import threads

LANGUAGES = {
    "bigram": mt.NGram([0.5, 0.5], [[0.5, 0.5], [1.0, 0.0]]),
    "hmm": mt.HMM([0.5, 0.5], [[0.5, 0.5], [0.25, 0.75]], [[1.0, 0.0], [0.25, 0.75]]),
    "parity": mt.Parity(),
}
DENOISERS = {
    "oracle": mt.Oracle,
    "perturbed": lambda language: mt.Perturbed(mt.Oracle(language), epsilon=0.1),
    "window": lambda language: mt.Window(language, width=1),
}
MODELS = {
    "stride": lambda denoiser, language: mt.MaskedDiffusion(denoiser, sampler="stride", steps=2),
    "ancestral": lambda denoiser, language: mt.MaskedDiffusion(denoiser, sampler="ancestral", steps=2),
    "confidence": lambda denoiser, language: mt.MaskedDiffusion(denoiser, sampler="confidence", steps=2),
    "uniform": lambda denoiser, language: mt.UniformDiffusion(mt.Oracle(language), steps=2),
    "ar": lambda denoiser, language: mt.Autoregressive(language),
}


@pytest.fixture
def pools(monkeypatch) -> list[int]:
    """The sizes of the thread pools that are opened, where there are four processors."""
    opened: list[int] = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, workers: int, **options: Any) -> None:
            opened.append(workers)
            super().__init__(workers, **options)

    monkeypatch.setattr(threads, "ThreadPoolExecutor", Pool)
    # What tests/conftest.py says of all tests.
    monkeypatch.setattr(threads, "_WITHIN", ContextVar("within", default=None))
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    return opened


@pytest.mark.refutes("1.8")
@pytest.mark.parametrize("name", LANGUAGES)
def test_one_thread_is_one_thread_when_a_window_is_asked(name, pools):
    language = LANGUAGES[name]
    window = mt.Window(language, width=1)
    masks = np.full((4, 3), 2, dtype=np.uint8)
    window.conditionals(masks, threads=1)
    window.open(4, 3, threads=1).marginals(np.arange(4), np.zeros(4, dtype=np.int64))
    # What is drawn is looked at by a method that takes no number of threads.
    mt.ser(mt.MaskedDiffusion(window, sampler="stride", steps=2), language, 3, count=8, threads=1)
    assert pools == []


@pytest.mark.refutes("1.8")
@pytest.mark.parametrize("denoiser", DENOISERS)
@pytest.mark.parametrize(
    # An n-gram's own sampling, scores and support are no work for threads.
    ("name", "model"),
    [
        (name, model)
        for name in LANGUAGES
        for model in MODELS
        if (name, model) not in {("bigram", "uniform"), ("bigram", "ar")}
    ],
)
def test_a_measurement_in_one_thread_opens_no_pool(name, denoiser, model, pools):
    language = LANGUAGES[name]
    built = MODELS[model](DENOISERS[denoiser](language), language)
    mt.ser(built, language, 3, count=8, threads=1)
    mt.ter(built, language, 3, count=60, threads=1)
    mt.distances(built, language, 3, count=8, threads=1)
    assert pools == []


@pytest.mark.refutes("1.8")
def test_a_worker_of_a_sweep_opens_no_pool(tmp_path, pools):
    cells = mt.cells("parity,ngram:vocab_size=2", length=4, steps=2, denoiser="oracle,window:width=1", samples=10)
    mt.collect(cells, out=tmp_path / "s.sqlite", workers=1)
    assert pools == [1]  # the sweep's own


def test_what_a_thread_calls_opens_no_pool_of_its_own(pools):
    threads.over_rows(lambda a, b: LANGUAGES["parity"].in_support(np.zeros((8, 3), dtype=np.uint8)), 2)
    assert pools == [2]
    LANGUAGES["parity"].in_support(np.zeros((8, 3), dtype=np.uint8))
    assert pools == [2, 4]
