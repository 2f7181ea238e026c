"""Messages of an n-gram on its contexts: one token enters, the oldest leaves, and nothing else can happen.

A context is the last n-1 tokens as a base-V number, newest digit last; near the start it is shorter. `laws` (rows, V)
holds the law of the next token for every context: the empty one first, then those of one token, and so on; `offsets[m]`
is the first row of contexts of m tokens. forward[i] is the law of the context before position i given the revealed
tokens left of i; backward[i] the likelihood of the revealed tokens from i on, for each context before i. Only contexts
that agree with the revealed tokens are ever touched. Orders from 2.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.doubt import LEAST_PRODUCT, LEAST_TOTAL
from mdmtheory.kernels.plan_runs import PlanParts, most_steps, plan_runner


class ShiftScratch(NamedTuple):
    """What one thread works in; see `run_shift_plans`."""

    forward: Any
    backward: Any
    live: Any
    new: Any
    weighted: Any
    weights: Any
    known: Any


@part
def live_contexts(shift, tokens, position, out):
    """The contexts before `position` that agree with the revealed tokens, split at their oldest token.

    `out` becomes what the newer tokens may be; returns how many those are, and the first and last + 1 oldest token. A
    context is oldest * keep + newer. Near the start there is no oldest token to drop: then it counts as 0.
    """
    vocab_size = shift.laws.shape[1]
    width = min(position, shift.order - 1)
    newer = min(width, shift.order - 2)
    out[0] = 0
    total = 1
    stride = 1
    for back in range(1, newer + 1):
        token = np.int64(tokens[position - back])
        if shift.hard and token < vocab_size:
            for k in range(total):
                out[k] += token * stride
        else:
            for v in range(1, vocab_size):
                for k in range(total):
                    out[v * total + k] = out[k] + v * stride
            total *= vocab_size
        stride *= vocab_size
    if newer == width:
        return total, 0, 1
    token = np.int64(tokens[position - width])
    if shift.hard and token < vocab_size:
        return total, token, token + 1
    return total, 0, vocab_size


@part
def add_scaled(out, mass, law):
    """out += mass * law, eight at a time: read before written, so that they can share a vector instruction."""
    v = 0
    while v + 8 <= len(out):
        o, w = out[v : v + 8], law[v : v + 8]
        a, b, c, d = o[0] + mass * w[0], o[1] + mass * w[1], o[2] + mass * w[2], o[3] + mass * w[3]
        e, f, g, h = o[4] + mass * w[4], o[5] + mass * w[5], o[6] + mass * w[6], o[7] + mass * w[7]
        o[0], o[1], o[2], o[3], o[4], o[5], o[6], o[7] = a, b, c, d, e, f, g, h
        v += 8
    while v < len(out):
        out[v] += mass * law[v]
        v += 1


@part
def dot(left, right):
    """Sum of products, in eight partial sums."""
    a = b = c = d = e = f = g = h = 0.0
    v = 0
    while v + 8 <= len(left):
        p, q = left[v : v + 8], right[v : v + 8]
        a += p[0] * q[0]
        b += p[1] * q[1]
        c += p[2] * q[2]
        d += p[3] * q[3]
        e += p[4] * q[4]
        f += p[5] * q[5]
        g += p[6] * q[6]
        h += p[7] * q[7]
        v += 8
    while v < len(left):
        a += left[v] * right[v]
        v += 1
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


@part
def meet_live(left, right, keep, live, alive, first, last):
    """The sum of products of two messages over the live entries."""
    total = 0.0
    for oldest in range(first, last):
        base = oldest * keep
        for k in range(alive):
            c = base + live[k]
            total += left[c] * right[c]
    return total


@part
def least_live(message, keep, live, alive, first, last):
    """The smallest positive live entry, infinite where there is none."""
    least = np.inf
    for oldest in range(first, last):
        base = oldest * keep
        for k in range(alive):
            entry = message[base + live[k]]
            if 0.0 < entry < least:
                least = entry
    return least


@part
def scale(message, keep, live, alive, first, last):
    """Scale the live entries to sum 1; returns the sum they had."""
    total = 0.0
    for oldest in range(first, last):
        base = oldest * keep
        for k in range(alive):
            total += message[base + live[k]]
    if total > 0.0:
        factor = 1.0 / total
        for oldest in range(first, last):
            base = oldest * keep
            for k in range(alive):
                message[base + live[k]] *= factor
    return total


@part
def replace(new, old, keep, live, alive, first, last):
    """Copy the live entries of `new` to `old`; returns whether they were equal already, within 1e-15 of every entry."""
    same = True
    for oldest in range(first, last):
        base = oldest * keep
        for k in range(alive):
            c = base + live[k]
            if abs(new[c] - old[c]) > 1e-15 * old[c]:
                same = False
            old[c] = new[c]
    return same


@part
def weigh_newest(message, out, evidence):
    """out = message with every context weighted by the evidence for its newest token."""
    width = len(evidence)
    for start in range(0, len(message) - width + 1, width):
        for v in range(width):
            out[start + v] = message[start + v] * evidence[v]


@part
def step_forward(shift, tokens, i, source, old, behind, new, live):
    """`old` becomes the message before i + 1 from `source`, the one before i; returns (sum, met, whether unchanged).

    `met` is what the tokens have together, in the scale of the messages `source` and `behind`, that before i + 1 from
    the right.
    """
    vocab_size = shift.laws.shape[1]
    keep = shift.size // vocab_size
    alive, first, last = live_contexts(shift, tokens, i + 1, live)
    for oldest in range(first, last):
        for k in range(alive):
            new[oldest * keep + live[k]] = 0.0
    alive, first, last = live_contexts(shift, tokens, i, live)
    row = shift.offsets[min(i, shift.order - 1)]
    token = np.int64(tokens[i])
    for oldest in range(first, last):
        for k in range(alive):
            c = oldest * keep + live[k]
            mass = source[c]
            if mass == 0.0:
                continue
            law = shift.laws[row + c]
            start = live[k] * vocab_size
            if token < vocab_size and shift.hard:
                new[start + token] += mass * law[token]
            else:
                add_scaled(new[start : start + vocab_size], mass, law)
    alive, first, last = live_contexts(shift, tokens, i + 1, live)
    if token < vocab_size and not shift.hard:
        weigh_newest(new, new, shift.evidence[token])
    met = meet_live(new, behind, keep, live, alive, first, last)
    total = scale(new, keep, live, alive, first, last)
    return total, met, replace(new, old, keep, live, alive, first, last)


@part
def step_backward(shift, tokens, i, source, old, ahead, new, weighted, live):
    """`old` becomes the likelihood before i from `source`, the one before i + 1; returns (met, whether unchanged).

    `met` as in `step_forward`, `ahead` being the message before i from the left.
    """
    vocab_size = shift.laws.shape[1]
    keep = shift.size // vocab_size
    alive, first, last = live_contexts(shift, tokens, i, live)
    row = shift.offsets[min(i, shift.order - 1)]
    token = np.int64(tokens[i])
    if token < vocab_size and not shift.hard:
        weigh_newest(source, weighted, shift.evidence[token])
        source = weighted
    for oldest in range(first, last):
        for k in range(alive):
            c = oldest * keep + live[k]
            law = shift.laws[row + c]
            start = live[k] * vocab_size
            if token < vocab_size and shift.hard:
                new[c] = law[token] * source[start + token]
            else:
                new[c] = dot(law, source[start : start + vocab_size])
    met = meet_live(ahead, new, keep, live, alive, first, last)
    scale(new, keep, live, alive, first, last)
    return met, replace(new, old, keep, live, alive, first, last)


@part
def weigh_position(shift, tokens, i, forward, backward, live, weights):
    """weights[v] = probability of v at i and of all revealed tokens but i's own, up to scale."""
    vocab_size = shift.laws.shape[1]
    keep = shift.size // vocab_size
    alive, first, last = live_contexts(shift, tokens, i, live)
    row = shift.offsets[min(i, shift.order - 1)]
    for v in range(vocab_size):
        weights[v] = 0.0
    for oldest in range(first, last):
        for k in range(alive):
            c = oldest * keep + live[k]
            mass = forward[i, c]
            if mass == 0.0:
                continue
            law = shift.laws[row + c]
            start = live[k] * vocab_size
            behind = backward[i + 1, start : start + vocab_size]
            for v in range(vocab_size):
                weights[v] += mass * law[v] * behind[v]


