"""How much two masked tokens of a chain tell of each other, given the revealed ones."""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.chain import combine_rows, normalise
from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.doubt import LEAST_PRODUCT, LEAST_TOTAL


@kernel
def pair_information(initial, transition, transposed, likelihood, emission, tokens, alike, out, sure):
    """Mutual information in nats of every two masked tokens of each row given its revealed ones: `out` (count, L, L).

    `likelihood` (V + 1, S) is the evidence of each token, its last row, the mask's, all ones. From each masked position
    the law of the state is carried to the right, once for each token that may stand there; where all these laws agree
    within `alike`, relative, the state has forgotten the token, and the rest, of order alike^2, is 0. Elsewhere 0, and
    in rows whose tokens are impossible. `sure` (count,) says which rows float64 can have lost nothing of that matters.
    O(V S^2) a pair that remembers.
    """
    count, length = tokens.shape
    size, vocab_size = emission.shape
    ahead, behind = np.empty((length, size)), np.empty((length, size))
    carried, moved = np.empty((vocab_size, size)), np.empty((vocab_size, size))
    spare, joint = np.empty(size), np.empty((vocab_size, vocab_size))
    first, second = np.empty(vocab_size), np.empty(vocab_size)
    scratch = (ahead, behind, carried, moved, spare, joint, first, second)
    for row in range(count):
        sure[row] = _fill_row(
            initial, transition, transposed, likelihood, emission, tokens[row], alike, scratch, out[row]
        )  # fmt: skip


@part
def _fill_row(initial, transition, transposed, likelihood, emission, token, alike, scratch, out):
    """One row of `pair_information`; returns whether it is sure."""
    ahead, behind, carried, moved, spare, joint, first, second = scratch
    length, (size, vocab_size) = len(token), emission.shape
    for i in range(length):
        for j in range(length):
            out[i, j] = 0.0
    for s in range(size):
        ahead[0, s] = initial[s]
        behind[length - 1, s] = 1.0
    for i in range(1, length):
        for s in range(size):
            spare[s] = ahead[i - 1, s] * likelihood[token[i - 1], s]
        normalise(spare)
        combine_rows(spare, transition, 0, size, ahead[i], 0, size)
    for i in range(length - 1, 0, -1):
        for s in range(size):
            spare[s] = behind[i, s] * likelihood[token[i], s]
        normalise(spare)
        combine_rows(spare, transposed, 0, size, behind[i - 1], 0, size)
    sure = True
    for i in range(length):
        met = 0.0
        for s in range(size):
            met += ahead[i, s] * likelihood[token[i], s] * behind[i, s]
        sure &= met >= LEAST_TOTAL
    for i in range(length - 1):
        if token[i] < vocab_size:
            continue
        for v in range(vocab_size):
            for s in range(size):
                carried[v, s] = ahead[i, s] * emission[s, v]
        for j in range(i + 1, length):
            if _alike(carried, first, alike):
                break
            for v in range(vocab_size):
                combine_rows(carried[v], transition, 0, size, moved[v], 0, size)
            if token[j] == vocab_size:
                total, information = _information(moved, emission, behind[j], joint, first, second)
                sure &= total >= LEAST_TOTAL
                out[i, j] = information
                out[j, i] = information
            total = _take_in(moved, likelihood[token[j]], carried)
            sure &= total >= LEAST_TOTAL
            if total <= 0.0:
                break
    return sure


@part
def _take_in(moved, evidence, carried):
    """carried = moved times the evidence, scaled to sum 1 over all tokens; returns the sum that they had."""
    total = 0.0
    for v in range(len(moved)):
        for s in range(len(evidence)):
            carried[v, s] = moved[v, s] * evidence[s]
            total += carried[v, s]
    if total <= 0.0:
        return total
    for v in range(len(moved)):
        for s in range(len(evidence)):
            carried[v, s] /= total
    return total


@part
def _alike(carried, totals, alike):
    """Whether the law of the state is the same for every token that is possible; `totals` (V,) is scratch."""
    for v in range(len(carried)):
        totals[v] = 0.0
        for s in range(carried.shape[1]):
            totals[v] += carried[v, s]
    for s in range(carried.shape[1]):
        low, high = np.inf, 0.0
        for v in range(len(carried)):
            if totals[v] > 0.0:
                share = carried[v, s] / totals[v]
                low, high = min(low, share), max(high, share)
        if high - low > alike * high:
            return False
    return True


@part
def _information(moved, emission, behind, joint, first, second):
    """The sum of the joint weights of two tokens, and their mutual information in nats, 0 where all are 0."""
    vocab_size = len(moved)
    total = 0.0
    for v in range(vocab_size):
        first[v] = second[v] = 0.0
        for w in range(vocab_size):
            joint[v, w] = 0.0
    for v in range(vocab_size):
        for s in range(len(behind)):
            mass = moved[v, s] * behind[s]
            if mass != 0.0:
                for w in range(vocab_size):
                    joint[v, w] += mass * emission[s, w]
        for w in range(vocab_size):
            total += joint[v, w]
    if total <= 0.0:
        return total, 0.0
    for v in range(vocab_size):
        for w in range(vocab_size):
            joint[v, w] /= total
            first[v] += joint[v, w]
            second[w] += joint[v, w]
    information = 0.0
    for v in range(vocab_size):
        for w in range(vocab_size):
            if joint[v, w] > 0.0:
                apart = first[v] * second[w]
                ratio = joint[v, w] / apart if apart > LEAST_PRODUCT else joint[v, w] / first[v] / second[w]
                information += joint[v, w] * np.log(ratio)
    # Only rounding takes it below 0.
    return total, max(information, 0.0)
