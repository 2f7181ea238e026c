"""What an executor is."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol, runtime_checkable

from mdmtheory.sweeps.chunks import Chunk
from mdmtheory.sweeps.passes import Pass


@runtime_checkable
class Executor(Protocol):
    """Computes chunks of passes, somewhere. A pass is handed over once; a request for a chunk is a few numbers.

    Another executor (processes, a cluster) has only to run `passes[number].compute(index, wanted)` and give back a
    Future of `concurrent.futures`. Results do not depend on where or in which order that happens.
    """

    workers: int

    def open(self, passes: Sequence[Pass]) -> None:
        """Take the passes and start the workers."""

    def submit(self, number: int, index: int, wanted: tuple[int, ...]) -> Future[list[Chunk]]:
        """Begin `passes[number].compute(index, wanted)`."""

    def stop(self) -> None:
        """Nothing more is wanted: cancel what has not begun, and have what has give up where it can; do not wait."""

    def close(self, *, wait: bool = True) -> None:
        """Let the workers go, when they have ended what they do or, without `wait`, at once."""
