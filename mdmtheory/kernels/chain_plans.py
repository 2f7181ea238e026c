"""Running reveal plans against the exact posterior of a chain, repairing only the messages that changed.

Places are positions counted from 1; 0 and L + 1 are the ends. At every revealed place r the forward message is the law
of the hidden state given the revealed tokens up to and including r, the backward message the likelihood of the revealed
tokens from r on; both over the states that can emit r's token, scaled to sum 1. Between revealed places stand powers of
the transition matrix. docs/theory.md, section 4 (ours).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mdmtheory.kernels.chain_steps import (
    condition,
    copy_into,
    doubt_little,
    fill,
    hop_backward,
    hop_forward,
    meet,
    narrow,
    renew_narrow,
)
from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.plan_runs import PlanParts, most_steps, plan_runner
from mdmtheory.kernels.reveals import find_left, relink, unlink_plan
from mdmtheory.kernels.state_steps import same_states, weigh_tokens_of_state
from mdmtheory.kernels.vectors import aligned_rows, load, store


class ChainScratch(NamedTuple):
    """What one thread works in; see `run_chain_plans`."""

    before: Any
    after: Any
    left: Any
    forward: Any
    backward: Any
    new: Any
    spare: Any
    sums: Any
    weights: Any


@part
def _weigh(chain, scratch, row, position):
    """Both messages of the place, from its nearest neighbours among those revealed before, and what they make of it."""
    token, place = row.token, position + 1
    size = len(chain.emission)
    ahead, behind = scratch.forward[place], scratch.backward[place]
    left, right = find_left(row.steps, position, scratch.before, scratch.left), scratch.after[place]
    if left == 0:
        copy_into(chain.heads[min(position, len(chain.heads) - 1)], ahead, 0, size)
    else:
        t = token[left - 1]
        hop_forward(
            scratch.forward[left], chain.low[t], chain.high[t], place - left, chain, scratch.spare, ahead, 0, size
        )
    if right > len(token):
        fill(behind, 1.0, 0, size)
    else:
        t = token[right - 1]
        hop_backward(
            scratch.backward[right], chain.low[t], chain.high[t], right - place, chain, scratch.spare, behind, 0, size
        )
    _weigh_states(chain, ahead, behind, scratch)


@part
def _weigh_states(chain, ahead, behind, scratch):
    """weights[v] = sum over states s of ahead[s] * behind[s] * emission[s, v], from the first state that can on."""
    sums, terms = scratch.sums, scratch.new
    if chain.dense:
        # Also over states that cannot emit the token.
        weigh_tokens_of_state(ahead, behind, chain.emission, len(chain.emission), terms, sums)
    elif chain.tells:
        for s in range(0, len(terms), 8):
            store(terms, s, load(ahead, s) * load(behind, s) * load(chain.own, s))
        for v in range(len(scratch.weights)):
            total = 0.0
            for s in range(chain.low[v], chain.high[v]):
                total += terms[s]
            sums[v] = total
    else:
        for v in range(len(scratch.weights)):
            total = 0.0
            for s in range(chain.low[v], chain.high[v]):
                total += ahead[s] * behind[s] * chain.emission[s, v]
            sums[v] = total


@part
def _reveal(chain, scratch, row, start, stop, recompute):
    for m in range(start, stop):
        relink(row.order[m] + 1, scratch.before, scratch.after)
    fits = _renew_forward(chain, scratch, row, start, stop, recompute)
    _renew_backward(chain, scratch, row, start, stop, recompute)
    return fits


@part
def _renew_forward(chain, scratch, row, start, stop, recompute):
    """Bring the forward messages up to date after places order[start:stop] + 1 were revealed; False if impossible.

    A new place holds its predicted message. Sweeps rightwards from each new place and stops at an old message that
    comes out as it was: everything beyond it depends on the left through that message alone.
    """
    before, after, new, spare = scratch.before, scratch.after, scratch.new, scratch.spare
    forward, backward = scratch.forward, scratch.backward
    order, steps, token, unsure = row.order, row.steps, row.token, row.unsure
    step = steps[order[start]]
    length = len(token)
    reached = 0
    for m in range(start, stop):
        place = order[m] + 1
        if recompute:
            if m > start:
                break
            place = after[0]
        elif place <= reached:
            continue
        if not recompute or steps[place - 1] == step:
            # Nothing left of it changed since its message was predicted, else the sweep had come past it.
            t = token[place - 1]
            total = condition(forward[place], chain.likelihood[t], chain.low[t], chain.high[t])
            if total <= 0.0:
                return False
            doubt_little(total, unsure)
            meet(forward[place], backward[place], chain.low[t], chain.high[t], unsure)
            reached = place
            place = after[place]
        while place <= length:
            left = before[place]
            t, source = token[place - 1], token[left - 1]
            low, high = chain.low[t], chain.high[t]
            fresh = steps[place - 1] == step
            likelihood = chain.likelihood[t]
            if not (fresh or recompute) and left > 0 and narrow(chain, place - left, low, high):
                matrix = chain.powers[place - left - 1]
                hop = (forward[left], chain.low[source], chain.high[source], matrix, likelihood)
                total, changed = renew_narrow(*hop, backward[place], forward[place], new, low, high, unsure)
            else:
                if left == 0:
                    copy_into(chain.heads[min(place - 1, len(chain.heads) - 1)], new, low, high)
                else:
                    if not (fresh or recompute) and place - left >= chain.settled:
                        break
                    hop_forward(
                        forward[left], chain.low[source], chain.high[source], place - left, chain, spare, new, low, high
                    )
                if not fresh:
                    # The message from the right holds the evidence of the place already.
                    meet(new, backward[place], low, high, unsure)
                total = condition(new, likelihood, low, high)
                doubt_little(total, unsure)
                if fresh:
                    meet(new, backward[place], low, high, unsure)
                changed = fresh or recompute or not same_states(new, forward[place], low, high)
                if changed:
                    copy_into(new, forward[place], low, high)
            if total <= 0.0:
                return False
            if not changed:
                break
            reached = place
            place = after[place]
    return True


@part
def _renew_backward(chain, scratch, row, start, stop, recompute):
    """The mirror of `_renew_forward`, sweeping leftwards. An impossible context was already found going forward."""
    before, after, new, spare = scratch.before, scratch.after, scratch.new, scratch.spare
    forward, backward = scratch.forward, scratch.backward
    order, steps, token, unsure = row.order, row.steps, row.token, row.unsure
    step = steps[order[start]]
    length = len(token)
    reached = length + 1
    for m in range(stop - 1, start - 1, -1):
        place = order[m] + 1
        if recompute:
            if m < stop - 1:
                break
            place = before[length + 1]
        elif place >= reached:
            continue
        if not recompute or steps[place - 1] == step:
            t = token[place - 1]
            meet(forward[place], backward[place], chain.low[t], chain.high[t], unsure)
            doubt_little(condition(backward[place], chain.likelihood[t], chain.low[t], chain.high[t]), unsure)
            reached = place
            place = before[place]
        while place >= 1:
            right = after[place]
            t = token[place - 1]
            low, high = chain.low[t], chain.high[t]
            fresh = steps[place - 1] == step
            likelihood, distance = chain.likelihood[t], right - place
            if not (fresh or recompute) and right <= length and narrow(chain, distance, low, high):
                source, matrix = token[right - 1], chain.back_powers[distance - 1]
                hop = (backward[right], chain.low[source], chain.high[source], matrix, likelihood)
                _, changed = renew_narrow(*hop, forward[place], backward[place], new, low, high, unsure)
            else:
                if right > length:
                    fill(new, 1.0, low, high)
                else:
                    if not (fresh or recompute) and distance >= chain.settled:
                        break
                    source = token[right - 1]
                    hop_backward(
                        backward[right], chain.low[source], chain.high[source], distance, chain, spare, new, low, high
                    )
                meet(forward[place], new, low, high, unsure)
                doubt_little(condition(new, likelihood, low, high), unsure)
                changed = fresh or recompute or not same_states(new, backward[place], low, high)
                if changed:
                    copy_into(new, backward[place], low, high)
            if not changed:
                break
            reached = place
            place = before[place]


_run = plan_runner(PlanParts(unlink_plan, _weigh, _reveal))


@kernel
def run_chain_plans(chain, plan, tokens, states, drawing, recompute, epsilon, log_probs, calls, impossible, unsure):
    """Run each row of `plan` (count, length): draw `tokens` from streams `states`, or score the given ones.

    `chain` is the named tuple ChainTables. Fills `log_probs` (count, length) in nats, `calls` and `impossible`
    (count,), and says in `unsure` (count,) which rows cannot be believed, because float64 may have lost on the way what
    later tokens leave alone (kernels/doubt.py). `recompute` renews every message at every step that reveals, with
    the same result; `epsilon` > 0 mixes every marginal with the uniform law (kernels/marginals.py). O(S^2) a message; a
    chain that forgets needs few a token.
    """
    length, width = plan.shape[1], chain.likelihood.shape[1]
    order, buckets = np.empty(length, dtype=np.int64), np.empty(most_steps(plan), dtype=np.int64)
    sums = aligned_rows(1, chain.emission.shape[1])[0]
    scratch = ChainScratch(
        np.empty(length + 2, dtype=np.int64),
        np.empty(length + 2, dtype=np.int64),
        np.empty(length + 2, dtype=np.int64),
        aligned_rows(length + 2, width),
        aligned_rows(length + 2, width),
        aligned_rows(1, width)[0],
        aligned_rows(1, width)[0],
        sums,
        sums[: len(chain.low) - 1],
    )
    _run(
        chain, scratch, order, buckets, plan, tokens, states, drawing, recompute, epsilon, log_probs, calls, impossible,
        unsure,
    )  # fmt: skip
