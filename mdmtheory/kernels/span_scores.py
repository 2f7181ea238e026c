"""The probability of a given sequence under masked sampling on a bigram, as a mixture over all ancestral plans.

Places 1..L hold the tokens of the sequence, 0 stands before them and L + 1 after them. For i < j, value[j, i] is the
probability that the steps still to come fill the places between two revealed ones i and j just as in the sequence,
divided by a product of one factor a token, which keeps it within float64. docs/theory.md, section 3 (ours).
"""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.rows import add_four_rows, add_row


@kernel
def score_ancestral(heads, hops, tokens, reveal, stay, collision, tolerance, out):
    """out[row] = log p(x) in nats; NaN where float64 cannot hold what it takes.

    `heads` (places, V) is the law of the token at a place when nothing is revealed, `hops` (distances, V, V) the powers
    of the transition matrix; the last of each stands for all further ones, and NaN for a positive number too small for
    float64. Step k reveals a masked position with probability reveal[k], or lets it stay[k]; `collision` is the
    probability that two positions are revealed together. Places whose presence changes a law by less than
    `tolerance`, relative, count as out of sight.

    O(N L^3 / 3) a sequence where the chain forgets, O(N L^4 / 24) where it does not, and N / 2 times that for sequences
    outside the support.
    """
    ends = tokens.shape[1] + 2
    hop, inverse, kept = np.zeros((ends, ends)), np.zeros((ends, ends)), np.zeros((ends, ends))
    open_weights, weights, value = np.zeros((ends, ends)), np.zeros((ends, ends)), np.zeros((ends, ends))
    scale, back, pending = np.empty(ends), np.empty(ends), np.empty(ends)
    flat, far = np.empty(ends, dtype=np.int64), np.empty(ends, dtype=np.int64)
    for row in range(len(tokens)):
        log_scale, inside = _prepare(heads, hops, tokens[row], collision, hop, inverse, scale)
        if log_scale == -np.inf or np.isnan(log_scale):
            out[row] = log_scale
            continue
        _find_sight(hop, tolerance, flat, far)
        total = 0.0
        # The step that reveals the last masked position. In the support every context is possible, and it may be any.
        for final in range(len(reveal) - 1 if inside else 0, len(reveal)):
            _start(scale, value)
            for k in range(final, -1, -1):
                remain = stay[k] if k < final else 0.0
                _step(
                    hop,
                    inverse,
                    flat,
                    far,
                    reveal[k],
                    remain,
                    kept,
                    open_weights,
                    weights,
                    back,
                    pending,
                    value,
                )
                if k == final and not inside:
                    _forbid(hop, value)
            total += value[ends - 1, 0]
        out[row] = log_scale + np.log(total) if 0.0 < total < np.inf else np.nan


@part
def _prepare(heads, hops, token, collision, hop, inverse, scale):
    """Transition probabilities between places; returns the log of the product of scales and if x is in the support.

    hop[j, i] = P(x_j | x_i). A token's scale is about the probability of drawing it after its left neighbour.
    """
    length = len(token)
    last = length + 1
    log_scale, inside = 0.0, True
    scale[last] = 1.0
    for j in range(1, length + 1):
        hop[j, 0] = heads[min(j, len(heads)) - 1, token[j - 1]]
        for i in range(1, j):
            hop[j, i] = hops[min(j - i, len(hops)) - 1, token[i - 1], token[j - 1]]
        hop[last, j - 1] = 1.0
        if hop[j, 0] == 0.0:
            return -np.inf, False
        for i in range(j):
            if np.isnan(hop[j, i]):
                return np.nan, False
            inverse[j, i] = 1.0 / hop[j, i] if hop[j, i] > 0.0 else 0.0
        scale[j] = (1.0 - collision) * hop[j, j - 1] + collision * hop[j, 0]
        log_scale += np.log(scale[j])
        inside = inside and hop[j, j - 1] > 0.0
    hop[last, length] = 1.0
    return log_scale, inside


