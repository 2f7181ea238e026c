"""The best reveal sizes for an information curve: an exact dynamic program over all compositions of the length."""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part


@kernel
def cheapest_blocks(curve, out):
    """Fill `out` (N,) with the sizes of N blocks that sum to L and minimise sum of size * curve[first of the block].

    `curve` (L,) must not rise, and 1 <= N <= L. O(N L) time and 4 N L bytes (docs/theory.md, section 2; ours).
    """
    steps, length = len(out), len(curve)
    costs = np.empty((2, length + 1))
    for b in range(1, length + 1):
        costs[1, b] = b * curve[0]
    starts = np.zeros((steps + 1, length + 1), dtype=np.int32)
    hull = np.empty(length, dtype=np.int64)
    intercept = np.empty(length)
    for k in range(2, steps + 1):
        _one_more_block(curve, k, costs[(k - 1) % 2], costs[k % 2], starts[k], hull, intercept)
    end = length
    for k in range(steps, 0, -1):
        start = starts[k, end]
        out[k - 1] = end - start
        end = start


@part
def _one_more_block(curve, k, before, cost, starts, hull, intercept):
    """`cost[b]`: the least cost of k blocks up to b, from `before`, that of k - 1; `starts[b]`: where the last begins.

    A last block a..b costs (b - a) curve[a]: a line in b, and the lines of later a are no steeper. So the lower
    envelope is a queue: new lines remove others at its back, larger b at its front.
    Invariant: hull[first..last] are the lines on the envelope from b on, steepest first.
    """
    first, last = 0, -1
    for b in range(k, len(curve) + 1):
        a = b - 1
        intercept[a] = before[a] - a * curve[a]
        while last > first and _is_hidden(curve, intercept, hull[last - 1], hull[last], a):
            last -= 1
        last += 1
        hull[last] = a
        while first < last and _is_passed(curve, intercept, hull[first], hull[first + 1], b):
            first += 1
        starts[b] = hull[first]
        cost[b] = intercept[hull[first]] + b * curve[hull[first]]


@part
def _is_passed(curve, intercept, steeper, flatter, b):
    """Whether the flatter line is no higher at b.

    By differences: two heights that agree but for rounding would hold up the queue before a line far below both.
    """
    return intercept[flatter] - intercept[steeper] <= b * (curve[steeper] - curve[flatter])


@part
def _is_hidden(curve, intercept, steeper, middle, flatter):
    """Whether the middle line is nowhere below both others."""
    left = (intercept[flatter] - intercept[steeper]) * (curve[steeper] - curve[middle])
    return left <= (intercept[middle] - intercept[steeper]) * (curve[steeper] - curve[flatter])
