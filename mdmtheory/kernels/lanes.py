"""Filter and smoother of a chain, many sequences at a time: one number of each stands beside the others in memory.

Each transition probability is then loaded once for all of them and multiplies several in one instruction. A sequence's
sums are taken in the same order in every lane, so its numbers do not depend on its neighbours.

Messages are scaled to sum 1, so that what float64 can lose are single states. They are lost for certain nowhere where
every product of positive numbers was 1e-290 or more: zeros are then structural, and all sums as precise as their terms.
The smallest entries of the messages tell; rows where they are too small are to be done again in logarithms.
"""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.doubt import LEAST_PRODUCT
from mdmtheory.kernels.logs import scale_logs, sum_logs

LANES = 64
"""Sequences side by side: enough for full vectors, few enough for a message to stay in the nearest cache."""


@part
def combine_lanes(message, matrix, out):
    """out[j] (lanes,) = sum over s of matrix[s, j] * message[s] (lanes,).

    Four j and four s at a time: then the arithmetic takes longer than the loads. The number of lanes is taken from the
    arrays because a loop of known length would be unrolled before it could be vectorised.
    """
    width = matrix.shape[1]
    whole = width - width % 4
    for j in range(0, whole, 4):
        _combine_four(message, matrix[:, j : j + 4], out[j], out[j + 1], out[j + 2], out[j + 3])
    for j in range(whole, width):
        reached = out[j]
        for lane in range(len(reached)):
            reached[lane] = 0.0
        for s in range(len(matrix)):
            a, weight = message[s], matrix[s, j]
            for lane in range(len(reached)):
                reached[lane] += weight * a[lane]


@part
def _combine_four(message, columns, first, second, third, fourth):
    size = len(columns)
    for lane in range(len(first)):
        first[lane] = second[lane] = third[lane] = fourth[lane] = 0.0
    whole = size - size % 4
    for s in range(0, whole, 4):
        a, b, c, d = message[s], message[s + 1], message[s + 2], message[s + 3]
        p, q, r, t = columns[s], columns[s + 1], columns[s + 2], columns[s + 3]
        p0, q0, r0, t0 = p[0], q[0], r[0], t[0]
        p1, q1, r1, t1 = p[1], q[1], r[1], t[1]
        p2, q2, r2, t2 = p[2], q[2], r[2], t[2]
        p3, q3, r3, t3 = p[3], q[3], r[3], t[3]
        for lane in range(len(first)):
            w, x, y, z = a[lane], b[lane], c[lane], d[lane]
            first[lane] += (p0 * w + q0 * x) + (r0 * y + t0 * z)
            second[lane] += (p1 * w + q1 * x) + (r1 * y + t1 * z)
            third[lane] += (p2 * w + q2 * x) + (r2 * y + t2 * z)
            fourth[lane] += (p3 * w + q3 * x) + (r3 * y + t3 * z)
    for s in range(whole, size):
        a, p = message[s], columns[s]
        for lane in range(len(first)):
            first[lane] += p[0] * a[lane]
            second[lane] += p[1] * a[lane]
            third[lane] += p[2] * a[lane]
            fourth[lane] += p[3] * a[lane]


@part
def take_in(prior, likelihood, seen, message, totals, scales, least):
    """message = prior times the evidence of each lane's token, scaled to sum 1 in each lane; `totals` gets the sums.

    Where the evidence is impossible the sum is 0 and the lane's message becomes zeros. `least` falls to the smallest
    positive entry of a lane's message.
    """
    lanes = len(totals)
    for lane in range(lanes):
        totals[lane] = 0.0
    for s in range(len(prior)):
        p, m, evidence = prior[s], message[s], likelihood[s]
        for lane in range(lanes):
            # `seen` is unsigned: a signed index would be tested for being negative every time.
            m[lane] = p[lane] * evidence[seen[lane]]
        for lane in range(lanes):
            totals[lane] += m[lane]
    for lane in range(lanes):
        scales[lane] = 1.0 / totals[lane] if totals[lane] > 0.0 else 0.0
    for s in range(len(prior)):
        m = message[s]
        for lane in range(lanes):
            m[lane] *= scales[lane]
            least[lane] = m[lane] if 0.0 < m[lane] < least[lane] else least[lane]


@part
def _see(tokens, first, i, seen):
    """The tokens at position i of the rows from `first`; the last row fills the lanes that are left over."""
    for lane in range(len(seen)):
        seen[lane] = tokens[min(first + lane, len(tokens) - 1), i]


@kernel
def filter_log_probs(initial, transition, likelihood, tokens, faintest, out, sure):
    """log q(x) in nats of each row of `tokens` (count, length), by the scaled forward filter; -inf where impossible.

    `likelihood` (S, V + 1) is the evidence of each token for each state, its last column the mask's, all ones.
    `faintest` is the smallest product of a positive initial or transition probability and a positive evidence; `sure`
    (count,) says of which rows nothing can have been lost (see above).
    """
    lanes = max(1, min(LANES, len(tokens)))
    message, moved = np.empty((len(initial), lanes)), np.empty((len(initial), lanes))
    seen, totals, scales = np.empty(lanes, dtype=np.uint64), np.empty(lanes), np.empty(lanes)
    logs, products, least = np.empty(lanes), np.empty(lanes), np.empty(lanes)
    for first in range(0, len(tokens), lanes):
        _filter_rows(
            initial, transition, likelihood, tokens, first, message, moved, seen, totals, scales, logs, products, least
        )
        for lane in range(min(lanes, len(tokens) - first)):
            out[first + lane] = logs[lane]
            sure[first + lane] = least[lane] * faintest >= LEAST_PRODUCT