@kernel
def masked_messages(shift, forward):
    """forward[i] (length + 1, contexts) when every token is masked: the prior law of the context before i."""
    length = forward.shape[0] - 1
    vocab_size = shift.laws.shape[1]
    tokens = np.full(length, vocab_size, dtype=np.int64)
    live, new = np.empty(shift.size, dtype=np.int64), np.empty(shift.size)
    forward[0, 0] = 1.0
    for i in range(length):
        step_forward(shift, tokens, i, forward[i], forward[i + 1], forward[i], new, live)


@kernel
def smooth_shift(shift, tokens, faintest, out, sure):
    """Weights of every token at every position given the others, `out` (count, length, V); positions may be masked.

    The evidence of position i is left out of row i, but a revealed token (hard evidence) also fixes which contexts are
    live to its right, which is the same evidence of other positions. `faintest` is at most any positive product of a
    law and a token's evidence, and `sure` (count,) says where no product can have been too small for float64. Full
    messages, O(L V^n) a row.
    """
    length = tokens.shape[1]
    forward, backward = np.zeros((length + 1, shift.size)), np.zeros((length + 1, shift.size))
    live, new, weighted = np.empty(shift.size, dtype=np.int64), np.empty(shift.size), np.empty(shift.size)
    least = np.empty(length + 1)
    forward[0, 0] = 1.0
    backward[length] = 1.0
    for row in range(len(tokens)):
        sure[row] = _smooth_row(
            shift, tokens[row], forward, backward, live, new, weighted, least, out[row], faintest
        )  # fmt: skip


