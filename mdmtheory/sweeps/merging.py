"""Merging: the union of stores, or of what a filter chooses of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mdmtheory.core.lock import locked
from mdmtheory.core.printable import first_few
from mdmtheory.core.writing import confirm, folder_beside, put_in_place
from mdmtheory.sweeps import samples_file
from mdmtheory.sweeps.filters import Filter
from mdmtheory.sweeps.results import described
from mdmtheory.sweeps.schema import Contents, StoredTask, StoreError
from mdmtheory.sweeps.store import Store, load, make_folder

_TOLD = 3
"""Contradictions that are told in full."""


@dataclass
class Merged:
    """What one store gave to a union: its cells and chunks by whether the stores before it had them, and `left` others.

    A cell is new where any of its chunks is.
    """

    path: Path
    cells_new: int = 0
    cells_equal: int = 0
    chunks_new: int = 0
    chunks_equal: int = 0
    left: int = 0

    def __str__(self) -> str:
        cells, chunks = self.cells_new + self.cells_equal, self.chunks_new + self.chunks_equal
        left = f"; {self.left} cells left, which the filter does not choose" if self.left else ""
        return (
            f"{self.path}: {cells} cells, {self.cells_new} new and {self.cells_equal} equal; "
            f"{chunks} chunks, {self.chunks_new} new and {self.chunks_equal} equal{left}"
        )


def merge(stores: Sequence[str | Path], out: str | Path, *, where: str | None = None) -> list[Merged]:
    """Write the union of stores to a new file; of each store, in order, what was new in it.

    `where` chooses cells as `read` chooses rows, by all columns but those of a metric's numbers. Chunks that several
    stores hold must have equal integers and nats within 1e-12 relative; the first store's row is kept, or one that has
    more sums. What was asked for of a cell, and its tags, are those of all stores. Sequences that are kept beside the
    stores are united beside `out`. ValueError, naming a chunk of every
    cell that is refused, when two of them disagree: nothing is written then.
    """
    if not stores:
        raise ValueError("no stores to merge; name one or more")
    asked = None if where is None else Filter.parse(where)
    out = Path(os.path.realpath(out))
    samples = samples_file.beside(out)
    for each in (out, samples):
        _check_free(each)
    found = [_whole(Path(path)) for path in stores]
    chosen = [dict.fromkeys(each.tasks) for each in found]
    if asked is not None:
        frame, keys = described(found)
        kept = {key for key, matches in zip(keys, asked.rows(frame), strict=True) if matches}
        chosen = [{sha: None for sha in each if (number, sha) in kept} for number, each in enumerate(chosen)]
    union, merged, refused = Contents(), [], dict[str, str]()
    for path, contents, shas in zip(stores, found, chosen, strict=True):
        merged.append(_unite(union, contents, shas, Path(path), refused))
    if refused:
        reasons, count = list(refused.values()), len({union.tasks[sha].task.cell for sha in refused})
        more = f"; and {len(reasons) - _TOLD} more" if len(reasons) > _TOLD else ""
        raise ValueError(
            f"{'; '.join(reasons[:_TOLD])}{more}; {count} cell{'s' * (count > 1)} refused, and nothing is "
            "merged: one of the stores was made by changed code or is wrong; leave it out, or these cells by a filter"
        )
    make_folder(out)
    with locked(out, "sweep"), folder_beside(out) as folder:
        with Store(folder / out.name) as store:
            store.add([stored.task for stored in union.tasks.values()], union.languages.values())
            store.append({sha: stored.chunks for sha, stored in union.tasks.items()})
        beside = [samples_file.beside(path) for path in stores]
        some_kept = samples_file.merge(beside, folder / samples.name, union.tasks)
        for each in (out, samples):
            _check_free(each)
        # The sequences first: what has some is never without them.
        if some_kept:
            put_in_place(folder / samples.name, samples)
        put_in_place(folder / out.name, out)
    confirm(out)
    return merged


def _check_free(path: Path) -> None:
    if path.exists():
        raise ValueError(f"{path} exists already; choose a name that is free")


def _whole(path: Path) -> Contents:
    """What a store has; StoreError where it is not all to be believed."""
    found = load(path)
    if found.left_out or found.without_language:
        reasons = [*found.left_out.values(), *found.without_language.values()]
        raise StoreError(
            f"{path} has rows that cannot be merged: {first_few(reasons)}; run its sweep again, which puts them in "
            "anew, or take them with the mdmtheory that wrote them"
        )
    return found


def _unite(union: Contents, other: Contents, chosen: dict[str, None], path: Path, refused: dict[str, str]) -> Merged:
    """Add the chosen tasks of a store; `refused` takes those that contradict, each with the reason."""
    merged, cells, new = Merged(path), set(), set()
    for sha in chosen:
        stored = other.tasks[sha]
        digest = stored.task.description["language"]
        union.languages.setdefault(digest, other.languages[digest])
        known = union.tasks.setdefault(sha, StoredTask(stored.task))
        known.task = known.task.joined(stored.task)
        for mine, theirs in zip(known.chunks, stored.chunks, strict=False):
            conflict = mine.conflict(theirs)
            if conflict is not None:
                reason = f"chunk {mine.index} of {stored.task} in {path} contradicts the stores before it ({conflict})"
                refused.setdefault(sha, reason)
            if len(theirs.sums) > len(mine.sums):
                known.chunks[mine.index] = theirs
        more = stored.chunks[len(known.chunks) :]
        merged.chunks_new += len(more)
        merged.chunks_equal += len(stored.chunks) - len(more)
        known.chunks.extend(more)
        cells.add(stored.task.cell)
        new |= {stored.task.cell} if more else set()
    merged.cells_new, merged.cells_equal = len(new), len(cells - new)
    merged.left = len({each.task.cell for each in other.tasks.values()} - cells)
    return merged
