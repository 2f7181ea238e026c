"""Oracles that run ancestral plans, the job of most lines, at one size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mdmtheory as mt
from mdmtheory.core.streams import stream_states
from mdmtheory.samplers.registry import as_sampler
from mdmtheory.schedules import as_schedule

STATES, VOCAB_SIZE, LENGTH, THREADS = 32, 8, 512, 2
PLANS = 8192


def plan_runner(language: Any, length: int = LENGTH) -> Callable[..., Callable[[int], object]]:
    """A function of (steps, recompute, score) that gives `work(count)`: run that many ancestral plans.

    To score is to fill in log p of every token at its step, from which log p_plan and its profile are sums.
    """
    oracle, law = mt.Oracle(language), as_sampler("ancestral")

    def runner(steps: int, *, recompute: bool = False, score: bool = False) -> Callable[[int], object]:
        streams = stream_states(["benchmark", steps], 0, PLANS)
        plans = law.draw(streams, length, steps, as_schedule("linear"))
        tokens = language.sample(PLANS, length, seed=3) if score else None

        def work(count: int) -> object:
            plan = plans[:count]
            if tokens is None:
                states = streams[:count].copy()
                return oracle.run_plan(plan, states, threads=THREADS, recompute=recompute)
            return oracle.run_plan(plan, None, tokens[:count], threads=THREADS).log_probs.sum(axis=1)

        return work

    return runner
