"""Splitting the rows of an array call over threads."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from itertools import pairwise
from threading import Event
from typing import Any, ParamSpec, TypeVar

from mdmtheory.core.integers import whole_numbers

P = ParamSpec("P")
R = TypeVar("R")

_WITHIN: ContextVar[int | None] = ContextVar("within", default=None)


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@whole_numbers(threads=1)
def allowed_threads(threads: int | None = None) -> int:
    """`threads`, or what `within` allows, or all processors that this process may use; ValueError below 1."""
    if threads is None and _WITHIN.get() is not None:
        threads = _WITHIN.get()
    return processors() if threads is None else threads


@contextmanager
def within(threads: int | None) -> Iterator[None]:
    """Calls inside that name no number of threads take so many, as methods do that have no such parameter."""
    before = _WITHIN.set(allowed_threads(threads))
    try:
        yield
    finally:
        _WITHIN.reset(before)


def within_its_threads(function: Callable[P, R]) -> Callable[P, R]:
    """A function whose keyword `threads` holds for all that it calls."""

    @functools.wraps(function)
    def held(*arguments: P.args, **options: P.kwargs) -> R:
        threads: Any = options.get("threads")
        with within(threads):
            return function(*arguments, **options)

    return held


@whole_numbers(count=0, threads=1)
def over_rows(work: Callable[[int, int], None], count: int, threads: int | None = None) -> None:
    """Call `work(start, stop)` on contiguous pieces that cover range(count), in parallel.

    The kernels release the interpreter lock, so plain threads scale. Work on a row never depends on the piece that
    it is in, so the result is the same for any number of threads, also for the one that is left where the system
    gives no more. What it calls opens no threads of its own unless
    told to.
    """
    allowed = allowed_threads(threads)
    pieces = min(allowed, count)
    if pieces <= 1:
        if count:
            with within(allowed):
                work(0, count)
        return

    def alone(start: int, stop: int) -> None:
        with within(1):
            work(start, stop)

    edges = [count * piece // pieces for piece in range(pieces + 1)]
    pool = started_pool(pieces)
    if pool is None:
        for start, stop in pairwise(edges):
            alone(start, stop)
        return
    first, *others = pairwise(edges)
    with pool:
        # The pieces are alike: how far the first is (core/long_calls.py) tells how far they are.
        begun = pool.submit(copy_context().run, partial(alone, *first))
        for done in [begun, *(pool.submit(alone, *each) for each in others)]:
            done.result()


def started_pool(count: int, name: str = "") -> ThreadPoolExecutor | None:
    """So many threads, all of them there already; None where the system does not give them.

    A pool starts its threads as work comes, and work that comes as that fails is neither refused nor waited for.
    """
    pool, begin = ThreadPoolExecutor(count, thread_name_prefix=name), Event()
    try:
        for _ in range(count):
            pool.submit(begin.wait)
    except RuntimeError:
        begin.set()
        pool.shutdown(wait=True, cancel_futures=True)
        return None
    begin.set()
    return pool
