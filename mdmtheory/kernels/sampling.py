"""Drawing sequences of chains: one alias draw a token where the joint table fits, two where it does not."""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.alias import alias_draw
from mdmtheory.kernels.compiling import kernel
from mdmtheory.kernels.random import next_bits


@kernel
def sample_automaton(table, column_bits, token_bits, start, states, out):
    """Rows of `out` (count, length): walks from row `start` of an automaton, one alias draw a token.

    Row r of the automaton owns columns r*2^column_bits onwards of `table`; an outcome is the next row shifted left by
    `token_bits`, or'ed with the token. Four sequences advance together: their memory latencies overlap.
    """
    count, length = out.shape
    shift = 64 - column_bits
    mask = (np.uint64(1) << np.uint64(token_bits)) - np.uint64(1)
    bits = np.uint64(token_bits)
    done = 0
    while done + 4 <= count:
        s0, s1, s2, s3 = states[done], states[done + 1], states[done + 2], states[done + 3]
        r0 = r1 = r2 = r3 = np.uint64(start)
        for i in range(length):
            w0 = alias_draw(next_bits(s0), table, np.int64(r0) << column_bits, shift)
            w1 = alias_draw(next_bits(s1), table, np.int64(r1) << column_bits, shift)
            w2 = alias_draw(next_bits(s2), table, np.int64(r2) << column_bits, shift)
            w3 = alias_draw(next_bits(s3), table, np.int64(r3) << column_bits, shift)
            out[done, i] = w0 & mask
            out[done + 1, i] = w1 & mask
            out[done + 2, i] = w2 & mask
            out[done + 3, i] = w3 & mask
            r0, r1, r2, r3 = w0 >> bits, w1 >> bits, w2 >> bits, w3 >> bits
        done += 4
    for row in range(done, count):
        state = states[row]
        at = np.uint64(start)
        for i in range(length):
            word = alias_draw(next_bits(state), table, np.int64(at) << column_bits, shift)
            out[row, i] = word & mask
            at = word >> bits


@kernel
def sample_hidden(moves, move_bits, emissions, emission_bits, start, states, out):
    """Rows of `out`: a hidden chain from row `start` of `moves`, two alias draws a token (state, then token)."""
    count, length = out.shape
    for row in range(count):
        state = states[row]
        at = np.int64(start)
        for i in range(length):
            at = np.int64(alias_draw(next_bits(state), moves, at << move_bits, 64 - move_bits))
            out[row, i] = alias_draw(next_bits(state), emissions, at << emission_bits, 64 - emission_bits)
