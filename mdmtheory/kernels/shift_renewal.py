"""Running reveal plans against the exact posterior of an n-gram, with messages that are renewed at every reveal.

That costs more than to renew those that are asked for (kernels/shift_plans.py). But where two messages meet, both are
up to date, so what they have together says whether float64 has lost anything that matters, however small it is itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.doubt import LEAST_TOTAL
from mdmtheory.kernels.plan_runs import PlanParts, most_steps, plan_runner
from mdmtheory.kernels.shift import meet_live, step_backward, step_forward, step_scratch, weigh_position


class RenewalScratch(NamedTuple):
    """What one thread works in; see `renew_shift_plans`."""

    forward: Any
    backward: Any
    step: Any
    weights: Any
    known: Any


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
    ahead, behind = scratch.forward[position], scratch.backward[position + 1]
    weigh_position(shift, scratch.known, position, ahead, behind, scratch.step, scratch.weights)


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
            ahead = forward[i + 1]
            total, changed, _ = step_forward(shift, known, i, forward[i], ahead, ahead, scratch.step)
            reached = i
            if total <= 0.0:
                return False
            if total * meet_live(shift, known, i + 1, ahead, backward[i + 1], scratch.step.live) < LEAST_TOTAL:
                row.unsure[0] = True
            if not (changed or recompute):
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
            behind = backward[i]
            changed, _ = step_backward(shift, known, i, backward[i + 1], behind, behind, scratch.step)
            reached = i
            if meet_live(shift, known, i, forward[i], behind, scratch.step.live) < LEAST_TOTAL:
                row.unsure[0] = True
            if not (changed or recompute):
                break
            i -= 1


_run = plan_runner(PlanParts(_begin, _weigh, _reveal))


@kernel
def renew_shift_plans(shift, plan, tokens, states, drawing, recompute, epsilon, log_probs, calls, impossible, unsure):
    """As `run_chain_plans`, for an n-gram, with messages at every position and `shift` the named tuple ShiftTables.

    `recompute` is the plain forward-backward pass over the whole sequence at every step that reveals.
    """
    length = plan.shape[1]
    order, buckets = np.empty(length, dtype=np.int64), np.empty(most_steps(plan), dtype=np.int64)
    scratch = RenewalScratch(
        np.empty((length + 1, shift.size)),
        np.empty((length + 1, shift.size)),
        step_scratch(shift),
        np.empty(shift.laws.shape[1]),
        np.empty(length, dtype=np.int64),
    )
    _run(
        shift, scratch, order, buckets, plan, tokens, states, drawing, recompute, epsilon, log_probs, calls, impossible,
        unsure,
    )  # fmt: skip
