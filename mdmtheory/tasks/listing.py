"""The exact posterior of an answer that is one of a list: filter the list by what is revealed, average what is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.limits import MOST_ANSWERS, MOST_LISTED_BYTES, check_limit
from mdmtheory.core.protocols import MarginalsCanvas
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens, token_dtype
from mdmtheory.oracles.pairs import pairs_by_conditionals
from mdmtheory.oracles.posterior import Posterior
from mdmtheory.tasks.drawing import Row


@dataclass(frozen=True, eq=False)
class Listing:
    """All right answers of a prompt, `tokens` (answers, answered), each once, and their `weights`; None: all alike."""

    tokens: Tokens
    weights: Float[np.ndarray, "answers"] | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def all_weights(self) -> Float[np.ndarray, "answers"]:
        """A weight for each answer, 1 where all are alike: their sums are whole numbers, so that no tie is broken."""
        return np.ones(len(self)) if self.weights is None else self.weights

    @property
    def entropy(self) -> float:
        """H(answer | prompt) in nats."""
        if self.weights is None:
            return float(np.log(len(self)))
        shares = self.weights / self.weights.sum()
        return float(-(shares * np.log(shares)).sum())

    def log_prob(self, answers: Tokens) -> Float[np.ndarray, "count"]:
        """log P(answer | prompt) in nats of answers that are in the list."""
        if self.weights is None:
            return np.full(len(answers), -np.log(len(self)))
        places = [self._places[row.tobytes()] for row in answers]
        return np.log(self.weights[places] / self.weights.sum())

    @cached_property
    def _places(self) -> dict[bytes, int]:
        return {row.tobytes(): place for place, row in enumerate(self.tokens)}


class Listings:
    """The lists of a task by prompt, made when first asked for and kept while there is room."""

    def __init__(self, make: Callable[[Row], Listing], task: Any) -> None:
        self._make, self._task = make, task
        self._kept: dict[bytes, Listing] = {}
        self._bytes = 0

    def __getitem__(self, prompt: Row) -> Listing:
        key = prompt.tobytes()
        found = self._kept.get(key)
        if found is None:
            found = self._make(prompt)
            check_listed(len(found), str(self._task.spec))
            if self._bytes + found.tokens.nbytes > MOST_LISTED_BYTES // 4:
                self._kept, self._bytes = {}, 0
            self._kept[key] = found
            self._bytes += found.tokens.nbytes
        return found


def check_answered(counts: Sequence[int], what: str) -> None:
    """ValueError, one line, where one of the prompts has no right answer."""
    if not all(counts):
        raise ValueError(f"a prompt of {what} has no right answer; pass one that has, as task.prompts(1, seed=0)")


def check_listed(count: int, what: str) -> None:
    """ValueError, one line, for a prompt with no right answer, or with too many to list."""
    check_answered([count], what)
    said = f"a prompt of {what} has {count:,} right answers or more"
    check_limit(count, MOST_ANSWERS, "MOST_ANSWERS", said, "pass one that says more")


class ListedOracle(Posterior):
    """The exact posterior of a task's answers by listing them; what the prompt gives is certain at any `trust`.

    `trust` below 1 takes a revealed token v of the answer as evidence, trust*1[v = x] + (1 - trust)/V, and rows of
    revealed positions leave their own out. Where a token of the prompt is masked it needs the list of all sequences,
    which few tasks have: ValueError of others.
    """

    noises = frozenset({"masked"})
    exact_for = Posterior.exact_for

    def __init__(self, task: Any, trust: float = 1.0) -> None:
        super().__init__(task, trust)
        reason = "no exact posterior given a prompt is known under it; use masked noise, or a network trained on it"
        self.refusals = {"uniform": reason, "gaussian": reason}

    def validate_length(self, length: int) -> None:
        """ValueError for another length than the task's."""
        self.language.validate_length(length)

    @whole_numbers(count=0, length=1, threads=1)
    def open(
        self,
        count: int,
        length: int,
        *,
        noise: str = "masked",
        prompt: Tokens | None = None,
        threads: int | None = None,
    ) -> MarginalsCanvas:
        """A canvas of `count` sequences that begin as `prompt`, which the task has to know; ValueError of others."""
        task: Any = self.language
        shown = self._shown(count, length, noise, prompt)
        known = shown[:, task.given]
        if (known != self.vocab_size).all():
            answered = np.flatnonzero(~task.given)
            asked, which = np.unique(known, axis=0, return_inverse=True)
            listings = [task.answers(each) for each in asked]
        else:
            answered, which = np.arange(length), np.zeros(count, dtype=np.int64)
            listings = [task.whole_law()]
        return ListedCanvas(listings, which.reshape(-1), answered, shown, self.vocab_size, self.trust)

    def _shown(self, count: int, length: int, noise: str, prompt: Tokens | None) -> Tokens:
        """What a canvas begins with; ValueError for what the task does not take."""
        if noise != "masked":
            reason = self.refusals.get(noise, "known: masked")
            raise ValueError(f"the oracle of {self.language.spec} takes no {noise!r} noise: {reason}")
        self.validate_length(length)
        shown = np.full((count, length), self.vocab_size, dtype=token_dtype(self.vocab_size))
        if prompt is not None:
            given = as_tokens(prompt, self.vocab_size, masks=True)
            if given.shape != shown.shape:
                raise ValueError(
                    f"the prompt has shape {given.shape}; pass {shown.shape}, the mask where none is given"
                )
            shown[:] = given
        return shown

    @whole_numbers(threads=1)
    def pairs(self, tokens: TokensLike, *, threads: int | None = None) -> Float[np.ndarray, "count length length"]:
        """I(x_i; x_j | revealed tokens) in nats for every two masked positions of partly masked rows; 0 elsewhere."""
        tokens = as_tokens(tokens, self.vocab_size, masks=True)
        return pairs_by_conditionals(self.conditionals, tokens, self.vocab_size, self.trust)


