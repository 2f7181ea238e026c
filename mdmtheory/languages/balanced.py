"""Bit strings with as many ones as zeros: what one position says of the others fades with how many there are."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens, token_dtype
from mdmtheory.languages.base import LanguageBase
from mdmtheory.languages.support import Support


@registered("language", "balanced", completable=True, place=11, sources=("wen2026",))
class Balanced(LanguageBase):
    """Uniform over bit strings of which half are ones, of odd length one fewer than zeros.

    Exchangeable: which positions are revealed does not matter, how many at a time does (2608.25505, theorem 11;
    docs/theory.md, section 6).

    >>> Balanced().in_support([[1, 0, 0, 1], [1, 0, 0, 0], [1, 1, 1, 0]]).tolist()
    [True, False, False]
    """

    kind = "balanced"
    version = 1
    oracle_name = "balanced"

    def __init__(self, *, spec: Spec | None = None) -> None:
        self.vocab_size = 2
        self._named(spec or Spec.of(self.kind))

    def __repr__(self) -> str:
        return "Balanced()" if self.spec == Spec.of(self.kind) else f"Balanced(spec={self.spec!r})"

    def parameters(self) -> dict[str, Any]:
        """None."""
        return {}

    @whole_numbers(length=1)
    def ones(self, length: int) -> int:
        """How many ones a sequence has."""
        return length // 2

    @whole_numbers(count=0, length=1, seed=0, first=0, threads=1)
    def sample(self, count: int, length: int, seed: int, *, first: int = 0, threads: int | None = None) -> Tokens:
        """Sequences first..first+count-1, (count, length), of the stream that (language, length, seed) names."""
        from mdmtheory.kernels.random import fill_uniforms

        uniforms = np.empty((count, length))
        fill_uniforms(self._streams(count, length, seed, first), uniforms)
        places = uniforms.argsort(axis=1, kind="stable")[:, : self.ones(length)]
        tokens = np.zeros((count, length), dtype=token_dtype(2))
        np.put_along_axis(tokens, places, 1, axis=1)
        return tokens

    @whole_numbers(threads=1)
    def log_prob(self, tokens: TokensLike, *, threads: int | None = None) -> Float[np.ndarray, "count"]:
        """Minus the logarithm of the number of such strings, in nats; -inf outside the support."""
        tokens = as_tokens(tokens, 2)
        return np.where(self.in_support(tokens), -self._log_support_size(tokens.shape[1]), -np.inf)

    def in_support(self, tokens: TokensLike) -> Bool[np.ndarray, "count"]:
        """Whether the ones are as many as they must be; False for a row that holds a mask."""
        tokens = as_tokens(tokens, 2, masks=True)
        self.validate_length(tokens.shape[1])
        found: Bool[np.ndarray, "count"] = (tokens < 2).all(axis=1) & (
            (tokens == 1).sum(axis=1) == self.ones(tokens.shape[1])
        )
        return found

    @whole_numbers(length=1, count=0, seed=0)
    def entropy(self, length: int, count: int = 10_000, seed: int = 0) -> Estimate:
        """H(q) in nats, exact: the logarithm of the number of such strings."""
        self.validate_length(length)
        return Estimate.exact(self._log_support_size(length))

    def entropy_rate(self) -> Estimate:
        """One bit a token, in nats, exact: the number of strings is 2^length but for a power of the length."""
        return Estimate.exact(float(np.log(2)))

    @whole_numbers(length=1)
    def information_curve(self, length: int) -> Float[np.ndarray, "length"]:
        """The mean entropy of a bit after m others: of the ones k that are left among length - m, hypergeometric."""
        curve = np.empty(length)
        for revealed in range(length):
            left = length - revealed
            counts, law = self._ones_left(length, left)
            shares = np.stack([counts, left - counts]) / left
            logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
            curve[revealed] = -(law * (shares * logs).sum(axis=0)).sum()
        return curve

    @whole_numbers(length=1)
    def pair_clashes(self, length: int) -> Float[np.ndarray, "known"]:
        """How likely two bits drawn together after m others cannot stand: both take the only one, or the only zero."""
        clashes = np.zeros(length - 1)
        for revealed in range(length - 1):
            left = length - revealed
            counts, law = self._ones_left(length, left)
            clashes[revealed] = (law[(counts == 1)].sum() + law[(counts == left - 1)].sum()) / left**2
        return clashes

    @whole_numbers(length=1)
    def support(self, length: int) -> Support:
        """A state is how many ones stand before a bit, and the bit."""
        ones = self.ones(length)
        before, bit = np.divmod(np.arange(2 * (ones + 1)), 2)
        after = before + bit
        return Support.of(
            before == 0, after[:, None] == before, bit[:, None] == np.arange(2), after == ones, order=np.arange(length)
        )

    def _log_support_size(self, length: int) -> float:
        from scipy.special import gammaln

        ones = self.ones(length)
        return float(gammaln(length + 1) - gammaln(ones + 1) - gammaln(length - ones + 1))

    def _ones_left(self, length: int, left: int) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
        """How many ones may be among so many positions, and how likely each number is."""
        from scipy.stats import hypergeom

        counts = np.arange(max(0, left - (length - self.ones(length))), min(left, self.ones(length)) + 1)
        return counts.astype(np.float64), hypergeom.pmf(counts, length, self.ones(length), left)
