"""Posteriors of a chain or an n-gram under any evidence: a log likelihood of every token at every position.

The plain passes work on likelihoods, scaled to a largest one of 1 at each position. What is too small for float64 is
lost on the way, and could be all that later evidence leaves. So they say of each row whether that can have happened:
the evidence of a position, weighed by what the messages from both sides leave, must come to MOST_LOST or more at every
position; what was lost there is below 1e-300 of that scale, hence below 1e-100 of the result. Rows of which that cannot
be said are done again in log space, where nothing is lost.
"""

from __future__ import annotations

import math

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.lane_steps import combine_lanes, lanes_for
from mdmtheory.kernels.logs import add_logs, finish_logs, scale_logs, sum_logs
from mdmtheory.kernels.rows import add_scaled, dot
from mdmtheory.kernels.vectors import load, spread, store

MOST_LOST = 1e-200


@kernel
def smooth_evidence(initial, transition, transposed, emission, by_token, logs, leave_out, out, sure):
    """`out` (count, length, V) = the law of the token at each position given the evidence `logs` of the same shape.

    With `leave_out` the evidence of the position itself is left out of its row. `by_token` is `emission` transposed,
    (V, S). `sure` (count,) says which rows can be believed (see above). Many sequences at a time, as in
    kernels/lane_steps.py; O(S^2 + S V) a position.
    """
    lanes = lanes_for(len(logs))
    size, vocab_size = emission.shape
    predicted = np.empty((logs.shape[1], size, lanes))
    message, behind, able = np.empty((size, lanes)), np.empty((size, lanes)), np.empty((size, lanes))
    weights, seen = np.empty((vocab_size, lanes)), np.empty((vocab_size, lanes))
    totals, scales = np.empty(lanes), np.empty(lanes)
    for first in range(0, len(logs), lanes):
        _smooth_rows(
            initial, transition, transposed, emission, by_token, logs, leave_out, first, predicted, message, behind,
            able, weights, seen, totals, scales, out, sure,
        )  # fmt: skip


@part
def _smooth_rows(
    initial, transition, transposed, emission, by_token, logs, leave_out, first, predicted, message, behind,
    able, weights, seen, totals, scales, out, sure,
):  # fmt: skip
    length, size, lanes = predicted.shape
    rows = min(lanes, len(logs) - first)
    for lane in range(rows):
        sure[first + lane] = True
    for s in range(size):
        for lane in range(lanes):
            predicted[0, s, lane] = initial[s]
            behind[s, lane] = 1.0
    # Likelihoods stay where the results will be, until the pass that comes back has used them.
    for row in range(first, first + rows):
        for i in range(length):
            _exponentials(logs[row, i], out[row, i])
    for i in range(1, length):
        _line_up(out, first, rows, i - 1, seen)
        combine_lanes(seen, by_token, able)
        _take_in(predicted[i - 1], able, message, totals, scales)
        combine_lanes(message, transition, predicted[i])
    for i in range(length - 1, -1, -1):
        for s in range(size):
            p, b, m = predicted[i, s], behind[s], message[s]
            for lane in range(lanes):
                m[lane] = p[lane] * b[lane]
        combine_lanes(message, emission, weights)
        _line_up(out, first, rows, i, seen)
        for lane in range(rows):
            if not _normalise(weights, seen, lane, leave_out, out[first + lane, i]):
                sure[first + lane] = False
        if i > 0:
            combine_lanes(seen, by_token, able)
            _take_in(behind, able, message, totals, scales)
            combine_lanes(message, transposed, behind)


@part
def _see(logs, first, i, seen):
    """Likelihoods (V, lanes) at position i of the rows from `first`, the largest 1; the last row fills what is over."""
    for lane in range(seen.shape[1]):
        own = logs[min(first + lane, len(logs) - 1), i]
        best = -np.inf
        for v in range(len(own)):
            best = max(best, own[v])
        for v in range(len(own)):
            seen[v, lane] = math.exp(own[v] - best) if own[v] > -np.inf else 0.0


@part
def _exponentials(logs, out):
    """Likelihoods of the tokens at one place, the largest 1."""
    best = -np.inf
    for v in range(len(logs)):
        best = max(best, logs[v])
    for v in range(len(logs)):
        out[v] = math.exp(logs[v] - best) if logs[v] > -np.inf else 0.0


