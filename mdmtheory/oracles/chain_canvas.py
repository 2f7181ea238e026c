"""A canvas for the oracle of a chain, which keeps its messages: asking again costs what was written since."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.protocols import MarginalsCanvas
from mdmtheory.core.threads import over_rows
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.languages.chain import Chain
from mdmtheory.oracles.base import OracleBase
from mdmtheory.oracles.canvas import ConditionalsCanvas

MESSAGE_BYTES = 1 << 28
"""What the messages of a canvas may take; beyond it everything is computed afresh."""

LEAVE, RETURN = 0.4, 0.2
"""Shares of a sequence's messages that are expected to change: from the first on all is computed afresh.

Measured on 32 states: afresh, many sequences side by side, a message takes less than half the time. A sequence that
left comes back below the second, for what is kept must be built first.
"""


def chain_canvas(
    denoiser: OracleBase, chain: Chain, count: int, length: int, prompt: Tokens | None, threads: int | None
) -> MarginalsCanvas:
    """A canvas that keeps its messages where they fit."""
    if 2 * 8 * count * length * len(chain.initial) > MESSAGE_BYTES:
        return ConditionalsCanvas(denoiser, count, length, prompt, threads)
    return ChainCanvas(denoiser, chain, count, length, prompt, threads)


class ChainCanvas(ConditionalsCanvas):
    """Marginals as the oracle's `conditionals` gives them, up to rounding (core.protocols.Canvas).

    Two messages stay at every position. A token that is written, written over or erased renews those that pass it, as
    far as the chain remembers. How many that were a token the last time tells how many to expect, and where that is
    much of a sequence, it is computed afresh. docs/theory.md, section 4 (ours).
    """

    denoiser: OracleBase

    def __init__(
        self,
        denoiser: OracleBase,
        chain: Chain,
        count: int,
        length: int,
        prompt: Tokens | None = None,
        threads: int | None = None,
    ) -> None:
        super().__init__(denoiser, count, length, prompt, threads)
        self._chain = chain
        self._changed: Bool[np.ndarray, "count length"] = self.tokens < denoiser.vocab_size
        self._kept: Bool[np.ndarray, "count"] = np.ones(count, dtype=np.bool_)
        self._reach: Float[np.ndarray, "count"] = np.zeros(count)
        self._messages: _Messages | None = None

    def write(self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"], tokens: Int[np.ndarray, "n"]) -> None:
        """Put tokens at (row, position) pairs; the mask erases."""
        self._changed[rows, positions] |= self.tokens[rows, positions] != tokens
        super().write(rows, positions, tokens)

    def marginals(
        self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"]
    ) -> Float[np.ndarray, "n vocab_size"]:
        """The posterior at each (row, position); every row named is charged one call and one round."""
        asked = np.zeros(len(self.tokens), dtype=np.bool_)
        asked[rows] = True
        self.calls[asked] += 1
        self.rounds[asked] += 1
        felt = _marked(self._changed) * self._reach / (2 * self.tokens.shape[1])
        kept = asked & (felt < np.where(self._kept, LEAVE, RETURN))
        if self._messages is not None:
            kept &= ~self._messages.unsure
        found: Float[np.ndarray, "n vocab_size"]
        if (kept == asked).all():
            found = self._renewed(kept, rows, positions)
        else:
            found = np.empty((len(rows), self.denoiser.vocab_size))
            here = kept[rows]
            found[here] = self._renewed(kept, rows[here], positions[here])
        if self._messages is not None:
            kept &= ~self._messages.unsure
        afresh = np.flatnonzero(asked & ~kept)
        if len(afresh):
            here = ~kept[rows]
            number = np.empty(len(self.tokens), dtype=np.int64)
            number[afresh] = np.arange(len(afresh))
            every = self.denoiser.conditionals(self.tokens[afresh], threads=self.threads)
            found[here] = every[number[rows[here]], positions[here]]
            self._changed[afresh] = False
        self._kept[asked] = kept[asked]
        dead = found @ np.ones(self.denoiser.vocab_size) <= 0
        if dead.any():
            self.impossible[rows[dead]] = True
        return found

    def _renewed(
        self,
        kept: Bool[np.ndarray, "count"],
        rows: Int[np.ndarray, "n"],
        positions: Int[np.ndarray, "n"],
    ) -> Float[np.ndarray, "n vocab_size"]:
        """Marginals from messages that are brought up to date."""
        if not kept.any():
            return np.empty((0, self.denoiser.vocab_size))
        if self._messages is None:
            self._messages = _Messages(self._chain, self.denoiser.trust, *self.tokens.shape)
        self._changed[kept & ~self._kept] = True
        changes = _marked(self._changed)
        found, renewed = self._messages.marginals(self.tokens, self._changed, kept, rows, positions, self.threads)
        seen = kept & self._kept & (changes > 0)
        self._reach[seen] = renewed[seen] / changes[seen]
        return found


def _marked(marks: Bool[np.ndarray, "count length"]) -> Int[np.ndarray, "count"]:
    """How many are marked in each row."""
    from mdmtheory.kernels.marks import count_marks

    number = np.empty(len(marks), dtype=np.int64)
    count_marks(marks, number)
    return number


class _Messages:
    """The messages of some sequences, at first of masks alone, and the marginals that were asked for."""

    def __init__(self, chain: Chain, trust: float, count: int, length: int) -> None:
        from mdmtheory.kernels.state_steps import aligned, in_eights

        vocab_size, size = chain.emission.shape[1], len(chain.initial)
        laws = (chain.transition, chain.transposed, chain.likelihood(trust), chain.emission)
        transition, transposed, likelihood, emission = (in_eights(each) for each in laws)
        self._laws = (transition, transposed, likelihood, emission, size)
        self._hard = trust == 1
        self._marginals = np.zeros((1, length, vocab_size))
        self._ahead, self._behind = (aligned((1, length, len(transition))) for _ in range(2))
        self._ahead[0, 0, :size], self._behind[0, -1, :size] = chain.initial, 1.0
        self._touched: Bool[np.ndarray, "count length"] = np.ones((1, length), dtype=np.bool_)
        self._faintest = chain.faintest(trust)
        self.unsure: Bool[np.ndarray, "count"] = np.zeros(1, dtype=np.bool_)
        """Of these rows float64 may have lost something; they are not to be believed any more."""
        masks = np.full((1, length), vocab_size, dtype=token_dtype(vocab_size))
        everywhere = np.zeros(length, dtype=np.int64), np.arange(length)
        self.marginals(masks, np.ones((1, length), dtype=np.bool_), np.ones(1, dtype=np.bool_), *everywhere, 1)
        first = self._ahead, self._behind
        self._ahead, self._behind = (aligned((count, *each.shape[1:])) for each in first)
        self._ahead[:], self._behind[:] = first
        kept = (self._marginals, self._touched, self.unsure)
        self._marginals, self._touched, self.unsure = (np.repeat(each, count, axis=0) for each in kept)

    def marginals(
        self,
        tokens: Tokens,
        changed: Bool[np.ndarray, "count length"],
        asked: Bool[np.ndarray, "count"],
        rows: Int[np.ndarray, "n"],
        positions: Int[np.ndarray, "n"],
        threads: int | None,
    ) -> tuple[Float[np.ndarray, "n vocab_size"], Int[np.ndarray, "count"]]:
        """The marginals at (row, position) pairs, and how many messages it took to bring the rows `asked` up to date.

        `changed` is cleared there.
        """
        from mdmtheory.kernels.chain_canvas import renew_marginals

        renewed, found = np.zeros(len(tokens), dtype=np.int64), np.empty((len(rows), self._marginals.shape[2]))
        if (rows[1:] < rows[:-1]).any():
            order = np.argsort(rows, kind="stable")
            found[order], renewed = self.marginals(tokens, changed, asked, rows[order], positions[order], threads)
            return found, renewed
        picked = np.flatnonzero(asked)
        edges = np.searchsorted(rows, np.append(picked, len(tokens)))
        places = np.require(positions, np.int64, ["C", "W"])
        kept = (changed, self._touched, self._ahead, self._behind, self._marginals, renewed)
        doubt = (self._faintest, self.unsure)

        def work(a: int, b: int) -> None:
            some = picked[a:b], self._hard, edges[a : b + 1], places
            renew_marginals(*self._laws, tokens, *some, *kept, *doubt, found)

        over_rows(work, len(picked), threads)
        return found, renewed
