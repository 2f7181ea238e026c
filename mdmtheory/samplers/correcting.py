"""Samplers that come back to tokens already set: the best of all positions are kept, or unlikely ones drawn anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.integers import WholeNumber, whole_number
from mdmtheory.core.register import registered
from mdmtheory.core.sources import Ours
from mdmtheory.core.tokens import Tokens
from mdmtheory.oracles.token_laws import DECIMALS
from mdmtheory.samplers.drawing import Drawing
from mdmtheory.samplers.protocol import Drawn, Positions, Said, State
from mdmtheory.samplers.rule import first_of, ranking
from mdmtheory.schedules import Schedule

_SEARCH = Ours(
    "resample tokens whose leave-one-out probability is below a threshold, Gibbs sweeps after masked "
    "diffusion, error correction corrector",
    "2026-11-29",
)


@dataclass(frozen=True)
class _Shared:
    """The mask, and a number for each step: what is set after it, or how likely a masked token is set in it."""

    mask: int
    per_step: np.ndarray


@registered("sampler", version=1, family="changing tokens", place=19, said="top-k remasking", sources=("ye2024",))
@dataclass(frozen=True, kw_only=True, repr=False)
class TopKRemask(Drawing):
    """Of all positions the k most probable tokens are kept, the others masked; k grows (after MGDM, 2410.14157).

    A masked position competes with the token drawn there and its probability, a set one with the probability of its
    token given all others. In that paper's program a set one competes with what would be drawn there now: `rdm`.
    """

    name = "topk_remask"
    ranks = True
    uses_steps = True
    uses_schedule = True
    context_only = False
    remasks = True

    def init(self, count: int, length: int, vocab_size: int, steps: int, schedule: Schedule) -> State:
        """Memory is the number of steps taken."""
        kept = np.cumsum(schedule.sizes(length, steps))
        return State(np.zeros(count, dtype=np.int64), _Shared(vocab_size, kept))

    def finished(self, state: State, tokens: Tokens) -> Bool[np.ndarray, "rows"]:
        """Whether all steps were taken; the last keeps every token."""
        return np.asarray(state.memory == len(state.shared.per_step))

    def wants(self, state: State, tokens: Tokens) -> Positions:
        """Every position."""
        return np.ones(tokens.shape, dtype=np.bool_)

    def step(self, state: State, tokens: Tokens, wanted: Positions, said: Said, drawn: Drawn) -> tuple[State, Tokens]:
        """Rank all tokens, keep the best, mask the rest."""
        proposed = np.where(tokens == state.shared.mask, drawn.reshape(tokens.shape), tokens)
        score = self.answers(said).chance_of(proposed.reshape(-1).astype(np.int64)).reshape(tokens.shape)
        kept = first_of(ranking(np.round(score, DECIMALS), state.order), state.shared.per_step[state.memory])
        after = np.where(kept, proposed, state.shared.mask).astype(tokens.dtype)
        return state.after(state.memory + 1), after


@registered(
    "sampler",
    version=1,
    family="changing tokens",
    place=18,
    examples=("sweeps=2,tau=0.2",),
    sources=("zhao2024", _SEARCH),
)
@dataclass(frozen=True, kw_only=True, repr=False)
class Redraw(Drawing):
    """Ancestral steps, then sweeps that draw anew tokens whose probability given all others is below tau.

    Each of them is drawn with probability `share`, those of a sweep at once: with 1, two that contradict each other
    would go on doing so. Ends after the given number of sweeps, or with one that finds nothing. Ours, after informed
    correctors (2407.21243), which redraw a fixed number of the least certain tokens.
    """

    sweeps: WholeNumber = 24
    tau: float = 0.05
    share: float = 0.5

    name = "redraw"
    uses_steps = True
    uses_schedule = True
    context_only = False
    remasks = True

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "sweeps", whole_number(self.sweeps, "sweeps", 0))
        for name in ("tau", "share"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; pass a probability above 0 and at most 1")

    def init(self, count: int, length: int, vocab_size: int, steps: int, schedule: Schedule) -> State:
        """Memory is the number of steps and sweeps taken."""
        return State(np.zeros(count, dtype=np.int64), _Shared(vocab_size, schedule.revealed_shares(steps)))

    def finished(self, state: State, tokens: Tokens) -> Bool[np.ndarray, "rows"]:
        """Whether no sweep is left."""
        return np.asarray(state.memory >= len(state.shared.per_step) + self.sweeps)

    def chances(self, state: State, tokens: Tokens) -> Float[np.ndarray, "rows length"]:
        """How likely each masked position is set in this step, and in a sweep each token drawn anew if it is low."""
        rates = np.append(state.shared.per_step, self.share)
        rate = rates[np.minimum(state.memory, len(rates) - 1)]
        changes = self._sweeping(state)[:, None] | (tokens == state.shared.mask)
        return np.where(changes, rate[:, None], 0.0)

    def wants(self, state: State, tokens: Tokens) -> Positions:
        """The positions that are to be set, in a sweep all."""
        assert state.coins is not None
        return state.coins | self._sweeping(state)[:, None]

    def step(self, state: State, tokens: Tokens, wanted: Positions, said: Said, drawn: Drawn) -> tuple[State, Tokens]:
        """Set the tokens drawn, in a sweep in the place of unlikely ones whose coins fell."""
        assert state.coins is not None
        sweeping = self._sweeping(state)
        proposed = tokens.copy()
        proposed[wanted] = drawn
        unlikely = np.zeros(tokens.shape, dtype=np.bool_)
        present = np.where(sweeping[:, None], tokens, proposed)[wanted].astype(np.int64)
        unlikely[wanted] = np.round(self.answers(said).chance_of(present), DECIMALS) < np.round(self.tau, DECIMALS)
        changed = np.where(sweeping[:, None], unlikely & state.coins, wanted)
        idle = sweeping & ~unlikely.any(axis=1)
        memory = np.where(idle, len(state.shared.per_step) + self.sweeps, state.memory + 1)
        return state.after(memory), np.where(changed, proposed, tokens)

    def _sweeping(self, state: State) -> Bool[np.ndarray, "rows"]:
        return np.asarray(state.memory >= len(state.shared.per_step))
