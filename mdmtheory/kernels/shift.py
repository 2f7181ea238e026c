"""Messages of an n-gram on its contexts: one token enters, the oldest leaves, and nothing else can happen.

A context is the last n-1 tokens as a base-V number, newest digit last; near the start it is shorter. `laws` (rows, V)
holds the law of the next token for every context: the empty one first, then those of one token, and so on; `offsets[m]`
is the first row of contexts of m tokens. forward[i] is the law of the context before position i given the revealed
tokens left of i; backward[i] the likelihood of the revealed tokens from i on, for each context before i. Only contexts
that agree with the revealed tokens are ever read. Orders from 2.

A full context is oldest * keep + newer. `blocks` (keep, V, V) has the laws of full contexts at [newer, oldest, next],
`turned` the same at [newer, next, oldest], `by_token` (V, contexts) at [next, context]: a step over a masked token is
the product of a vector and a block for each live `newer`. Where the newest tokens are masked, those come in runs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mdmtheory.kernels.compiling import part, scratch_maker, subroutine
from mdmtheory.kernels.rows import add_scaled, dot, total_of
from mdmtheory.kernels.shift_blocks import pull_blocks, push_blocks, scale_run

FULL_VECTOR = 8
"""Runs that are shorter are not worth the slices that a loop needs to be vectorised."""


class StepScratch(NamedTuple):
    """What a step works in."""

    live: Any
    new: Any
    spare: Any


@scratch_maker
def step_scratch(shift):
    """Room for a step."""
    return StepScratch(np.empty(shift.size, dtype=np.int64), np.empty(shift.size), np.empty(shift.size))


@part
def masked_run(shift, tokens, position):
    """How many of the newest tokens of contexts before `position` are masked, and how many contexts that leaves."""
    vocab_size = shift.laws.shape[1]
    run, width = 0, 1
    while run < min(position, shift.order - 2):
        if shift.hard and tokens[position - 1 - run] < vocab_size:
            break
        run += 1
        width *= vocab_size
    return run, width


@part
def live_contexts(shift, tokens, position, skipped, out):
    """The contexts before `position` that agree with the revealed tokens, split at their oldest token.

    `out` becomes what the newer tokens may be, without the `skipped` newest; returns how many that are, and the first
    and last + 1 oldest token. Near the start there is no oldest token to drop: then it counts as 0.
    """
    vocab_size = shift.laws.shape[1]
    width = min(position, shift.order - 1)
    newer = min(width, shift.order - 2)
    out[0] = 0
    total = 1
    stride = 1
    for back in range(1 + skipped, newer + 1):
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
def meet_live(shift, tokens, position, left, right, live):
    """The sum of products of two messages before `position` over the live entries."""
    keep = shift.size // shift.laws.shape[1]
    alive, first, last = live_contexts(shift, tokens, position, 0, live)
    total = 0.0
    for oldest in range(first, last):
        base = oldest * keep
        for k in range(alive):
            c = base + live[k]
            total += left[c] * right[c]
    return total


@part
def least_live(shift, tokens, position, message, live):
    """The smallest positive live entry of a message before `position`, infinite where there is none."""
    keep = shift.size // shift.laws.shape[1]
    alive, first, last = live_contexts(shift, tokens, position, 0, live)
    least = np.inf
    for oldest in range(first, last):
        base = oldest * keep
        for k in range(alive):
            entry = message[base + live[k]]
            if 0.0 < entry < least:
                least = entry
    return least


@part
def weigh_newest(message, out, evidence):
    """out = message with every context weighted by the evidence for its newest token."""
    width = len(evidence)
    for start in range(0, len(message) - width + 1, width):
        for v in range(width):
            out[start + v] = message[start + v] * evidence[v]


@part
def scale_apart(new, first, count, factor, old, out, start, stride, faint):
    """As `scale_run`, from `first` on, for entries of `old` and `out` that stand `stride` apart from `start` on."""
    changed = fainter = False
    for k in range(count):
        at = start + k * stride
        entry = factor * new[first + k]
        changed |= abs(entry - old[at]) > 1e-15 * old[at]
        fainter |= (entry > 0.0) & (entry < faint)
        out[at] = entry
    return changed, fainter


@subroutine
def step_forward(shift, tokens, i, source, old, out, step):
    """`out` becomes the message before i + 1, scaled to sum 1, from `source`, the one before i.

    Returns the sum that it had, in the scale of `source`, and whether an entry changed and one is faint (`scale_run`).
    """
    vocab_size = shift.laws.shape[1]
    token = np.int64(tokens[i])
    new, live = step.new, step.live
    apart = False
    if i < shift.order - 1 or (token < vocab_size and not shift.hard):
        alive, span, total = _push_each(shift, tokens, i, token, source, step)
    elif token < vocab_size:
        alive, span, total = _push_known(shift, tokens, i, source, step)
        apart = True
    else:
        alive, span, total = _push_masked(shift, tokens, i, source, step)
    factor = 1.0 / total if total > 0.0 else 0.0
    changed = fainter = False
    for j in range(alive):
        start = live[j] * span
        stop = start + span
        if apart:
            at = start * vocab_size + token
            more, fewer = scale_apart(new, start, span, factor, old, out, at, vocab_size, shift.faint)
        else:
            more, fewer = scale_run(new, start, stop, factor, old, out, shift.faint)
        changed |= more
        fainter |= fewer
    return total, changed, fainter


@part
def _push_masked(shift, tokens, i, source, step):
    """step.new = what moves from full contexts to each token, in runs of some width, of which step.live says which.

    Returns how many runs, their width, and the sum of all.
    """
    vocab_size = shift.laws.shape[1]
    run, width = masked_run(shift, tokens, i)
    alive, first, last = live_contexts(shift, tokens, i, run, step.live)
    total = 0.0
    for j in range(alive):
        start, stop = step.live[j] * width, (step.live[j] + 1) * width
        total += push_blocks(shift, source, start, stop, first, last, step.new)
    return alive, width * vocab_size, total


@part
def _total_of_runs(new, live, alive, span):
    """The sum of as many runs as are alive."""
    total = 0.0
    for j in range(alive):
        total += total_of(new[live[j] * span : (live[j] + 1) * span])
    return total


@part
def _push_known(shift, tokens, i, source, step):
    """step.new = what moves from full contexts to the known token, by the newer tokens, in runs as `_push_masked`."""
    keep = shift.size // shift.laws.shape[1]
    run, width = masked_run(shift, tokens, i)
    alive, first, last = live_contexts(shift, tokens, i, run, step.live)
    law = shift.by_token[np.int64(tokens[i])]
    for j in range(alive):
        start = step.live[j] * width
        if width < FULL_VECTOR:
            for newer in range(start, start + width):
                mass = 0.0
                for oldest in range(first, last):
                    c = oldest * keep + newer
                    mass += source[c] * law[c]
                step.new[newer] = mass
            continue
        out = step.new[start : start + width]
        for k in range(width):
            out[k] = 0.0
        for oldest in range(first, last):
            c = oldest * keep + start
            _add_product(source[c : c + width], law[c : c + width], out)
    return alive, width, _total_of_runs(step.new, step.live, alive, width)


@part
def _add_product(left, right, out):
    """out += left * right, entry by entry."""
    for k in range(len(out)):
        out[k] += left[k] * right[k]


@part
def _push_each(shift, tokens, i, token, source, step):
    """As `_push_masked`, context by context: for short ones and soft evidence. What a known `token` excludes is 0."""
    vocab_size = shift.laws.shape[1]
    keep = shift.size // vocab_size
    alive, first, last = live_contexts(shift, tokens, i, 0, step.live)
    row = shift.offsets[min(i, shift.order - 1)]
    for j in range(alive):
        newer = step.live[j]
        out = step.new[newer * vocab_size : (newer + 1) * vocab_size]
        for v in range(vocab_size):
            out[v] = 0.0
        for oldest in range(first, last):
            c = oldest * keep + newer
            add_scaled(out, source[c], shift.laws[row + c])
        if token < vocab_size:
            for v in range(vocab_size):
                out[v] *= shift.evidence[token, v]
    return alive, vocab_size, _total_of_runs(step.new, step.live, alive, vocab_size)


@subroutine
def step_backward(shift, tokens, i, source, old, out, step):
    """`out` becomes the likelihood before i, scaled to sum 1, from `source`, the one before i + 1.

    Returns whether an entry changed, and whether one is faint (`scale_run`).
    """
    vocab_size = shift.laws.shape[1]
    keep = shift.size // vocab_size
    token = np.int64(tokens[i])
    new, live = step.new, step.live
    run, width = masked_run(shift, tokens, i)
    if i < shift.order - 1 or (token < vocab_size and not shift.hard):
        run, width = 0, 1
    alive, first, last = live_contexts(shift, tokens, i, run, live)
    if i < shift.order - 1 or (token < vocab_size and not shift.hard):
        _pull_each(shift, tokens, i, source, alive, first, last, step)
    elif token < vocab_size:
        _pull_known(shift, token, source, alive, first, last, width, step)
    else:
        _pull_masked(shift, source, alive, first, last, width, step)
    total = 0.0
    for oldest in range(first, last):
        for j in range(alive):
            start = oldest * keep + live[j] * width
            total += new[start] if width == 1 else total_of(new[start : start + width])
    factor = 1.0 / total if total > 0.0 else 0.0
    changed = fainter = False
    for oldest in range(first, last):
        for j in range(alive):
            start = oldest * keep + live[j] * width
            stop = start + width
            if width < FULL_VECTOR:
                more, fewer = scale_apart(new, start, width, factor, old, out, start, 1, shift.faint)
            else:
                more, fewer = scale_run(new, start, stop, factor, old, out, shift.faint)
            changed |= more
            fainter |= fewer
    return changed, fainter


@part
def _pull_masked(shift, source, alive, first, last, width, step):
    """step.new = the likelihood of full contexts before a masked token, in runs."""
    for j in range(alive):
        start, stop = step.live[j] * width, (step.live[j] + 1) * width
        pull_blocks(shift, source, start, stop, first, last, step.new, step.spare)


@part
def _pull_known(shift, token, source, alive, first, last, width, step):
    """step.new = the likelihood of full contexts before a known token, in runs."""
    vocab_size = shift.laws.shape[1]
    keep = shift.size // vocab_size
    law = shift.by_token[token]
    after = step.spare[:width]
    for j in range(alive):
        start = step.live[j] * width
        for k in range(width):
            after[k] = source[(start + k) * vocab_size + token]
        for oldest in range(first, last):
            c = oldest * keep + start
            if width < FULL_VECTOR:
                for k in range(width):
                    step.new[c + k] = law[c + k] * after[k]
            else:
                _multiply(law[c : c + width], after, step.new[c : c + width])


@part
def _multiply(left, right, out):
    """out = left * right, entry by entry."""
    for k in range(len(out)):
        out[k] = left[k] * right[k]


@part
def _pull_each(shift, tokens, i, source, alive, first, last, step):
    """step.new = the likelihood, context by context: for short ones and soft evidence."""
    vocab_size = shift.laws.shape[1]
    keep = shift.size // vocab_size
    row = shift.offsets[min(i, shift.order - 1)]
    token = np.int64(tokens[i])
    if token < vocab_size and not shift.hard:
        weigh_newest(source, step.spare, shift.evidence[token])
        source = step.spare
    for oldest in range(first, last):
        for j in range(alive):
            c = oldest * keep + step.live[j]
            law, start = shift.laws[row + c], step.live[j] * vocab_size
            if token < vocab_size and shift.hard:
                step.new[c] = law[token] * source[start + token]
            else:
                step.new[c] = dot(law, source[start : start + vocab_size])


@subroutine
def weigh_position(shift, tokens, i, ahead, behind, step, weights):
    """weights[v] = probability of v at i and of all revealed tokens but i's own, up to scale.

    `ahead` is the message before i from the left, `behind` that before i + 1 from the right.
    """
    vocab_size = shift.laws.shape[1]
    for v in range(vocab_size):
        weights[v] = 0.0
    if i < shift.order - 1:
        alive, span, _ = _push_each(shift, tokens, i, vocab_size, ahead, step)
    else:
        alive, span, _ = _push_masked(shift, tokens, i, ahead, step)
    for j in range(alive):
        _add_columns(step.new, behind, step.live[j] * span, (step.live[j] + 1) * span, weights)


@part
def _add_columns(left, right, start, stop, sums):
    """sums += the products of two messages from `start` to `stop`, by newest token."""
    width = len(sums)
    v = 0
    while v + 8 <= width:
        a = b = c = d = e = f = g = h = 0.0
        for at in range(start + v, stop + v, width):
            p, q = left[at : at + 8], right[at : at + 8]
            a += p[0] * q[0]
            b += p[1] * q[1]
            c += p[2] * q[2]
            d += p[3] * q[3]
            e += p[4] * q[4]
            f += p[5] * q[5]
            g += p[6] * q[6]
            h += p[7] * q[7]
        o = sums[v : v + 8]
        o[0], o[1], o[2], o[3] = o[0] + a, o[1] + b, o[2] + c, o[3] + d
        o[4], o[5], o[6], o[7] = o[4] + e, o[5] + f, o[6] + g, o[7] + h
        v += 8
    while v < width:
        for at in range(start + v, stop + v, width):
            sums[v] += left[at] * right[at]
        v += 1