class ListedCanvas:
    """Sequences of which each is in a list; it keeps which of the list agree with what is revealed (MarginalsCanvas).

    Row r has the list number `which[r]`, of tokens at the positions `answered`; all others stay as they are `shown`.
    """

    def __init__(
        self,
        listings: list[Listing],
        which: Int[np.ndarray, "count"],
        answered: Int[np.ndarray, "answered"],
        shown: Tokens,
        vocab_size: int,
        trust: float,
    ) -> None:
        count, length = shown.shape
        sizes = np.array([len(each) for each in listings], dtype=np.int64)
        self._size = sizes[which]
        size = int(sizes.sum()) * len(answered) + 8 * int(self._size.sum())
        check_limit(
            size,
            MOST_LISTED_BYTES,
            "MOST_LISTED_BYTES",
            f"the answers to {count:,} prompts take {size:,} bytes",
            "ask for fewer sequences at once, or pass prompts that say more",
        )
        self._pool = np.concatenate([each.tokens for each in listings]) if listings else shown[:0]
        self._weights = np.concatenate([each.all_weights for each in listings] or [np.empty(0)])
        self._begin = (np.cumsum(sizes) - sizes)[which]
        self._offset = np.cumsum(self._size) - self._size
        self._kept = np.empty(int(self._size.sum()), dtype=np.int64)
        self._count = np.zeros(count, dtype=np.int64)
        self._column = np.full(length, -1, dtype=np.int64)
        self._column[answered] = np.arange(len(answered))
        self._mask, self._trust = vocab_size, trust
        self._shown = np.ascontiguousarray(shown[:, answered])
        self._changed: Bool[np.ndarray, "count"] = np.ones(count, dtype=np.bool_)
        self.calls: Int[np.ndarray, "count"] = np.zeros(count, dtype=np.int64)
        self.rounds: Int[np.ndarray, "count"] = np.zeros(count, dtype=np.int64)
        self.impossible: Bool[np.ndarray, "count"] = np.zeros(count, dtype=np.bool_)

    def write(self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"], tokens: Int[np.ndarray, "n"]) -> None:
        """Put tokens at (row, position) pairs of the answers; the mask erases."""
        from mdmtheory.kernels.listed import keep_agreeing

        rows, columns = np.asarray(rows), columns_of(self._column, positions)
        tokens = np.asarray(tokens).astype(np.int64)
        changed = (self._shown[rows, columns] != self._mask) | (tokens == self._mask)
        self._changed[rows[changed]] = True
        self._shown[rows, columns] = tokens
        added = ~self._changed[rows]
        if self._trust == 1 and added.any():
            places = (np.ascontiguousarray(each[added], dtype=np.int64) for each in (rows, columns, tokens))
            keep_agreeing(self._pool, self._kept, self._offset, self._count, *places)

    def marginals(
        self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"]
    ) -> Float[np.ndarray, "n vocab_size"]:
        """The posterior at each (row, position); every row named is charged one call and one round."""
        from mdmtheory.kernels import listed

        # Kernels are compiled for arrays that are contiguous and can be written to.
        rows, columns = np.require(rows, np.int64, ["C", "W"]), columns_of(self._column, positions)
        asked = np.unique(rows)
        self.calls[asked] += 1
        self.rounds[asked] += 1
        out = np.zeros((len(rows), self._mask))
        if self._trust < 1:
            order = np.argsort(rows, kind="stable")
            found, odds = np.zeros_like(out), (1 - self._trust) / self._mask
            gain, scores = float(np.log((self._trust + odds) / odds)), np.empty(int(self._size.max(initial=0)))
            lists = (self._pool, np.log(self._weights), self._begin, self._size, self._shown, self._mask)
            listed.average_trusted(*lists, gain, rows[order], columns[order], scores, found)
            out[order] = found
            return out
        stale = asked[self._changed[asked]]
        if len(stale):
            kept = (self._kept, self._offset, self._count)
            listed.keep_from_start(self._pool, self._begin, self._size, self._shown, self._mask, *kept, stale)
            self._changed[stale] = False
        listed.average_kept(self._pool, self._weights, self._kept, self._offset, self._count, rows, columns, out)
        self.impossible[rows[self._count[rows] == 0]] = True
        return out


def columns_of(column: Int[np.ndarray, "length"], positions: Int[np.ndarray, "n"]) -> Int[np.ndarray, "n"]:
    """Where in the answer positions stand, -1 being those of the prompt; ValueError where one of these is asked for."""
    columns = column[positions]
    if (columns < 0).any():
        place = int(np.asarray(positions)[columns < 0][0])
        raise ValueError(f"position {place} is given by the prompt; ask about positions of the answer")
    return columns
