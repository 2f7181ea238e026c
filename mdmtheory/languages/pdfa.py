"""Automata that draw: what an n-gram is whose contexts are few of those that there could be."""

from __future__ import annotations

from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import WholeNumber, whole_number, whole_numbers
from mdmtheory.core.limits import MOST_SUPPORT_STATES, MOST_TABLE_ENTRIES, check_limit
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens, token_dtype
from mdmtheory.languages.arpa import read_arpa
from mdmtheory.languages.base import LanguageBase
from mdmtheory.languages.chain import Chain, reachable
from mdmtheory.languages.laws import MOST_OFF, as_floats, closed_classes, stationary_law_of
from mdmtheory.languages.smoothed import Smoothed, smoothed
from mdmtheory.languages.support import Support

if TYPE_CHECKING:
    from scipy.sparse import csr_array

CHAIN_STATES = 600
"""Up to so many pairs of a state and the token that led there it runs as a chain of hidden states, which is faster."""


class PDFA(LanguageBase):
    """A probabilistic deterministic finite automaton: a state draws a token, and the token says which state comes next.

    Arc k leads from state `sources[k]`, by `tokens[k]`, to `targets[k]`, with `probabilities[k]`; a state has one arc a
    token at most, and its arcs sum to 1 within 1e-9. Sequences begin in state 0 and may end in any. n-grams of which
    few contexts occur, and back-off models, are such automata (`PDFA.fit`, `PDFA.from_arpa`): they take as much room as
    they have arcs, where `NGram` takes V^n. Up to 2^26 states times tokens.

    >>> q = PDFA([0, 0, 1], [0, 1, 0], [0, 1, 0], [0.5, 0.5, 1.0], vocab_size=2)
    >>> q.log_prob([[0, 1, 0]]).round(4).tolist(), q.in_support([[1, 1, 0]]).tolist()
    ([-1.3863], [False])
    """

    kind = "pdfa"
    version = 1
    arrays = ("sources", "tokens", "targets", "probabilities")
    numbers = ("vocab_size",)

    def __init__(
        self,
        sources: Any,
        tokens: Any,
        targets: Any,
        probabilities: Any,
        *,
        vocab_size: WholeNumber,
        spec: Spec | None = None,
    ) -> None:
        self.vocab_size = whole_number(vocab_size, "vocab_size", 1)
        token_dtype(self.vocab_size)
        given = [_numbers(each, name) for name, each in zip(self.arrays, (sources, tokens, targets), strict=False)]
        chances = as_floats(probabilities, "probabilities")
        if len({each.shape for each in (*given, chances)}) > 1 or chances.ndim != 1 or not chances.size:
            shapes = ", ".join(
                f"{name} {each.shape}" for name, each in zip(self.arrays, (*given, chances), strict=True)
            )
            raise ValueError(f"shapes differ: {shapes}; pass a source, a token, a target and a probability an arc")
        order = np.lexsort((given[1], given[0]))
        self.sources, self.tokens, self.targets = (each[order] for each in given)
        self.states = int(self.sources[-1]) + 1
        self.probabilities = self._checked(chances[order])
        for each in (self.sources, self.tokens, self.targets, self.probabilities):
            each.setflags(write=False)
        self.oracle_name = "arcs" if self.chain is None else "chain"
        self._named(spec)

    @classmethod
    @whole_numbers(order=1, vocab_size=1)
    def fit(
        cls,
        tokens: Any,
        *,
        order: int,
        smoothing: str | float | None = None,
        vocab_size: int | None = None,
        spec: Spec | None = None,
    ) -> PDFA:
        """The n-gram that `NGram.fit` fits, with states for the contexts that occur alone: of any order.

        >>> PDFA.fit("abracadabra", order=3).states
        13
        """
        fitted = smoothed(tokens, order=order, smoothing=smoothing, vocab_size=vocab_size)
        return cls(*_arcs(fitted), vocab_size=fitted.vocab_size, spec=spec)

    @classmethod
    def from_arpa(cls, path: str | PathLike[str], *, spec: Spec | None = None) -> PDFA:
        """The back-off model of an ARPA file, its tokens being the words of its 1-grams but `<s>`, in their order.

        A sequence begins after `<s>`, and anew after `</s>`, which is a token. The words are in
        `languages.arpa.read_arpa(path).alphabet`. Rows are divided by their sums, as the file's logarithms have few
        digits; `rounded` says how far off 1 they were. ValueError in one line for what is no such file.
        """
        model = read_arpa(path)
        arcs, off = model.arcs()
        found = cls(*arcs, vocab_size=len(model.alphabet.pieces), spec=spec)
        object.__setattr__(found, "rounded", off if off > MOST_OFF else 0.0)
        return found

    def _checked(self, chances: Float[np.ndarray, "arcs"]) -> Float[np.ndarray, "arcs"]:
        """Probabilities that sum to 1 in every state; ValueError that names what is wrong with an arc or a state."""
        entries = self.states * self.vocab_size
        large = f"{self.states:,} states of {self.vocab_size:,} tokens make a table of {entries:,}"
        check_limit(entries, MOST_TABLE_ENTRIES, "MOST_TABLE_ENTRIES", large, "use fewer states or tokens")
        for name, values, most in (("tokens", self.tokens, self.vocab_size), ("targets", self.targets, self.states)):
            if (values >= most).any():
                raise ValueError(f"{name} has {values.max()}; pass whole numbers from 0 to {most - 1}")
        same = (np.diff(self.sources) == 0) & (np.diff(self.tokens) == 0)
        if same.any():
            k = int(np.flatnonzero(same)[0])
            raise ValueError(f"state {self.sources[k]} has two arcs of the token {self.tokens[k]}; pass one")
        if not (chances > 0).all() or not (chances < np.inf).all():
            raise ValueError("probabilities must be above 0; leave an arc out that is never taken")
        sums = np.bincount(self.sources, chances, self.states)
        off = np.flatnonzero(~(np.abs(sums - 1) <= MOST_OFF))
        if len(off):
            raise ValueError(
                f"the arcs of state {off[0]} sum to {sums[off[0]]:.12g}; they must sum to 1 within {MOST_OFF:.0e}"
            )
        # What rounding leaves is left: dividing it out again would change a law each time that it is saved and loaded.
        exact = np.abs(sums - 1) <= self.vocab_size * np.finfo(np.float64).eps
        return np.asarray(np.where(exact[self.sources], chances, chances / sums[self.sources]))

    @property
    def width(self) -> int:
        return max(self.vocab_size, self.states)

    @cached_property
    def edges(self) -> Int[np.ndarray, "edges"]:
        """Where the arcs of each state begin, and in the end how many there are."""
        return np.searchsorted(self.sources, np.arange(self.states + 1))

    @cached_property
    def following(self) -> Int[np.ndarray, "states vocab"]:
        """The arc of each token in each state; -1 where there is none."""
        found = np.full((self.states, self.vocab_size), -1, dtype=np.int32)
        found[self.sources, self.tokens] = np.arange(len(self.sources))
        return found

    @cached_property
    def chain(self) -> Chain | None:
        """Itself as a chain whose states are its own with the token that led there; None where those are too many."""
        pairs, entered = self._entered
        if len(pairs) > CHAIN_STATES:
            return None
        moves = np.zeros((1 + len(pairs), len(pairs)))
        # Out of state 0 at the start, and out of each pair.
        for row, state in enumerate((0, *pairs[:, 0].tolist())):
            arcs = slice(self.edges[state], self.edges[state + 1])
            moves[row, entered[arcs]] = self.probabilities[arcs]
        return Chain.of(moves[0], moves[1:], np.eye(self.vocab_size)[pairs[:, 1]])

    @whole_numbers(count=0, length=1, seed=0, first=0, threads=1)
    def sample(self, count: int, length: int, seed: int, *, first: int = 0, threads: int | None = None) -> Tokens:
        """Sequences first..first+count-1, (count, length), of the stream that (language, length, seed) names."""
        from mdmtheory.languages.tables import automaton_walks

        out = np.empty((count, length), dtype=token_dtype(self.vocab_size))
        return automaton_walks(self._table, 0, self._streams(count, length, seed, first), out, threads)

    @whole_numbers(threads=1)
    def log_prob(self, tokens: TokensLike, *, threads: int | None = None) -> Float[np.ndarray, "count"]:
        """log q(x) in nats, -inf outside the support."""
        tokens = as_tokens(tokens, self.vocab_size)
        self.validate_length(tokens.shape[1])
        logs = np.append(np.log(self.probabilities), -np.inf)
        targets = np.append(self.targets, 0)
        at, total = np.zeros(len(tokens), dtype=np.int64), np.zeros(len(tokens))
        for position in range(tokens.shape[1]):
            arcs = self.following[at, tokens[:, position]]
            total += logs[arcs]
            at = targets[arcs]
        return total

    def in_support(self, tokens: TokensLike) -> Bool[np.ndarray, "count"]:
        """Whether q(x) > 0; False for a row that holds a mask."""
        tokens = as_tokens(tokens, self.vocab_size, masks=True)
        found: Bool[np.ndarray, "count"] = np.asarray((tokens < self.vocab_size).all(axis=1))
        found[found] = self.log_prob(tokens[found]) > -np.inf
        return found

    @property
    def has_every_sequence(self) -> bool:
        """Whether every state has an arc of every token; states that are never reached count too."""
        return len(self.sources) == self.states * self.vocab_size

    @whole_numbers(length=1)
    def support(self, length: int) -> Support:
        """The same automaton, of states with the token that led there; ValueError for too many of them."""
        return self._support.reading(np.arange(length))

    @cached_property
    def _support(self) -> Support:
        pairs, entered = self._entered
        large = f"the automaton of {self.spec} has {len(pairs):,} states with the token that led there"
        check_limit(len(pairs), MOST_SUPPORT_STATES, "MOST_SUPPORT_STATES", large, "use fewer states or tokens")
        leaves = np.zeros((self.states, len(pairs)), dtype=np.bool_)
        leaves[self.sources, entered] = True
        start, moves = leaves[0], leaves[pairs[:, 0]]
        kept = np.flatnonzero(reachable(start, moves))
        emits = np.eye(self.vocab_size, dtype=np.bool_)[pairs[kept, 1]]
        return Support.of(start[kept], moves[np.ix_(kept, kept)], emits)

    @whole_numbers(length=1, count=0, seed=0)
    def entropy(self, length: int, count: int = 10_000, seed: int = 0) -> Estimate:
        """H(q) in nats, exact: the sum of the expected entropies of the next token."""
        self.validate_length(length)
        moves, mass, total = self._moves.T.tocsr(), np.eye(1, self.states)[0], 0.0
        for _ in range(length):
            total += float(mass @ self._entropies)
            mass = moves @ mass
        return Estimate.exact(total)

    def entropy_rate(self) -> Estimate | None:
        """Nats a token as the length grows, exact; None when more than one closed class of states can be reached."""
        from scipy.sparse.csgraph import breadth_first_order

        seen = np.zeros(self.states, dtype=np.bool_)
        seen[breadth_first_order(self._moves, 0, return_predecessors=False)] = True
        classes = [each for each in closed_classes(self._moves) if (each & seen).any()]
        if len(classes) != 1:
            return None
        return Estimate.exact(float(stationary_law_of(self._moves, classes[0]) @ self._entropies))

    def parameters(self) -> dict[str, Any]:
        """The arcs, and the size of the vocabulary."""
        arcs = {name: np.asarray(getattr(self, name), dtype=np.float64) for name in self.arrays}
        return {**arcs, "vocab_size": self.vocab_size}

    @cached_property
    def _entered(self) -> tuple[Int[np.ndarray, "pairs 2"], Int[np.ndarray, "arcs"]]:
        """Each state with each token that leads there, and which of these each arc leads to."""
        codes, entered = np.unique(self.targets * self.vocab_size + self.tokens, return_inverse=True)
        return np.stack(np.divmod(codes, self.vocab_size), axis=1), entered

    @cached_property
    def _moves(self) -> csr_array:
        """The law of the next state, a row for each state."""
        from scipy.sparse import csr_array

        shape = (self.states, self.states)
        moves = csr_array((self.probabilities, (self.sources, self.targets)), shape=shape)
        moves.sum_duplicates()
        return moves

    @cached_property
    def _entropies(self) -> Float[np.ndarray, "states"]:
        """Of the next token in each state, in nats."""
        return np.bincount(self.sources, -self.probabilities * np.log(self.probabilities), self.states)

    @cached_property
    def _table(self) -> tuple[Any, int, int]:
        from mdmtheory.languages.tables import automaton_table

        token_bits = max(self.vocab_size - 1, 1).bit_length()
        laws, labels = (
            np.split(each, self.edges[1:-1])
            for each in (self.probabilities, (self.targets << token_bits) | self.tokens)
        )
        return *automaton_table(laws, labels, self.states, int(np.diff(self.edges).max())), token_bits


