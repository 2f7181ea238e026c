"""How far a long call is: its loops count, and who waits sees a line, rewritten in place or again every half minute.

Only the outermost call of a thread speaks, in a thread of its own that ends with it. No number depends on any of it.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from itertools import chain, repeat
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
Item = TypeVar("Item")

LINE_EVERY = 30.0
"""Seconds between two lines, where nothing is rewritten in place."""
FIRST_AFTER = 5.0
"""Seconds after which a call that nobody asked to show its progress does so on a terminal or in a notebook."""
REWRITTEN_EVERY = 0.5

_RUNNING: ContextVar[LongCall | None] = ContextVar("running", default=None)


class LongCall:
    """A call under way: since when it runs, and the loops that it is in, the outermost first. Text says how far."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._loops: list[_Loop] = []

    def enter(self, what: str, total: float) -> _Loop:
        """A loop begins, inside those that are under way."""
        self._loops.append(_Loop(what, total, self._clock()))
        return self._loops[-1]

    def leave(self, loop: _Loop) -> None:
        """A loop is at its end."""
        self._loops.remove(loop)

    @property
    def how_far(self) -> str:
        """How far its loops are and how long the outermost will take; nothing where it is in none."""
        loops = list(self._loops)  # others may enter and leave meanwhile
        if not loops:
            return ""
        first, width, fraction = loops[0], 1.0, 0.0
        for each in loops:
            fraction += width * min(each.done / each.total, 1.0)
            width /= each.total
        said = f"{first.done:,.0f} of {first.total:,.0f} {first.what}"
        took = self._clock() - first.since
        return said if not 0 < fraction < 1 else f"{said}, about {clock(took / fraction - took)} left"

    def __str__(self) -> str:
        far = self.how_far
        return f"{clock(self._clock() - self._began)}{far and f', {far}'}"


class _Loop:
    """So much of a total is done of what is counted in a loop."""

    def __init__(self, what: str, total: float, since: float) -> None:
        self.what, self.total, self.since, self.done = what, total, since, 0.0


@contextmanager
def counting(what: str, total: float) -> Iterator[Callable[[float], None]]:
    """What to call inside the block, with how much of the total is done; without a long call nobody hears it."""
    call = _RUNNING.get()
    if call is None or total <= 1:
        yield lambda done: None
        return
    loop = call.enter(what, total)

    def count(done: float) -> None:
        loop.done = done

    try:
        yield count
    finally:
        call.leave(loop)


def counted(items: Sequence[Item], what: str) -> Iterator[Item]:
    """The items one after the other; those done are counted."""
    with counting(what, len(items)) as count:
        for done, each in enumerate(items):
            count(done)
            yield each


@contextmanager
def watched(call: LongCall, show: Callable[[LongCall], object], pauses: Iterator[float]) -> Iterator[None]:
    """While the block lasts `call` is what loops count for, and after each of the pauses it is shown.

    Where no thread can be had, nothing is shown.
    """
    over = threading.Event()

    def look() -> None:
        for pause in pauses:
            if over.wait(pause):
                return
            show(call)

    thread = threading.Thread(target=look, name="how far", daemon=True)
    with suppress(RuntimeError):
        thread.start()
    before = _RUNNING.set(call)
    try:
        yield
    finally:
        _RUNNING.reset(before)
        over.set()
        if thread.ident is not None:
            thread.join()


def shows_progress(function: Callable[P, R]) -> Callable[P, R]:
    """A function whose keyword `progress` says whether it shows how far it is; README says how.

    True: at once; None: if it takes long; False: never.
    """
    room = "mt.exact" if ".exact." in function.__module__ else "mt"

    @functools.wraps(function)
    def shown(*arguments: P.args, **options: P.kwargs) -> R:
        wanted: Any = options.get("progress")
        if callable(wanted):  # somebody else shows it
            wanted = False
        if wanted not in (None, True, False):
            raise ValueError(f"progress is {wanted!r}; pass True, False, or None, which shows what takes long")
        if wanted is False or _RUNNING.get() is not None:
            return function(*arguments, **options)
        call, line = LongCall(), _Line(f"{room}.{function.__name__}")
        if not _is_rewritable():
            with watched(call, line.write_below, repeat(LINE_EVERY)):
                return function(*arguments, **options)
        first = REWRITTEN_EVERY if wanted else FIRST_AFTER
        try:
            with watched(call, line.write_over, chain([first], repeat(REWRITTEN_EVERY))):
                return function(*arguments, **options)
        finally:
            line.erase()

    return shown


class _Line:
    """A line on stderr that stands alone, or is rewritten in place and in the end erased."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._width = 0

    def write_below(self, call: LongCall) -> None:
        print(f"mdmtheory: {self._name}: {call}", file=sys.stderr, flush=True)

    def write_over(self, call: LongCall) -> None:
        self._write(f"{self._name}: {call}")

    def erase(self) -> None:
        if self._width:
            self._write("")

    def _write(self, text: str) -> None:
        # The cursor goes back, so that whatever else is said begins at the left.
        print(f"\r{text:{self._width}}\r", end="", file=sys.stderr, flush=True)
        self._width = len(text)


def _is_rewritable() -> bool:
    """Whether stderr is a terminal, or the output of a notebook's cell."""
    return sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel")


def clock(seconds: float) -> str:
    """Seconds as 0:05, 12:30 or 1:02:03.

    >>> clock(5.2), clock(750), clock(3723)
    ('0:05', '12:30', '1:02:03')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
