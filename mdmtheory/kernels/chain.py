"""Messages of a chain with finitely many hidden states: powers, priors, windows and support.

A chain is `initial` (S,), `transition` (S, S) and the evidence `likelihood` (V + 1, S) of each token; its last row,
the mask, is all ones.
"""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part, subroutine
from mdmtheory.kernels.doubt import LEAST_PRODUCT
from mdmtheory.kernels.rows import add_eight_rows, add_rows, add_scaled, total_of


@part
def combine(weights, matrix, first, last, out, start, stop):
    """out[start:stop] = sum over s in first..last-1 of weights[s] * matrix[s, start:stop]."""
    result = out[start:stop]
    for j in range(len(result)):
        result[j] = 0.0
    s = first
    while s + 8 <= last:
        w = weights[s : s + 8]
        add_eight_rows(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], matrix, s, start, result)
        s += 8
    add_rows(weights, matrix, s, last, start, result)


@subroutine
def combine_rows(weights, matrix, first, last, out, start, stop):
    """`combine`, called where it stands."""
    combine(weights, matrix, first, last, out, start, stop)


@part
def normalise(message):
    """Scale `message` to sum 1 and return the sum it had; a message of zeros is left alone."""
    total = total_of(message)
    if total > 0.0:
        scale = 1.0 / total
        for k in range(len(message)):
            message[k] *= scale
    return total


@part
def weigh_tokens(forward, backward, emission, weights):
    """weights[v] = sum over states s of forward[s] * backward[s] * emission[s, v]."""
    vocab_size = emission.shape[1]
    for v in range(vocab_size):
        weights[v] = 0.0
    for s in range(len(forward)):
        mass = forward[s] * backward[s]
        if mass != 0.0:
            add_scaled(weights, mass, emission[s])


@part
def least_positive(message):
    """The smallest positive entry, 1 where there is none."""
    least = 1.0
    for s in range(len(message)):
        if 0.0 < message[s] < least:
            least = message[s]
    return least


@kernel
def window_weights(
    heads,
    least_heads,
    transition,
    transposed,
    likelihood,
    emission,
    tokens,
    rows,
    positions,
    width,
    faintest,
    out,
    sure,
):
    """Weights of every token at each (row, position), `out` (n, V), given the tokens within `width` of the position.

    `heads` (length, S) is the law of the state at each position when nothing is revealed, `least_heads` (length,) the
    smallest positive entry up to there. `faintest` is at most any
    product of a positive transition probability and a positive evidence or emission; `sure` (n,) says where no product
    can have been too small for float64.
    """
    size = len(transition)
    ahead, behind, message = np.empty(size), np.empty(size), np.empty(size)
    for k in range(len(rows)):
        sure[k] = _weigh_window(
            heads,
            least_heads,
            transition,
            transposed,
            likelihood,
            emission,
            tokens[rows[k]],
            positions[k],
            width,
            ahead,
            behind,
            message,
            faintest,
            out[k],
        )


@part
def _weigh_window(
    heads, least_heads, transition, transposed, likelihood, emission, token, position, width, ahead, behind, message,
    faintest, out,
):  # fmt: skip
    """One window; returns whether it is sure."""
    size = len(ahead)
    least = least_behind = 1.0
    first, last = max(0, position - width), min(len(token) - 1, position + width)
    for s in range(size):
        ahead[s] = heads[first, s]
        behind[s] = 1.0
    for i in range(first, position):
        for s in range(size):
            message[s] = ahead[s] * likelihood[token[i], s]
        normalise(message)
        least = min(least, least_positive(message))
        combine_rows(message, transition, 0, size, ahead, 0, size)
    for i in range(last, position, -1):
        for s in range(size):
            message[s] = behind[s] * likelihood[token[i], s]
        normalise(message)
        least_behind = min(least_behind, least_positive(message))
        combine_rows(message, transposed, 0, size, behind, 0, size)
    weigh_tokens(ahead, behind, emission, out)
    return min(least, least_heads[first]) * faintest * least_behind * faintest >= LEAST_PRODUCT


@kernel
def possible_rows(start, successors, emitters, tokens, out):
    """Whether some path of states fits each row of `tokens`; sets of states as 64-bit words, no probabilities.

    `start` (W,), `successors` (S, W) and `emitters` (V + 1, W) are bit sets; the mask's emitters are all states.
    """
    count, length = tokens.shape
    words = len(start)
    alive = np.empty(words, dtype=np.uint64)
    reached = np.empty(words, dtype=np.uint64)
    one = np.uint64(1)
    for row in range(count):
        for w in range(words):
            reached[w] = start[w]
        for i in range(length):
            anything = np.uint64(0)
            for w in range(words):
                alive[w] = reached[w] & emitters[tokens[row, i], w]
                anything |= alive[w]
                reached[w] = 0
            if anything == 0:
                break
            for w in range(words):
                bits = alive[w]
                s = w * 64
                while bits != 0:
                    if bits & one:
                        for k in range(words):
                            reached[k] |= successors[s, k]
                    bits >>= one
                    s += 1
        out[row] = anything != 0


@kernel
def head_laws(initial, transition, out):
    """out[i] = initial * transition^i, the law of the state at position i when nothing is revealed."""
    for s in range(len(initial)):
        out[0, s] = initial[s]
    for i in range(1, out.shape[0]):
        combine_rows(out[i - 1], transition, 0, len(initial), out[i], 0, len(initial))
        normalise(out[i])


@kernel
def power_table(base, out):
    """out[k] = base^(k+1) for a stochastic matrix; returns k + 1 at the first whose rows all agree, else 0.

    Rows that agree to 1e-14 relative are the stationary law to rounding, and further powers would not differ.
    """
    size = base.shape[0]
    for s in range(size):
        for j in range(size):
            out[0, s, j] = base[s, j]
    for k in range(out.shape[0]):
        for s in range(size):
            if k > 0:
                # T * T^k keeps each row an average of rows of T^k, so rounding cannot drive the rows apart.
                combine_rows(base[s], out[k - 1], 0, size, out[k, s], 0, size)
            normalise(out[k, s])
        if rows_agree(out[k]):
            return k + 1
    return 0


@part
def rows_agree(matrix):
    """Whether all rows are equal within 1e-14 relative, zeros exactly."""
    for j in range(matrix.shape[1]):
        low = high = matrix[0, j]
        for s in range(1, matrix.shape[0]):
            low = min(low, matrix[s, j])
            high = max(high, matrix[s, j])
        if high - low > 1e-14 * low:
            return False
    return True
