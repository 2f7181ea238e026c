"""What is done with one marginal: draw from it, or move it a given number of nats away."""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.doubt import LEAST_SHARE, LEAST_TOTAL
from mdmtheory.kernels.random import next_uniform
from mdmtheory.kernels.rows import in_pairs


@part
def draw(weights, total, uniform):
    """The first token whose cumulative weight exceeds uniform * total; never one of weight 0."""
    threshold = uniform * total
    cumulative = 0.0
    last = 0
    for v in range(len(weights)):
        if weights[v] > 0.0:
            cumulative += weights[v]
            if cumulative > threshold:
                return v
            last = v
    return last


FEW = 32
"""Tokens up to which all are looked at rather than as many as it takes."""


@part
def draw_quickly(weights, total, uniform):
    """As `draw`; of few tokens by counting: where it would end is no branch that the processor has to guess."""
    if len(weights) > FEW:
        return draw(weights, total, uniform)
    threshold = uniform * total
    cumulative = 0.0
    token = 0
    for v in range(len(weights)):
        cumulative += weights[v]
        token += cumulative <= threshold
    return token if token < len(weights) else draw(weights, total, uniform)


@part
def perturb(weights, total, epsilon):
    """Replace a marginal by (1 - s) marginal + s uniform, with s such that KL(marginal || mixture) = epsilon nats.

    s = 1 where even the uniform law is nearer than epsilon. `weights` sums to `total` on entry, to 1 on return.
    The divergence is convex and increasing in s, so Newton's method from s = 1 descends to the root without
    overshooting.
    """
    vocab_size = len(weights)
    uniform = 1.0 / vocab_size
    for v in range(vocab_size):
        weights[v] /= total
    share = 1.0
    for _ in range(200):
        divergence = -epsilon
        slope = 0.0
        for v in range(vocab_size):
            if weights[v] > 0.0:
                mixed = (1.0 - share) * weights[v] + share * uniform
                divergence += weights[v] * np.log(weights[v] / mixed)
                slope += weights[v] * (weights[v] - uniform) / mixed
        if divergence <= 0.0 or slope <= 0.0:
            break
        step = divergence / slope
        share -= step
        if step <= 1e-15 * share:
            break
    for v in range(vocab_size):
        weights[v] = (1.0 - share) * weights[v] + share * uniform


@part
def decide(weights, epsilon, drawing, position, state, row):
    """Settle one position by its marginal: draw token[position], or take it as given, and record its probability.

    In row.log_prob, of all of which `take_logs` makes logarithms at the end: in a row, they take half the time.
    Returns False, and decides nothing, where all weights are 0: the context is impossible. unsure[0] becomes True where
    the weights are so small that float64 may have lost what matters.
    """
    total = 0.0
    for v in range(len(weights)):
        total += weights[v]
    if total <= 0.0:
        return False
    if total < LEAST_TOTAL:
        row.unsure[0] = True
    if epsilon > 0.0:
        perturb(weights, total, epsilon)
        total = 0.0
        for v in range(len(weights)):
            total += weights[v]
    if drawing:
        row.token[position] = draw_quickly(weights, total, next_uniform(state))
    share = weights[row.token[position]] / total
    if 0.0 < share < LEAST_SHARE:
        row.unsure[0] = True
    row.log_prob[position] = share
    return True


@part
def take_logs(shares):
    """Their logarithms, in place."""
    for i in range(len(shares)):
        shares[i] = np.log(shares[i])


@kernel
def settle_in_logs(laws, positions, epsilon, drawing, token, state, log_prob):
    """As `decide` and `take_logs` at some positions, from logarithms of marginals, `laws` (n, V), which keep all."""
    weights = np.empty(laws.shape[1])
    for k in range(len(positions)):
        _settle_in_logs(laws[k], positions[k], epsilon, drawing, token, state, log_prob, weights)


@part
def _settle_in_logs(law, position, epsilon, drawing, token, state, log_prob, weights):
    total = 0.0
    for v in range(len(law)):
        weights[v] = np.exp(law[v])
        total += weights[v]
    if epsilon > 0.0:
        perturb(weights, total, epsilon)
        total = 0.0
        for v in range(len(weights)):
            total += weights[v]
    if drawing:
        token[position] = draw(weights, total, next_uniform(state))
    chosen = token[position]
    log_prob[position] = np.log(weights[chosen] / total) if epsilon > 0.0 else law[chosen]


