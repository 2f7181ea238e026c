"""Masked diffusion: a denoiser, a law over reveal plans, a number of steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt64

from mdmtheory.core.estimate import Kind
from mdmtheory.core.protocols import Denoiser, LogProb, Parallel, PlanRun, Samples
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import stream_states
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens
from mdmtheory.models.canvas_loop import run_on_canvas
from mdmtheory.plans import LAST_STEP, PlanLaw, as_plan_law
from mdmtheory.schedules import Schedule, as_schedule


class MaskedDiffusion:
    """Reveals masked tokens step by step; tokens of one step are drawn independently from the denoiser's marginals.

    `sampler` is the law over reveal plans (a name such as "ancestral", or a PlanLaw), `schedule` a name, a Schedule or
    revealed fractions (then `steps` may be left out). Definitions: theory of 2502.09622, section 2.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        sampler: str | Spec | PlanLaw = "ancestral",
        steps: int | None = None,
        schedule: Any = "linear",
    ) -> None:
        self.denoiser: Any = denoiser
        self.plan_law = as_plan_law(sampler)
        self.schedule: Schedule = as_schedule(schedule)
        if steps is None:
            steps = self.schedule.steps or 64
        elif self.schedule.steps is not None and steps != self.schedule.steps:
            raise ValueError(
                f"steps is {steps} but the schedule {self.schedule.spec} has {self.schedule.steps}; "
                "leave steps out or make them agree"
            )
        if not 1 <= steps <= LAST_STEP:
            raise ValueError(f"steps is {steps}; pass 1 to {LAST_STEP:,}")
        self.steps = int(steps)
        self.vocab_size = denoiser.vocab_size
        self.parallel: Parallel = denoiser.parallel
        options: list[tuple[str, Any]] = [("denoiser", str(denoiser.spec)), ("sampler", str(self.plan_law.spec))]
        if self.plan_law.uses_steps:
            options.append(("steps", self.steps))
        if self.plan_law.uses_schedule:
            options.append(("schedule", str(self.schedule.spec)))
        self.spec = Spec("masked", tuple(options))

    def __repr__(self) -> str:
        names = f"sampler={str(self.plan_law.spec)!r}, steps={self.steps}, schedule={str(self.schedule.spec)!r}"
        return f"MaskedDiffusion({self.denoiser!r}, {names})"

    @property
    def identity(self) -> Any:
        """What its numbers depend on, as a JSON value."""
        steps = self.steps if self.plan_law.uses_steps else None
        schedule = self.schedule.identity if self.plan_law.uses_schedule else None
        return ["masked", self.denoiser.identity, self.plan_law.identity, steps, schedule]

    @property
    def one_plan(self) -> bool:
        """Whether every sequence follows the same plan, so that p_plan is p."""
        return self.plan_law.fixed

    def exact_by_order(self, length: int) -> bool:
        """Whether p = q for any plan: an exact denoiser that reveals one position at a time."""
        return (
            self.denoiser.spec.name == "oracle"
            and getattr(self.denoiser, "trust", 0) == 1
            and self.plan_law.one_at_a_time
        )

    def draw_plans(self, states: UInt64[np.ndarray, "count 4"], length: int) -> Int[np.ndarray, "count length"]:
        """Reveal plans, one from each stream; the streams move on."""
        return self.plan_law.draw(states, length, self.steps, self.schedule)

    def sample(self, count: int, length: int, seed: int, *, first: int = 0, threads: int | None = None) -> Samples:
        """Sequences first..first+count-1 of the stream that (model, length, seed) names."""
        states = stream_states(["draw", self.identity, length, seed], first, count)
        run = self.run(self.draw_plans(states, length), states, threads=threads)
        return Samples(run.tokens, run.calls, run.rounds, run.impossible)

    def log_prob(
        self, tokens: TokensLike, seed: int = 0, *, first: int = 0, plans: int = 1, threads: int | None = None
    ) -> LogProb:
        """log p(x) in nats: exact for a fixed plan, else the log of the mean over `plans` drawn plans, a lower bound.

        Sequence number first + i draws its plans from its own stream, whatever else is scored.
        """
        if plans < 1:
            raise ValueError(f"plans is {plans}; pass 1 or more")
        tokens = as_tokens(tokens, self.vocab_size)
        length = tokens.shape[1]
        states = stream_states(["plans", self.identity, length, seed], first, len(tokens))
        single = self.one_plan or self.exact_by_order(length)
        scores = np.empty((1 if single else plans, len(tokens)))
        for k in range(len(scores)):
            scores[k] = self.run(self.draw_plans(states, length), tokens=tokens, threads=threads).log_probs.sum(axis=1)
        best = scores.max(axis=0)
        finite = np.where(np.isfinite(best), best, 0.0)
        with np.errstate(divide="ignore"):
            values: Float[np.ndarray, "count"] = finite + np.log(np.exp(scores - finite).mean(axis=0))
        kind: Kind = "exact" if single else "lower bound"
        return LogProb(values, kind)

    def run(
        self,
        plan: Int[np.ndarray, "count length"],
        states: UInt64[np.ndarray, "count 4"] | None = None,
        tokens: Tokens | None = None,
        *,
        threads: int | None = None,
    ) -> PlanRun:
        """Run given plans, in the denoiser's own kernel where it has one, else in a loop over its canvas."""
        if self.denoiser.fused:
            run: PlanRun = self.denoiser.run_plan(plan, states, tokens, threads=threads)
            return run
        return run_on_canvas(self.denoiser, plan, states, tokens)
