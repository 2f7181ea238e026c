"""Languages that are uniform on a support in closed form."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.evaluable import call
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.spec import Spec
from mdmtheory.core.threads import over_rows
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens, token_dtype
from mdmtheory.languages.base import LanguageBase


class ClosedTables(NamedTuple):
    """What kernels/closed.py runs on; `partner` is -1 where a position has none, `noise` is 1 - trust."""

    family: int
    vocab_size: int
    partner: Int[np.ndarray, "length"]
    noise: float


class ClosedLanguage(LanguageBase):
    """Uniform on its support; subclasses set `family`, a constant of kernels/closed.py, and their support's size."""

    family: ClassVar[str]
    oracle_name = "closed"

    def _settle(self, vocab_size: int, spec: Spec | None) -> None:
        token_dtype(vocab_size)
        self.vocab_size = vocab_size
        self._named(spec or Spec.of(self.kind, **self.parameters()))

    def __repr__(self) -> str:
        parameters = self.parameters()
        if self.spec != Spec.of(self.kind, **parameters):
            return self._made or call(type(self).__name__, **parameters, spec=self.spec)
        return call(type(self).__name__, **parameters)

    @abstractmethod
    def log_support_size(self, length: int) -> float:
        """Logarithm of the number of sequences of this length."""

    @abstractmethod
    def information_curve(self, length: int) -> Float[np.ndarray, "length"]:
        """The entropy of a token in nats given m others, m = 0..length-1, averaged over sets and positions."""

    @abstractmethod
    def pair_clashes(self, length: int) -> Float[np.ndarray, "known"]:
        """How likely two masked tokens, drawn each by itself, cannot stand together: given m = 0..length-2 others.

        Averaged over the sets of m revealed positions, the pairs outside them, and what is revealed.
        """

    @whole_numbers(length=1)
    def partners(self, length: int) -> Int[np.ndarray, "length"]:
        """The position that carries the same token, -1 where there is none."""
        return np.full(length, -1, dtype=np.int64)

    @whole_numbers(length=1)
    def tables(self, length: int, trust: float = 1.0) -> ClosedTables:
        """The language as the kernels take it."""
        from mdmtheory.kernels import closed

        return ClosedTables(getattr(closed, self.family), self.vocab_size, self.partners(length), 1.0 - trust)

    @whole_numbers(count=0, length=1, seed=0, first=0, threads=1)
    def sample(self, count: int, length: int, seed: int, *, first: int = 0, threads: int | None = None) -> Tokens:
        """Sequences first..first+count-1, (count, length), of the stream that (language, length, seed) names."""
        streams = self._streams(count, length, seed, first)
        out = np.empty((count, length), dtype=token_dtype(self.vocab_size))
        over_rows(lambda a, b: self._draw(streams[a:b], out[a:b]), count, threads)
        return out

    @abstractmethod
    def _draw(self, streams: UInt64[np.ndarray, "count 4"], out: Tokens) -> None:
        """Fill row i of `out` from stream i."""

    @whole_numbers(threads=1)
    def log_prob(self, tokens: TokensLike, *, threads: int | None = None) -> Float[np.ndarray, "count"]:
        """Minus the logarithm of the support's size, in nats; -inf outside the support."""
        tokens = as_tokens(tokens, self.vocab_size)
        return np.where(self.possible(tokens, threads), -self.log_support_size(tokens.shape[1]), -np.inf)

    def in_support(self, tokens: TokensLike) -> Bool[np.ndarray, "count"]:
        """Whether q(x) > 0; False for a row that holds a mask."""
        tokens = as_tokens(tokens, self.vocab_size, masks=True)
        return self.possible(tokens) & (tokens < self.vocab_size).all(axis=1)

    @whole_numbers(threads=1)
    def possible(self, tokens: Tokens, threads: int | None = None) -> Bool[np.ndarray, "count"]:
        """Whether each partly masked row agrees with some sequence of the support."""
        from mdmtheory.kernels.closed import possible_closed

        self.validate_length(tokens.shape[1])
        tables = self.tables(tokens.shape[1])
        out = np.empty(len(tokens), dtype=np.bool_)
        over_rows(lambda a, b: possible_closed(tables, tokens[a:b], out[a:b]), len(tokens), threads)
        return out

    @whole_numbers(length=1, count=0, seed=0)
    def entropy(self, length: int, count: int = 10_000, seed: int = 0) -> Estimate:
        """H(q) in nats, exact: the logarithm of the support's size."""
        self.validate_length(length)
        return Estimate.exact(self.log_support_size(length))
