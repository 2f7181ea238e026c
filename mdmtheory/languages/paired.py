"""Languages in which pairs of positions carry the same uniform token."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt64

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.limits import MOST_LENGTH, check_limit
from mdmtheory.core.register import registered
from mdmtheory.core.sources import Ours
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.closed import ClosedLanguage
from mdmtheory.languages.support import Support

_SEARCH = Ours(
    "closed form sequence error rate of masked diffusion on parity, repetition and equal pairs of "
    "tokens, exact posterior",
    "2026-11-29",
)


class _Paired(ClosedLanguage):
    family = "PAIRS"
    distance: int

    @whole_numbers(length=1)
    def partners(self, length: int) -> Int[np.ndarray, "length"]:
        """The position that carries the same token, -1 where it lies beyond the end."""
        position = np.arange(length)
        first_half = position % (2 * self.distance) < self.distance
        partner = np.where(first_half, position + self.distance, position - self.distance)
        return np.where(partner < length, partner, -1)

    @whole_numbers(length=1)
    def log_support_size(self, length: int) -> float:
        """log V for every position that has no partner before it."""
        free = int((~((self.partners(length) >= 0) & (self.partners(length) < np.arange(length)))).sum())
        return free * float(np.log(self.vocab_size))

    @whole_numbers(length=1)
    def information_curve(self, length: int) -> Float[np.ndarray, "length"]:
        """log V unless the partner is revealed, which has probability m / (length - 1) where there is one."""
        paired = float((self.partners(length) >= 0).mean())
        return np.log(self.vocab_size) * (1 - paired * np.arange(length) / max(length - 1, 1))

    @whole_numbers(length=1)
    def pair_clashes(self, length: int) -> Float[np.ndarray, "known"]:
        """1 - 1/V for partners, whatever else is revealed."""
        pairs = int((self.partners(length) >= 0).sum()) / 2
        return np.full(length - 1, pairs / (length * (length - 1) / 2) * (1 - 1 / self.vocab_size))

    @whole_numbers(length=1)
    def support(self, length: int) -> Support:
        """Reads pair after pair; a state is a token, and whether it is the first of its pair."""
        partners = self.partners(length)
        firsts = np.flatnonzero(partners > np.arange(length))
        return self._support.reading(np.column_stack([firsts, partners[firsts]]).ravel())

    @cached_property
    def _support(self) -> Support:
        size = self.vocab_size
        first = np.arange(2 * size) < size
        successors = np.zeros((2 * size, 2 * size), dtype=np.bool_)
        successors[:size, size:] = np.eye(size)
        successors[size:, :size] = True
        return Support.of(first, successors, np.tile(np.eye(size, dtype=np.bool_), (2, 1)), ~first)

    def entropy_rate(self) -> Estimate:
        """Half of log V nats a token, exact."""
        return Estimate.exact(0.5 * float(np.log(self.vocab_size)))

    def _draw(self, streams: UInt64[np.ndarray, "count 4"], out: Tokens) -> None:
        from mdmtheory.kernels.closed_sampling import sample_pairs

        sample_pairs(self.partners(out.shape[1]), self.vocab_size, streams, out)


@registered(
    "language",
    "copy",
    completable=True,
    place=4,
    said="copy at distance {distance}",
    examples=("", "distance=2,vocab_size=3"),
    sources=(_SEARCH,),
)
class Copy(_Paired):
    """In blocks of 2*distance tokens the second half repeats the uniform first half.

    Memory as long as the distance, and no more entropy for it. Where the last block is cut off, a position whose
    partner lies beyond the end is free.

    >>> Copy(distance=2, vocab_size=3).in_support(np.array([[0, 2, 0, 2, 1], [0, 2, 2, 0, 1]])).tolist()
    [True, False]
    """

    kind = "copy"
    version = 1
    numbers = ("distance", "vocab_size")

    @whole_numbers(distance=1, vocab_size=1)
    def __init__(self, *, distance: int = 16, vocab_size: int = 8, spec: Spec | None = None) -> None:
        check_limit(distance, MOST_LENGTH, "MOST_LENGTH", f"distance is {distance:,}", "use a shorter one")
        self.distance = distance
        self._settle(vocab_size, spec)

    def parameters(self) -> dict[str, Any]:
        """The distance and the vocabulary's size."""
        return {"distance": self.distance, "vocab_size": self.vocab_size}


@registered(
    "language", "equal_pairs", completable=True, place=5, said="equal pairs of {vocab_size}", sources=(_SEARCH,)
)
class EqualPairs(_Paired):
    """Positions (0, 1), (2, 3), ... carry the same uniform token; an odd length leaves the last one alone.

    Its SER and TER under random order have closed forms (docs/theory.md, section 7; ours).

    >>> EqualPairs(vocab_size=2).in_support(np.array([[0, 0, 1, 1, 0], [0, 1, 1, 1, 0]])).tolist()
    [True, False]
    """

    kind = "equal_pairs"
    version = 1
    numbers = ("vocab_size",)

    @whole_numbers(vocab_size=1)
    def __init__(self, *, vocab_size: int = 16, spec: Spec | None = None) -> None:
        self.distance = 1
        self._settle(vocab_size, spec)

    def parameters(self) -> dict[str, Any]:
        """The vocabulary's size."""
        return {"vocab_size": self.vocab_size}
