"""Laws of what stands to the right of what is known: next tokens, and blocks that are partly masked.

All of a sequence in one pass: what is known to the left of one position is known to the left of the next.
"""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.closed import _closed_scratch, _forget, _reveal, _take_stock, _weigh
from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.doubt import LEAST_PRODUCT
from mdmtheory.kernels.lane_steps import combine_lanes, lanes_for, see, take_in


@kernel
def smooth_blocks(initial, transition, transposed, likelihood, emission, clean, noisy, block, faintest, out, sure):
    """Laws (count, length, V) at every position given `clean` tokens in the blocks before and `noisy` ones in its own.

    Arguments as of `lanes.smooth`, whose pass this is over each block of `block` positions; the last may be shorter.
    Zeros at masked positions of impossible contexts. Many sequences at a time; O(S^2 + S V) a position.
    """
    lanes = lanes_for(len(clean))
    size, vocab_size = emission.shape
    longest = min(block, clean.shape[1])
    start, message, behind = np.empty((size, lanes)), np.empty((size, lanes)), np.empty((size, lanes))
    predicted, smallest = np.empty((longest, size, lanes)), np.empty((longest, lanes))
    weights, seen = np.empty((vocab_size, lanes)), np.empty(lanes, dtype=np.uint64)
    totals, scales, faint = np.empty(lanes), np.empty(lanes), np.empty(lanes)
    least, safe = np.empty(lanes), np.empty(lanes, dtype=np.bool_)
    for first in range(0, len(clean), lanes):
        for lane in range(lanes):
            safe[lane] = True
            faint[lane] = 1.0
        for s in range(size):
            for lane in range(lanes):
                start[s, lane] = initial[s]
        for a in range(0, clean.shape[1], block):
            stop = min(a + block, clean.shape[1])
            _smooth_block(
                transition, transposed, likelihood, emission, noisy, first, a, stop, start, message, behind, predicted,
                smallest, weights, seen, totals, scales, faint, least, faintest, safe, out,
            )  # fmt: skip
            for i in range(a, stop):
                see(clean, first, i, seen)
                take_in(start, likelihood, seen, message, totals, scales, faint)
                combine_lanes(message, transition, start)
        for lane in range(min(lanes, len(clean) - first)):
            sure[first + lane] = safe[lane] and faint[lane] * faintest >= LEAST_PRODUCT


@part
def _smooth_block(
    transition, transposed, likelihood, emission, noisy, first, a, stop, start, message, behind, predicted, smallest,
    weights, seen, totals, scales, faint, least, faintest, safe, out,
):  # fmt: skip
    """`predicted[i]` is the law of the state at a + i given what is to the left of it, `start` that at the block's."""
    vocab_size = emission.shape[1]
    for s in range(len(start)):
        for lane in range(len(seen)):
            predicted[0, s, lane] = start[s, lane]
            behind[s, lane] = 1.0
    for lane in range(len(seen)):
        smallest[0, lane] = faint[lane]
        least[lane] = 1.0
    for i in range(1, stop - a):
        see(noisy, first, a + i - 1, seen)
        take_in(predicted[i - 1], likelihood, seen, message, totals, scales, least)
        combine_lanes(message, transition, predicted[i])
        for lane in range(len(seen)):
            smallest[i, lane] = min(smallest[i - 1, lane], least[lane])
            least[lane] = 1.0
    for i in range(stop - a - 1, -1, -1):
        for lane in range(len(seen)):
            # One probability for each of the two ways in which the messages came here.
            safe[lane] &= smallest[i, lane] * faintest * least[lane] * faintest >= LEAST_PRODUCT
        for s in range(len(start)):
            p, b, m = predicted[i, s], behind[s], message[s]
            for lane in range(len(seen)):
                m[lane] = p[lane] * b[lane]
        combine_lanes(message, emission, weights)
        see(noisy, first, a + i, seen)
        for lane in range(min(len(seen), len(noisy) - first)):
            _finish(weights, lane, np.int64(seen[lane]), vocab_size, out[first + lane, a + i])
        if i > 0:
            take_in(behind, likelihood, seen, message, totals, scales, least)
            combine_lanes(message, transposed, behind)


@part
def _finish(weights, lane, token, vocab_size, law):
    """The weights of a lane, scaled to sum 1 where that can be done; one-hot at a revealed token."""
    total = 0.0
    for v in range(vocab_size):
        total += weights[v, lane]
    for v in range(vocab_size):
        law[v] = 0.0
        if token == vocab_size and total > 0.0:
            law[v] = weights[v, lane] / total
        elif token == v:
            law[v] = 1.0


@kernel
def next_by_context(laws, following, tokens, out):
    """Laws (count, length, V) of every next token, from `laws` (rows, V) by context, the empty one being row 0.

    `following` (rows, V) is the context that a token leads to. Zeros after what is impossible.
    """
    for row in range(len(tokens)):
        context, possible = 0, True
        for i in range(tokens.shape[1]):
            for v in range(laws.shape[1]):
                out[row, i, v] = laws[context, v] if possible else 0.0
            possible = possible and laws[context, tokens[row, i]] > 0.0
            context = following[context, tokens[row, i]]


@kernel
def next_by_sums(language, tokens, out):
    """Laws (count, length, V) of every next token of a language in closed form (kernels/closed.py), without noise.

    Zeros after what is impossible.
    """
    evidence, permanent, weights = _closed_scratch(tokens.shape[1], language.vocab_size)
    for row in range(len(tokens)):
        _next_by_sums(language, tokens[row], evidence, permanent, weights, out[row])


@part
def _next_by_sums(language, token, evidence, permanent, weights, out):
    _forget(evidence)
    for i in range(len(token)):
        _take_stock(language, evidence, permanent)
        _weigh(language, i, evidence, permanent, weights)
        total = 0.0
        for v in range(len(weights)):
            total += weights[v]
        for v in range(len(weights)):
            out[i, v] = weights[v] / total if evidence.sums[0] == 1 and total > 0.0 else 0.0
        _reveal(language, i, np.int64(token[i]), evidence)
