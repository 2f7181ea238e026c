"""The order in which a reveal plan opens positions, and the list of those already open."""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import part


@part
def sort_by_step(steps, order, buckets):
    """`order` becomes the positions sorted by step, then by position; `buckets` (most steps + 1,) is scratch."""
    for k in range(len(buckets)):
        buckets[k] = 0
    for i in range(len(steps)):
        buckets[steps[i]] += 1
    total = 0
    for k in range(len(buckets)):
        here = buckets[k]
        buckets[k] = total
        total += here
    for i in range(len(steps)):
        k = steps[i]
        order[buckets[k]] = i
        buckets[k] += 1


@part
def end_of_step(steps, order, start):
    """Where the step that begins at order[start] ends in `order`."""
    stop = start + 1
    while stop < len(order) and steps[order[stop]] == steps[order[start]]:
        stop += 1
    return stop


@part
def give_up(steps, order, start, log_prob):
    """What comes after the step at order[start] has probability 0: its context is impossible."""
    for m in range(end_of_step(steps, order, start), len(order)):
        log_prob[order[m]] = -np.inf


@part
def link_all(before, after):
    """Link places 0..L+1 (the ends included) in a row."""
    for place in range(len(before)):
        before[place] = place - 1
        after[place] = place + 1


@part
def unlink(place, before, after):
    """Take a place out of the list; it keeps its own links, so that `relink` in reverse order undoes it."""
    after[before[place]] = after[place]
    before[after[place]] = before[place]


@part
def relink(place, before, after):
    """Put back the place that was taken out last."""
    after[before[place]] = place
    before[after[place]] = place


@part
def unlink_plan(steps, order, before, after):
    """Unlink all places, the last step's first and from left to right within a step.

    A place then keeps its nearest neighbours among those revealed before it (to its right possibly one of its own
    step).
    """
    stop = len(order)
    while stop > 0:
        start = stop - 1
        while start > 0 and steps[order[start - 1]] == steps[order[stop - 1]]:
            start -= 1
        for m in range(start, stop):
            unlink(order[m] + 1, before, after)
        stop = start


@part
def find_right(steps, order, start, stop, after, right):
    """right[place] becomes the nearest place to its right revealed before, for the places of step order[start:stop]."""
    for m in range(stop - 1, start - 1, -1):
        place = order[m] + 1
        beside = after[place]
        own_step = beside <= len(order) and steps[beside - 1] == steps[order[m]]
        right[place] = right[beside] if own_step else beside
