"""ReMDM (2503.00307): at every step each set token may be masked again, and each masked one set.

Going from a fraction t of revealed tokens to s >= t, a set token is masked with probability sigma, at most
min(1, (1 - s) / t), and a masked one set with probability (s - (1 - sigma) t) / (1 - t): then it is set with
probability t (1 - sigma) + (1 - t) (...) = s after the step, as without remasking (docs/theory.md, section 9).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.protocols import Answers
from mdmtheory.core.register import registered
from mdmtheory.core.tokens import Tokens
from mdmtheory.samplers.drawing import Drawing
from mdmtheory.samplers.protocol import Drawn, Positions, Said, State
from mdmtheory.schedules import Schedule

Fractions = Float[np.ndarray, "edges"]
Revealed = Float[np.ndarray, "rows 1"]
Chances = Float[np.ndarray, "rows length_or_1"]


@dataclass(frozen=True)
class _Shared:
    """The mask, and the fraction revealed before the first step and after each."""

    mask: int
    fractions: Fractions


@dataclass(frozen=True, kw_only=True, repr=False)
class ReMDM(Drawing, ABC):
    """N steps, each a coin for every position: masked tokens are set, set ones masked again.

    `eta`, from 0 to 1, is how much is masked again.
    """

    eta: float = 0.05

    uses_steps = True
    uses_schedule = True
    context_only = False
    remasks = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.eta <= 1:
            raise ValueError(f"eta is {self.eta}; pass a probability from 0 to 1")

    def init(self, count: int, length: int, vocab_size: int, steps: int, schedule: Schedule) -> State:
        """Memory is the number of steps taken."""
        return State(np.zeros((count, 1)), _Shared(vocab_size, self.fractions(steps, schedule)))

    def fractions(self, steps: int, schedule: Schedule) -> Fractions:
        """The fractions between which each step goes: the schedule's, from 0 to 1."""
        return schedule.revealed_fractions(steps)

    def finished(self, state: State, tokens: Tokens) -> Bool[np.ndarray, "rows"]:
        """Whether all steps were taken; the last sets every token."""
        last = len(state.shared.fractions) - 1
        return np.asarray(state.memory[:, 0] == last)

    def chances(self, state: State, tokens: Tokens) -> Float[np.ndarray, "rows length"]:
        """How likely each position changes."""
        taken = state.memory[:, 0].astype(np.int64)
        before, after = (state.shared.fractions[taken + k][:, None] for k in (0, 1))
        again = self.masked_again(before, after, state, tokens)
        revealed = (after - (1 - again) * before) / (1 - before)
        return np.where(tokens == state.shared.mask, revealed, again)

    def wants(self, state: State, tokens: Tokens) -> Positions:
        """The masked positions that are to be set."""
        assert state.coins is not None
        return state.coins & (tokens == state.shared.mask)

    def step(self, state: State, tokens: Tokens, wanted: Positions, said: Said, drawn: Drawn) -> tuple[State, Tokens]:
        """Set the tokens drawn, and mask those whose coins fell."""
        assert state.coins is not None
        after = tokens.copy()
        after[state.coins] = state.shared.mask
        after[wanted] = drawn
        memory = self.remembered(state, wanted, self.answers(said), drawn)
        memory[:, 0] += 1
        return state.after(memory), after

    def remembered(
        self, state: State, wanted: Positions, answers: Answers, drawn: Drawn
    ) -> Float[np.ndarray, "rows kept"]:
        """What is known of each sequence after the step, as a new array, but for the number of steps."""
        return state.memory.copy()

    @abstractmethod
    def masked_again(self, before: Revealed, after: Revealed, state: State, tokens: Tokens) -> Chances:
        """sigma, the probability that a set token is masked again, where so much is revealed before and after."""


@registered("sampler", version=1, family="changing tokens", place=20, said="ReMDM-cap", sources=("wang2025",))
@dataclass(frozen=True, kw_only=True, repr=False)
class ReMDMCap(ReMDM):
    """ReMDM (2503.00307): set tokens are masked again with probability eta, or the largest the schedule allows."""

    name = "remdm-cap"

    def masked_again(self, before: Revealed, after: Revealed, state: State, tokens: Tokens) -> Chances:
        """At most eta."""
        return np.minimum(self.eta, largest_again(before, after))


