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
def give_up(order, stop, log_prob):
    """What is revealed from order[stop] on has probability 0: its context is impossible."""
    for m in range(stop, len(order)):
        log_prob[order[m]] = -np.inf


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
def unlink_plan(tables, scratch, row):
    """Unlink all places, the last step's first and from right to left within a step; the `begin` of a PlanParts.

    A place then keeps its nearest neighbours among those revealed before it, but to its left possibly one of its own
    step: see `find_left`. To be linked again from left to right.
    """
    order, before, after = row.order, scratch.before, scratch.after
    for place in range(len(before)):
        before[place] = place - 1
        after[place] = place + 1
    for m in range(len(order) - 1, -1, -1):
        unlink(order[m] + 1, before, after)


@part
def find_left(steps, position, before, left):
    """The nearest place to the left that was revealed before; to be asked from left to right within a step."""
    place, beside = position + 1, before[position + 1]
    own_step = beside > 0 and steps[beside - 1] == steps[position]
    left[place] = left[beside] if own_step else beside
    return left[place]