@part
def _line_up(likelihoods, first, rows, i, seen):
    """Likelihoods at position i of the rows from `first`, as (V, lanes); the last row fills what is over."""
    for lane in range(seen.shape[1]):
        own = likelihoods[first + min(lane, rows - 1), i]
        for v in range(len(own)):
            seen[v, lane] = own[v]


@part
def _take_in(prior, able, message, totals, scales):
    """message = prior times the states' likelihoods, scaled to sum 1 in each lane, or zeros where nothing is left."""
    for lane in range(0, len(totals), 8):
        total = spread(0.0)
        for s in range(len(prior)):
            weighed = load(prior[s], lane) * load(able[s], lane)
            total = total + weighed
            store(message[s], lane, weighed)
        store(totals, lane, total)
    for lane in range(len(totals)):
        scales[lane] = 1.0 / totals[lane] if totals[lane] > 0.0 else 0.0
    for lane in range(0, len(totals), 8):
        scale = load(scales, lane)
        for s in range(len(prior)):
            store(message[s], lane, load(message[s], lane) * scale)


@part
def _normalise(weights, seen, lane, leave_out, row):
    """row = weights of one lane, times the own evidence unless left out, scaled to sum 1; whether that can be believed.

    Zeros where nothing is left.
    """
    kept = total = 0.0
    for v in range(len(row)):
        row[v] = weights[v, lane] * seen[v, lane]
        kept += row[v]
    if leave_out:
        for v in range(len(row)):
            row[v] = weights[v, lane]
    for v in range(len(row)):
        total += row[v]
    if total > 0.0:
        for v in range(len(row)):
            row[v] /= total
    return kept >= MOST_LOST


@kernel
def smooth_evidence_in_logs(initial, transition, emission, logs, leave_out, as_logs, out):
    """As `smooth_evidence` where its rows cannot be believed: the first three arguments are logarithms. Slow.

    With `as_logs` so is `out`, in which nothing is too small for float64.
    """
    length, size = logs.shape[1], len(initial)
    ahead, behind = np.empty((length + 1, size)), np.empty(size)
    able, moved = np.empty(size), np.empty(size)
    terms, weights = np.empty(size), np.empty(logs.shape[2])
    for row in range(len(logs)):
        _smooth_row_in_logs(
            initial, transition, emission, logs[row], leave_out, as_logs, ahead, behind, able, moved, terms, weights,
            out[row],
        )  # fmt: skip


@part
def _smooth_row_in_logs(
    initial, transition, emission, logs, leave_out, as_logs, ahead, behind, able, moved, terms, weights, out
):
    length, vocab_size = logs.shape
    size = len(initial)
    for s in range(size):
        ahead[0, s] = initial[s]
        behind[s] = 0.0
    for i in range(length):
        _states_in_logs(emission, logs[i], weights, able)
        for s in range(size):
            able[s] += ahead[i, s]
        scale_logs(able)
        for j in range(size):
            for s in range(size):
                terms[s] = able[s] + transition[s, j]
            ahead[i + 1, j] = sum_logs(terms)
    for i in range(length - 1, -1, -1):
        for v in range(vocab_size):
            for s in range(size):
                terms[s] = ahead[i, s] + behind[s] + emission[s, v]
            total = sum_logs(terms)
            out[i, v] = total if leave_out else total + logs[i, v]
        finish_logs(out[i], as_logs)
        _states_in_logs(emission, logs[i], weights, able)
        for s in range(size):
            able[s] += behind[s]
        scale_logs(able)
        for s in range(size):
            for j in range(size):
                terms[j] = transition[s, j] + able[j]
            moved[s] = sum_logs(terms)
        for s in range(size):
            behind[s] = moved[s]


@part
def _states_in_logs(emission, own, weights, able):
    for s in range(len(able)):
        for v in range(len(own)):
            weights[v] = emission[s, v] + own[v]
        able[s] = sum_logs(weights)