@part
def _smooth_row(shift, tokens, forward, backward, live, new, weighted, least, out, faintest):
    """One row of `smooth_shift`; returns whether it is sure. least[i] is the smallest entry of the message before i."""
    length = len(tokens)
    keep = shift.size // shift.laws.shape[1]
    sure = True
    least[0] = 1.0
    for i in range(length):
        step_forward(shift, tokens, i, forward[i], forward[i + 1], backward[i + 1], new, live)
        alive, first, last = live_contexts(shift, tokens, i + 1, live)
        least[i + 1] = least_live(forward[i + 1], keep, live, alive, first, last)
    behind = 1.0
    for i in range(length - 1, -1, -1):
        sure &= least[i] * behind * faintest >= LEAST_PRODUCT
        step_backward(shift, tokens, i, backward[i + 1], backward[i], forward[i], new, weighted, live)
        alive, first, last = live_contexts(shift, tokens, i, live)
        behind = least_live(backward[i], keep, live, alive, first, last)
    for i in range(length):
        weigh_position(shift, tokens, i, forward, backward, live, out[i])
    return sure


@kernel
def possible_contexts(allowed, following, tokens, out):
    """Whether some sequence of the support agrees with each row of `tokens`, by sets of contexts (rows of `allowed`).

    `allowed` (rows, V) says which tokens may follow a context, `following` (rows, V) which context that leads to.
    """
    rows = len(allowed)
    alive, reached = np.zeros(rows, dtype=np.bool_), np.zeros(rows, dtype=np.bool_)
    for row in range(len(tokens)):
        out[row] = _possible_row(allowed, following, tokens[row], alive, reached)