@kernel
def normalise_marginals(tokens, hard, marginals, impossible):
    """Scale each marginal (count, length, V) to sum 1; with `hard` evidence those of revealed tokens become one-hot.

    A row of `impossible` (count,) becomes True where a marginal is all zeros, which it stays.
    """
    for row in range(len(tokens)):
        impossible[row] = _normalise_row(tokens[row], hard, marginals[row])


@part
def _normalise_row(token, hard, marginals):
    impossible = False
    vocab_size = marginals.shape[1]
    for i in range(len(token)):
        marginal = marginals[i]
        if hard and token[i] < vocab_size:
            for v in range(vocab_size):
                marginal[v] = 0.0
            marginal[token[i]] = 1.0
            continue
        total = 0.0
        for v in range(vocab_size):
            total += marginal[v]
        if total > 0.0:
            for v in range(vocab_size):
                marginal[v] /= total
        else:
            impossible = True
    return impossible


@kernel
def scale_rows(laws, out, totals):
    """`out` = `laws` (n, V), each row over its sum, rows of zeros as they are; `totals` (n,) gets the sums.

    Returns whether all entries are finite and none is negative.
    """
    fine = True
    for row in range(len(laws)):
        law, scaled = laws[row], out[row]
        total = 0.0
        for v in range(len(law)):
            # Not NaN, which no comparison holds for.
            fine &= law[v] >= 0.0
            total += law[v]
        fine &= total < np.inf
        totals[row] = total
        for v in range(len(law)):
            scaled[v] = law[v] / total if total > 0.0 else 0.0
    return fine


@kernel
def perturb_rows(marginals, epsilon):
    """`perturb` on every row of `marginals` (n, V); a row of zeros, an impossible context, stays."""
    for row in range(len(marginals)):
        total = marginals[row].sum()
        if total > 0.0:
            perturb(marginals[row], total, epsilon)


@kernel
def draw_rows(marginals, uniforms, out):
    """out[k] = a token drawn from row k of `marginals` (n, V) with uniforms[k]."""
    for row in range(len(marginals)):
        law = marginals[row]
        total = 0.0
        for v in range(len(law)):
            total += law[v]
        out[row] = draw_quickly(law, total, uniforms[row])


@kernel
def largest_of_rows(laws, out):
    """out[k] = the largest entry of row k of `laws` (n, V)."""
    for row in range(len(laws)):
        most = laws[row, 0]
        for v in range(1, laws.shape[1]):
            most = max(most, laws[row, v])
        out[row] = most


@kernel
def lead_of_rows(laws, out):
    """out[k] = the largest entry of row k of `laws` (n, V), none negative, less the second, 0 where there is none."""
    for row in range(len(laws)):
        most, second = laws[row, 0], 0.0
        for v in range(1, laws.shape[1]):
            second = max(second, min(most, laws[row, v]))
            most = max(most, laws[row, v])
        out[row] = most - second


@kernel
def sum_products(left, right, out):
    """out[k] = the sum over v of left[k, v] * right[k, v], (n, V) with V at most MOST_SUMMED, as numpy sums a row."""
    for row in range(len(left)):
        out[row] = sum_of_products(left[row], right[row])


MOST_SUMMED = 128
"""Beyond so many numbers numpy sums two halves."""


@part
def sum_of_products(left, right):
    """The sum of products as numpy has it: one by one below eight, else in eight sums, put together pair by pair."""
    size = len(left)
    total = 0.0
    if size < 8:
        for v in range(size):
            total += left[v] * right[v]
        return total
    a, b, c, d = left[0] * right[0], left[1] * right[1], left[2] * right[2], left[3] * right[3]
    e, f, g, h = left[4] * right[4], left[5] * right[5], left[6] * right[6], left[7] * right[7]
    whole = size - size % 8
    for v in range(8, whole, 8):
        a += left[v] * right[v]
        b += left[v + 1] * right[v + 1]
        c += left[v + 2] * right[v + 2]
        d += left[v + 3] * right[v + 3]
        e += left[v + 4] * right[v + 4]
        f += left[v + 5] * right[v + 5]
        g += left[v + 6] * right[v + 6]
        h += left[v + 7] * right[v + 7]
    total = in_pairs((a, b, c, d, e, f, g, h))
    for v in range(whole, size):
        total += left[v] * right[v]
    return total
