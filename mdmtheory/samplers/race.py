"""The ancestral sampler as published programs draw it: at each step a masked position draws a token or the mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.tokens import Tokens
from mdmtheory.samplers.drawing import Drawing
from mdmtheory.samplers.protocol import Drawn, Marginals, Outcomes, Positions, Said, State
from mdmtheory.schedules import Schedule


@dataclass(frozen=True)
class _Shared:
    """The mask, and the share of the masked positions that each step reveals."""

    mask: int
    rates: Float[np.ndarray, "steps"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Race(Drawing):
    """Each step draws a token or the mask in one race at every masked position, as published programs do.

    Token v has weight r p(v) and the mask 1 - r, r being the share of the masked positions that the step reveals and p
    the marginal with the options. In float64 its law is that of `ancestral`, which costs less and has a bound of log p.
    In float32 tokens of less than about 2^-24 / r lose to the mask, step after step: 1 / r is about the number of steps
    left, so more steps lose more, and what is published of many steps was drawn at a lower effective temperature
    (2409.02908; docs/theory.md, section 9).

    A sequence is charged a call where it changed since its last one: what the denoiser said of an unchanged sequence
    is kept, as published programs do (2406.07524). So in float64 calls are those of `ancestral`.
    """

    name = "ancestral"
    uses_steps = True
    uses_schedule = True
    context_only = False
    leaves_masked = True
    makes_laws = True

    @property
    def identity(self) -> Any:
        """Unlike that of the law over plans, whose streams are used otherwise."""
        return ["race", {**self._changed, **self._ties("random")}]

    @property
    def stream_identity(self) -> Any:
        """As the identity, whatever decides between equals."""
        return ["race", self._changed]

    def init(self, count: int, length: int, vocab_size: int, steps: int, schedule: Schedule) -> State:
        """Memory is the number of steps taken, and 1 where the sequence has changed since the last call, else 0."""
        memory = np.tile(np.array([0, 1], dtype=np.int64), (count, 1))
        return State(memory, _Shared(vocab_size, schedule.revealed_shares(steps)))

    def finished(self, state: State, tokens: Tokens) -> Bool[np.ndarray, "rows"]:
        """Whether no mask is left; the last step leaves none."""
        return (tokens != state.shared.mask).all(axis=1)

    def charges(self, state: State, tokens: Tokens) -> tuple[Int[np.ndarray, "rows"], Int[np.ndarray, "rows"]]:
        """A call and a round where the sequence has changed."""
        return state.memory[:, 1], state.memory[:, 1]

    def wants(self, state: State, tokens: Tokens) -> Positions:
        """Every masked position."""
        return tokens == state.shared.mask

    def law_in(self, state: State, tokens: Tokens, wanted: Positions, marginals: Marginals) -> Outcomes:
        """The tokens' chances in this step, and that of the mask in a last column."""
        rates = state.shared.rates[state.memory[np.nonzero(wanted)[0], 0]][:, None]
        return np.hstack([rates * self.law(marginals), 1 - rates])

    def step(self, state: State, tokens: Tokens, wanted: Positions, said: Said, drawn: Drawn) -> tuple[State, Tokens]:
        """Set what was drawn, masks among it."""
        after = tokens.copy()
        after[wanted] = drawn
        changed = (after != tokens).any(axis=1)
        return state.after(np.column_stack([state.memory[:, 0] + 1, changed])), after
