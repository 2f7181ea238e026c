"""How far a sweep is: a bar on a terminal, a word about compiling elsewhere; and the bar, for others too."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mdmtheory.cli.terminal import Terminal
from mdmtheory.core.long_calls import clock
from mdmtheory.core.printable import first_few

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from mdmtheory.sweeps.progress import Progress


class LiveBar:
    """A bar on a terminal, inside a `with` block; nothing where standard error is none, or under -q.

    Beside it stand texts, the `fields` of what it is told.
    """

    def __init__(self, terminal: Terminal, *fields: str, width: int = 20) -> None:
        self._terminal = terminal
        self._fields, self._width = fields, width
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        if self._terminal.verbosity >= 0 and sys.stderr.isatty():
            self._bar = _bar(self._fields, self._width)
            texts: dict[str, Any] = dict.fromkeys(self._fields, "")
            self._bar.add_task("starting", total=None, **texts)
            try:
                self._bar.start()
                self._terminal.drawing = True
            except RuntimeError:  # it draws in a thread, and no more can be had
                self._bar = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._terminal.drawing = False

    def tell(self, description: str, total: float, completed: float, **fields: Any) -> None:
        """Show how far it is."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=description, total=total, completed=completed, **fields)


class SweepProgress(LiveBar):
    """Call it with each Progress of a sweep, inside a `with` block. `last` is the newest, None before the first.

    With the path of published `rows` it says first how many cells are taken from there.
    """

    def __init__(self, terminal: Terminal, rows: Path | None = None) -> None:
        super().__init__(terminal, "rate", "left", "widest")
        self._rows = rows
        self._stopping = False
        self.last: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        """Show the newest progress."""
        if self.last is None and self._rows is not None:
            self._terminal.say(origins(progress, self._rows))
        self.last = progress
        if progress.waits_for and not self._stopping:
            self._stopping = True
            self._terminal.say(waiting(progress))
        if progress.compiling:
            self._terminal.say_compiling(progress.compiling)
        widest = progress.widest_interval
        self.tell(
            "compiling kernels" if progress.compiling else f"{progress.cells_done}/{progress.cells_total} cells",
            progress.chunks_total,
            progress.chunks_done,
            rate="" if progress.compiling else f"{progress.sequences_per_second:,.0f} sequences/s",
            left="" if progress.seconds_left is None else f"{clock(progress.seconds_left)} left",
            widest="" if widest is None else f"widest interval {widest:.2g}",
        )


def origins(progress: Progress, rows: Path) -> str:
    """Where the numbers of cells come from, at the beginning of a sweep."""
    missing = progress.cells_total - progress.cells_done
    stored = progress.cells_done - progress.cells_published
    return f"cells: {progress.cells_published:,} from {rows}, {stored:,} stored, {missing:,} to be measured"


def waiting(progress: Progress) -> str:
    """What a sweep that is to stop waits for."""
    return (
        f"stopping: waits for {first_few(progress.waits_for)}, until the chunk ends "
        "or a denoiser would be called next; Ctrl-C again ends at once"
    )


def _bar(fields: tuple[str, ...], width: int) -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=width),
        *(TextColumn(f"{{task.fields[{name}]}}") for name in fields),
        console=Console(stderr=True),
        transient=True,
    )
