"""Drawing reveal plans: independent steps from an alias table, or a shuffled list of steps."""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.alias import alias_draw
from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.random import next_bits

_32 = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


@kernel
def draw_steps(table, bits, states, out):
    """Rows of `out` (count, length): independent outcomes of an alias table of 2^bits columns, row i from stream i.

    O(1) a position for any schedule.
    """
    for row in range(len(out)):
        _draw_row(table, 64 - bits, states[row], out[row])


@part
def _draw_row(table, shift, state, out):
    for i in range(len(out)):
        out[i] = alias_draw(next_bits(state), table, 0, shift)


@kernel
def shuffle_rows(steps, states, out):
    """Rows of `out` (count, length): `steps` (length,) in uniformly random orders, row i from stream i."""
    for row in range(len(out)):
        _shuffle_row(steps, states[row], out[row])


@part
def _shuffle_row(steps, state, out):
    """Durstenfeld's shuffle from the left: after position i, out[: i + 1] is a random order of steps[: i + 1]."""
    for i in range(len(out)):
        j = draw_below(state, i + 1)
        out[i] = out[j]
        out[j] = steps[i]


@part
def draw_below(state, bound):
    """An integer uniform on 0..bound-1, bound at most 2^32, without bias.

    Source: Lemire, "Fast random integer generation in an interval" (2019): a multiplication, and a second draw with
    probability below bound / 2^32.
    """
    size = np.uint64(bound)
    product = (next_bits(state) >> _32) * size
    if product & _LOW < size:
        least = ((_LOW + np.uint64(1)) - size) % size
        while product & _LOW < least:
            product = (next_bits(state) >> _32) * size
    return np.int64(product >> _32)
