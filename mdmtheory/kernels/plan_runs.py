"""Running a reveal plan: what the kernels of all families have in common, and the parts in which they differ."""

from __future__ import annotations

from typing import Any, NamedTuple

from mdmtheory.kernels.compiling import part
from mdmtheory.kernels.marginals import decide, take_logs
from mdmtheory.kernels.reveals import end_of_step, give_up, sort_by_step


@part
def most_steps(plan):
    """One more than the last step of any row."""
    last = 0
    for k in range(len(plan)):
        for i in range(plan.shape[1]):
            last = max(last, plan[k, i])
    return last + 1


class PlanRow(NamedTuple):
    """One row of what `run_chain_plans` is given, and `order`: its positions as the plan opens them."""

    order: Any
    steps: Any
    token: Any
    log_prob: Any
    unsure: Any


class PlanParts(NamedTuple):
    """What a family knows of its posterior. `tables` do not change, `scratch` holds what it makes of the row so far.

    The positions of a step are order[start:stop].
    """

    begin: Any
    """begin(tables, scratch, row): nothing is revealed."""

    weigh: Any
    """weigh(tables, scratch, row, position): scratch.weights (V,) become those of the tokens at a masked position."""

    reveal: Any
    """reveal(tables, scratch, row, start, stop, recompute): its tokens are known; False if that is impossible.

    Not asked after the last step.
    """


def plan_runner(parts: PlanParts) -> Any:
    """A part of a kernel that runs all rows: run(tables, scratch, order, buckets, and what the kernel is given).

    A kernel calls it by a global name: what it closes over would not be found again on disk.
    """
    begin, weigh, reveal = parts

    @part
    def run(
        tables, scratch, order, buckets, plan, tokens, states, drawing, recompute, epsilon, log_probs, calls,
        impossible, unsure,
    ):  # fmt: skip
        length = plan.shape[1]
        for k in range(len(plan)):
            state, row = states[k], PlanRow(order, plan[k], tokens[k], log_probs[k], unsure[k : k + 1])
            sort_by_step(row.steps, order, buckets)
            begin(tables, scratch, row)
            fits = True
            start = stop = 0
            while fits and stop < length:
                start, stop = stop, end_of_step(row.steps, order, stop)
                calls[k] += 1
                for m in range(start, stop):
                    weigh(tables, scratch, row, order[m])
                    fits = decide(scratch.weights, epsilon, drawing, order[m], state, row)
                    if not fits:
                        break
                if fits and stop < length:
                    doubted = unsure[k]
                    fits = reveal(tables, scratch, row, start, stop, recompute)
                    if not fits:
                        # Seen from sets of states: that nothing is left makes it no doubtful case.
                        unsure[k] = doubted
                        calls[k] += 1
            take_logs(row.log_prob)
            impossible[k] = not fits
            if not fits and not drawing:
                give_up(order, stop, row.log_prob)

    return run
