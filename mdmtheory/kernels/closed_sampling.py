"""Drawing sequences of the languages in closed form: uniform on their supports, row i from stream i."""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.plans import draw_below
from mdmtheory.kernels.random import next_bits


@kernel
def sample_pairs(partner, vocab_size, states, out):
    """Rows of `out`: uniform tokens, copied where `partner` (length,) names an earlier position."""
    for row in range(len(out)):
        _sample_pairs_row(partner, vocab_size, states[row], out[row])


@part
def _sample_pairs_row(partner, vocab_size, state, out):
    for i in range(len(out)):
        if 0 <= partner[i] < i:
            out[i] = out[partner[i]]
        else:
            out[i] = draw_below(state, vocab_size)


@kernel
def sample_permutations(items, states, out):
    """Rows of `out`: the first of a uniformly random order of 0..items-1."""
    order = np.empty(items, dtype=np.int64)
    for row in range(len(out)):
        _sample_permutation_row(order, states[row], out[row])


@part
def _sample_permutation_row(order, state, out):
    items = len(order)
    for v in range(items):
        order[v] = v
    for i in range(len(out)):
        j = i + draw_below(state, items - i)
        order[i], order[j] = order[j], order[i]
        out[i] = order[i]


@kernel
def sample_parity(states, out):
    """Rows of `out`: uniform bits, the last of which makes their sum even."""
    for row in range(len(out)):
        _sample_parity_row(states[row], out[row])


@part
def _sample_parity_row(state, out):
    one = np.uint64(1)
    odd = np.uint64(0)
    bits = np.uint64(0)
    for i in range(len(out) - 1):
        if i % 64 == 0:
            bits = next_bits(state)
        out[i] = bits & one
        odd ^= bits & one
        bits >>= one
    out[len(out) - 1] = odd


@kernel
def sample_repetitions(vocab_size, states, out):
    """Rows of `out`: one uniform token, everywhere."""
    for row in range(len(out)):
        out[row] = draw_below(states[row], vocab_size)
