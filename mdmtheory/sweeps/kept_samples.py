"""Reading the sequences that sweeps kept, cell by cell, so that other things can be measured of them later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mdmtheory.core.notices import notice
from mdmtheory.core.printable import first_few
from mdmtheory.core.protocols import Samples
from mdmtheory.metrics.registry import as_metrics
from mdmtheory.sweeps import samples_file
from mdmtheory.sweeps.chunks import until_stopped
from mdmtheory.sweeps.filters import Filter
from mdmtheory.sweeps.results import frame_of, short_name
from mdmtheory.sweeps.schema import StoredTask
from mdmtheory.sweeps.store import load


def kept_samples(
    store: str | Path, *, where: str | None = None, level: float = 0.95
) -> Iterator[tuple[dict[str, Any], Samples]]:
    """The sequences kept beside a store: pairs of a cell's row and its samples, in the order of the cells.

    The row is that of `read` for the metric ser, by column, None where something does not apply: what the cell is, its
    SER, its calls. Samples are whole sequences, prompts included, in the order of their numbers; what is damaged or was
    never kept is left out, which is told. `where` chooses cells, as in `read`. They are read one cell at a time.
    ValueError where none are kept; as `read`, also OSError, where the store cannot be read.
    """
    contents = load(store)
    frame = frame_of(contents, level, as_metrics(["ser"]))
    if where is not None:
        frame = Filter.parse(where).of(frame)
    tasks = {short_name(sha): stored for sha, stored in contents.tasks.items()}
    path = samples_file.beside(store)
    kept = set(samples_file.tasks(path))
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    cells = [({str(name): value for name, value in row.items()}, tasks[row["task"]]) for row in rows]
    found = [(row, stored) for row, stored in cells if stored.task.sha in kept]
    if len(found) < len(cells):
        lack = f"of {len(cells) - len(found)} of {len(cells)} cells no sequences are kept in {path}"
        mend = "sweep them again with --keep-samples, in Python collect(..., keep_samples=True)"
        if not found:
            raise ValueError(f"{lack}; {mend}")
        notice(f"{lack}; {mend}")
    return _read(path, found)


def _read(path: Path, found: Sequence[tuple[dict[str, Any], StoredTask]]) -> Iterator[tuple[dict[str, Any], Samples]]:
    for row, stored in found:
        whole, left_out = samples_file.kept(path, stored.task.sha)
        parts = []
        for chunk in until_stopped(stored.chunks, stored.task.max_errors):
            part = whole.get(chunk.index)
            if part is not None and len(part.tokens) == chunk.sums.whole("sequences"):
                parts.append(part)
            else:
                left_out.setdefault(chunk.index, "not kept" if part is None else "not as many as were counted")
        if left_out:
            reasons = [f"chunk {index} ({reason})" for index, reason in sorted(left_out.items())]
            said = f"sequences left out of {stored.task}: {first_few(reasons)}"
            notice(f"{said}; a sweep with --keep-samples draws them again")
        if parts:
            yield row, _joined(parts)


def _joined(parts: Sequence[Samples]) -> Samples:
    import numpy as np

    names = ("tokens", "calls", "rounds", "impossible")
    arrays: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Samples(**arrays, trust=parts[0].trust)
