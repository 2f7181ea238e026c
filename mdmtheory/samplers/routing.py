"""RDM's decoding (2302.05737): every step says anew of all tokens which are noise, and sets or masks them so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from mdmtheory.core.register import registered
from mdmtheory.core.tokens import Tokens
from mdmtheory.oracles.token_laws import DECIMALS
from mdmtheory.samplers.correcting import TopKRemask
from mdmtheory.samplers.protocol import Drawn, Positions, Said, State
from mdmtheory.samplers.rule import first_of, ranking
from mdmtheory.schedules import Schedule


@registered(
    "sampler",
    "rdm",
    version=1,
    family="changing tokens",
    place=24,
    said="routed top-k (RDM)",
    examples=("", "conditioned=true"),
    sources=("zheng2023", "ye2024"),
)
@dataclass(frozen=True, kw_only=True, repr=False)
class Routed(TopKRemask):
    """A token is drawn at every position, and the k most probable draws say which positions are set; k grows (RDM).

    A masked position among them takes its draw, a set one keeps its token, whatever was drawn there; the others are
    masked. `conditioned`: a set token is masked only where it was drawn once more and is less probable than when it was
    set, besides. At temperature 0 it is the decoding of MGDM (2410.14157) without the noise on its scores.
    """

    conditioned: bool = False

    name = "rdm"

    def init(self, count: int, length: int, vocab_size: int, steps: int, schedule: Schedule) -> State:
        """Memory is the number of steps taken, and where conditioned what each token was worth when it was set."""
        state = super().init(count, length, vocab_size, steps, schedule)
        return state.after(np.zeros((count, 1 + (length if self.conditioned else 0))))

    def finished(self, state: State, tokens: Tokens) -> Bool[np.ndarray, "rows"]:
        """Whether all steps were taken; the last keeps every token."""
        return np.asarray(state.memory[:, 0] == len(state.shared.per_step))

    def step(self, state: State, tokens: Tokens, wanted: Positions, said: Said, drawn: Drawn) -> tuple[State, Tokens]:
        """Rank all draws; set the best that are masked, mask the rest that are set."""
        draws, masked = drawn.reshape(tokens.shape), tokens == state.shared.mask
        score = np.round(self.answers(said).chance_of(drawn).reshape(tokens.shape), DECIMALS)
        number = state.shared.per_step[state.memory[:, 0].astype(np.int64)]
        best = first_of(ranking(score, state.order), number)
        lost = ~best
        memory = state.memory.copy()
        memory[:, 0] += 1
        if self.conditioned:
            lost &= masked | ((draws == tokens) & (score < memory[:, 1:]))
            memory[:, 1:] = np.where(lost, 0.0, np.where(masked, score, memory[:, 1:]))
        after = np.where(lost, state.shared.mask, np.where(masked, draws, tokens)).astype(tokens.dtype)
        return state.after(memory), after
