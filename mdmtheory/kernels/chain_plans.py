"""Running reveal plans against the exact posterior of a chain, repairing only the messages that changed.

Places are positions counted from 1; 0 and L + 1 are the ends. At every revealed place r the forward message is the law
of the hidden state given the revealed tokens up to and including r, the backward message the likelihood of the revealed
tokens from r on; both over the states that can emit r's token, scaled to sum 1. Between revealed places stand powers of
the transition matrix. docs/theory.md, section 4 (ours).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mdmtheory.kernels.compiling import kernel, part, subroutine
from mdmtheory.kernels.doubt import LEAST_TOTAL
from mdmtheory.kernels.plan_runs import PlanParts, most_steps, plan_runner
from mdmtheory.kernels.reveals import find_left, relink, unlink_plan
from mdmtheory.kernels.state_steps import move_some, same_states, weigh_tokens_of_state
from mdmtheory.kernels.vectors import aligned_rows, load, numbers, spread, store


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
def copy_into(source, out, start, stop):
    """out[start:stop] = source[start:stop], and the rest of the eights that these lie in."""
    for s in range(start - start % 8, stop, 8):
        store(out, s, load(source, s))


@part
def fill(out, value, start, stop):
    """out[start:stop] = value, and the rest of the eights that these lie in."""
    values = spread(value)
    for s in range(start - start % 8, stop, 8):
        store(out, s, values)


@part
def hop(message, first, last, distance, powers, giants, spare, out, start, stop):
    """out[start:stop] = message[first:last] times the matrix to the power `distance`.

    powers[k] is its power k + 1; giants[k] its power small * (k + 1), small = len(powers), for distances beyond.
    """
    if distance <= len(powers):
        # By far the most hops.
        move_some(message, powers[distance - 1], first, last, out, start, stop)
    else:
        _hop_far(message, first, last, distance, powers, giants, spare, out, start, stop)


@subroutine
def _hop_far(message, first, last, distance, powers, giants, spare, out, start, stop):
    far = distance // len(powers)
    near = distance - far * len(powers)
    if near == 0:
        move_some(message, giants[far - 1], first, last, out, start, stop)
    else:
        size = powers.shape[1]
        move_some(message, giants[far - 1], first, last, spare, 0, size)
        move_some(spare, powers[near - 1], 0, size, out, start, stop)


@part
def hop_forward(message, first, last, distance, chain, spare, out, start, stop):
    """Predict out[start:stop] at `distance` from a forward message (sum 1) on states first..last-1."""
    if distance >= chain.settled:
        copy_into(chain.limit, out, start, stop)
    else:
        hop(message, first, last, distance, chain.powers, chain.giants, spare, out, start, stop)


@part
def hop_backward(message, first, last, distance, chain, spare, out, start, stop):
    """The likelihood out[start:stop] at `distance` before a backward message on states first..last-1."""
    if distance >= chain.settled:
        total = 0.0
        for s in range(first, last):
            total += message[s] * chain.limit[s]
        fill(out, total, start, stop)
    else:
        hop(message, first, last, distance, chain.back_powers, chain.back_giants, spare, out, start, stop)


@part
def condition(message, evidence, start, stop):
    """Multiply message[start:stop] by the evidence and scale it to sum 1; returns the sum it had.

    The rest of the eights that these lie in becomes 0, as the evidence is there.
    """
    first = start - start % 8
    for s in range(first, stop, 8):
        store(message, s, load(message, s) * load(evidence, s))
    total = _total(message, start, stop)
    if total > 0.0:
        scale = spread(1.0 / total)
        for s in range(first, stop, 8):
            store(message, s, load(message, s) * scale)
    return total


@part
def _total(message, start, stop):
    """The sum of message[start:stop], in eight partial sums that begin with its first eight."""
    a = b = c = d = e = f = g = h = 0.0
    whole = stop - (stop - start) % 8
    if start % 8 == 0:
        sums = spread(0.0)
        for s in range(start, whole, 8):
            sums = sums + load(message, s)
        a, b, c, d, e, f, g, h = numbers(sums)
    else:
        # Eights across two lines would wait until both are written.
        for s in range(start, whole, 8):
            a += message[s]
            b += message[s + 1]
            c += message[s + 2]
            d += message[s + 3]
            e += message[s + 4]
            f += message[s + 5]
            g += message[s + 6]
            h += message[s + 7]
    for s in range(whole, stop):
        a += message[s]
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


@part
def meet(ahead, behind, start, stop, unsure):
    """Messages from both sides meet; unsure[0] becomes True where what one of them lost may be all that matters.

    Their sum of products is what the revealed tokens have together, in the scale of the two messages. One of them has
    taken in its token: it is 0 from `stop` to a whole eight.
    """
    sums = spread(0.0)
    for s in range(start - start % 8, stop, 8):
        sums = sums + load(ahead, s) * load(behind, s)
    a, b, c, d, e, f, g, h = numbers(sums)
    if ((a + b) + (c + d)) + ((e + f) + (g + h)) < LEAST_TOTAL:
        unsure[0] = True


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
    sums = scratch.sums
    if chain.dense:
        # Also over states that cannot emit the token.
        weigh_tokens_of_state(ahead, behind, chain.emission, len(chain.emission), scratch.new, sums)
        return
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
            if total < LEAST_TOTAL:
                unsure[0] = True
            meet(forward[place], backward[place], chain.low[t], chain.high[t], unsure)
            reached = place
            place = after[place]
        while place <= length:
            left = before[place]
            t, source = token[place - 1], token[left - 1]
            low, high = chain.low[t], chain.high[t]
            fresh = steps[place - 1] == step
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
            total = condition(new, chain.likelihood[t], low, high)
            if total <= 0.0:
                return False
            if total < LEAST_TOTAL:
                unsure[0] = True
            if fresh:
                meet(new, backward[place], low, high, unsure)
            if not (fresh or recompute) and same_states(new, forward[place], low, high):
                break
            copy_into(new, forward[place], low, high)
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
            if condition(backward[place], chain.likelihood[t], chain.low[t], chain.high[t]) < LEAST_TOTAL:
                unsure[0] = True
            reached = place
            place = before[place]
        while place >= 1:
            right = after[place]
            t = token[place - 1]
            low, high = chain.low[t], chain.high[t]
            fresh = steps[place - 1] == step
            if right > length:
                fill(new, 1.0, low, high)
            else:
                if not (fresh or recompute) and right - place >= chain.settled:
                    break
                source = token[right - 1]
                hop_backward(
                    backward[right], chain.low[source], chain.high[source], right - place, chain, spare, new, low, high
                )
            meet(forward[place], new, low, high, unsure)
            if condition(new, chain.likelihood[t], low, high) < LEAST_TOTAL:
                unsure[0] = True
            if not (fresh or recompute) and same_states(new, backward[place], low, high):
                break
            copy_into(new, backward[place], low, high)
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
