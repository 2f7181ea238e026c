"""Somebody's denoiser on a device of its own, as slow as a test wants it: exact, but four sequences at once."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from mdmtheory import Spec
from mdmtheory.core.protocols import LogProb, Samples

BATCH = 4
STUCK_SECONDS = 30
"""Of processor time, since the process began."""

before_answer: Callable[[], None] = lambda: None  # noqa: E731  # what a test puts in its place
opened: list[tuple[str, int]] = []
"""The thread and the number of sequences of each canvas."""


class Slow:
    """The exact denoiser of a language, on device `other:0`."""

    device = "other:0"
    noises = frozenset({"masked"})
    spec, identity = Spec.of("slow"), ["slow"]

    def __init__(self, language: Any) -> None:
        self._exact = language.oracle()
        self.vocab_size = language.vocab_size

    def batch(self, length: int) -> int:
        return BATCH

    def open(self, count: int, length: int, **options: Any) -> Canvas:
        opened.append((threading.current_thread().name, count))
        return Canvas(self._exact.open(count, length, **options))


class Elsewhere(Slow):
    """The same on another device."""

    device = "other:1"
    spec, identity = Spec.of("elsewhere"), ["elsewhere"]


class Stuck(Slow):
    """The same for two batches; the third spins until something ends the process, at last its own time."""

    spec, identity = Spec.of("stuck"), ["stuck"]

    def open(self, count: int, length: int, **options: Any) -> Canvas:
        canvas = super().open(count, length, **options)
        if len(opened) > 2:
            resource.setrlimit(resource.RLIMIT_CPU, (STUCK_SECONDS, STUCK_SECONDS))
            print("stuck", file=sys.stderr, flush=True)
            while True:
                pass
        return canvas


class Interrupted(Slow):
    """The same; Ctrl-C comes in its third batch, which goes on."""

    spec, identity = Spec.of("interrupted"), ["interrupted"]

    def open(self, count: int, length: int, **options: Any) -> Canvas:
        canvas = super().open(count, length, **options)
        if len(opened) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return canvas


class OwnModel:
    """Draws zeros and asks no denoiser."""

    spec, identity = Spec.of("own"), ["own"]

    def __init__(self, language: Any, *_: Any) -> None:
        self.vocab_size = language.vocab_size

    def batch(self, length: int) -> int:
        return BATCH

    def sample(self, count: int, length: int, seed: int, *, first: int = 0, threads: int | None = None) -> Samples:
        before_answer()
        once = np.ones(count, dtype=np.int64)
        return Samples(np.zeros((count, length), dtype=np.uint8), once, once, np.zeros(count, dtype=np.bool_))

    def log_prob(self, tokens: Any, seed: int, **options: Any) -> LogProb:
        return LogProb(np.full(len(tokens), -1.0), "exact")


class Canvas:
    """An exact canvas that waits before it answers."""

    def __init__(self, exact: Any) -> None:
        self._exact = exact
        self.write = exact.write

    calls = property(lambda self: self._exact.calls)
    rounds = property(lambda self: self._exact.rounds)
    impossible = property(lambda self: self._exact.impossible)

    def marginals(self, rows: Any, positions: Any) -> Any:
        before_answer()
        return self._exact.marginals(rows, positions)
