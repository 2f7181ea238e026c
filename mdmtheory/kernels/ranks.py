"""Ranking the positions of sequences: whole numbers to sort by, and what is done with the order that they give."""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part


@kernel
def rank_keys(scores, order, scale, keys):
    """keys (rows, L), whole numbers that rise as scores fall, and as `order` rises where scores are equal; none twice.

    Scores are equal that are so after rounding them times `scale`. Returns False where float64 or int64 cannot tell all
    of them, and the keys are of no use.
    """
    low = high = order[0, 0]
    for row in range(len(order)):
        for i in range(order.shape[1]):
            low, high = min(low, order[row, i]), max(high, order[row, i])
    span = high - low + 1
    last = 2.0**62 / span
    sure = True
    for row in range(len(scores)):
        for i in range(scores.shape[1]):
            place = np.rint(scores[row, i] * scale)
            sure &= abs(place) < last or abs(place) == np.inf
            keys[row, i] = np.int64(min(max(-place, -last), last)) * span + (order[row, i] - low)
    return sure


@kernel
def take_ranked(scores, ranking, out):
    """out[row, k] = the score of the position that is k-th in the ranking."""
    for row in range(len(scores)):
        _take(scores[row], ranking[row], out[row])


@part
def _take(scores, ranking, out):
    for k in range(len(ranking)):
        out[k] = scores[ranking[k]]


@kernel
def mark_first(ranking, count, out):
    """out[row, i] = whether position i is among the first count[row] of the ranking."""
    for row in range(len(ranking)):
        _mark(ranking[row], count[row], out[row])


@part
def _mark(ranking, count, out):
    for k in range(len(ranking)):
        out[ranking[k]] = k < count


@kernel
def choose_apart(ranking, pairs, scale, least, free, chosen):
    """Mark the free positions of each row as they are ranked, none of which is tied to one before it.

    Two are tied whose number in `pairs` (rows, L, L), rounded to multiples of 1 / scale, is `least` or more. `free` is
    used up.
    """
    for row in range(len(ranking)):
        _choose_apart(ranking[row], pairs[row], scale, least, free[row], chosen[row])


@part
def _choose_apart(ranking, pairs, scale, least, free, chosen):
    for k in range(len(ranking)):
        best = ranking[k]
        if free[best]:
            chosen[best] = True
            free[best] = False
            for i in range(len(free)):
                free[i] = free[i] and not np.rint(pairs[best, i] * scale) / scale >= least
