"""How much two masked tokens of a chain tell of each other, given the revealed ones."""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.doubt import LEAST_PRODUCT, LEAST_TOTAL
from mdmtheory.kernels.state_steps import move_state, take_in_state, weigh_tokens_of_state


@kernel
def pair_information(
    initial, transition, transposed, likelihood, emission, vocab_size, tokens, alike, out, sure
):  # fmt: skip
    """Mutual information in nats of every two masked tokens of each row given its revealed ones: `out` (count, L, L).

    `likelihood` (V + 1, S) is the evidence of each token, row V, the mask's, all ones; tables are `in_eights`. From
    each masked position the law of the state is carried to the right, once for each token that may stand there; where
    all these laws agree within `alike`, relative, the state has forgotten the token, and the rest, of order alike^2, is
    0. Elsewhere 0, and in rows whose tokens are impossible. `sure` (count,) says which rows float64 can have lost
    nothing of that matters. O(V S^2) a pair that remembers.
    """
    count, length = tokens.shape
    laws = transition, transposed, likelihood, emission
    size, width = len(initial), len(transition)
    ahead, behind = np.zeros((length, width)), np.zeros((length, width))
    carried, moved = np.zeros((vocab_size, width)), np.zeros((vocab_size, width))
    spare, joint = np.zeros(width), np.empty((vocab_size, vocab_size))
    first, second, weights = np.empty(vocab_size), np.empty(vocab_size), np.empty(emission.shape[1])
    low, high = np.empty(width), np.empty(width)
    scratch = (ahead, behind, carried, moved, spare, joint, first, second, weights, low, high)
    for row in range(count):
        sure[row] = _fill_row(initial, laws, size, vocab_size, tokens[row], alike, scratch, out[row])


@part
def _fill_row(initial, laws, size, vocab_size, token, alike, scratch, out):
    """One row of `pair_information`; returns whether it is sure."""
    transition, transposed, likelihood, emission = laws
    ahead, behind, carried, moved, spare, joint, first, second, weights, low, high = scratch
    length = len(token)
    for i in range(length):
        for j in range(length):
            out[i, j] = 0.0
    for s in range(size):
        ahead[0, s] = initial[s]
        behind[length - 1, s] = 1.0
    for i in range(1, length):
        take_in_state(ahead[i - 1], likelihood[token[i - 1]], size, spare)
        move_state(spare, transition, size, ahead[i])
    for i in range(length - 1, 0, -1):
        take_in_state(behind[i], likelihood[token[i]], size, spare)
        move_state(spare, transposed, size, behind[i - 1])
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
            if _alike(carried, size, first, low, high, alike):
                break
            for v in range(vocab_size):
                move_state(carried[v], transition, size, moved[v])
            if token[j] == vocab_size:
                total = _weigh_pairs(moved, emission, size, behind[j], spare, weights, joint)
                information = _information(total, joint, first, second)
                sure &= total >= LEAST_TOTAL
                out[i, j] = information
                out[j, i] = information
            total = _take_in(moved, likelihood[token[j]], size, carried)
            sure &= total >= LEAST_TOTAL
            if total <= 0.0:
                break
    return sure


@part
def _take_in(moved, evidence, size, carried):
    """carried = moved times the evidence, scaled to sum 1 over all tokens; returns the sum that they had."""
    total = 0.0
    for v in range(len(moved)):
        for s in range(size):
            carried[v, s] = moved[v, s] * evidence[s]
            total += carried[v, s]
    if total <= 0.0:
        return total
    for v in range(len(moved)):
        for s in range(size):
            carried[v, s] /= total
    return total


@part
def _alike(carried, size, totals, low, high, alike):
    """Whether the law of the state is the same for every token that is possible; the arrays are scratch."""
    for s in range(size):
        low[s], high[s] = np.inf, 0.0
    for v in range(len(carried)):
        totals[v] = 0.0
        for s in range(size):
            totals[v] += carried[v, s]
        if totals[v] > 0.0:
            for s in range(size):
                share = carried[v, s] / totals[v]
                low[s] = share if share < low[s] else low[s]
                high[s] = share if share > high[s] else high[s]
    for s in range(size):
        if high[s] - low[s] > alike * high[s]:
            return False
    return True


@part
def _weigh_pairs(moved, emission, size, behind, mass, weights, joint):
    """joint[v, w] = how likely token v was followed by w here, up to scale; returns the sum."""
    total = 0.0
    for v in range(len(moved)):
        weigh_tokens_of_state(moved[v], behind, emission, size, mass, weights)
        for w in range(len(moved)):
            joint[v, w] = weights[w]
            total += weights[w]
    return total


@part
def _information(total, joint, first, second):
    """The mutual information in nats of two tokens of these joint weights, which are scaled to 1; 0 where all are 0."""
    vocab_size = len(joint)
    if total <= 0.0:
        return 0.0
    for v in range(vocab_size):
        first[v] = second[v] = 0.0
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
    return max(information, 0.0)
