"""Running reveal plans against the exact posterior of a bigram: two neighbours decide everything.

The marginal at distances a and b from the nearest revealed tokens is proportional to P^a[left, v] P^b[v, right].
States are tokens here; places are positions counted from 1 with the ends at 0 and L + 1.
"""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.marginals import settle
from mdmtheory.kernels.reveals import end_of_step, find_right, give_up, link_all, relink, sort_by_step, unlink_plan


@kernel
def run_bigram_plans(bigram, plan, tokens, states, drawing, recompute, epsilon, log_probs, calls, impossible, unsure):
    """As `run_chain_plans`, with `bigram` the named tuple BigramTables; there is nothing to recompute. O(V) a token."""
    length = plan.shape[1]
    order, buckets = np.empty(length, dtype=np.int64), np.empty(plan.max() + 1, dtype=np.int64)
    before, after = np.empty(length + 2, dtype=np.int64), np.empty(length + 2, dtype=np.int64)
    right, weights = np.empty(length + 2, dtype=np.int64), np.empty(bigram.powers.shape[1])
    for row in range(len(plan)):
        impossible[row] = _run_row(
            bigram,
            plan[row],
            tokens[row],
            states[row],
            drawing,
            epsilon,
            log_probs[row],
            calls[row : row + 1],
            unsure[row : row + 1],
            order,
            buckets,
            before,
            after,
            right,
            weights,
        )


@part
def _run_row(
    bigram,
    steps,
    token,
    state,
    drawing,
    epsilon,
    log_prob,
    calls,
    unsure,
    order,
    buckets,
    before,
    after,
    right,
    weights,
):
    """One row of `run_bigram_plans`; returns whether a context was impossible."""
    length = len(steps)
    vocab_size = len(weights)
    settled = len(bigram.powers)
    heads = len(bigram.heads)
    sort_by_step(steps, order, buckets)
    link_all(before, after)
    unlink_plan(steps, order, before, after)
    impossible = False
    start = 0
    while start < length:
        stop = end_of_step(steps, order, start)
        calls[0] += 1
        find_right(steps, order, start, stop, after, right)
        for m in range(start, stop):
            position = order[m]
            place = position + 1
            left, beside = before[place], right[place]
            if left == 0:
                ahead = bigram.heads[min(position, heads - 1)]
            else:
                # The last power stands for all that follow: its rows agree.
                ahead = bigram.powers[min(place - left, settled) - 1, token[left - 1]]
            if beside > length:
                for v in range(vocab_size):
                    weights[v] = ahead[v]
            else:
                behind = bigram.back_powers[min(beside - place, settled) - 1, token[beside - 1]]
                for v in range(vocab_size):
                    weights[v] = ahead[v] * behind[v]
            if not settle(weights, epsilon, drawing, token, position, state, log_prob, unsure):
                impossible = True
                break
        if impossible:
            break
        for m in range(stop - 1, start - 1, -1):
            relink(order[m] + 1, before, after)
        if stop == length:
            break
        fits = True
        for m in range(start, stop):
            place = order[m] + 1
            fits = fits and _joined(bigram, token, before[place], place) and _joined(bigram, token, place, after[place])
        if not fits:
            calls[0] += 1
            impossible = True
            break
        start = stop
    if impossible and not drawing:
        give_up(steps, order, start, log_prob)
    return impossible


@part
def _joined(bigram, token, left, right):
    """Whether the tokens at two neighbouring revealed places can stand at their distance."""
    if right > len(token):
        return True
    if left == 0:
        return bigram.heads[min(right - 1, len(bigram.heads) - 1), token[right - 1]] > 0.0
    return bigram.powers[min(right - left, len(bigram.powers)) - 1, token[left - 1], token[right - 1]] > 0.0
