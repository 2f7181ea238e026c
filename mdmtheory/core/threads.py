"""Splitting the rows of an array call over threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from mdmtheory.core.integers import whole_numbers


@whole_numbers(threads=1)
def allowed_threads(threads: int | None = None) -> int:
    """`threads`, or all processors that this process may use; ValueError below 1."""
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return threads


@whole_numbers(count=0, threads=1)
def over_rows(work: Callable[[int, int], None], count: int, threads: int | None = None) -> None:
    """Call `work(start, stop)` on contiguous pieces that cover range(count), in parallel.

    The kernels release the interpreter lock, so plain threads scale. Work on a row never depends on the piece that
    it is in, so the result is the same for any number of threads.
    """
    pieces = min(allowed_threads(threads), count)
    if pieces <= 1:
        if count:
            work(0, count)
        return
    edges = [count * piece // pieces for piece in range(pieces + 1)]
    with ThreadPoolExecutor(pieces) as pool:
        for done in [pool.submit(work, start, stop) for start, stop in pairwise(edges)]:
            done.result()
