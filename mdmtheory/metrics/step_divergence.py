"""What drawing the tokens of a step together costs along a model's own chain: against drawing them one by one.

The reference draws in each step the same positions, from left to right, each given those before it. Both laws have the
same steps on the same sequence, since a rule sees the context alone, so their log-probabilities differ step by step:
KL(together || one by one) is the mean difference over what is drawn together, and the other way round over what is
drawn one by one. Where a rule draws plans, both are given the plan, and bound those of the mixtures from above.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.means import price
from mdmtheory.core.reveal_plans import as_plans, in_single_steps
from mdmtheory.core.streams import stream_states
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.metrics.open_means import mean_or_open
from mdmtheory.models.asking import OpenCanvas, home, together
from mdmtheory.models.contexts import score_contexts
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.models.noise import States, uniforms_of

VACUOUS = 0.9
"""A bound on a difference of two accuracies from which on it says nothing to anybody."""


@dataclass(frozen=True, eq=False)
class StepDivergence:
    """log-probabilities together less one by one of drawn sequences, and the other way round, in nats a sequence.

    `drawn` were drawn together, `one_by_one` one by one; `steps` is how many steps those took in the mean.
    """

    reverse: Float[np.ndarray, "count"]
    forward: Float[np.ndarray, "count"]
    drawn: Tokens
    one_by_one: Tokens
    steps: float

    def kl(self, level: float) -> tuple[Estimate, Estimate]:
        """KL(together || one by one), the reverse one, and KL(one by one || together), in nats a sequence."""
        reverse, forward = (_mean(each, level) for each in (self.reverse, self.forward))
        return reverse, forward

    def accuracy_bound(self, level: float) -> float:
        """The most by which accuracies of the two can differ: √(1 - exp(-KL)) by the smaller upper end.

        Bretagnolle and Huber (1979); it holds of any checker, and says nothing where it is near 1 (VACUOUS).
        """
        most = min(each.high for each in self.kl((1 + level) / 2))  # both ends hold together
        return math.sqrt(-math.expm1(-max(most, 0.0)))


def _mean(nats: Float[np.ndarray, "count"], level: float) -> Estimate:
    return mean_or_open(nats, level, unseen=price(float(nats.mean()))).within(least=0.0)


def step_divergence(model: MaskedDiffusion, count: int, length: int, seed: int = 0) -> StepDivergence:
    """Draw so many sequences in both ways, and score each in both."""
    denoiser: Any = model.denoiser
    states = stream_states(["step divergence", model.identity, length, seed], 0, count)
    if model.plan_law is None:
        drawn = model.sample(count, length, seed).tokens
        single = drawn_one_by_one(model, states, length)
        _check_finished(model, drawn, single)
        pairs = [(each, model.replay(each)) for each in (drawn, single)]
        plans = [run.plan for _, run in pairs]
        together = [run.log_probs for _, run in pairs]
    else:
        plan = as_plans(model.draw_plans(states, length))
        run = model.run(plan, states)
        drawn, single = run.tokens, model.run(in_single_steps(plan), states).tokens
        _check_finished(model, drawn, single)
        plans = [plan, plan]
        together = [run.log_probs, score_contexts(denoiser, plan, single).log_probs]
    alone = [
        score_contexts(denoiser, in_single_steps(plan), tokens).log_probs
        for plan, tokens in zip(plans, (drawn, single), strict=True)
    ]
    reverse = (together[0] - alone[0]).sum(axis=1)
    forward = (alone[1] - together[1]).sum(axis=1)
    return StepDivergence(reverse, forward, drawn, single, float(plans[0].max(axis=1).mean()))


def _check_finished(model: MaskedDiffusion, *drawn: Tokens) -> None:
    """ValueError where a sequence was given up: what nothing follows can be drawn in no way."""
    if any((each == model.vocab_size).any() for each in drawn):
        raise ValueError(
            f"{model.spec} meets contexts of probability 0, where nothing can be drawn; audit a network, or a denoiser "
            "of a language that excludes nothing"
        )


def drawn_one_by_one(model: MaskedDiffusion, states: States, length: int) -> Tokens:
    """Sequences whose positions a rule chooses step by step, those of a step drawn from the left, one by one."""
    denoiser: Any = model.denoiser
    out = np.full((len(states), length), denoiser.vocab_size, dtype=token_dtype(denoiser.vocab_size))
    size = together(denoiser, length)
    for a in range(0, len(states), size):
        out[a : a + size] = _batch_one_by_one(model, states[a : a + size].copy(), length)
    return out


def _batch_one_by_one(model: MaskedDiffusion, states: States, length: int) -> Tokens:
    denoiser, sampler = model.denoiser, model.sampler
    mask, count = denoiser.vocab_size, len(states)
    shown = np.full((count, length), mask, dtype=token_dtype(mask))
    canvas = OpenCanvas(denoiser, count, length)
    state = sampler.init(count, length, mask, model.steps, model.schedule)
    active = np.arange(count)
    while True:
        live = ~sampler.finished(state, shown[active])
        active, state = active[live], state.take(live)
        if not len(active):
            return shown
        before = shown[active]
        wanted = sampler.wants(state, before)
        rows, positions = np.nonzero(wanted)
        answers = canvas.ask(active[rows], positions, shown)
        said = home(answers) if sampler.sees_laws else answers
        # Which positions are set does not depend on what is drawn there: any token tells.
        state, after = sampler.step(state, before, wanted, said, np.zeros(len(rows), dtype=np.int64))
        chosen = after != before
        turns = np.where(chosen, np.cumsum(chosen, axis=1), 0)
        for turn in range(1, int(turns.max()) + 1):
            rows, positions = np.nonzero(turns == turn)
            uniforms = uniforms_of(states, active[rows], 1)[:, 0]
            tokens = canvas.ask(active[rows], positions, shown).draw(uniforms)
            canvas.write(active[rows], positions, tokens)
            shown[active[rows], positions] = tokens
