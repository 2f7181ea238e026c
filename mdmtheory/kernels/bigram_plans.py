"""Running reveal plans against the exact posterior of a bigram: two neighbours decide everything.

The marginal at distances a and b from the nearest revealed tokens is proportional to P^a[left, v] P^b[v, right].
States are tokens here; places are positions counted from 1 with the ends at 0 and L + 1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mdmtheory.kernels.compiling import kernel, part
from mdmtheory.kernels.plan_runs import PlanParts, most_steps, plan_runner
from mdmtheory.kernels.reveals import find_left, relink, unlink_plan
from mdmtheory.kernels.vectors import aligned_rows, load, store


class BigramScratch(NamedTuple):
    """What one thread works in; see `run_bigram_plans`. `weights` are the first of `wide`, whole eights."""

    before: Any
    after: Any
    left: Any
    wide: Any
    weights: Any


@part
def _weigh(bigram, scratch, row, position):
    token, wide, settled = row.token, scratch.wide, len(bigram.powers)
    place = position + 1
    left, right = find_left(row.steps, position, scratch.before, scratch.left), scratch.after[place]
    if left == 0:
        ahead = bigram.heads[min(position, len(bigram.heads) - 1)]
    else:
        # The last power stands for all that follow: its rows agree.
        ahead = bigram.powers[min(place - left, settled) - 1, token[left - 1]]
    if right > len(token):
        for v in range(0, len(wide), 8):
            store(wide, v, load(ahead, v))
    else:
        behind = bigram.back_powers[min(right - place, settled) - 1, token[right - 1]]
        for v in range(0, len(wide), 8):
            store(wide, v, load(ahead, v) * load(behind, v))


@part
def _reveal(bigram, scratch, row, start, stop, recompute):
    before, after = scratch.before, scratch.after
    for m in range(start, stop):
        relink(row.order[m] + 1, before, after)
    for m in range(start, stop):
        place = row.order[m] + 1
        if not (_joined(bigram, row.token, before[place], place) and _joined(bigram, row.token, place, after[place])):
            return False
    return True


@part
def _joined(bigram, token, left, right):
    """Whether the tokens at two neighbouring revealed places can stand at their distance."""
    if right > len(token):
        return True
    if left == 0:
        return bigram.heads[min(right - 1, len(bigram.heads) - 1), token[right - 1]] > 0.0
    return bigram.powers[min(right - left, len(bigram.powers)) - 1, token[left - 1], token[right - 1]] > 0.0


_run = plan_runner(PlanParts(unlink_plan, _weigh, _reveal))


@kernel
def run_bigram_plans(bigram, plan, tokens, states, drawing, recompute, epsilon, log_probs, calls, impossible, unsure):
    """As `run_chain_plans`, with `bigram` the named tuple BigramTables; there is nothing to recompute. O(V) a token."""
    length = plan.shape[1]
    order, buckets = np.empty(length, dtype=np.int64), np.empty(most_steps(plan), dtype=np.int64)
    wide = aligned_rows(1, bigram.heads.shape[1])[0]
    scratch = BigramScratch(
        np.empty(length + 2, dtype=np.int64),
        np.empty(length + 2, dtype=np.int64),
        np.empty(length + 2, dtype=np.int64),
        wide,
        wide[: bigram.powers.shape[1]],
    )
    _run(
        bigram, scratch, order, buckets, plan, tokens, states, drawing, recompute, epsilon, log_probs, calls,
        impossible, unsure,
    )  # fmt: skip
