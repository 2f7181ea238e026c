"""Filter and smoother of a chain, many sequences at a time (kernels/lane_steps.py).

Messages are scaled to sum 1, so that what float64 can lose are single states. They are lost for certain nowhere where
every product of positive numbers was 1e-290 or more: zeros are then structural, and all sums as precise as their terms.
The smallest entries of the messages tell; rows where they are too small are to be done again in logarithms.
"""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.doubt import LEAST_PRODUCT
from mdmtheory.kernels.lane_steps import combine_lanes, lanes_for, see, take_in
from mdmtheory.kernels.logs import multiply, scale_logs, sum_logs


@kernel
def filter_log_probs(initial, transition, likelihood, tokens, faintest, out, sure):
    """log q(x) in nats of each row of `tokens` (count, length), by the scaled forward filter; -inf where impossible.

    `likelihood` (V + 1, S) is the evidence of each token for each state, its last row the mask's, all ones.
    `faintest` is the smallest product of a positive initial or transition probability and a positive evidence; `sure`
    (count,) says of which rows nothing can have been lost (see above).
    """
    lanes = lanes_for(len(tokens))
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
        see(tokens, first, i, seen)
        take_in(moved, likelihood, seen, message, totals, scales, least)
        for lane in range(len(seen)):
            multiply(lane, totals[lane], products, logs)
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
            ahead[s] = moved[s] + likelihood[token[i], s]
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
    lanes = lanes_for(len(tokens))
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
        see(tokens, first, i - 1, seen)
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
            see(tokens, first, i, seen)
            take_in(behind, likelihood, seen, message, totals, scales, least)
            combine_lanes(message, transposed, behind)
