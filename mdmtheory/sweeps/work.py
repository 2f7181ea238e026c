"""What a sweep has to do, and how much of it is done: cells, their tasks, and passes over missing chunks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from mdmtheory.core.misfits import MisfitError
from mdmtheory.metrics.registry import as_metrics
from mdmtheory.sweeps.cell import Cell
from mdmtheory.sweeps.chunks import Chunk
from mdmtheory.sweeps.misfits import Misfits
from mdmtheory.sweeps.passes import Keeps, Pass, passes_of
from mdmtheory.sweeps.schema import Contents, StoredLanguage
from mdmtheory.sweeps.tasks import Task, fitting_tasks

if TYPE_CHECKING:
    from mdmtheory.core.protocols import Language, SequenceModel
    from mdmtheory.metrics.metric import Metric

T = TypeVar("T")


@dataclass
class TaskState:
    """A task, how many chunks it needs, and those that there are: a prefix, some of it written, and early ones.

    One whose rows are `published` needs no more. Where sequences are kept, chunks without theirs are computed once
    more, and held against `stored`, what the store has.
    """

    task: Task
    needed: int = 0
    chunks: list[Chunk] = field(default_factory=list)
    written: int = 0
    early: dict[int, Chunk] = field(default_factory=dict)
    published: bool = False
    stored: Sequence[Chunk] = ()
    errors: int = 0
    counted: int = 0

    @property
    def stopped(self) -> bool:
        """Whether the prefix has reached the number of errors at which drawing stops."""
        if self.task.max_errors is None:
            return False
        while self.errors < self.task.max_errors and self.counted < len(self.chunks):
            self.errors += self.chunks[self.counted].sums.whole("errors")
            self.counted += 1
        return self.errors >= self.task.max_errors

    @property
    def done(self) -> bool:
        """Whether nothing is missing."""
        return self.published or len(self.chunks) >= self.needed or self.stopped

    @property
    def expected(self) -> float:
        """How many chunks it will have in the end; a guess from the rate of errors where errors stop it."""
        if self.done:
            return len(self.chunks)
        if self.task.max_errors is None or not self.errors:
            return self.needed
        return min(self.needed, len(self.chunks) * self.task.max_errors / self.errors)

    def without_samples(self) -> list[Chunk]:
        """The chunks that are ready to be written, from now on without the sequences that they brought along."""
        self.chunks[self.written :] = [replace(chunk, samples=None) for chunk in self.chunks[self.written :]]
        return self.chunks[self.written :]

    def accept(self, chunk: Chunk) -> None:
        """Take a chunk, in any order; those after the stop are dropped."""
        self.early[chunk.index] = chunk
        while not self.done and len(self.chunks) in self.early:
            self.chunks.append(self.early.pop(len(self.chunks)))
        if self.done:
            self.early.clear()


@dataclass
class PassState:
    """A pass and the states of its tasks, in order; `issued` is the next chunk to ask for."""

    work: Pass
    states: list[TaskState]
    issued: int = 0

    def __post_init__(self) -> None:
        self.issued = min((len(state.chunks) for state in self.states if not state.done), default=0)

    @property
    def done(self) -> bool:
        """Whether no task of the pass misses anything."""
        return all(state.done for state in self.states)

    @property
    def finished(self) -> int:
        """How many chunks at the front nobody waits for any more."""
        return min((len(state.chunks) for state in self.states if not state.done), default=self.issued)

    def next(self, ahead: int) -> tuple[int, tuple[int, ...]] | None:
        """The next chunk to compute and the tasks that miss it, or None: nothing left, or for now too far ahead.

        Where errors stop a task, chunks beyond the stop are computed in vain, so the run ahead is short.
        """
        if self.done or (ahead and self.issued >= self.finished + ahead):
            return None
        while self.issued < max(state.needed for state in self.states):
            index = self.issued
            self.issued += 1
            wanted = tuple(
                number
                for number, state in enumerate(self.states)
                if len(state.chunks) <= index < state.needed and not state.done
            )
            if wanted:
                return index, wanted
        return None

    @property
    def left(self) -> float:
        """Chunks of this pass that are still to be computed, by expectation."""
        return max((state.expected - len(state.chunks) for state in self.states), default=0.0)


@dataclass
class Work:
    """All cells of a sweep with their tasks, and, once it is known what is stored, the passes that compute the rest."""

    cells: list[tuple[Cell, list[TaskState]]]
    states: dict[str, TaskState]
    languages: list[StoredLanguage]
    metrics: dict[str, dict[str, Metric]]
    things: dict[str, tuple[Task, Language, SequenceModel]]
    passes: list[PassState] = field(default_factory=list)

    @classmethod
    def of(cls, cells: Iterable[Cell], tags: Sequence[str] = ()) -> Work:
        """Build every cell; ValueError says what does not fit together. Tasks bear the tags.

        Of lists that multiply out, two choices that do not fit, a denoiser and a model or a sampler and a language, are
        left out, with a notice, where each of them fits another; so is a metric where it cannot be measured, if it can
        of another cell, and with it a cell of which nothing else was asked.
        """
        from mdmtheory.sweeps.building import Builder

        builder = Builder()
        misfits = Misfits()
        work = cls([], {}, [], {}, {})
        languages: dict[str, StoredLanguage] = {}
        for cell in cells:
            try:
                language, model = builder.build(cell)
            except MisfitError as error:
                misfits.of_cell(cell, error)
                continue
            tasks, without = fitting_tasks(cell, language, model, tags)
            misfits.of_metrics(without)
            if not tasks:
                continue
            if language.digest not in languages:
                languages[language.digest] = StoredLanguage.of(language, cell.shown_language)
            own, shown = [], cell.shown()
            for task in tasks:
                state = work.states.setdefault(task.sha, TaskState(task))
                state.task = state.task.joined(task)
                state.needed = max(state.needed, task.chunks_for(cell.samples))
                work.things.setdefault(task.sha, (task, language, model))
                known = work.metrics.setdefault(task.sha, {})
                given = [each for each in shown if task.measure in (each.needs, *each.besides)]
                known.update({each.name: each for each in as_metrics([*known.values(), *given])})
                own.append(state)
            work.cells.append((cell, own))
        misfits.settle([cell for cell, _ in work.cells], {name for own in work.metrics.values() for name in own})
        if not work.cells:
            raise ValueError("there are no cells to measure; make some with cells(lang=..., steps=...)")
        work.languages = list(languages.values())
        return work

    def resume(
        self,
        contents: Contents,
        published: Collection[str] = (),
        *,
        keeps: Keeps = None,
        kept: Mapping[str, int] | None = None,
    ) -> None:
        """Take over what a store has, and plan the passes for what neither it nor the published tasks have.

        Of tasks that draw, where their sequences are kept, only so many chunks as are `kept` already.
        """
        for sha, state in self.states.items():
            keeping = keeps is not None and state.task.draws
            if sha in contents.tasks:
                state.stored = list(contents.tasks[sha].chunks)
                state.chunks = list(state.stored[: (kept or {}).get(sha, 0)] if keeping else state.stored)
                state.written = len(state.chunks)
            # A task of which a part is stored is taken whole from elsewhere: rows cannot be added to chunks.
            state.published = not state.done and sha in published and not keeping
        missing = [self.things[sha] for sha, state in self.states.items() if not state.done]
        passes = passes_of(missing, keeps)
        self.passes = [PassState(each, [self.states[task.sha] for task in each.tasks]) for each in passes]

    @property
    def drawing(self) -> list[str]:
        """The tasks that draw sequences, by SHA."""
        return [sha for sha, state in self.states.items() if state.task.draws]

    @property
    def stored(self) -> dict[str, Mapping[str, Metric]]:
        """The metrics of the tasks that are the store's to tell, by SHA."""
        return {sha: metrics for sha, metrics in self.metrics.items() if not self.states[sha].published}

    def taken(self, published: Mapping[str, T]) -> list[T]:
        """Of what is published, by SHA, that which a store lacks."""
        return [each for sha, each in published.items() if self.states[sha].published]

    @property
    def cells_published(self) -> int:
        """Cells of which nothing is measured that a store lacks, and something is published."""
        return sum(all(state.done for state in own) and any(state.published for state in own) for _, own in self.cells)

    def unwritten(self) -> Iterator[tuple[str, Sequence[Chunk]]]:
        """Chunks that are ready to be written, by task. ValueError for one that is not what the store has of it."""
        for sha, state in self.states.items():
            ready = state.chunks[state.written :]
            for chunk, known in zip(ready, state.stored[state.written :], strict=False):
                conflict = known.conflict(chunk)
                if conflict is not None:
                    raise ValueError(
                        f"chunk {chunk.index} of {state.task}, drawn once more to keep its sequences, contradicts the "
                        f"store ({conflict}); that was made by changed code or is wrong: keep them with another --out"
                    )
            if ready:
                yield sha, ready
