"""What an adaptive sampler is: it looks at partly masked sequences and decides which tokens to set."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.protocols import Answers
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens
from mdmtheory.schedules import Schedule

Marginals = Float[np.ndarray, "n vocab_size"]
Said = Marginals | Answers
"""What the denoiser said of n positions: laws as an array for samplers that see them (`sees_laws`), else answers."""
Outcomes = Float[np.ndarray, "n outcomes"]
"""Laws over tokens, and over tokens and the mask where `leaves_masked`."""
Positions = Bool[np.ndarray, "rows length"]
"""Some positions of each sequence."""
Drawn = Int[np.ndarray, "n"]
"""The token, or the mask, drawn at each of the positions wanted."""
Order = Int[np.ndarray, "rows length"]
"""The rank of each position among equals: whole numbers, no two of a row alike."""


@dataclass(frozen=True)
class State:
    """Where a batch of sequences stands: what a sampler remembers of each, and what it worked out once for all.

    `memory` (rows, ...) has one row a sequence. With the sequence's tokens it decides all that may follow: sequences
    that agree in both have one future. `shared` depends on length, vocabulary, steps and schedule alone. `coins` and
    `pairs` are there for one step, for samplers that ask for them (`chances`, `sees_pairs`). `order` is a shuffle of
    each sequence's positions, the same in all its steps, for samplers that ask for one (`sees_order`): of positions
    that tie the one of lower rank comes first. Without it that is the lower position.
    """

    memory: np.ndarray
    shared: Any = None
    coins: Positions | None = None
    pairs: Float[np.ndarray, "rows length length"] | None = None
    order: Order | None = None

    def take(self, rows: np.ndarray) -> State:
        """The state of some of the sequences, by number or by a mask."""
        coins = None if self.coins is None else self.coins[rows]
        pairs = None if self.pairs is None else self.pairs[rows]
        order = None if self.order is None else self.order[rows]
        return replace(self, memory=self.memory[rows], coins=coins, pairs=pairs, order=order)

    def after(self, memory: np.ndarray) -> State:
        """The state after a step: what was there for the step alone is gone."""
        return State(memory, self.shared, order=self.order)


def of_some(said: Any, which: np.ndarray) -> Any:
    """What was said of some of the positions, by number or by a mask."""
    return said[which] if isinstance(said, np.ndarray) else said.take(which)


@runtime_checkable
class Sampler(Protocol):
    """What decides, step by step and for each sequence by itself, which tokens are set.

    A step: `wants` names positions, the denoiser gives their marginals, a token is drawn from the `law` made of each,
    and `step` says which of the drawn tokens are kept. Rows never look at one another. No method draws anything:
    chance is in the drawn tokens alone, in coins for samplers that have them tossed (`chances`), and in a shuffle of
    the positions for samplers that are shown one (`sees_order`), so one loop draws sequences, replays given ones, and
    enumerates. What a sampler may do besides stands in samplers.base.

    `context_only`: what is kept depends on tokens set before and on marginals, never on the tokens just drawn (then
    replaying x gives log p(x) exactly). `remasks`: tokens once set may change. `uses_steps` and `uses_schedule`:
    whether they change anything.
    """

    @property
    def spec(self) -> Spec:
        """The name it goes by."""

    @property
    def identity(self) -> Any:
        """What its choices depend on besides what it is shown, as a JSON value."""

    @property
    def uses_steps(self) -> bool: ...  # described above
    @property
    def uses_schedule(self) -> bool: ...
    @property
    def context_only(self) -> bool: ...
    @property
    def remasks(self) -> bool: ...

    @abstractmethod
    def init(self, count: int, length: int, vocab_size: int, steps: int, schedule: Schedule) -> State:
        """The state of `count` sequences of which nothing is set; ValueError where the schedule does not fit."""

    @abstractmethod
    def finished(self, state: State, tokens: Tokens) -> Bool[np.ndarray, "rows"]:
        """Whether nothing more is to be done for each sequence."""

    @abstractmethod
    def wants(self, state: State, tokens: Tokens) -> Positions:
        """The positions whose marginals this step needs; a row without any costs no call."""

    @abstractmethod
    def law(self, marginals: Marginals) -> Marginals:
        """The laws, each of sum 1, from which tokens are drawn where the marginals are these (temperature)."""

    @abstractmethod
    def step(
        self, state: State, tokens: Tokens, wanted: Positions, marginals: Any, drawn: Drawn
    ) -> tuple[State, Tokens]:
        """The next state and tokens, as new arrays, given marginals and drawn tokens of the n positions `wanted`.

        The marginals are an array (n, vocab_size), unless the sampler says that it does not see laws (samplers.base).

        Those positions come row by row, from left to right. A sampler that never remasks sets a token in every row,
        unless it drew masks alone there (`leaves_masked`).
        """