@kernel
def smooth_contexts(laws, following, logs, leave_out, out, sure):
    """As `smooth_evidence`, for an n-gram of order 2 or more.

    `laws` (rows, V) of the next token for every context, the empty one, where a sequence starts, in row 0; token v
    leads from context c to context following[c] + v. O(rows * V) a position.
    """
    length, vocab_size = logs.shape[1:]
    rows = len(laws)
    ahead = np.empty((length + 1, rows))
    behind, moved, seen, weights = np.empty(rows), np.empty(rows), np.empty((vocab_size, 1)), np.empty((vocab_size, 1))
    for row in range(len(logs)):
        sure[row] = _contexts_row(
            laws, following, logs, row, leave_out, ahead, behind, moved, seen, weights, out[row]
        )  # fmt: skip


@part
def _contexts_row(laws, following, logs, row, leave_out, ahead, behind, moved, seen, weights, out):
    length, vocab_size = logs.shape[1:]
    sure = True
    for c in range(len(laws)):
        ahead[0, c] = 0.0
        behind[c] = 1.0
    ahead[0, 0] = 1.0
    for i in range(length):
        _see(logs, row, i, seen)
        for c in range(len(laws)):
            ahead[i + 1, c] = 0.0
        for c in range(len(laws)):
            if ahead[i, c] > 0.0:
                add_scaled(ahead[i + 1, following[c] : following[c] + vocab_size], ahead[i, c], laws[c])
        _weigh_newest(ahead[i + 1], seen)
        _scale(ahead[i + 1])
    for i in range(length - 1, -1, -1):
        _see(logs, row, i, seen)
        for v in range(vocab_size):
            weights[v, 0] = 0.0
        for c in range(len(laws)):
            mass = ahead[i, c]
            if mass > 0.0:
                after = behind[following[c] : following[c] + vocab_size]
                for v in range(vocab_size):
                    weights[v, 0] += mass * laws[c, v] * after[v]
        sure &= _normalise(weights, seen, 0, leave_out, out[i])
        _weigh_newest(behind, seen)
        for c in range(len(laws)):
            moved[c] = dot(laws[c], behind[following[c] : following[c] + vocab_size])
        _scale(moved)
        for c in range(len(laws)):
            behind[c] = moved[c]
    return sure


@part
def _weigh_newest(message, seen):
    """Weigh every context by the evidence for its newest token; nothing leads to the empty one in row 0."""
    for start in range(1, len(message) - len(seen) + 1, len(seen)):
        for v in range(len(seen)):
            message[start + v] *= seen[v, 0]


@part
def _scale(message):
    total = 0.0
    for c in range(len(message)):
        total += message[c]
    if total > 0.0:
        for c in range(len(message)):
            message[c] /= total


@kernel
def smooth_contexts_in_logs(laws, following, logs, leave_out, as_logs, out):
    """As `smooth_contexts` where its rows cannot be believed; `laws` are logarithms, and `out` with `as_logs`. Slow."""
    length = logs.shape[1]
    rows = len(laws)
    ahead, behind, moved = np.empty((length + 1, rows)), np.empty(rows), np.empty(rows)
    for row in range(len(logs)):
        _contexts_row_in_logs(laws, following, logs[row], leave_out, as_logs, ahead, behind, moved, out[row])


@part
def _contexts_row_in_logs(laws, following, logs, leave_out, as_logs, ahead, behind, moved, out):
    length, vocab_size = logs.shape
    for c in range(len(laws)):
        ahead[0, c] = -np.inf
        behind[c] = 0.0
    ahead[0, 0] = 0.0
    for i in range(length):
        for c in range(len(laws)):
            ahead[i + 1, c] = -np.inf
        for c in range(len(laws)):
            if ahead[i, c] > -np.inf:
                for v in range(vocab_size):
                    target = following[c] + v
                    ahead[i + 1, target] = add_logs(ahead[i + 1, target], ahead[i, c] + laws[c, v] + logs[i, v])
        scale_logs(ahead[i + 1])
    for i in range(length - 1, -1, -1):
        for v in range(vocab_size):
            out[i, v] = -np.inf
        for c in range(len(laws)):
            moved[c] = -np.inf
            for v in range(vocab_size):
                move = laws[c, v] + behind[following[c] + v]
                out[i, v] = add_logs(out[i, v], ahead[i, c] + move)
                moved[c] = add_logs(moved[c], move + logs[i, v])
        if not leave_out:
            for v in range(vocab_size):
                out[i, v] += logs[i, v]
        finish_logs(out[i], as_logs)
        scale_logs(moved)
        for c in range(len(laws)):
            behind[c] = moved[c]
