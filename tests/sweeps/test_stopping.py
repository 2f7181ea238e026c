"""Ctrl-C while a slow denoiser is at work: what is begun is given up, and a second Ctrl-C waits for nothing."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mdmtheory.cli.progress import waiting
from mdmtheory.sweeps import Progress, collect
from mdmtheory.sweeps.cells import cells
from tests.sweeps import slow
from tests.sweeps.small import LANGUAGE, rows_of

ROOT = Path(__file__).parents[2]
STEPS = 8
MOST_LOOKS = 300


def slow_cells(denoiser: str = "tests.sweeps.slow:Slow") -> list[Any]:
    given = {"steps": STEPS, "sampler": "confidence", "length": 16, "samples": 20, "metrics": "ser"}
    return cells(LANGUAGE, denoiser=denoiser, **given)


class Held:
    """The call of the denoiser at which Ctrl-C comes: it goes on when it is let."""

    def __init__(self, at: int) -> None:
        self.at, self.calls = at, 0
        self.let, self.gone_on = threading.Event(), threading.Event()
        self.told: list[tuple[str, ...]] = []

    def before_answer(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            signal.raise_signal(signal.SIGINT)
            self.let.wait()
            self.gone_on.set()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    """Ctrl-C in the second step of the third batch; it is let go at the latest when collect has looked many times."""
    held = Held(at=2 * STEPS + 2)
    collecting = importlib.import_module("mdmtheory.sweeps.collect")
    genuine, looks = collecting.wait, 0

    def looking(futures: Any, **how: Any) -> Any:
        nonlocal looks
        looks += 1
        if looks > MOST_LOOKS:
            held.let.set()
        return genuine(futures, **how)

    monkeypatch.setattr(collecting, "wait", looking)
    monkeypatch.setattr(collecting, "_LOOKS_EVERY", 0.01)
    monkeypatch.setattr(slow, "before_answer", held.before_answer)
    yield held
    held.let.set()


@pytest.fixture
def undisturbed(tmp_path: Path) -> list[tuple[Any, ...]]:
    collect(slow_cells(), out=tmp_path / "undisturbed.sqlite")
    return rows_of(tmp_path / "undisturbed.sqlite")


def test_the_first_ctrl_c_gives_up_at_the_next_call_of_the_denoiser(tmp_path, undisturbed, held):
    def look(progress: Progress) -> None:
        if progress.waits_for:
            held.told.append(progress.waits_for)
            held.let.set()

    with pytest.raises(KeyboardInterrupt):
        collect(slow_cells(), out=tmp_path / "store.sqlite", progress=look)
    assert held.calls == held.at, "the denoiser is not called again"
    [[waited_for]] = held.told
    assert "draw" in waited_for
    assert "tests.sweeps.slow:Slow" in waited_for
    assert rows_of(tmp_path / "store.sqlite") == undisturbed[:2]
    collect(slow_cells(), out=tmp_path / "store.sqlite")
    assert rows_of(tmp_path / "store.sqlite") == undisturbed


def test_a_second_ctrl_c_waits_for_nothing_and_keeps_what_is_finished(tmp_path, undisturbed, held):
    def look(progress: Progress) -> None:
        if progress.waits_for:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        collect(slow_cells(), out=tmp_path / "store.sqlite", progress=look)
    assert not held.let.is_set(), "it ended while the batch was still at work"
    assert rows_of(tmp_path / "store.sqlite") == undisturbed[:2]
    held.let.set()
    held.gone_on.wait()
    collect(slow_cells(), out=tmp_path / "store.sqlite")
    assert rows_of(tmp_path / "store.sqlite") == undisturbed


def test_a_model_that_asks_no_denoiser_is_waited_for_to_the_end_of_its_chunk_as_is_said(tmp_path, held):
    told: list[str] = []

    def look(progress: Progress) -> None:
        if progress.waits_for:
            told.append(waiting(progress))
            held.let.set()

    held.at = 3
    chosen = cells(LANGUAGE, model="tests.sweeps.slow:OwnModel", length=16, steps=2, samples=40, metrics="ser")
    with pytest.raises(KeyboardInterrupt):
        collect(chosen, out=tmp_path / "store.sqlite", progress=look)
    [line] = told
    assert "until the chunk ends" in line
    assert held.calls == held.at
    assert len(rows_of(tmp_path / "store.sqlite")) == 3


def test_where_nothing_is_stopped_nothing_is_given_up():
    from mdmtheory.core.giving_up import GivenUp, given_up_if, go_on

    go_on()
    with given_up_if(lambda: True):
        with given_up_if(lambda: False):
            go_on()
        with pytest.raises(GivenUp):
            go_on()
    go_on()


def test_on_the_command_line_a_second_ctrl_c_is_130_at_once(tmp_path):
    words = ["sweep", "--lang", LANGUAGE, "--denoiser", "tests.sweeps.slow:Stuck", "--sampler", "confidence"]
    words += ["--steps", "4", "--length", "16", "--samples", "40", "--metrics", "ser", "--out", "store.sqlite"]
    sweeping = subprocess.Popen(
        [sys.executable, "-m", "mdmtheory", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    with sweeping:
        assert sweeping.stderr is not None
        for awaited in ("stuck", "stopping: waits for "):
            assert any(line.startswith(awaited) for line in iter(sweeping.stderr.readline, ""))
            sweeping.send_signal(signal.SIGINT)
        said = sweeping.stderr.read()
    assert sweeping.returncode == 130
    assert said == "mdmtheory: stopped; 2 of 10 chunks are kept in store.sqlite: run the same command to go on\n"
    assert len(rows_of(tmp_path / "store.sqlite")) == 2
