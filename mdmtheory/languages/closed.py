"""Languages that are uniform on a support in closed form, and their oracle."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import PlanRun
from mdmtheory.core.spec import Spec
from mdmtheory.core.threads import over_rows
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens, token_dtype
from mdmtheory.languages.base import LanguageBase
from mdmtheory.languages.oracle_base import InLogs, OracleBase, run_kernel

MOST_ITEMS = 12
"""Items up to which permanents are summed: 4,096 sets, 100,000 sums a sequence."""


class ClosedTables(NamedTuple):
    """What kernels/closed.py runs on; `partner` is -1 where a position has none, `noise` is 1 - trust."""

    family: int
    vocab_size: int
    partner: Int[np.ndarray, "length"]
    noise: float


class ClosedLanguage(LanguageBase):
    """Uniform on its support; subclasses set `family`, a constant of kernels/closed.py, and their support's size."""

    family: ClassVar[str]

    def _settle(self, vocab_size: int, spec: Spec | None) -> None:
        token_dtype(vocab_size)
        self.vocab_size = vocab_size
        self._named(spec or Spec.of(self.kind, **self.parameters()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self.parameters().items())})"

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

    def oracle(self, trust: float = 1.0) -> ClosedOracle:
        """The exact posterior marginals of this language."""
        return ClosedOracle(self, trust)


class ClosedOracle(OracleBase):
    """Marginals from a few numbers that sum up what is revealed."""

    language: ClosedLanguage

    def _refused_noises(self) -> dict[str, str]:
        if self.language.family == "PERMUTATION" and self.language.vocab_size > MOST_ITEMS:
            reason = f"its posterior is a permanent, a sum over sets of items, done for up to {MOST_ITEMS} of them"
            return {"gaussian": reason, **super()._refused_noises()}
        return super()._refused_noises()

    def _weights(
        self, tokens: Tokens, trust: float, threads: int | None
    ) -> tuple[Float[np.ndarray, "count length vocab_size"], Bool[np.ndarray, "count"]]:
        from mdmtheory.kernels.closed import weigh_closed

        tables = self.language.tables(tokens.shape[1], trust)
        out = np.empty((*tokens.shape, self.vocab_size))
        over_rows(lambda a, b: weigh_closed(tables, tokens[a:b], out[a:b]), len(tokens), threads)
        return out, np.ones(len(tokens), dtype=np.bool_)

    def _posterior(
        self,
        logs: Float[np.ndarray, "count length vocab_size"],
        leave_out: bool,
        out: Float[np.ndarray, "count length vocab_size"],
        threads: int | None,
    ) -> None:
        weigh = self._in_logs(leave_out, False)
        over_rows(lambda a, b: weigh(logs[a:b], out[a:b]), len(logs), threads)

    def _in_logs(self, leave_out: bool, as_logs: bool) -> InLogs:
        from mdmtheory.kernels import closed_evidence

        if self.language.family == "PERMUTATION" and self.language.vocab_size > MOST_ITEMS:
            raise ValueError(f"its posterior is a permanent, a sum over sets of items, done for up to {MOST_ITEMS}")
        if self.language.family == "PAIRS":
            return lambda logs, out: closed_evidence.weigh_pairs(
                self.language.partners(logs.shape[1]), logs, leave_out, as_logs, out
            )
        weigh = getattr(closed_evidence, f"weigh_{self.language.family.lower()}")
        return lambda logs, out: weigh(logs, leave_out, as_logs, out)

    def _run(
        self,
        plan: Int[np.ndarray, "count length"],
        states: UInt64[np.ndarray, "count 4"] | None,
        tokens: Tokens | None,
        threads: int | None,
        recompute: bool,
        epsilon: float,
    ) -> tuple[PlanRun, Bool[np.ndarray, "count"]]:
        from mdmtheory.kernels.closed import run_closed_plans

        tables = self.language.tables(plan.shape[1], self.trust)
        return run_kernel(run_closed_plans, tables, plan, states, tokens, self.vocab_size, threads, recompute, epsilon)

    def _possible(self, tokens: Tokens) -> Bool[np.ndarray, "count"]:
        return self.language.possible(tokens)