@part
def _filter_rows(
    initial, transition, likelihood, tokens, first, message, moved, seen, totals, scales, logs, products, least
):
    length = tokens.shape[1]
    for lane in range(len(seen)):
        least[lane] = 1.0
        logs[lane] = 0.0
        products[lane] = 1.0
        for s in range(len(initial)):
            moved[s, lane] = initial[s]
    for i in range(length):
        _see(tokens, first, i, seen)
        take_in(moved, likelihood, seen, message, totals, scales, least)
        for lane in range(len(seen)):
            # One logarithm for many factors, taken while their product is far from underflow.
            product = products[lane] * totals[lane]
            if product < LEAST_PRODUCT:
                logs[lane] += np.log(products[lane])
                product = totals[lane]
            if product < 1e-200:
                logs[lane] += np.log(product)
                product = 1.0
            products[lane] = product
        if i + 1 < length:
            combine_lanes(message, transition, moved)
    for lane in range(len(seen)):
        logs[lane] += np.log(products[lane])


@kernel
def filter_log_probs_in_logs(initial, transition, likelihood, tokens, out):
    """As `filter_log_probs`, all laws being logarithms and losing nothing. Slow."""
    size = len(initial)
    ahead, moved, terms = np.empty(size), np.empty(size), np.empty(size)
    for row in range(len(tokens)):
        out[row] = _filter_row_in_logs(initial, transition, likelihood, tokens[row], ahead, moved, terms)


@part
def _filter_row_in_logs(initial, transition, likelihood, token, ahead, moved, terms):
    size = len(initial)
    total = 0.0
    for s in range(size):
        moved[s] = initial[s]
    for i in range(len(token)):
        for s in range(size):
            ahead[s] = moved[s] + likelihood[s, token[i]]
        total += scale_logs(ahead)
        if total == -np.inf:
            break
        for j in range(size):
            for s in range(size):
                terms[s] = ahead[s] + transition[s, j]
            moved[j] = sum_logs(terms)
    return total


@kernel
def smooth(initial, transition, transposed, likelihood, emission, tokens, faintest, out, sure):
    """Weights of every token at every position given the others' tokens: `out` (count, length, V), unnormalised.

    `tokens` (count, length) may hold the mask. `emission` (S, V) is the law of a token, `likelihood` the evidence of a
    revealed one; they differ when tokens are distrusted. The evidence of position i is left out of row i. `faintest` is
    at most any product of a positive initial or transition probability and one of either; `sure` as above.
    """
    lanes = max(1, min(LANES, len(tokens)))
    size, vocab_size = emission.shape
    predicted, smallest = np.empty((tokens.shape[1], size, lanes)), np.empty((tokens.shape[1], lanes))
    message, behind = np.empty((size, lanes)), np.empty((size, lanes))
    weights = np.empty((vocab_size, lanes))
    seen, totals, scales = np.empty(lanes, dtype=np.uint64), np.empty(lanes), np.empty(lanes)
    least, safe = np.empty(lanes), np.empty(lanes, dtype=np.bool_)
    for first in range(0, len(tokens), lanes):
        _smooth_rows(
            initial,
            transition,
            transposed,
            likelihood,
            emission,
            tokens,
            first,
            predicted,
            message,
            behind,
            weights,
            seen,
            totals,
            scales,
            smallest,
            least,
            faintest,
            safe,
            out,
        )
        for lane in range(min(lanes, len(tokens) - first)):
            sure[first + lane] = safe[lane]


@part
def _smooth_rows(
    initial,
    transition,
    transposed,
    likelihood,
    emission,
    tokens,
    first,
    predicted,
    message,
    behind,
    weights,
    seen,
    totals,
    scales,
    smallest,
    least,
    faintest,
    safe,
    out,
):
    length, size, _ = predicted.shape
    for lane in range(len(seen)):
        safe[lane] = True
        least[lane] = smallest[0, lane] = 1.0
    for s in range(size):
        for lane in range(len(seen)):
            predicted[0, s, lane] = initial[s]
            behind[s, lane] = 1.0
    for i in range(1, length):
        _see(tokens, first, i - 1, seen)
        take_in(predicted[i - 1], likelihood, seen, message, totals, scales, least)
        combine_lanes(message, transition, predicted[i])
        for lane in range(len(seen)):
            smallest[i, lane] = least[lane]
            least[lane] = 1.0
    for i in range(length - 1, -1, -1):
        for lane in range(len(seen)):
            # One probability for each of the two ways in which the messages came here.
            safe[lane] &= smallest[i, lane] * faintest * least[lane] * faintest >= LEAST_PRODUCT
            least[lane] = 1.0
        for s in range(size):
            p, b, m = predicted[i, s], behind[s], message[s]
            for lane in range(len(seen)):
                m[lane] = p[lane] * b[lane]
        combine_lanes(message, emission, weights)
        for lane in range(min(len(seen), len(tokens) - first)):
            row = out[first + lane, i]
            for v in range(len(weights)):
                row[v] = weights[v, lane]
        if i > 0:
            _see(tokens, first, i, seen)
            take_in(behind, likelihood, seen, message, totals, scales, least)
            combine_lanes(message, transposed, behind)
