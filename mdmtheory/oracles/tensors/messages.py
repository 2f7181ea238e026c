"""Messages of a chain of many hidden states by batched matrix products, in torch.

A message is (rows, S): one of the states at a position, given what is revealed on one side of it, scaled to sum 1. Both
messages stay at every position, and a sweep computes those anew that may have changed, of all rows at a time, until
they no longer do: a chain forgets. Products of one batch depend on which rows are in it by rounding alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mdmtheory.core.tokens import Tokens
from mdmtheory.kernels.doubt import LEAST_PRODUCT
from mdmtheory.languages.chain import Chain

FORGOTTEN = {torch.float64: 1e-14, torch.float32: 1e-6}
"""A message of which no entry changes by more, relative, is what it was; what follows from it changes by no more."""

MUCH = 0.2
"""From such a share of new tokens on all messages are renewed: they would be felt nearly everywhere."""

ENTRIES_AT_ONCE = 1 << 24
"""Numbers of laws, or of terms in logarithms, that are made at a time: 128 MiB in float64."""

LEAST_KEPT = 1e-18
"""In float32, where faint states are lost, what the messages of both sides must come to together at every position."""


@dataclass(frozen=True, eq=False)
class DeviceChain:
    """A chain where it computes: `by_token` (V, S) are its emissions, a row for each token.

    In float64 on a processor it shares the memory of the chain. `table` (V + 1, S) is the evidence of every token, of
    the mask last, where that is small. `faintest` is at most any product of a positive probability of a move and one of
    a token or of its evidence.
    """

    initial: Float[Tensor, "states"]
    transition: Float[Tensor, "states states"]
    by_token: Float[Tensor, "vocab states"]
    trust: float
    faintest: float
    table: Float[Tensor, "evidence states"] | None

    @classmethod
    def of(cls, chain: Chain, trust: float, device: str, dtype: str) -> DeviceChain:
        """The chain on a device, in a precision."""

        def there(law: Float[np.ndarray, "..."]) -> Tensor:
            return torch.from_numpy(law).to(device=device, dtype=getattr(torch, dtype))

        small = chain.emission.size <= ENTRIES_AT_ONCE
        table = there(chain.likelihood(trust)) if small else None
        laws = there(chain.initial), there(chain.transition), there(chain.emission).T
        return cls(*laws, trust, chain.faintest(trust), table)

    def trusting(self, chain: Chain, trust: float) -> DeviceChain:
        """The same chain, of which revealed tokens are trusted so far."""
        table = self.table if self.table is None else torch.from_numpy(chain.likelihood(trust)).to(self.table)
        return replace(self, trust=trust, faintest=chain.faintest(trust), table=table)

    @property
    def vocab_size(self) -> int:
        """Tokens of its language."""
        return int(self.by_token.shape[0])

    def seeing(
        self, message: Float[Tensor, "rows states"], tokens: Int[Tensor, "rows"]
    ) -> Float[Tensor, "rows states"]:
        """A message weighed by the evidence of a token in each row, scaled to sum 1; zeros where nothing is left."""
        weighed = message * self.evidence(tokens)
        total = weighed.sum(dim=1, keepdim=True)
        return weighed.div_(total.masked_fill_(total == 0, 1.0))

    def evidence(self, tokens: Int[Tensor, "rows"]) -> Float[Tensor, "rows states"]:
        """How probable each state makes the token of each row; 1 for the mask."""
        if self.table is not None:
            return self.table[tokens]
        masked = tokens == self.vocab_size
        found = self.by_token[tokens.masked_fill(masked, 0)]
        if self.trust < 1:
            found = self.trust * found + (1 - self.trust) / self.vocab_size
        return found.masked_fill_(masked[:, None], 1.0)


class Messages:
    """Both messages at every position of `count` sequences, at first of masks alone; `unsure` rows lost something.

    In float64 a row is sure where every product of positive numbers stayed above LEAST_PRODUCT, so that zeros are
    structural (kernels/doubt.py); in float32 where what is left is much more than all that can have been lost.
    """

    def __init__(self, chain: DeviceChain, masks_ahead: Float[Tensor, "length states"], count: int) -> None:
        self.chain = chain
        length, states = masks_ahead.shape
        self.ahead = masks_ahead[:, None].repeat(1, count, 1)
        self.behind = torch.full_like(self.ahead, 1.0 / states)
        self.tokens = torch.full((length, count), chain.vocab_size, dtype=torch.int64, device=self.ahead.device)
        self.unsure = torch.zeros(count, dtype=torch.bool, device=self.ahead.device)

    @property
    def exactly(self) -> bool:
        """Whether they are in float64, where zeros of a row that is sure are structural."""
        return self.ahead.dtype == torch.float64

    def renew(self, tokens: Tokens, rows: Int[np.ndarray, "rows"]) -> None:
        """Take in what these rows are now."""
        there = torch.from_numpy(rows).to(self.ahead.device)
        given = torch.from_numpy(np.ascontiguousarray(tokens.T, dtype=np.int64)).to(self.ahead.device)
        changed = torch.zeros_like(self.tokens, dtype=torch.bool)
        changed[:, there] = self.tokens[:, there] != given
        self.tokens[:, there] = given
        transition, last = self.chain.transition, len(given) - 1
        self._sweep(self.ahead, range(last), 1, transition, changed)
        self._sweep(self.behind, range(last, 0, -1), -1, transition.T, changed)
        if not self.exactly:
            self._doubt_what_is_little()

    def _sweep(
        self,
        messages: Float[Tensor, "length count states"],
        positions: range,
        step: int,
        moves: Float[Tensor, "states states"],
        changed: Bool[Tensor, "length count"],
    ) -> None:
        """Renew the messages that follow what changed, in one direction, as far as they change."""
        writes = changed.cpu().numpy()
        everything = writes.mean() > MUCH
        felt = np.full(writes.shape[1], everything)
        for i in positions:
            asked = felt | writes[i]
            if everything:
                seen = self.chain.seeing(messages[i], self.tokens[i])
                torch.mm(seen, moves, out=messages[i + step])
                self._doubt(None, seen)
            elif asked.any():
                felt = np.zeros_like(felt)
                number = np.flatnonzero(asked)
                rows = torch.from_numpy(number).to(messages.device)
                seen = self.chain.seeing(messages[i][rows], self.tokens[i][rows])
                found, before = seen @ moves, messages[i + step][rows]
                differs = ((found - before).abs() > FORGOTTEN[found.dtype] * found).any(dim=1)
                felt[number] = differs.cpu().numpy()
                messages[i + step][rows] = found
                self._doubt(rows, seen)

    def _doubt(self, rows: Int[Tensor, "n"] | None, message: Float[Tensor, "n states"]) -> None:
        """In float64: rows, by default all, are unsure where a product may be too small; some may be named twice."""
        if self.exactly:
            faint = least_positive(message) * self.chain.faintest < LEAST_PRODUCT
            if rows is None:
                self.unsure |= faint
            else:
                self.unsure[rows[faint]] = True

    def weights(self, rows: Int[Tensor, "n"], positions: Int[Tensor, "n"]) -> Float[Tensor, "n states"]:
        """How probable each state is at (row, position) pairs given all other positions, up to a constant each."""
        found = self.ahead[positions, rows].mul_(self.behind[positions, rows])
        self._doubt(rows, found)
        return found

    def _doubt_what_is_little(self) -> None:
        """In float32: rows are unsure where the messages of both sides hardly agree at some position."""
        for ahead, behind, tokens in zip(self.ahead, self.behind, self.tokens, strict=True):
            self.unsure |= (ahead * behind * self.chain.evidence(tokens)).sum(dim=1) < LEAST_KEPT


def masks_ahead(chain: DeviceChain, length: int) -> Float[Tensor, "length states"]:
    """The law of the state at each position where nothing is revealed."""
    found = chain.initial[None].repeat(length, 1)
    for i in range(1, length):
        found[i] = found[i - 1] @ chain.transition
        if torch.equal(found[i], found[i - 1]):
            found[i:] = found[i].clone()
            break
    return found


def least_positive(message: Float[Tensor, "rows states"]) -> Float[Tensor, "rows"]:
    """The smallest positive entry of each row, 1 where there is none."""
    least = message.amin(dim=1)
    if bool((least > 0).all()):
        return least
    return message.masked_fill(message == 0, 1.0).amin(dim=1)


def token_laws(
    messages: Messages, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"]
) -> Iterator[tuple[slice, Float[Tensor, "some vocab"]]]:
    """The law of the token at each of n (row, position) pairs given all other positions, some after the other.

    Zeros where nothing is left.
    """
    chain = messages.chain
    size = max(1, ENTRIES_AT_ONCE // max(chain.by_token.shape))
    for a in range(0, len(rows), size):
        here = slice(a, min(a + size, len(rows)))
        row, position = (torch.from_numpy(each[here]).to(messages.ahead.device) for each in (rows, positions))
        found = messages.weights(row, position) @ chain.by_token.T
        total = found.sum(dim=1, keepdim=True)
        yield here, found.div_(total.masked_fill_(total == 0, 1.0))


def log_laws(
    chain: DeviceChain, tokens: Int[Tensor, "length"], positions: Int[np.ndarray, "n"]
) -> Float[Tensor, "n vocab"]:
    """log of the laws at some positions of one sequence, each leaving out its own evidence; nothing is lost. Slow."""
    length = len(tokens)
    moves = chain.transition.log()
    evidence = chain.evidence(tokens).log()
    ahead, behind = chain.initial.log().repeat(length, 1), torch.zeros_like(evidence)
    for i in range(1, length):
        ahead[i] = _scaled(torch.logsumexp((ahead[i - 1] + evidence[i - 1])[:, None] + moves, dim=0))
    for i in range(length - 1, 0, -1):
        behind[i - 1] = _scaled(torch.logsumexp(moves + (behind[i] + evidence[i])[None], dim=1))
    found = torch.empty((len(positions), chain.vocab_size), dtype=moves.dtype, device=moves.device)
    size = max(1, ENTRIES_AT_ONCE // len(chain.initial))
    for a in range(0, chain.vocab_size, size):
        emission = chain.by_token[a : a + size].log()
        for k, i in enumerate(positions.tolist()):
            found[k, a : a + size] = torch.logsumexp(emission + (ahead[i] + behind[i])[None], dim=1)
    best = torch.logsumexp(found, dim=1, keepdim=True)
    return found - torch.where(best > -torch.inf, best, 0.0)


def _scaled(logs: Float[Tensor, "states"]) -> Float[Tensor, "states"]:
    best = logs.max()
    return logs - torch.where(best > -torch.inf, best, 0.0)
