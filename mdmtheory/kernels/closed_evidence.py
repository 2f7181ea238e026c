"""Posteriors in closed form under any evidence, all in log space: `logs` (count, length, V) are log likelihoods.

`out` of the same shape becomes the law of the token at each position, with `leave_out` that without its own evidence;
zeros where nothing is possible. With `as_logs` these are logarithms too. Uniform languages: a posterior is a sum over
the sequences of the support.
"""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.logs import add_logs, finish_logs


@kernel
def weigh_pairs(partner, logs, leave_out, as_logs, out):
    """Positions carry the same uniform token as their `partner`, -1 where they have none. O(V) a position."""
    for row in range(len(logs)):
        for i in range(logs.shape[1]):
            for v in range(logs.shape[2]):
                out[row, i, v] = 0.0 if leave_out else logs[row, i, v]
                if partner[i] >= 0:
                    out[row, i, v] += logs[row, partner[i], v]
        _finish(partner, logs[row], as_logs, out[row])


@part
def _finish(partner, logs, as_logs, out):
    """Normalise each row; where a pair or a lone position can be nothing at all, neither can the sequence."""
    possible = True
    for i in range(len(out)):
        best = -np.inf
        for v in range(out.shape[1]):
            shared = logs[partner[i], v] if partner[i] >= 0 else 0.0
            best = max(best, logs[i, v] + shared)
        possible &= best > -np.inf
    for i in range(len(out)):
        if not possible:
            for v in range(out.shape[1]):
                out[i, v] = -np.inf
        finish_logs(out[i], as_logs)


@kernel
def weigh_repetition(logs, leave_out, as_logs, out):
    """All positions carry one uniform token: sums from the left and from the right. O(V) a position."""
    length, vocab_size = logs.shape[1:]
    after = np.empty((length + 1, vocab_size))
    before = np.empty(vocab_size)
    for row in range(len(logs)):
        _repetition_row(logs[row], leave_out, as_logs, after, before, out[row])


@part
def _repetition_row(logs, leave_out, as_logs, after, before, out):
    length, vocab_size = logs.shape
    for v in range(vocab_size):
        after[length, v] = before[v] = 0.0
        for i in range(length - 1, -1, -1):
            after[i, v] = after[i + 1, v] + logs[i, v]
    possible = False
    for v in range(vocab_size):
        possible |= after[0, v] > -np.inf
    for i in range(length):
        for v in range(vocab_size):
            out[i, v] = before[v] + after[i + 1, v] if possible else -np.inf
            if not leave_out:
                out[i, v] += logs[i, v]
            before[v] += logs[i, v]
        finish_logs(out[i], as_logs)


@kernel
def weigh_parity(logs, leave_out, as_logs, out):
    """Bit strings with an even number of ones: forward and backward over the parity so far. O(1) a position."""
    length = logs.shape[1]
    after = np.empty((length + 1, 2))
    before, moved = np.empty(2), np.empty(2)
    for row in range(len(logs)):
        _parity_row(logs[row], leave_out, as_logs, after, before, moved, out[row])


@part
def _parity_row(logs, leave_out, as_logs, after, before, moved, out):
    length = len(logs)
    before[0], before[1] = 0.0, -np.inf
    after[length, 0], after[length, 1] = 0.0, -np.inf
    for i in range(length - 1, -1, -1):
        for odd in range(2):
            after[i, odd] = add_logs(after[i + 1, odd] + logs[i, 0], after[i + 1, 1 - odd] + logs[i, 1])
    possible = after[0, 0] > -np.inf
    for i in range(length):
        for v in range(2):
            out[i, v] = -np.inf
            if possible:
                out[i, v] = add_logs(before[0] + after[i + 1, v], before[1] + after[i + 1, 1 - v])
            if not leave_out:
                out[i, v] += logs[i, v]
        finish_logs(out[i], as_logs)
        for odd in range(2):
            moved[odd] = add_logs(before[odd] + logs[i, 0], before[1 - odd] + logs[i, 1])
        before[0], before[1] = moved[0], moved[1]


@kernel
def weigh_permutation(logs, leave_out, as_logs, out):
    """Different items at all positions: a permanent, summed over the set of the items used so far. O(2^V V) a row."""
    items = logs.shape[2]
    before, after = np.empty(1 << items), np.empty(1 << items)
    used = np.empty(1 << items, dtype=np.int64)
    used[0] = 0
    for chosen in range(1, 1 << items):
        used[chosen] = used[chosen >> 1] + (chosen & 1)
    for row in range(len(logs)):
        _permutation_row(logs[row], leave_out, as_logs, used, before, after, out[row])


@part
def _permutation_row(logs, leave_out, as_logs, used, before, after, out):
    """before[S]: the first |S| positions carry the items of S; after[S]: the others carry items outside S."""
    length, items = logs.shape
    for chosen in range(len(used)):
        before[chosen] = 0.0 if chosen == 0 else -np.inf
        if used[chosen] <= length:
            for v in range(items):
                if chosen >> v & 1:
                    before[chosen] = add_logs(before[chosen], before[chosen ^ 1 << v] + logs[used[chosen] - 1, v])
    for chosen in range(len(used) - 1, -1, -1):
        after[chosen] = 0.0 if used[chosen] == length else -np.inf
        if used[chosen] < length:
            for v in range(items):
                if not chosen >> v & 1:
                    after[chosen] = add_logs(after[chosen], after[chosen | 1 << v] + logs[used[chosen], v])
    possible = after[0] > -np.inf
    for i in range(length):
        for v in range(items):
            out[i, v] = -np.inf
    for chosen in range(len(used)):
        i = used[chosen]
        if possible and i < length:
            for v in range(items):
                if not chosen >> v & 1:
                    out[i, v] = add_logs(out[i, v], before[chosen] + after[chosen | 1 << v])
    for i in range(length):
        if not leave_out:
            for v in range(items):
                out[i, v] += logs[i, v]
        finish_logs(out[i], as_logs)
