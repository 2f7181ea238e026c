"""Rows with good checksums that no sweep wrote, as somebody else's store may have them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mdmtheory.metrics.sums import Sums
from mdmtheory.sweeps import schema
from mdmtheory.sweeps.chunks import Chunk
from mdmtheory.sweeps.store import load
from mdmtheory.sweeps.tasks import Task


class Forger:
    """Puts tasks into a store; use it in a `with` block, at whose end they are there."""

    def __init__(self, path: Path) -> None:
        stored = load(path).tasks.values()
        self._models = {each.task.measure: each for each in stored}
        self._connection = sqlite3.connect(path)
        self._put = 0

    def __enter__(self) -> Forger:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.commit()
        self._connection.close()

    def task(self, text: str, label: str, chunks: Sequence[Chunk] = ()) -> Task:
        """Put a task of this JSON into the store, with its chunks."""
        task = Task(text, label)
        row = (task.sha, text, label, len(chunks), schema.task_crc(task))
        self._connection.execute("INSERT INTO task VALUES (?, ?, ?, ?, ?)", row)
        for chunk in chunks:
            self._connection.execute("INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?)", chunk.row(task.sha))
        return task

    def like(
        self,
        measure: str = "draw",
        *,
        about: dict[str, Any] | None = None,
        names: dict[str, Any] | None = None,
        sums: dict[str, Any] | None = None,
        without: str = "",
    ) -> Task:
        """Put a task that is like one of this measure but for what is given, and a cell of its own."""
        self._put += 1
        model = self._models[measure]
        own = {"identity": f"forged {self._put}", "seed": 1000 + self._put}
        description = {**json.loads(model.task.json), **own, **(about or {})}
        description.pop(without, None)
        label = {**json.loads(model.task.label), **(names or {})}
        first = model.chunks[0]
        chunks = [replace(first, sums=Sums(first.sums, **(sums or {}))), *model.chunks[1:]]
        return self.task(json.dumps(description, sort_keys=True), json.dumps(label, sort_keys=True), chunks)


def change_language(path: Path, **changes: str) -> None:
    """Change fields of the one language of a store."""
    connection = sqlite3.connect(path)
    row = connection.execute("SELECT digest, name, kind, parameters FROM language").fetchone()
    found = replace(schema.StoredLanguage(*row), **changes)
    values = (found.name, found.kind, found.parameters, found.crc)
    connection.execute("UPDATE language SET name = ?, kind = ?, parameters = ?, crc = ?", values)
    connection.commit()
    connection.close()
