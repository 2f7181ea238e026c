"""Drafts of several tokens at once, verified by the chain rule: fewer rounds, more calls, and no error."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int

from mdmtheory.core.integers import WholeNumber, whole_number
from mdmtheory.core.register import registered
from mdmtheory.core.tokens import Tokens
from mdmtheory.plans import BitReversed, LeftToRight
from mdmtheory.samplers.drawing import Drawing
from mdmtheory.samplers.protocol import Drawn, Marginals, Positions, Said, State
from mdmtheory.schedules import Schedule

_ORDERS = {"left_to_right": LeftToRight(), "bit_reversed": BitReversed()}


@dataclass(frozen=True)
class _Shared:
    """The mask, and positions in the order in which they are set."""

    mask: int
    order: Int[np.ndarray, "length"]


@registered(
    "sampler",
    version=1,
    family="verified drafts",
    place=25,
    examples=("k=2", "k=3,order=bit_reversed"),
    sources=("leviathan2023", "guo2025", "anari2026"),
)
@dataclass(frozen=True, kw_only=True, repr=False)
class Verify(Drawing):
    """Drafts the next k tokens from their marginals, then keeps those that the chain rule accepts, and mends the next.

    Token j of a draft is accepted with probability min(1, p / d), p its probability given those before it and d that in
    the draft; a refused one is drawn from what p exceeds d by, and ends the draft. So every sequence has the
    probability that setting one position after the other in this order gives it, q(x) with the exact denoiser.
    (Speculative sampling; for masked diffusion 2511.07869.)

    A draft of k costs two rounds and k calls: one for the marginals, k - 1 at once for the chain rule, those after a
    refusal too. Here they are made one after the other, as far as they are needed, and counted as if at once.
    """

    k: WholeNumber
    order: str = "left_to_right"

    name = "verify"
    makes_laws = True

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "k", whole_number(self.k, "k", 1))
        if self.order not in _ORDERS:
            raise ValueError(f"order is {self.order!r}; known: {', '.join(_ORDERS)}")
        # Nothing that is drafted is dropped.
        object.__setattr__(self, "context_only", self.k == 1)

    @property
    def scored_as(self) -> Verify:
        """A sampler with the same law that looks at the context only: drafts of one token, always accepted."""
        return self if self.context_only else replace(self, k=1)

    def init(self, count: int, length: int, vocab_size: int, steps: int, schedule: Schedule) -> State:
        """Memory: how many of a draft are verified (0: draft anew) and how many there are; then tokens and laws."""
        order = np.argsort(_ORDERS[self.order].plan(length, length))
        k = min(self.k, length)
        return State(np.zeros((count, 2 + k * (1 + vocab_size))), _Shared(vocab_size, order))

    def finished(self, state: State, tokens: Tokens) -> Bool[np.ndarray, "rows"]:
        """Whether no mask is left."""
        return _set(state, tokens) == tokens.shape[1]

    def wants(self, state: State, tokens: Tokens) -> Positions:
        """The positions of a draft, else the next of them."""
        from mdmtheory.kernels.drafts import want_next

        wanted = np.empty(tokens.shape, dtype=np.bool_)
        memory = np.require(state.memory, requirements=["C", "W"])
        want_next(state.shared.order, _set(state, tokens), memory, self.k, wanted)
        return wanted

    def law_in(self, state: State, tokens: Tokens, wanted: Positions, marginals: Marginals) -> Marginals:
        """In a draft the marginals; after it the drafted token as far as it is accepted, else what is missing."""
        target = self.law(marginals)
        rows = np.nonzero(wanted)[0]
        verifying = state.memory[rows, 0] > 0
        rows = rows[verifying]
        drafts, laws = _drafts(state, marginals.shape[1])
        turn = state.memory[rows, 0].astype(np.int64)
        token, drafted = drafts[rows, turn].astype(np.int64), laws[rows, turn]
        found = target.copy()
        found[verifying] = corrected(target[verifying], drafted, token)
        return found

    def step(self, state: State, tokens: Tokens, wanted: Positions, said: Said, drawn: Drawn) -> tuple[State, Tokens]:
        """Set the first token of a draft, which is exact, or the one just verified; go on while drafts are accepted."""
        from mdmtheory.kernels.drafts import keep_drafts

        laws = np.require(self.answers(said).numpy(), np.float64, ["C", "W"])
        drawn = np.require(drawn, np.int64, ["C", "W"])
        state, after = state.after(state.memory.copy()), tokens.copy()
        k = (state.memory.shape[1] - 2) // (1 + laws.shape[1])
        keep_drafts(state.shared.order, _set(state, tokens), k, drawn, laws, state.memory, after)
        return state, after

    def charges(self, state: State, tokens: Tokens) -> tuple[Int[np.ndarray, "rows"], Int[np.ndarray, "rows"]]:
        """All calls and rounds of a draft when it is made."""
        size = np.minimum(self.k, tokens.shape[1] - _set(state, tokens))
        fresh = state.memory[:, 0] == 0
        return np.where(fresh, size, 0), np.where(fresh, 1 + (size > 1), 0)


def corrected(target: Marginals, drafted: Marginals, token: Drawn) -> Marginals:
    """The law of a token given the one drafted, such that it has the law `target` where that one has `drafted`.

    >>> p, d = np.array([[0.2, 0.8]]), np.array([[0.5, 0.5]])
    >>> (0.5 * corrected(p, d, np.array([0])) + 0.5 * corrected(p, d, np.array([1]))).round(12).tolist()
    [[0.2, 0.8]]
    """
    own = np.arange(len(token)), token
    missing = np.maximum(target - drafted, 0.0)
    total = missing.sum(axis=1, keepdims=True)
    accepted = np.minimum(1.0, target[own] / drafted[own])[:, None]
    # Laws that differ by rounding only have nothing to mend.
    accepted = np.where(total > 0, accepted, 1.0)
    law = (1 - accepted) * missing / np.where(total > 0, total, 1.0)
    law[own] += accepted[:, 0]
    return law


def _set(state: State, tokens: Tokens) -> Int[np.ndarray, "rows"]:
    """How many positions of each row are set: the first of the order."""
    from mdmtheory.kernels.marks import count_others

    number = np.empty(len(tokens), dtype=np.int64)
    count_others(np.require(tokens, requirements=["C", "W"]), tokens.dtype.type(state.shared.mask), number)
    return number


def _drafts(state: State, vocab_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Views of the drafted tokens (rows, k) and of the laws they were drawn from (rows, k, vocab_size)."""
    k = (state.memory.shape[1] - 2) // (1 + vocab_size)
    tokens, laws = state.memory[:, 2 : 2 + k], state.memory[:, 2 + k :]
    return tokens, laws.reshape(len(laws), k, vocab_size)
