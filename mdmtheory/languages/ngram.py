"""n-gram languages: the next token depends on the n - 1 before it."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.evaluable import call
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.limits import MOST_SUPPORT_STATES, MOST_TABLE_ENTRIES, check_limit
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import stream_states
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens, token_dtype
from mdmtheory.languages.arpa import read_arpa
from mdmtheory.languages.base import LanguageBase
from mdmtheory.languages.chain import Chain, reachable
from mdmtheory.languages.laws import (
    ATTEMPTS,
    DENSE_STATES,
    alike,
    as_floats,
    checked_law,
    closed_classes,
    dirichlet_rows,
    furthest_off,
    on_grain,
    pruned,
    row_entropies,
    stationary_law_of,
)
from mdmtheory.languages.smoothed import smoothed
from mdmtheory.languages.support import Support

if TYPE_CHECKING:
    from scipy.sparse import csr_array

CHAIN_STATES = 600
"""Up to so many contexts (shorter ones included) an n-gram runs as a chain of hidden states, which is faster."""

HIGHEST_ORDER = 6

PRESET_PRUNE = 1.0
"""Chosen so that at length 512 SER under ancestral sampling falls from above 0.9 at 64 steps to below 0.2 at 2048."""


class NGram(LanguageBase):
    """An n-gram of order 1 to 6: the first n-1 tokens ~ initial, then x_i ~ conditional[x_{i-n+1}, ..., x_{i-1}].

    Shapes (V,)*(n-1) (a scalar 1 for n = 1) and (V,)*n, the last axis of `conditional` being the next token. `initial`
    sums to 1 over all its axes; rows of `conditional` sum to 1 within 1e-9, else ValueError names the row. Those of
    float32, as torch and jax fit them, may be off by 1e-5 and are divided by their sums; `rounded` and the repr say how
    far off.

    >>> NGram([0.5, 0.5], [[0.6, 0.4], [1.0, 0.0]]).log_prob([[0, 0, 1]]).round(4).tolist()
    [-2.1203]
    """

    kind = "ngram"
    version = 1
    arrays = ("initial", "conditional")

    def __init__(self, initial: Any, conditional: Any, *, spec: Spec | None = None) -> None:
        self.conditional = checked_law(conditional, "conditional")
        shape = self.conditional.shape
        if len(set(shape)) != 1:
            raise ValueError(f"conditional has shape {shape}; every axis must have one size, the vocabulary's")
        if len(shape) > HIGHEST_ORDER:
            raise ValueError(f"conditional has {len(shape)} axes; orders 1 to {HIGHEST_ORDER} are supported")
        self.order, self.vocab_size = len(shape), shape[0]
        self.oracle_name = "chain" if self.order == 1 else "ngram"
        start = as_floats(initial, "initial")
        if start.shape != shape[:-1]:
            raise ValueError(
                f"initial has shape {start.shape}; expected {shape[:-1]}, the law of the first {self.order - 1} tokens"
            )
        whole = start.reshape(-1)
        self.initial = checked_law(whole, "initial", remedy="initial / initial.sum()").reshape(shape[:-1])
        self.initial.setflags(write=False)
        self.rounded = furthest_off(whole, conditional)
        token_dtype(self.vocab_size)
        self._named(spec)

    @classmethod
    @whole_numbers(order=1, vocab_size=1, seed=0)
    def random(
        cls, *, order: int = 2, vocab_size: int = 8, seed: int = 0, prune: float = 0.0, spec: Spec | None = None
    ) -> NGram:
        """Dirichlet(1) rows, entries below prune/vocab_size zeroed, the stationary law as initial law.

        Entries are multiples of 2^-30. Redrawn up to 1,000 times until there is exactly one closed class, then
        ValueError.
        """
        if order > HIGHEST_ORDER:
            raise ValueError(f"order is {order}; pass 1 to {HIGHEST_ORDER}")
        if not prune >= 0:
            raise ValueError(f"prune is {prune}; pass 0 or more (entries below it/vocab_size become zero)")
        contexts = vocab_size ** (order - 1)
        token_dtype(vocab_size)
        entries = contexts * vocab_size
        large = f"{order=} and {vocab_size=} make a table of {entries:,} probabilities"
        check_limit(entries, MOST_TABLE_ENTRIES, "MOST_TABLE_ENTRIES", large, "use a lower order or fewer tokens")
        named = {} if spec is None else {"spec": spec}
        made = call(f"{cls.__name__}.random", order=order, vocab_size=vocab_size, seed=seed, prune=prune, **named)
        for attempt in range(ATTEMPTS):
            streams = stream_states(["random ngram", order, vocab_size, seed, attempt], 0, contexts)
            rows = on_grain(pruned(dirichlet_rows(streams, vocab_size), prune))
            if order == 1:
                return cls(1.0, rows[0], spec=spec).made_by(made)
            moves = context_moves(rows)
            classes = closed_classes(moves)
            if len(classes) == 1:
                break
        else:
            raise ValueError(
                f"no n-gram with one closed class in {ATTEMPTS} draws ({order=}, {vocab_size=}, {prune=}); prune less"
            )
        law = stationary_law_of(moves, classes[0])
        shape = (vocab_size,) * order
        initial = on_grain(law[None])[0].reshape(shape[:-1])
        return cls(initial, rows.reshape(shape), spec=spec).made_by(made)

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
    ) -> NGram:
        """The n-gram of a text or of sequences of tokens: see `languages.smoothed.smoothed` for `smoothing` and errors.

        Its first tokens are drawn by the lower orders, fitted to the same sequences wherever they occur, so that it has
        no beginning of its own. A context that never occurs goes on as its longest suffix that does. `PDFA.fit` takes
        the same, needs room for what occurs alone, and knows any order.

        >>> NGram.fit("abracadabra", order=2).conditional[1].tolist()  # after b: always r, of a b c d r
        [0.0, 0.0, 0.0, 0.0, 1.0]
        """
        if order > HIGHEST_ORDER:
            raise ValueError(f"order is {order}; pass 1 to {HIGHEST_ORDER}, or take PDFA.fit")
        fitted = smoothed(tokens, order=order, smoothing=smoothing, vocab_size=vocab_size)
        entries, size = fitted.vocab_size**order, fitted.vocab_size
        large = f"order {order} of {size:,} tokens makes a table of {entries:,} probabilities"
        check_limit(entries, MOST_TABLE_ENTRIES, "MOST_TABLE_ENTRIES", large, "take PDFA.fit, or a lower order")
        initial = np.ones(())
        for each in range(1, order):
            initial = initial[..., None] * fitted.table(each).reshape((size,) * each)
        return cls(initial, fitted.table(order).reshape((size,) * order), spec=spec)

    @classmethod
    def from_arpa(cls, path: str | PathLike[str], *, spec: Spec | None = None) -> NGram:
        """The back-off model of an ARPA file, as `PDFA.from_arpa` reads it, with a row for every context."""
        model = read_arpa(path)
        size, (initial, conditional) = len(model.alphabet.pieces), model.tables()
        if model.order > HIGHEST_ORDER:
            raise ValueError(f"{path} is of order {model.order}; take PDFA.from_arpa, which knows any order")
        return cls(initial.reshape((size,) * (model.order - 1)), conditional.reshape((size,) * model.order), spec=spec)

    @classmethod
    def from_tables(cls, tables: dict[str, Any]) -> NGram:
        """`conditional` may be a table with a row for each context, V^(n-1) of them, the last token changing first."""
        conditional, initial = np.asarray(tables["conditional"]), np.asarray(tables["initial"])
        if conditional.ndim == 2:
            contexts, vocab_size = conditional.shape
            order = 1 + next((n for n in range(HIGHEST_ORDER) if vocab_size**n == contexts), -1)
            if not order:
                raise ValueError(
                    f"conditional has {contexts} rows of {vocab_size} tokens; give a row for each context, which are "
                    f"{vocab_size}^(n-1) for an n-gram"
                )
            shape = (vocab_size,) * order
            conditional = conditional.reshape(shape)
            initial = initial.reshape(shape[:-1]) if initial.size == contexts else initial
        return cls.from_parameters({"initial": initial, "conditional": conditional})

    @property
    def contexts(self) -> int:
        """V^(n-1), the number of full contexts."""
        return self.vocab_size ** (self.order - 1)

    @property
    def independent_tokens(self) -> bool:
        # The first two tokens of a trigram may depend on each other whatever the rows are.
        return self.order <= 2 and alike(self.conditional.reshape(-1, self.vocab_size))

    @property
    def width(self) -> int:
        return max(self.vocab_size, self.contexts)

    @cached_property
    def laws(self) -> tuple[Float[np.ndarray, "rows vocab"], tuple[int, ...]]:
        """The law of the next token after every context, shorter ones first, and where those of m tokens start."""
        full = self.conditional.reshape(self.contexts, self.vocab_size)
        heads, offsets = [], [0]
        for known in range(self.order - 1):
            after = self.initial.reshape(self.vocab_size ** (known + 1), -1).sum(axis=1).reshape(-1, self.vocab_size)
            total = after.sum(axis=1, keepdims=True)
            # A context that never starts a sequence needs some law; it is never asked for.
            heads.append(np.where(total > 0, after / np.where(total > 0, total, 1), 1 / self.vocab_size))
            offsets.append(offsets[-1] + len(after))
        return np.ascontiguousarray(np.vstack([*heads, full])), tuple(offsets)

    @cached_property
    def chain(self) -> Chain | None:
        """This n-gram as a chain whose states are contexts of 1 to n-1 tokens; None where those are too many."""
        laws, _ = self.laws
        rows = len(laws)
        if self.order == 1:
            return Chain.of(np.ones(1), np.ones((1, 1)), laws)
        if rows - 1 > CHAIN_STATES:
            return None
        following = self._following
        transition = np.zeros((rows, rows))
        transition[np.arange(rows)[:, None], following] = laws
        emission = np.zeros((rows, self.vocab_size))
        emission[np.arange(1, rows), self._newest[1:]] = 1.0
        return Chain.of(transition[0, 1:], transition[1:, 1:], emission[1:])

    @whole_numbers(count=0, length=1, seed=0, first=0, threads=1)
    def sample(self, count: int, length: int, seed: int, *, first: int = 0, threads: int | None = None) -> Tokens:
        from mdmtheory.languages.tables import automaton_walks

        out = np.empty((count, length), dtype=token_dtype(self.vocab_size))
        return automaton_walks(self._table, 0, self._streams(count, length, seed, first), out, threads)

    @whole_numbers(threads=1)
    def log_prob(self, tokens: TokensLike, *, threads: int | None = None) -> Float[np.ndarray, "count"]:
        tokens = as_tokens(tokens, self.vocab_size)
        laws, _ = self.laws
        with np.errstate(divide="ignore"):
            logs = np.log(laws)
        at = np.zeros(len(tokens), dtype=np.int64)
        total = np.zeros(len(tokens))
        for position in range(tokens.shape[1]):
            token = tokens[:, position]
            total += logs[at, token]
            at = self._following[at, token]
        return total

    @property
    def has_every_sequence(self) -> bool:
        """Whether no probability is 0; contexts that are never reached count too."""
        return bool((self.conditional > 0).all() and (self.initial > 0).all())

    def in_support(self, tokens: TokensLike) -> Bool[np.ndarray, "count"]:
        tokens = as_tokens(tokens, self.vocab_size, masks=True)
        allowed = np.hstack([self.laws[0] > 0, np.zeros((len(self.laws[0]), 1), dtype=bool)])
        at = np.zeros(len(tokens), dtype=np.int64)
        inside = np.ones(len(tokens), dtype=bool)
        for position in range(tokens.shape[1]):
            token = tokens[:, position]
            inside &= allowed[at, token]
            at = self._following[at, np.minimum(token, self.vocab_size - 1)]
        return inside

    @whole_numbers(length=1)
    def support(self, length: int) -> Support:
        return self._support.reading(np.arange(length))

    @cached_property
    def _support(self) -> Support:
        """Of its chain; where that has too many states to move laws with, of the contexts that can be reached."""
        if self.chain is not None:
            return self.chain.support
        laws, _ = self.laws
        rows = len(laws)
        large = f"the automaton of {self.spec} has {rows:,} contexts"
        check_limit(rows, MOST_SUPPORT_STATES, "MOST_SUPPORT_STATES", large, "use a lower order or fewer tokens")
        following = np.zeros((rows, rows), dtype=np.bool_)
        following[np.arange(rows)[:, None], self._following] = laws > 0
        emits = np.zeros((rows, self.vocab_size), dtype=np.bool_)
        emits[np.arange(1, rows), self._newest[1:]] = True
        kept = 1 + np.flatnonzero(reachable(following[0, 1:], following[1:, 1:]))
        return Support.of(following[0, kept], following[np.ix_(kept, kept)], emits[kept])

    @whole_numbers(length=1, count=0, seed=0)
    def entropy(self, length: int, count: int = 10_000, seed: int = 0) -> Estimate:
        """H(q) in nats, exact: the sum of the expected entropies of the next token."""
        self.validate_length(length)
        laws, offsets = self.laws
        entropies = row_entropies(laws)
        total, mass = 0.0, np.ones(1)
        for position in range(length):
            row = offsets[min(position, self.order - 1)]
            here = laws[row : row + len(mass)]
            total += float(mass @ entropies[row : row + len(mass)])
            joint = (mass[:, None] * here).reshape(-1)
            mass = joint if len(joint) <= self.contexts else joint.reshape(self.vocab_size, -1).sum(axis=0)
        return Estimate.exact(total)

    def entropy_rate(self) -> Estimate | None:
        """Nats a token as the length grows, exact; None when more than one closed class of contexts can be reached."""
        full = self.conditional.reshape(self.contexts, self.vocab_size)
        if self.order == 1:
            return Estimate.exact(float(row_entropies(full)[0]))
        moves = context_moves(full)
        start = self.initial.reshape(-1) > 0
        seen = (
            reachable(start, moves.toarray() > 0)
            if self.contexts <= DENSE_STATES
            else np.ones(self.contexts, dtype=bool)
        )
        classes = [each for each in closed_classes(moves) if (each & seen).any()]
        if len(classes) != 1:
            return None
        return Estimate.exact(float(stationary_law_of(moves, classes[0]) @ row_entropies(full)))

    def parameters(self) -> dict[str, Any]:
        return {"initial": self.initial, "conditional": self.conditional}

    @cached_property
    def _newest(self) -> Any:
        """The last token of every context row (0 for the empty one)."""
        laws, offsets = self.laws
        edges = [*offsets, len(laws)]
        return np.concatenate([np.arange(b - a) % self.vocab_size for a, b in pairwise(edges)])

    @cached_property
    def _following(self) -> Any:
        """The row reached from each context row by each token, (rows, V)."""
        laws, offsets = self.laws
        edges = [*offsets, len(laws)]
        pieces = []
        for known in range(self.order):
            context = np.arange(edges[known + 1] - edges[known])
            if known < self.order - 1:
                target = edges[known + 1] + context[:, None] * self.vocab_size + np.arange(self.vocab_size)
            else:
                kept = context % max(self.contexts // self.vocab_size, 1)
                target = offsets[-1] + (kept[:, None] * self.vocab_size + np.arange(self.vocab_size)) % self.contexts
            pieces.append(target)
        return np.vstack(pieces)

    @cached_property
    def _table(self) -> tuple[Any, int, int]:
        from mdmtheory.languages.tables import automaton_table

        laws, _ = self.laws
        token_bits = max(self.vocab_size - 1, 1).bit_length()
        labels = (self._following << token_bits) | np.arange(self.vocab_size)
        return *automaton_table(laws, labels, len(laws), int((laws > 0).sum(axis=1).max())), token_bits


def context_moves(rows: Float[np.ndarray, "contexts vocab"]) -> csr_array:
    """The sparse transition matrix of contexts: the oldest token leaves, a new one enters."""
    from scipy.sparse import csr_array

    contexts, vocab_size = rows.shape
    context, token = np.nonzero(rows)
    target = (context % max(contexts // vocab_size, 1)) * vocab_size + token
    return csr_array((rows[context, token], (context, target)), shape=(contexts, contexts))


@registered(
    "language",
    "ngram",
    completable=True,
    family="random chain",
    place=2,
    said="{order}-gram",
    examples=("", "order=1", "order=3,vocab_size=4"),
    sources=("feng2025",),
)
@whole_numbers(order=1, vocab_size=1, seed=0)
def preset(*, order: int = 2, vocab_size: int = 8, seed: int = 0, prune: float = PRESET_PRUNE) -> NGram:
    """A random n-gram with pruned Dirichlet(1) rows, n = order from 1 to 6."""
    return NGram.random(order=order, vocab_size=vocab_size, seed=seed, prune=prune)
