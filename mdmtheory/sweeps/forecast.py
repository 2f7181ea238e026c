"""The forecast of a sweep: what it would do, and how long that would take."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.streams import canonical_json
from mdmtheory.sweeps.cell import Cell
from mdmtheory.sweeps.collect import keeping, trust_of, warm
from mdmtheory.sweeps.passes import Pass
from mdmtheory.sweeps.samples_file import begins, beside
from mdmtheory.sweeps.schema import Contents
from mdmtheory.sweeps.store import load
from mdmtheory.sweeps.tasks import Task
from mdmtheory.sweeps.work import PassState, Work

Source = Literal["nothing to do", "stored", "measured", "unknown"]
_PROBE_SECONDS = 0.2


@dataclass(frozen=True)
class CellForecast:
    """What is stored of a cell and what is missing, over all its measurements, in chunks and in sequences.

    `seconds` is what one worker is expected to take for what is missing, its share of passes that serve several cells;
    `device` is that whose one worker computes it, None where all threads share it.
    `source` says where that comes from: `stored` times of the same or like chunks, `measured` just now on a few
    sequences, or `unknown` (then `seconds` is None). Where errors stop the drawing, it is what the cap would take.
    """

    cell: Cell
    stored_chunks: int
    missing_chunks: int
    stored_sequences: int
    missing_sequences: int
    seconds: float | None
    source: Source
    device: str | None = None


@dataclass(frozen=True)
class Forecast:
    """What a sweep would do, cell by cell."""

    cells: tuple[CellForecast, ...]

    @whole_numbers(workers=1)
    def seconds(self, workers: int) -> float | None:
        """Expected time with so many workers beside those of the devices, None when that of any cell is unknown."""
        by_device: dict[str | None, float] = {}
        for each in self.cells:
            if each.seconds is None:
                return None
            by_device[each.device] = by_device.get(each.device, 0.0) + each.seconds
        return max((seconds / (workers if device is None else 1) for device, seconds in by_device.items()), default=0.0)


def forecast(
    cells: Iterable[Cell], out: str | Path, *, probe: bool = True, keep_samples: bool = False, finish: bool = False
) -> Forecast:
    """What `collect(cells, out=out)` would do; nothing is written. ValueError or OSError as `collect` raises them.

    The time comes from what is stored of the same or like work; else, with `probe`, from a few sequences run now (which
    compiles kernels where that was never done); else it is unknown.
    """
    work = Work.of(cells)
    contents = load(out) if Path(out).exists() and Path(out).stat().st_size else Contents()
    keeps = keeping(work, keep_samples, finish)
    kept = begins(beside(out), work.drawing, trust_of(keeps)) if keeps else None
    work.resume(contents, keeps=keeps, kept=kept)
    costs: dict[str, tuple[float | None, Source]] = {}
    devices = {state.task.sha: each.work.device for each in work.passes for state in each.states}
    rates = _stored_rates(contents)
    probed: dict[str, float] = {}
    for each in work.passes:
        seconds, source = _cost(each, rates, probed, probe)
        for state in each.states:
            costs[state.task.sha] = (None if seconds is None else seconds * (state.needed - len(state.chunks)), source)
    seen: set[str] = set()
    found = []
    for cell, states in work.cells:
        size = states[0].task.chunk_size
        stored = sum(len(state.chunks) for state in states)
        missing = sum(0 if state.done else state.needed - len(state.chunks) for state in states)
        # A task that two cells share is paid for by the first.
        own = [costs[state.task.sha] for state in states if state.task.sha in costs and state.task.sha not in seen]
        seen.update(state.task.sha for state in states)
        known = [seconds for seconds, _ in own if seconds is not None]
        total = sum(known) if len(known) == len(own) else None
        found.append(
            CellForecast(
                cell,
                stored,
                missing,
                stored * size,
                missing * size,
                total,
                _worst([source for _, source in own]),
                devices.get(states[0].task.sha),
            )
        )
    return Forecast(tuple(found))


def _worst(sources: list[Source]) -> Source:
    order: tuple[Source, ...] = ("unknown", "measured", "stored")
    return next((source for source in order if source in sources), "nothing to do")


def _stored_rates(contents: Contents) -> dict[str, float]:
    """Mean seconds of a stored chunk, by task and by what makes tasks alike."""
    sums: dict[str, tuple[float, int]] = {}
    for sha, stored in contents.tasks.items():
        seconds = sum(chunk.seconds for chunk in stored.chunks)
        for key in (sha, _likeness(stored.task)):
            before = sums.get(key, (0.0, 0))
            sums[key] = (before[0] + seconds, before[1] + len(stored.chunks))
    return {key: seconds / count for key, (seconds, count) in sums.items() if count}


def _cost(
    each: PassState, rates: dict[str, float], probed: dict[str, float], probe: bool
) -> tuple[float | None, Source]:
    """Seconds of a chunk of each task of a pass."""
    for key in (each.work.tasks[0].sha, _likeness(each.work.tasks[0])):
        if key in rates:
            return rates[key], "stored"
    if not probe:
        return None, "unknown"
    kernels = each.work.kernels
    if kernels not in probed:
        probed[kernels] = _probe(each.work)
    return probed[kernels] / len(each.states), "measured"


def _probe(work: Pass) -> float:
    """Seconds of a chunk of a pass, from one sequence and from so many that they take long enough to believe.

    A batch that is asked for is run whole.
    """
    warm([work], lambda _: None)
    size, count = work.tasks[0].chunk_size, 1
    if work.device is not None:
        return _seconds_of(work, size)
    first = seconds = _seconds_of(work, 1)
    while count < size and seconds < max(_PROBE_SECONDS, 3 * first):
        count = min(2 * count, size)
        seconds = _seconds_of(work, count)
    # What one sequence takes is mostly what every chunk takes once; it must not be multiplied.
    return first + max(seconds - first, 0.0) * (size - 1) / max(count - 1, 1)


def _seconds_of(work: Pass, count: int) -> float:
    start = time.perf_counter()
    work.count(0, count, range(len(work.tasks)))
    return time.perf_counter() - start


def _likeness(task: Task) -> str:
    about: dict[str, Any] = task.description
    keys = ("measure", "language", "length", "model", "denoiser", "sampler", "schedule", "prompt")
    return canonical_json([about.get(key) for key in keys])