@part
def _find_sight(hop, tolerance, flat, far):
    """Places 0..flat[j]-1 are all the same to j; to places from flat[j] to j, all of 0..far[j]-1 are as well."""
    flat[0] = far[0] = 0
    for j in range(1, len(hop) - 1):
        i = 1
        while i < j and abs(hop[j, i] - hop[j, 0]) <= tolerance * hop[j, 0]:
            i += 1
        flat[j] = far[j] = i
        for m in range(i, j):
            far[j] = min(far[j], flat[m])


@part
def _start(scale, value):
    """After the last step everything is revealed, so only neighbours have nothing left between them."""
    for j in range(1, len(value)):
        for i in range(j - 1):
            value[j, i] = 0.0
        value[j, j - 1] = 1.0 / scale[j]


@part
def _forbid(hop, value):
    """A context in which two neighbours cannot stand together is impossible: sampling stops there."""
    for j in range(1, len(value)):
        if hop[j, j - 1] == 0.0:
            value[j, j - 1] = 0.0


@part
def _step(hop, inverse, flat, far, reveal, stay, kept, open_weights, weights, back, pending, value):
    """From the values after a step to those before it.

    open_weights[m, i] and weights[m, i] are A(m) of docs/theory.md for the span that begins with i: closed by nothing,
    and by the current j. Both are 0 for m <= i.
    """
    last = len(hop) - 1
    for j in range(1, last + 1):
        nothing = 1.0
        for i in range(j - 1, -1, -1):
            kept[j, i] = value[j, i] * nothing
            nothing *= stay
    for m in range(1, last):
        _sum_before(kept[m], open_weights, 1, m, 0, pending[:m])
        for i in range(m):
            open_weights[m, i] = reveal * hop[m, i] * pending[i]
    _sum_before(kept[last], open_weights, 1, last, 0, value[last, :last])
    for j in range(1, last):
        _fill_wide(hop, inverse, flat[j], far[j], reveal, kept, open_weights, back, j, value[j])
        near = far[j]
        for m in range(near + 1, j):
            _sum_before(kept[m], weights, near + 1, m, near, pending[near:m])
            ahead = reveal * hop[j, m]
            for i in range(near, m):
                weights[m, i] = ahead * (hop[m, i] * inverse[j, i]) * pending[i]
        if near < j:
            _sum_before(kept[j], weights, near + 1, j, near, value[j, near:j])


@part
def _fill_wide(hop, inverse, flat, far, reveal, kept, open_weights, back, j, value):
    """value[i] for the spans from i < far to j, whose ends do not see each other.

    Places from `flat` on are the tail, in whose laws the left end does not count; before it j does not count.
    Invariant: back[i] sums over what is revealed in the tail at m or beyond, if that is all.
    """
    for i in range(j):
        back[i] = kept[j, i]
    for m in range(j - 1, flat - 1, -1):
        mass = reveal * hop[j, m] * (hop[m, 0] * inverse[j, 0]) * back[m]
        add_row(mass, kept[m, :m], back[:m])
    for i in range(far):
        value[i] = back[i]
    _add_before(back, open_weights, 1, flat, 0, value[:far])


@part
def _sum_before(row, matrix, first, last, begin, result):
    """result[i - begin] = row[i] + sum over m in first..last-1 of row[m] * matrix[m, i]."""
    for k in range(len(result)):
        result[k] = row[begin + k]
    _add_before(row, matrix, first, last, begin, result)


@part
def _add_before(row, matrix, first, last, begin, result):
    """result[i - begin] += sum over m in first..last-1 of row[m] * matrix[m, i], which is 0 for i >= m."""
    m = first
    while m + 4 <= last:
        width = min(m + 3, begin + len(result)) - begin
        add_four_rows(row[m], row[m + 1], row[m + 2], row[m + 3], matrix, m, begin, result[:width])
        m += 4
    while m < last:
        stop = min(m, begin + len(result))
        add_row(row[m], matrix[m, begin:stop], result[: stop - begin])
        m += 1
