"""Measuring cells under the user's eyes: how far it is, and what Ctrl-C leaves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdmtheory.cli.progress import SweepProgress
from mdmtheory.cli.terminal import Interrupted, Terminal

if TYPE_CHECKING:
    import pandas as pd

    from mdmtheory.sweeps.cell import Cell


def measured(
    chosen: Iterable[Cell],
    store: Path,
    workers: int | str,
    level: float,
    terminal: Terminal,
    rows: Path | None = None,
    tag: str | Iterable[str] = (),
    *,
    keep_samples: bool = False,
    finish: bool = False,
) -> pd.DataFrame:
    """The rows of these cells, measured into `store` where neither it nor `rows` has them; see `collect`.

    Interrupted says what is kept.
    """
    from mdmtheory.sweeps.collect import collect

    # Building the models may compile too, before there is any progress that tells it.
    with terminal.announcing_compilation(), SweepProgress(terminal, rows) as progress:
        try:
            options: dict[str, Any] = {"rows": rows, "tag": tag, "keep_samples": keep_samples, "finish": finish}
            return collect(chosen, out=store, workers=workers, level=level, progress=progress, **options)
        except KeyboardInterrupt:
            raise Interrupted(_kept(store, progress)) from None


def _kept(store: Path, progress: SweepProgress) -> str:
    if progress.last is None or not progress.last.chunks_done:
        return "stopped before anything was measured; run the same command to begin again"
    kept = f"{progress.last.chunks_done} of {progress.last.chunks_total} chunks"
    return f"stopped; {kept} are kept in {store}: run the same command to go on"
