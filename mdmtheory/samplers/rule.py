"""Rules that rank the masked positions and reveal the best of them: a score, and where to cut."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens
from mdmtheory.samplers.protocol import State
from mdmtheory.schedules import Schedule

Marginals = Float[np.ndarray, "n vocab_size"]
Scores = Float[np.ndarray, "n"]
Ranked = Float[np.ndarray, "rows length"]
Sizes = Int[np.ndarray, "steps"]

DECIMALS = 10
"""Scores and probabilities that agree to so many decimals are equal, so that rounding breaks no tie.

Ties go to the lowest position, and to the lowest token where the most probable one is taken.
"""


@dataclass(frozen=True)
class _Shared:
    """The mask, and how many positions each step reveals where the rule has a budget."""

    mask: int
    sizes: Sizes | None


@dataclass(frozen=True, kw_only=True)
class Rule(ABC):
    """Reveals the masked positions of highest score, at least one a step, with their drawn tokens.

    `temperature` T: tokens are drawn from p^(1/T) and scores look at the same law. At 0 the most probable token is
    taken, and scores look at p itself: the law at 0 has nothing left to rank.
    """

    temperature: float = 1.0

    name: ClassVar[str]
    uses_steps: ClassVar[bool] = False
    uses_schedule: ClassVar[bool] = False
    context_only: ClassVar[bool] = True
    remasks: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < np.inf:
            raise ValueError(f"temperature is {self.temperature}; pass 0 (greedy) or a positive number")

    @property
    def spec(self) -> Spec:
        """The name with its options, the temperature where it is not 1."""
        own = tuple((each.name, float(getattr(self, each.name))) for each in fields(self) if each.name != "temperature")
        return Spec(self.name, own if self.temperature == 1 else (*own, ("temperature", float(self.temperature))))

    @property
    def identity(self) -> Any:
        """Name and options."""
        return [self.name, dict(self.spec.options)]

    def init(self, count: int, length: int, vocab_size: int, steps: int, schedule: Schedule) -> State:
        """Memory is the number of steps taken."""
        return State(np.zeros(count, dtype=np.int64), _Shared(vocab_size, self.sizes(length, steps, schedule)))

    def finished(self, state: State, tokens: Tokens) -> Bool[np.ndarray, "rows"]:
        """Whether no mask is left."""
        return (tokens != state.shared.mask).all(axis=1)

    def wants(self, state: State, tokens: Tokens) -> Bool[np.ndarray, "rows length"]:
        """Every masked position."""
        return tokens == state.shared.mask

    def law(self, marginals: Marginals) -> Marginals:
        """The marginals at the rule's temperature."""
        return tempered(marginals, self.temperature)

    def step(
        self,
        state: State,
        tokens: Tokens,
        wanted: Bool[np.ndarray, "rows length"],
        marginals: Marginals,
        drawn: Int[np.ndarray, "n"],
    ) -> tuple[State, Tokens]:
        """Rank, cut, and write the drawn tokens of what is left."""
        seen = self.law(marginals) if self.temperature > 0 else marginals
        scores = np.full(wanted.shape, -np.inf)
        scores[wanted] = np.round(self.score(seen, drawn), DECIMALS)
        order = np.argsort(-scores, axis=1, kind="stable")
        ranked = np.take_along_axis(scores, order, axis=1)
        count = np.clip(self.cut(ranked, state), 1, wanted.sum(axis=1))
        chosen = np.zeros_like(wanted)
        np.put_along_axis(chosen, order, np.arange(wanted.shape[1])[None] < count[:, None], axis=1)
        after = tokens.copy()
        after[wanted] = drawn
        return State(state.memory + 1, state.shared), np.where(chosen, after, tokens)

    def sizes(self, length: int, steps: int, schedule: Schedule) -> Sizes | None:
        """How many positions each step reveals, for rules that have such a budget."""
        return None

    @abstractmethod
    def score(self, seen: Marginals, drawn: Int[np.ndarray, "n"]) -> Scores:
        """The rank of each position: higher is revealed sooner."""

    @abstractmethod
    def cut(self, ranked: Ranked, state: State) -> Int[np.ndarray, "rows"]:
        """How many to reveal in each row, given its scores from the best down, -inf after the last masked position.

        Less than one counts as one, more than there are as all.
        """


def tempered(marginals: Marginals, temperature: float) -> Marginals:
    """p^(1/T), scaled to sum 1; at T = 0 all on the most probable token.

    >>> tempered(np.array([[0.2, 0.8]]), 0.5).round(4).tolist()
    [[0.0588, 0.9412]]
    """
    if temperature == 1:
        return marginals
    if temperature == 0:
        most = np.round(marginals, DECIMALS).argmax(axis=1)
        return np.eye(marginals.shape[1])[most]
    weights = (marginals / marginals.max(axis=1, keepdims=True)) ** (1 / temperature)
    return weights / weights.sum(axis=1, keepdims=True)


def confidence(seen: Marginals) -> Scores:
    """The largest probability."""
    return seen.max(axis=1)


def margin(seen: Marginals) -> Scores:
    """By how much the largest probability exceeds the second."""
    rest = seen.copy()
    np.put_along_axis(rest, seen.argmax(axis=1)[:, None], 0.0, axis=1)
    return seen.max(axis=1) - rest.max(axis=1)


def negative_entropy(seen: Marginals) -> Scores:
    """Minus the entropy in nats: sum p log p."""
    return (seen * np.log(np.where(seen > 0, seen, 1.0))).sum(axis=1)
