"""Running reveal plans against the exact posterior of an n-gram, renewing the messages that are asked for.

A revealed token changes the step over its position, and the messages beyond. Nothing is done about that at once: the
step is marked as stale. What a position needs is brought up to date when it is asked about, from the nearest stale step
on each side that can still matter, until a message comes out as it was or the position is reached, where what is left
to be done is marked again. Where n-1 tokens in a row are known, the context is a single one: its message is known, and
nothing beyond it matters (docs/theory.md, section 4).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mdmtheory.kernels.compiling import kernel, part, subroutine
from mdmtheory.kernels.plan_runs import PlanParts, most_steps, plan_runner
from mdmtheory.kernels.shift import live_contexts, step_backward, step_forward, step_scratch, weigh_position


class ShiftScratch(NamedTuple):
    """What one thread works in; see `run_shift_plans`.

    `own_forward` and `own_backward` say which messages are this row's, others being as when nothing is revealed;
    `stale_forward` and `stale_backward` over which positions a step must be made again.
    """

    forward: Any
    backward: Any
    nothing: Any
    own_forward: Any
    own_backward: Any
    stale_forward: Any
    stale_backward: Any
    step: Any
    weights: Any
    known: Any


@part
def _begin(shift, scratch, row):
    """Nothing is revealed, and no message differs from those of that."""
    for i in range(len(scratch.known)):
        scratch.known[i] = shift.laws.shape[1]
        scratch.stale_forward[i] = scratch.stale_backward[i] = False
    for i in range(len(scratch.own_forward)):
        scratch.own_forward[i] = scratch.own_backward[i] = False


@part
def _single(shift, scratch, i):
    """The context before i, -1 where it is not a single one."""
    vocab_size = shift.laws.shape[1]
    context, stride = 0, 1
    for back in range(1, shift.order):
        if back > i or scratch.known[i - back] == vocab_size:
            return -1
        context += scratch.known[i - back] * stride
        stride *= vocab_size
    return context


@subroutine
def _renew_ahead(shift, scratch, row, position):
    """Bring the message before `position` from the left up to date."""
    start = position
    while start > 0:
        context = _single(shift, scratch, start)
        if context >= 0:
            scratch.forward[start, context] = 1.0
            scratch.own_forward[start] = True
            break
        start -= 1
    moving = False
    for i in range(start, position):
        if moving or scratch.stale_forward[i]:
            scratch.stale_forward[i] = False
            source = scratch.forward[i] if scratch.own_forward[i] else shift.forward[i]
            old = scratch.forward[i + 1] if scratch.own_forward[i + 1] else shift.forward[i + 1]
            _, moving, faint = step_forward(
                shift, scratch.known, i, source, old, scratch.forward[i + 1], scratch.step
            )  # fmt: skip
            scratch.own_forward[i + 1] = True
            if faint:
                row.unsure[0] = True
    if moving:
        scratch.stale_forward[position] = True


@subroutine
def _renew_behind(shift, scratch, row, position):
    """Bring the message before `position` from the right up to date: the mirror of `_renew_ahead`."""
    length, context = len(scratch.known), -1
    start = min(position + shift.order - 1, length)
    while start < length:
        context = _single(shift, scratch, start)
        if context >= 0:
            scratch.backward[start, context] = 1.0
            scratch.own_backward[start] = True
            break
        start += 1
    moving = False
    for i in range(start - 1, position - 1, -1):
        if moving or scratch.stale_backward[i]:
            scratch.stale_backward[i] = False
            source = scratch.backward[i + 1] if scratch.own_backward[i + 1] else scratch.nothing
            old = scratch.backward[i] if scratch.own_backward[i] else scratch.nothing
            moving, faint = step_backward(shift, scratch.known, i, source, old, scratch.backward[i], scratch.step)
            scratch.own_backward[i] = True
            if faint:
                row.unsure[0] = True
    if moving:
        scratch.stale_backward[position - 1] = True


@part
def _weigh(shift, scratch, row, position):
    _renew_ahead(shift, scratch, row, position)
    _renew_behind(shift, scratch, row, position + 1)
    ahead = scratch.forward[position] if scratch.own_forward[position] else shift.forward[position]
    behind = scratch.backward[position + 1] if scratch.own_backward[position + 1] else scratch.nothing
    weigh_position(shift, scratch.known, position, ahead, behind, scratch.step, scratch.weights)


@part
def _reveal(shift, scratch, row, start, stop, recompute):
    """From left to right: each token must be possible after those before it, and with all that was known."""
    for m in range(start, stop):
        position = row.order[m]
        if m > start and not shift.full:
            _renew_ahead(shift, scratch, row, position)
        scratch.known[position] = row.token[position]
        if not (shift.full or _fits(shift, scratch, position)):
            return False
        _mark(shift, scratch, position)
    return True


@part
def _fits(shift, scratch, position):
    """Whether the token that is now known at `position` goes with the messages of both sides."""
    vocab_size = shift.laws.shape[1]
    keep = shift.size // vocab_size
    token = scratch.known[position]
    ahead = scratch.forward[position] if scratch.own_forward[position] else shift.forward[position]
    behind = scratch.backward[position + 1] if scratch.own_backward[position + 1] else scratch.nothing
    alive, first, last = live_contexts(shift, scratch.known, position, 0, scratch.step.live)
    row = shift.offsets[min(position, shift.order - 1)]
    for oldest in range(first, last):
        for k in range(alive):
            newer = scratch.step.live[k]
            c = oldest * keep + newer
            if ahead[c] > 0.0 and shift.laws[row + c, token] > 0.0 and behind[newer * vocab_size + token] > 0.0:
                return True
    return False


@part
def _mark(shift, scratch, position):
    """The step over a position that was revealed is stale, and those from contexts that became single ones."""
    length = len(scratch.known)
    scratch.stale_forward[position] = scratch.stale_backward[position] = True
    for i in range(position + 1, min(position + shift.order, length + 1)):
        if _single(shift, scratch, i) >= 0:
            if i < length:
                scratch.stale_forward[i] = True
            scratch.stale_backward[i - 1] = True


_run = plan_runner(PlanParts(_begin, _weigh, _reveal))


@kernel
def run_shift_plans(shift, plan, tokens, states, drawing, recompute, epsilon, log_probs, calls, impossible, unsure):
    """As `run_chain_plans`, for an n-gram; `shift` is the named tuple ShiftTables, with hard evidence.

    Nothing is recomputed. A row is unsure where an entry of a message is positive and below `shift.faint`: from there
    on products of two messages and a probability could be too small for float64. O(V^n) a step over masked tokens.
    """
    length = plan.shape[1]
    order, buckets = np.empty(length, dtype=np.int64), np.empty(most_steps(plan), dtype=np.int64)
    scratch = ShiftScratch(
        np.empty((length + 1, shift.size)),
        np.empty((length + 1, shift.size)),
        np.full(shift.size, 1.0 / shift.size),
        np.empty(length + 1, dtype=np.bool_),
        np.empty(length + 1, dtype=np.bool_),
        np.empty(length + 1, dtype=np.bool_),
        np.empty(length + 1, dtype=np.bool_),
        step_scratch(shift),
        np.empty(shift.laws.shape[1]),
        np.empty(length, dtype=np.int64),
    )
    _run(
        shift, scratch, order, buckets, plan, tokens, states, drawing, recompute, epsilon, log_probs, calls, impossible,
        unsure,
    )  # fmt: skip