@registered("sampler", version=1, family="changing tokens", place=21, said="ReMDM-rescale", sources=("wang2025",))
@dataclass(frozen=True, kw_only=True, repr=False)
class ReMDMRescale(ReMDM):
    """ReMDM (2503.00307): set tokens are masked again with eta times the largest probability allowed."""

    name = "remdm-rescale"

    def masked_again(self, before: Revealed, after: Revealed, state: State, tokens: Tokens) -> Chances:
        """A share of the largest."""
        return self.eta * largest_again(before, after)


@registered("sampler", version=1, family="changing tokens", place=22, said="ReMDM-conf", sources=("wang2025",))
@dataclass(frozen=True, kw_only=True, repr=False)
class ReMDMConf(ReMDMRescale):
    """ReMDM (2503.00307): as remdm-rescale, but set tokens share sigma by softmax(-p), p their probability when drawn.

    So about sigma tokens are masked again a step, however long the sequence. As published, masked tokens are set as
    without remasking, so less is revealed than the schedule says (by t sigma at one position) until the last step.
    """

    eta: float = 1.0

    name = "remdm-conf"
    keeps_fractions = False

    def init(self, count: int, length: int, vocab_size: int, steps: int, schedule: Schedule) -> State:
        """Memory is the number of steps taken, and at each position the probability of its token when drawn."""
        state = super().init(count, length, vocab_size, steps, schedule)
        return state.after(np.zeros((count, 1 + length)))

    def masked_again(self, before: Revealed, after: Revealed, state: State, tokens: Tokens) -> Chances:
        """Its share of sigma at a set token, none at a masked one."""
        weights = np.where(tokens == state.shared.mask, 0.0, np.exp(-state.memory[:, 1:]))
        total = weights.sum(axis=1, keepdims=True)
        return super().masked_again(before, after, state, tokens) * weights / np.where(total > 0, total, 1.0)

    def remembered(
        self, state: State, wanted: Positions, answers: Answers, drawn: Drawn
    ) -> Float[np.ndarray, "rows kept"]:
        """The probabilities of the tokens just drawn beside the others; 0 where there is a mask."""
        assert state.coins is not None
        memory = state.memory.copy()
        memory[:, 1:][state.coins] = 0.0
        memory[:, 1:][wanted] = answers.chance_of(drawn)
        return memory


@registered("sampler", version=1, family="changing tokens", place=23, said="ReMDM-loop", sources=("wang2025",))
@dataclass(frozen=True, kw_only=True, repr=False)
class ReMDMLoop(ReMDMCap):
    """ReMDM (2503.00307): reveals a fraction alpha, stays there and remasks with min(eta, (1 - alpha) / alpha), ends.

    Time runs from 1 to 0 as in the paper: without remasking to alpha until t_on, the loop until t_off, without
    remasking to the end; each part follows the schedule in its own steps. The defaults are the paper's.
    """

    eta: float = 0.02
    t_on: float = 0.55
    t_off: float = 0.05
    alpha: float = 0.9

    name = "remdm-loop"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("t_on", "t_off", "alpha"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; pass a number above 0 and below 1")
        if self.t_on < self.t_off:
            raise ValueError(f"t_on is {self.t_on} and t_off {self.t_off}; time falls, so pass t_on >= t_off")

    def fractions(self, steps: int, schedule: Schedule) -> Fractions:
        """From 0 to alpha, there, and from alpha to 1; ValueError below 2 steps or for a schedule of given steps."""
        if steps < 2:
            raise ValueError(f"steps is {steps}; {self.name} needs 2 or more, to reach alpha and to leave it")
        if schedule.steps is not None:
            raise ValueError(
                f"schedule {schedule.spec} has steps of its own; {self.name} splits its steps in three, so pass a "
                "family such as linear"
            )
        first = min(max(round(steps * (1 - self.t_on)), 1), steps - 1)
        last = min(max(round(steps * self.t_off), 1), steps - first)
        begin, end = (schedule.revealed_fractions(k) for k in (first, last))
        stay = np.full(steps - first - last, self.alpha)
        return np.concatenate([self.alpha * begin, stay, self.alpha + (1 - self.alpha) * end[1:]])

    def masked_again(self, before: Revealed, after: Revealed, state: State, tokens: Tokens) -> Chances:
        """Nothing outside the loop."""
        return np.where(before == after, super().masked_again(before, after, state, tokens), 0.0)


def largest_again(before: Float[np.ndarray, "..."], after: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The largest sigma that leaves the schedule its fractions: min(1, (1 - after) / before); 1 where before is 0."""
    some = before > 0
    return np.minimum(1.0, np.where(some, 1 - after, 1.0) / np.where(some, before, 1.0))