@part
def _possible_row(allowed, following, token, alive, reached):
    rows, vocab_size = allowed.shape
    for c in range(rows):
        alive[c] = c == 0
    for i in range(len(token)):
        first, last = (0, vocab_size) if token[i] == vocab_size else (token[i], token[i] + 1)
        anything = False
        for c in range(rows):
            reached[c] = False
        for c in range(rows):
            if alive[c]:
                for v in range(first, last):
                    if allowed[c, v]:
                        reached[following[c, v]] = True
                        anything = True
        if not anything:
            return False
        alive, reached = reached, alive
    return True


@part
def _begin(shift, scratch, row):
    """The messages when every token is masked."""
    forward, backward, known = scratch.forward, scratch.backward, scratch.known
    for i in range(len(forward)):
        for c in range(shift.size):
            forward[i, c] = shift.forward[i, c]
            backward[i, c] = 1.0
    for i in range(len(known)):
        known[i] = shift.laws.shape[1]


@part
def _weigh(shift, scratch, row, position):
    weigh_position(
        shift, scratch.known, position, scratch.forward, scratch.backward, scratch.live, scratch.weights
    )  # fmt: skip


@part
def _reveal(shift, scratch, row, start, stop, recompute):
    for m in range(start, stop):
        scratch.known[row.order[m]] = row.token[row.order[m]]
    fits = _renew_forward(shift, scratch, row, start, stop, recompute)
    _renew_backward(shift, scratch, row, start, stop, recompute)
    return fits


@part
def _renew_forward(shift, scratch, row, start, stop, recompute):
    """Sweep rightwards from each new position until a message stays as it was; False if the context is impossible."""
    forward, backward, known = scratch.forward, scratch.backward, scratch.known
    reached = -1
    for m in range(start, stop):
        i = 0 if recompute else row.order[m]
        if i <= reached:
            continue
        while i < len(known):
            total, met, same = step_forward(
                shift, known, i, forward[i], forward[i + 1], backward[i + 1], scratch.new, scratch.live
            )  # fmt: skip
            reached = i
            if total <= 0.0:
                return False
            if met < LEAST_TOTAL:
                row.unsure[0] = True
            if same and not recompute:
                break
            i += 1
    return True


@part
def _renew_backward(shift, scratch, row, start, stop, recompute):
    """The mirror of `_renew_forward`, sweeping leftwards."""
    forward, backward, known = scratch.forward, scratch.backward, scratch.known
    reached = len(known)
    for m in range(stop - 1, start - 1, -1):
        i = len(known) - 1 if recompute else row.order[m]
        if i >= reached:
            continue
        while i >= 0:
            met, same = step_backward(
                shift, known, i, backward[i + 1], backward[i], forward[i], scratch.new, scratch.weighted, scratch.live
            )
            reached = i
            if met < LEAST_TOTAL:
                row.unsure[0] = True
            if same and not recompute:
                break
            i -= 1


_run = plan_runner(PlanParts(_begin, _weigh, _reveal))


@kernel
def run_shift_plans(shift, plan, tokens, states, drawing, recompute, epsilon, log_probs, calls, impossible, unsure):
    """As `run_chain_plans`, for an n-gram, with messages at every position and `shift` the named tuple ShiftTables.

    `recompute` is the plain forward-backward pass over the whole sequence at every step that reveals.
    """
    length = plan.shape[1]
    order, buckets = np.empty(length, dtype=np.int64), np.empty(most_steps(plan), dtype=np.int64)
    scratch = ShiftScratch(
        np.empty((length + 1, shift.size)),
        np.empty((length + 1, shift.size)),
        np.empty(shift.size, dtype=np.int64),
        np.empty(shift.size),
        np.empty(shift.size),
        np.empty(shift.laws.shape[1]),
        np.empty(length, dtype=np.int64),
    )
    _run(
        shift, scratch, order, buckets, plan, tokens, states, drawing, recompute, epsilon, log_probs, calls, impossible,
        unsure,
    )  # fmt: skip
