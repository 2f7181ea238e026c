"""Alias tables: one 64-bit draw picks one of many outcomes in constant time.

Source: Walker (1977) and Vose (1991). A table has a power of two columns, so the top bits of a draw pick the column
without bias and the rest decide between its two outcomes; the bias is below columns * 2^-64.
"""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part


@kernel
def alias_table(weights, outcomes, table):
    """Fill `table` (columns, 2) uint64 for outcomes with the given weights, which sum to 1; columns a power of two.

    Word 0 of a column is its threshold, word 1 holds the outcome above it (high half) and below it (low half).
    Outcomes are numbers below 2^32. Needs len(weights) <= columns. O(columns).
    """
    columns = table.shape[0]
    share = np.empty(columns)
    label = np.empty(columns, dtype=np.int64)
    best = 0
    for k in range(columns):
        share[k], label[k] = 0.0, 0
    for k in range(len(weights)):
        share[k] = weights[k] * columns
        label[k] = outcomes[k]
        if weights[k] > weights[best]:
            best = k
    small = np.empty(columns, dtype=np.int64)
    large = np.empty(columns, dtype=np.int64)
    smalls = larges = 0
    for k in range(columns):
        if share[k] < 1.0:
            small[smalls] = k
            smalls += 1
        else:
            large[larges] = k
            larges += 1
    low = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    while smalls > 0 and larges > 0:
        smalls -= 1
        less = small[smalls]
        more = large[larges - 1]
        table[less, 0] = np.uint64(share[less] * 2.0**64)
        table[less, 1] = (np.uint64(label[more]) << half) | (np.uint64(label[less]) & low)
        share[more] -= 1.0 - share[less]
        if share[more] < 1.0:
            larges -= 1
            small[smalls] = more
            smalls += 1
    while larges > 0:
        larges -= 1
        table[large[larges], 0] = low << half | low
        table[large[larges], 1] = (np.uint64(label[large[larges]]) << half) | np.uint64(label[large[larges]])
    while smalls > 0:
        # Only rounding leaves a column here: nearly full ones keep their label, empty ones must not be drawn.
        smalls -= 1
        kept = np.uint64(label[small[smalls]] if share[small[smalls]] > 0.5 else label[best])
        table[small[smalls], 0] = low << half | low
        table[small[smalls], 1] = (kept << half) | kept


@part
def alias_draw(bits, table, first, shift):
    """The outcome that 64 random bits pick from the columns first..first+2^(64-shift)-1 of `table`."""
    column = first + np.int64(bits >> np.uint64(shift)) if shift < 64 else first
    fraction = bits << np.uint64(64 - shift) if shift < 64 else bits
    pair = table[column, 1]
    # The last bits of a fraction are zeros, so a full column needs its two halves equal, not a comparison that holds.
    if fraction < table[column, 0]:
        return pair & np.uint64(0xFFFFFFFF)
    return pair >> np.uint64(32)
