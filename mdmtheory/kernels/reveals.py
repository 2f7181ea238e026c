"""The order in which a reveal plan opens positions, and the list of those already open."""

from __future__ import annotations

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
