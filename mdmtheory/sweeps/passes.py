"""Passes: runs of chunks that are computed together, because one stretch of work serves several tasks."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from mdmtheory.core.streams import canonical_json
from mdmtheory.core.threads import within
from mdmtheory.metrics.draw import drawn, sums_of
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.registry import measures
from mdmtheory.sweeps.chunks import Chunk
from mdmtheory.sweeps.tasks import Task

if TYPE_CHECKING:
    from mdmtheory.core.protocols import Language, Samples, SequenceModel
    from mdmtheory.metrics.sums import Sums

Keeps = Literal["drawn", "finished", None]
"""Whether the sequences are kept that are drawn: as they are, or with those that went wrong drawn to their end."""


@dataclass(frozen=True)
class Pass:
    """Tasks of one language, length, prompt and seed, with their models, computed chunk by chunk together.

    With `keeps` chunks bring along the sequences that were drawn for them, as they were drawn or to their end.
    """

    tasks: tuple[Task, ...]
    models: tuple[SequenceModel, ...]
    language: Language
    length: int
    seed: int
    keeps: Keeps = None

    @property
    def device(self) -> str | None:
        """The device whose one worker computes it, batch by batch; None where any thread may."""
        model: Any = self.models[0]
        return None if model.device == "cpu" and model.batch(self.length) is None else model.device

    @property
    def kernels(self) -> str:
        """Equal for passes that run the same kernels on the same tables: warming one of them warms all."""
        about = self.tasks[0].description
        keys = ("measure", "language", "length", "model", "denoiser", "sampler", "prompt")
        return canonical_json([about.get(key) for key in keys])

    def compute(self, index: int, wanted: Sequence[int]) -> list[Chunk]:
        """Chunk `index` of the tasks numbered `wanted`, each a function of its task and the index alone."""
        size = self.tasks[0].chunk_size
        start = time.perf_counter()
        if self.keeps is None:
            found, samples = self.count(index * size, size, wanted), None
        else:
            found, samples = self._drawn(index * size, size)
        seconds = (time.perf_counter() - start) / len(wanted)
        done = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return [Chunk(index, sums, seconds, code_version(), platform.node(), done, samples) for sums in found]

    def warm(self) -> None:
        """Run a sequence through every kernel; where a batch is asked for, through those of the language alone."""
        model: Any = self.models[0]
        if model.batch(self.length) is None:
            self.count(0, 1, (0,))
            return
        with within(1):
            tokens = Sequences(self.language, self.length, self.seed, 0, 1).tokens(1)
            self.language.log_prob(tokens[self.language.in_support(tokens)])

    def count(self, first: int, count: int, wanted: Sequence[int]) -> list[Sums]:
        """The sums over sequences first..first+count-1 for the tasks numbered `wanted`."""
        models = [self.models[number] for number in wanted]
        measure = measures()[self.tasks[0].measure]
        with within(1):
            return measure.count(models, self._sequences(first, count))

    def _drawn(self, first: int, count: int) -> tuple[list[Sums], Samples]:
        """As `count` of its only task, with the sequences."""
        with within(1):
            of = self._sequences(first, count)
            [samples] = drawn(self.models, of, 1, **({"finish": True} if self.keeps == "finished" else {}))
            return [sums_of(samples, of, 1)], samples

    def _sequences(self, first: int, count: int) -> Sequences:
        return Sequences(self.language, self.length, self.seed, first, count, self.tasks[0].given)


def passes_of(work: Sequence[tuple[Task, Language, SequenceModel]], keeps: Keeps = None) -> list[Pass]:
    """The fewest passes that do the work: tasks that are priced by one information curve share one.

    Those that draw keep their sequences where that is asked for.
    """
    together: dict[str, list[tuple[Task, Language, SequenceModel]]] = {}
    for task, language, model in work:
        about = task.description
        shared = measures()[task.measure].shares_pass(model, language)
        same = ("measure", "language", "length", "seed", "model", "denoiser")
        curve = [
            *(about[name] for name in same),
            about["versions"]["streams"],
            *map(about.get, ("prompt", "reveals", "computed")),
        ]
        key = canonical_json([*curve, task.chunk_size]) if shared else task.sha
        together.setdefault(key, []).append((task, language, model))
    return [_pass_of(group, keeps) for group in together.values()]


def _pass_of(group: Sequence[tuple[Task, Language, SequenceModel]], keeps: Keeps) -> Pass:
    tasks, languages, models = zip(*group, strict=True)
    about: dict[str, Any] = tasks[0].description
    own = keeps if tasks[0].draws else None
    return Pass(tuple(tasks), tuple(models), languages[0], about["length"], about["seed"], own)


@cache
def code_version() -> str:
    """The version of mdmtheory and eight digits that change with any kernel."""
    from mdmtheory import __version__
    from mdmtheory.kernels.compiling import kernel_sources_digest

    return f"{__version__}+{kernel_sources_digest()[:8]}"
