"""Steps of uniform and of Gaussian diffusion: reverse laws of tokens, evidence and means of embeddings.

Plain sums in a fixed order, so that the numbers of a sequence do not depend on how many others there are.
"""

from __future__ import annotations

import math

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.marginals import sum_of_products
from mdmtheory.kernels.random import next_uniform
from mdmtheory.kernels.vectors import load_from, spread, store


@kernel
def uniform_reverse(tokens, posterior, kept, kept_after, out):
    """out (count, length, V) = law of the less noisy token at each position: q(z | token, v) averaged over v.

    `tokens` (count, length) are seen with a share `kept` of the signal, `posterior` (count, length, V) is the law of
    the clean token v, and `kept_after` > kept is the share after the step. What comes from all v alike is summed once,
    so O(V) a position.
    """
    count, length, vocab_size = out.shape
    stay = kept / kept_after
    other, other_after, other_seen = (1 - stay) / vocab_size, (1 - kept_after) / vocab_size, (1 - kept) / vocab_size
    for row in range(count):
        for i in range(length):
            own, mean, law = tokens[row, i], posterior[row, i], out[row, i]
            alike = 0.0
            for v in range(vocab_size):
                law[v] = mean[v] / (kept + other_seen if v == own else other_seen)
                alike += law[v]
            for z in range(vocab_size):
                forth = stay + other if z == own else other
                law[z] = forth * (other_after * alike + kept_after * law[z])


@kernel
def uniform_reverse_by_scores(tokens, posterior, kept, kept_after, out):
    """As `uniform_reverse`, from ratios of probabilities of noisy tokens (concrete scores), as SEDD does. O(V).

    The posterior without the evidence of `token` itself gives the law of the less noisy token z given all other
    positions; that law over its value at `token` is the score s(z), and s(z) times the probability of the step from z
    to `token` is the reverse law up to its sum. The common denominator falls out there, and may be 0 before.
    """
    count, length, vocab_size = out.shape
    stay = kept / kept_after
    other, other_after, other_seen = (1 - stay) / vocab_size, (1 - kept_after) / vocab_size, (1 - kept) / vocab_size
    for row in range(count):
        for i in range(length):
            own, mean, law = tokens[row, i], posterior[row, i], out[row, i]
            total = 0.0
            for v in range(vocab_size):
                law[v] = mean[v] / (kept + other_seen if v == own else other_seen)
                total += law[v]
            for v in range(vocab_size):
                law[v] = kept_after * law[v] / total + other_after
            total = 0.0
            for z in range(vocab_size):
                law[z] *= stay + other if z == own else other
                total += law[z]
            for z in range(vocab_size):
                law[z] /= total


@kernel
def weigh_uniform(tokens, laws, kept, leave_out, least, unsure):
    """Weigh `laws` (count, length, V), each without the evidence of its own token, by that evidence, and scale to 1.

    A token was kept with probability `kept`, else drawn anew. With `leave_out` laws are scaled only. unsure[row] says
    whether some law, so weighed, came to less than `least`. Sums are numpy's (`sum_products`), of MOST_SUMMED at most.
    """
    vocab_size = laws.shape[2]
    seen, alike, other = np.empty(vocab_size), np.ones(vocab_size), (1 - kept) / vocab_size
    for row in range(len(tokens)):
        unsure[row] = _weigh_uniform(tokens[row], laws[row], kept, other, leave_out, least, seen, alike)


@part
def _weigh_uniform(token, laws, kept, other, leave_out, least, seen, alike):
    unsure = False
    for i in range(len(token)):
        law = laws[i]
        for v in range(len(law)):
            seen[v] = other
        seen[token[i]] = kept + other
        total = sum_of_products(law, seen)
        unsure |= total < least
        if leave_out:
            total = sum_of_products(law, alike)
        for v in range(len(law)):
            law[v] = (law[v] if leave_out else law[v] * seen[v]) / total
    return unsure


@kernel
def noise_tokens(tokens, stay, states, out, vocab_size):
    """out = tokens (count, length), each kept with probability `stay`, else drawn anew; one uniform a position."""
    for row in range(len(tokens)):
        for i in range(tokens.shape[1]):
            out[row, i] = _noised(tokens[row, i], stay, next_uniform(states[row]), vocab_size)


@part
def _noised(token, stay, uniform, vocab_size):
    if uniform < stay:
        return np.int64(token)
    # What is left of the uniform is uniform again.
    return min(np.int64((uniform - stay) / (1.0 - stay) * vocab_size), vocab_size - 1)


@kernel
def gaussian_log_likelihood(values, embedding, kept, out):
    """out (count, length, V) = (√kept x·e(v) - kept |e(v)|²/2) / (1 - kept) for `values` x (count, length, dim)."""
    vocab_size, dim = embedding.shape
    squares, turned = np.zeros(vocab_size), np.empty((dim, vocab_size))
    for v in range(vocab_size):
        for d in range(dim):
            squares[v] += embedding[v, d] * embedding[v, d]
            turned[d, v] = embedding[v, d]
    root = math.sqrt(kept)
    for row in range(len(values)):
        for i in range(values.shape[1]):
            law = out[row, i]
            sum_rows(values[row, i], turned, law)
            for v in range(vocab_size):
                law[v] = (root * law[v] - 0.5 * kept * squares[v]) / (1.0 - kept)


@kernel
def mean_embedding(posterior, embedding, out):
    """out (count, length, dim) = sum over v of posterior[.., v] * embedding[v]."""
    for row in range(len(out)):
        for i in range(out.shape[1]):
            sum_rows(posterior[row, i], embedding, out[row, i])


@part
def sum_rows(weights, matrix, out):
    """out[j] = sum over k of weights[k] * matrix[k, j], one after the other, eight columns at a time."""
    whole = len(out) - len(out) % 8
    for j in range(0, whole, 8):
        total = spread(0.0)
        for k in range(len(weights)):
            total = total + spread(weights[k]) * load_from(matrix, k, j)
        store(out, j, total)
    for j in range(whole, len(out)):
        total_of_one = 0.0
        for k in range(len(weights)):
            total_of_one += weights[k] * matrix[k, j]
        out[j] = total_of_one
