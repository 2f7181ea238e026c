"""Ctrl-C that waits until what is under way can be left."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def interrupts_held(most: int | None = None) -> Iterator[Callable[[], int]]:
    """Inside the block Ctrl-C waits to be asked for, how often it came, and comes at the latest at its end.

    After so many as `most` the next one waits for nothing: KeyboardInterrupt is raised wherever the program is.
    KeyboardInterrupt may otherwise be raised between any two operations, also in the midst of those that must be done
    together. A program that handles SIGINT itself, or another thread, is left alone.
    """
    arrived: list[int] = []

    def arrive(number: int, frame: object) -> None:
        if len(arrived) == most:
            raise KeyboardInterrupt
        arrived.append(number)

    ours = threading.current_thread() is threading.main_thread()
    ours = ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, arrive)
    try:
        yield lambda: len(arrived)
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    if arrived:
        raise KeyboardInterrupt