def _arcs(fitted: Smoothed) -> tuple[np.ndarray, ...]:
    """Sources, tokens, targets and probabilities: of one state for each order so far and context that has a law there.

    After m tokens, fewer than a whole context, the law is that of order m + 1, and from there on that of the highest.
    """
    size, highest = fitted.vocab_size, fitted.order
    first, states = {}, 0
    for order in range(1, highest + 1):
        for known, level in enumerate(fitted.levels(order)):
            first[order, known], states = states, states + len(level.codes)
    arcs = []
    for (order, known), offset in first.items():
        level = fitted.levels(order)[known]
        row, token = np.nonzero(level.rows)
        history, after = level.codes[row] * size + token, min(order + 1, highest)
        target = np.full(len(row), -1)
        # The longest suffix that has a law. None is longer than by the new token: the context itself was the longest.
        for length in range(min(known + 2, after) - 1, -1, -1):
            codes, suffix = fitted.levels(after)[length].codes, history % size**length
            place = np.minimum(np.searchsorted(codes, suffix), len(codes) - 1)
            fits = (target < 0) & (codes[place] == suffix)
            target[fits] = first[after, length] + place[fits]
        arcs.append(np.stack([offset + row, token, target, level.rows[row, token]]))
    return _reached(np.concatenate(arcs, axis=1), states)


def _reached(arcs: Float[np.ndarray, "4 arcs"], states: int) -> tuple[np.ndarray, ...]:
    """The arcs of states that can be reached from state 0, these numbered anew."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order

    sources, targets = arcs[0].astype(np.int64), arcs[2].astype(np.int64)
    moves = csr_array((np.ones(len(sources)), (sources, targets)), shape=(states, states))
    seen = np.sort(breadth_first_order(moves, 0, return_predecessors=False))
    number = np.full(states, -1)
    number[seen] = np.arange(len(seen))
    kept = number[sources] >= 0
    return number[sources[kept]], arcs[1, kept].astype(np.int64), number[targets[kept]], arcs[3, kept]


def _numbers(values: Any, name: str) -> Int[np.ndarray, "..."]:
    """Whole numbers from 0; ValueError for others."""
    array = as_floats(values, name)
    if not ((array >= 0) & (array == array.round()) & (array < 1 << 31)).all():
        raise ValueError(f"{name} must be whole numbers from 0; got {array.reshape(-1)[:3].tolist()}...")
    return array.astype(np.int64)
