"""What is said, and where: results on stdout, talk on stderr, neither more than was asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, repeat

import typer

from mdmtheory.cli.documents import heading_lines
from mdmtheory.core.long_calls import LINE_EVERY, LongCall, watched

FIRST_WORD_AFTER = 5.0
"""Seconds after which a verb that takes longer says so; then after twice as many more, and so on to LINE_EVERY."""


class Interrupted(Exception):
    """Ctrl-C, with a line that says what is kept and how to go on."""


class Terminal:
    """The user's terminal. `verbosity` is -1 with -q, else the number of -v; `drawing`: a bar shows progress."""

    def __init__(self, verbosity: int) -> None:
        self.verbosity = verbosity
        self.drawing = False
        self._compiling_told = False

    @classmethod
    def of(cls, context: typer.Context) -> Terminal:
        """The terminal that the program set up for the verb that is running."""
        found = context.find_root().obj
        return found if isinstance(found, cls) else cls(0)

    def say(self, text: str) -> None:
        """A line of talk on stderr, unless -q."""
        if self.verbosity >= 0:
            print(text, file=sys.stderr, flush=True)

    def detail(self, text: str) -> None:
        """A line of talk on stderr that only -v shows."""
        if self.verbosity >= 1:
            print(text, file=sys.stderr, flush=True)

    @contextmanager
    def patience(self) -> Iterator[None]:
        """While the block lasts, say now and then how far the program is, unless something else shows it."""

        def tell(call: LongCall) -> None:
            if not self.drawing:
                self.say(f"mdmtheory: still at work after {call}; Ctrl-C stops it")

        doubling = accumulate(repeat(FIRST_WORD_AFTER), lambda pause, _: min(2 * pause, LINE_EVERY))
        with watched(LongCall(), tell, doubling):
            yield

    def say_compiling(self, line: str) -> None:
        """The line that tells of kernels being compiled: the first one; what is compiled later is no news."""
        if not self._compiling_told:
            self._compiling_told = True
            self.say(line)

    @contextmanager
    def announcing_compilation(self) -> Iterator[None]:
        """Say once a verb, if kernels are compiled inside such blocks, that it takes a while and happens once."""
        from mdmtheory.kernels.compiling import announcing_compilation

        with announcing_compilation(self.say_compiling):
            yield


def print_table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[bool] | None = None
) -> None:
    """A table on stdout: drawn by rich on a terminal, aligned plain text when piped. Headers may have several lines."""
    right = right or [False] * len(headers)
    head = heading_lines([writable(each) for each in headers])
    shown = [[writable(str(each)) for each in row] for row in rows]
    body = [*head, *shown]
    widths = [max(len(row[column]) for row in body) for column in range(len(headers))]
    if sys.stdout.isatty():
        titles = ["\n".join(lines) for lines in zip(*head, strict=True)]
        _draw_table(titles, shown, right, sum(widths) + 2 * len(widths))
        return
    for row in body:
        cells = [
            cell.rjust(width) if at_right else cell.ljust(width)
            for cell, width, at_right in zip(row, widths, right, strict=True)
        ]
        print("  ".join(cells).rstrip())


def _draw_table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], width: int) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False, highlight=False)
    narrow = width > console.width
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0 if narrow else 1, 0, 0), pad_edge=False)
    for header, at_right in zip(headers, right, strict=True):
        table.add_column(header, justify="right" if at_right else "left")
    for row in rows:
        # Intervals on lines of their own rather than broken in two.
        table.add_row(*(cell.replace(" [", "\n[") if narrow else cell for cell in row))
    console.print(table)


def writable(text: str) -> str:
    """The text with signs that stdout cannot encode written in ASCII."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return text.replace("≤", "<=").replace("≥", ">=").encode("ascii", "replace").decode()
    return text
