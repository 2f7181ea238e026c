"""What a store has of the cells of a sweep."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mdmtheory.sweeps.cell import Cell
from mdmtheory.sweeps.published import published_rows
from mdmtheory.sweeps.results import frame_of
from mdmtheory.sweeps.schema import Contents
from mdmtheory.sweeps.store import load
from mdmtheory.sweeps.work import Work

if TYPE_CHECKING:
    import pandas as pd


def stored(
    cells: Iterable[Cell], store: str | Path, level: float = 0.95, rows: str | Path | None = None
) -> pd.DataFrame:
    """The rows of these cells as `collect` returns them, of what is in the store, or in `rows`, already.

    Nothing is measured, and with `rows` there need be no store. ValueError or OSError for cells that do not fit
    together and for a store that is none.
    """
    work = Work.of(cells)
    contents = load(store) if rows is None or Path(store).exists() else Contents()
    for language in work.languages:
        contents.languages.setdefault(language.digest, language)
    published = {} if rows is None else published_rows(rows, work, level)
    work.resume(contents, published)
    return frame_of(contents, level, of=work.stored, published=work.taken(published))
