"""Rules that rank the masked positions and reveal the best of them: a score, and where to cut."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.protocols import Answers
from mdmtheory.core.tokens import Tokens
from mdmtheory.oracles.token_laws import DECIMALS
from mdmtheory.samplers.drawing import ALIKE_DECIMALS, Drawing
from mdmtheory.samplers.protocol import Drawn, Order, Positions, Said, State
from mdmtheory.schedules import Schedule

Scores = Float[np.ndarray, "n"]
Ranked = Float[np.ndarray, "rows length"]
Sizes = Int[np.ndarray, "steps"]


@dataclass(frozen=True)
class _Shared:
    """The mask, and how many positions each step reveals where the rule has a budget."""

    mask: int
    sizes: Sizes | None


@dataclass(frozen=True, kw_only=True, repr=False)
class Rule(Drawing, ABC):
    """Reveals some of the masked positions, told by a score, at least one a step, with their drawn tokens."""

    ranks = True

    def init(self, count: int, length: int, vocab_size: int, steps: int, schedule: Schedule) -> State:
        """Memory is the number of steps taken."""
        return State(np.zeros(count, dtype=np.int64), _Shared(vocab_size, self.sizes(length, steps, schedule)))

    def finished(self, state: State, tokens: Tokens) -> Bool[np.ndarray, "rows"]:
        """Whether no mask is left."""
        return (tokens != state.shared.mask).all(axis=1)

    def wants(self, state: State, tokens: Tokens) -> Positions:
        """Every masked position."""
        return tokens == state.shared.mask

    def step(self, state: State, tokens: Tokens, wanted: Positions, said: Said, drawn: Drawn) -> tuple[State, Tokens]:
        """Rank, choose, and write the drawn tokens of what was chosen."""
        scores = np.full(wanted.shape, -np.inf)
        scores[wanted] = np.round(self.score(self.answers(said), drawn), DECIMALS)
        after = tokens.copy()
        after[wanted] = drawn
        return state.after(state.memory + 1), np.where(self.choose(scores, wanted, state), after, tokens)

    def sizes(self, length: int, steps: int, schedule: Schedule) -> Sizes | None:
        """How many positions each step reveals, for rules that have such a budget."""
        return None

    @abstractmethod
    def score(self, answers: Answers, drawn: Drawn) -> Scores:
        """The rank of each position, from what was said of it under the options: higher is revealed sooner."""

    @abstractmethod
    def choose(self, scores: Ranked, wanted: Positions, state: State) -> Positions:
        """Which positions to reveal, at least one a row; scores are -inf at those that are not masked."""


@dataclass(frozen=True, kw_only=True, repr=False)
class BestRule(Rule, ABC):
    """Reveals the masked positions of highest score, down to where the rule cuts."""

    def choose(self, scores: Ranked, wanted: Positions, state: State) -> Positions:
        """The first of the ranking."""
        from mdmtheory.kernels.ranks import take_ranked

        order, ranked = ranking(scores, state.order), np.empty(scores.shape)
        take_ranked(scores, order, ranked)
        count = np.clip(self.cut(ranked, state), 1, wanted.sum(axis=1))
        return first_of(order, count)

    @abstractmethod
    def cut(self, ranked: Ranked, state: State) -> Int[np.ndarray, "rows"]:
        """How many to reveal in each row, given its scores from the best down, -inf after the last masked position.

        Less than one counts as one, more than there are as all.
        """


def ranking(scores: Ranked, order: Order | None = None) -> Int[np.ndarray, "rows length"]:
    """The positions of each row from the highest score down, of equal ones the first in `order`, else the lowest.

    With an order scores are equal that agree to ALIKE_DECIMALS.

    >>> ranking(np.array([[0.5, 0.9, 0.5]]), np.array([[2, 1, 0]])).tolist()
    [[1, 2, 0]]
    """
    if order is None or not order.size:
        return np.argsort(-scores, axis=1, kind="stable")
    from mdmtheory.kernels.ranks import rank_keys

    keys = np.empty(scores.shape, dtype=np.int64)
    numbers, ranks = np.require(scores, np.float64, ["C", "W"]), np.require(order, np.int64, ["C", "W"])
    if rank_keys(numbers, ranks, 10.0**ALIKE_DECIMALS, keys):
        # One whole number for score and rank is sorted in half the time of two.
        return np.argsort(keys, axis=1)
    return np.lexsort((order, -np.round(scores, ALIKE_DECIMALS)), axis=1)


def first_of(order: Int[np.ndarray, "rows length"], count: Int[np.ndarray, "rows"]) -> Positions:
    """Which positions are among the first `count` of each row's order."""
    from mdmtheory.kernels.ranks import mark_first

    chosen = np.empty(order.shape, dtype=np.bool_)
    mark_first(order, np.require(count, np.int64, ["C", "W"]), chosen)
    return chosen
