"""Work that nobody waits for any more: who started it says so, and it looks whenever it is about to ask a denoiser.

A plug-in model that asks none of ours never looks: it ends what it was called for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_UNWANTED: ContextVar[Callable[[], bool] | None] = ContextVar("unwanted", default=None)


class GivenUp(Exception):
    """What was being computed is wanted by nobody any more."""


@contextmanager
def given_up_if(unwanted: Callable[[], bool]) -> Iterator[None]:
    """Inside the block, in its own thread, `go_on` raises GivenUp once `unwanted()` is true."""
    before = _UNWANTED.set(unwanted)
    try:
        yield
    finally:
        _UNWANTED.reset(before)


def go_on() -> None:
    """Called before each call of a denoiser, which may take long; GivenUp where nobody waits for what comes of it."""
    unwanted = _UNWANTED.get()
    if unwanted is not None and unwanted():
        raise GivenUp("what was being computed is not wanted any more")
