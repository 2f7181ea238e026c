"""Passes: runs of chunks that are computed together, because one stretch of work serves several tasks."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from mdmtheory.core.streams import canonical_json
from mdmtheory.core.threads import within
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.registry import measures
from mdmtheory.sweeps.chunks import Chunk
from mdmtheory.sweeps.tasks import Task

if TYPE_CHECKING:
    from mdmtheory.core.protocols import Language, SequenceModel
    from mdmtheory.metrics.sums import Sums


@dataclass(frozen=True)
class Pass:
    """Tasks of one language, length, prompt and seed, with their models, computed chunk by chunk together."""

    tasks: tuple[Task, ...]
    models: tuple[SequenceModel, ...]
    language: Language
    length: int
    seed: int

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
        found = self.count(index * size, size, wanted)
        seconds = (time.perf_counter() - start) / len(wanted)
        done = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return [Chunk(index, sums, seconds, code_version(), platform.node(), done) for sums in found]

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
            of = Sequences(self.language, self.length, self.seed, first, count, self.tasks[0].given)
            return measure.count(models, of)


def passes_of(work: Sequence[tuple[Task, Language, SequenceModel]]) -> list[Pass]:
    """The fewest passes that do the work: tasks that are priced by one information curve share one."""
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
    return [_pass_of(group) for group in together.values()]


def _pass_of(group: Sequence[tuple[Task, Language, SequenceModel]]) -> Pass:
    tasks, languages, models = zip(*group, strict=True)
    about: dict[str, Any] = tasks[0].description
    return Pass(tuple(tasks), tuple(models), languages[0], about["length"], about["seed"])


@cache
def code_version() -> str:
    """The version of mdmtheory and eight digits that change with any kernel."""
    from mdmtheory import __version__
    from mdmtheory.kernels.compiling import kernel_sources_digest

    return f"{__version__}+{kernel_sources_digest()[:8]}"
