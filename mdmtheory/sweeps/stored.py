"""What a store has of the cells of a sweep."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mdmtheory.sweeps.cell import Cell
from mdmtheory.sweeps.results import frame_of
from mdmtheory.sweeps.store import load
from mdmtheory.sweeps.work import Work

if TYPE_CHECKING:
    import pandas as pd


def stored(cells: Iterable[Cell], store: str | Path, level: float = 0.95) -> pd.DataFrame:
    """The rows of these cells as `collect` returns them, of what is in the store already; nothing is measured.

    ValueError or OSError for cells that do not fit together and for a store that is none.
    """
    return frame_of(load(store), level, of=Work.of(cells).metrics)
