"""Bit strings with given parities: the solutions of a linear system over two elements."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.streams import stream_states
from mdmtheory.core.tokens import Tokens, TokensLike, as_tokens, token_dtype
from mdmtheory.languages.base import LanguageBase
from mdmtheory.languages.support import Support

MOST_CHECKS = 64
"""Rows of the matrix: a column is kept as the bits of one word."""

MOST_READ_CHECKS = 62
"""Rows of a matrix whose parities so far are numbers that an automaton has for states, as whole numbers from 0."""

Words = UInt64[np.ndarray, "..."]


class Solved(NamedTuple):
    """The system at a length: which columns stand by themselves, and what of the others makes up any parities.

    Parity check `leads[k]` is made right by changing the positions `pivots` whose bits `switches[k]` has.
    """

    columns: UInt64[np.ndarray, "length"]
    pivots: Int[np.ndarray, "rank"]
    leads: UInt64[np.ndarray, "rank"]
    basis: UInt64[np.ndarray, "rank"]
    switches: UInt64[np.ndarray, "rank"]


class Affine(LanguageBase):
    """Uniform over bit strings x with A x = b modulo 2; column i of A is column i mod period of `matrix`.

    `matrix` (checks, period) and `offset` (checks,) are zeros and ones; b is 0 unless given. A length at which no
    string has the parities b is refused. Parity is one row of ones. Two rounds draw it exactly (`two_rounds`), by
    2608.25505, proposition 4; docs/theory.md, section 6.

    >>> Affine([[1, 1, 0], [0, 1, 1]], [1, 0]).in_support([[1, 0, 0], [0, 1, 1], [1, 1, 1]]).tolist()
    [True, True, False]
    """

    kind = "affine"
    version = 1
    oracle_name = "affine"
    arrays = ("matrix", "offset")

    def __init__(self, matrix: Any, offset: Any = None, *, spec: Spec | None = None) -> None:
        self.matrix = _bits(matrix, "matrix", 2)
        checks = len(self.matrix)
        if not 1 <= checks <= MOST_CHECKS:
            raise ValueError(f"matrix has {checks} rows; pass 1 to {MOST_CHECKS} parity checks")
        self.offset = _bits(np.zeros(checks) if offset is None else offset, "offset", 1)
        if len(self.offset) != checks:
            raise ValueError(f"offset has {len(self.offset)} bits and matrix {checks} rows; pass a bit for each row")
        self.vocab_size = 2
        self._named(spec)

    def parameters(self) -> dict[str, Any]:
        """Matrix and offset."""
        return {"matrix": self.matrix, "offset": self.offset}

    @property
    def checks(self) -> int:
        """How many parities are given."""
        return len(self.matrix)

    @whole_numbers(length=1)
    def columns(self, length: int) -> UInt64[np.ndarray, "length"]:
        """Column i of A as the bits of one word, the first row's lowest."""
        return np.resize(_words(self.matrix.T), length)

    @property
    def target(self) -> np.uint64:
        """b as the bits of one word."""
        word: np.uint64 = _words(self.offset[None])[0]
        return word

    @whole_numbers(length=1)
    def rank(self, length: int) -> int:
        """How many bits of a sequence the others determine."""
        return len(_solved(self, length).pivots)

    @whole_numbers(length=1)
    def validate_length(self, length: int) -> None:
        """ValueError where no string of this length has the parities."""
        super().validate_length(length)
        if _switched(_solved(self, length), np.array([self.target]))[1][0]:
            raise ValueError(f"no string of {length} bits has the parities {self.offset.astype(int).tolist()}")

    @whole_numbers(length=1)
    def two_rounds(self, length: int) -> Int[np.ndarray, "length"]:
        """The plan that is exact: the free positions, which are independent, and then those that they determine."""
        self.validate_length(length)
        plan = np.ones(length, dtype=np.int64)
        if self.rank(length) < length:
            plan[_solved(self, length).pivots] = 2
        return plan

    @whole_numbers(length=1)
    def support(self, length: int) -> Support:
        """A state is the parities so far; ValueError where they are too many."""
        self.validate_length(length)
        return _support(self, length)

    @whole_numbers(count=0, length=1, seed=0, first=0, threads=1)
    def sample(self, count: int, length: int, seed: int, *, first: int = 0, threads: int | None = None) -> Tokens:
        """Sequences first..first+count-1, (count, length), of the stream that (language, length, seed) names."""
        from mdmtheory.kernels.random import fill_uniforms

        uniforms = np.empty((count, length))
        fill_uniforms(self._streams(count, length, seed, first), uniforms)
        solved = _solved(self, length)
        bits = uniforms < 0.5
        bits[:, solved.pivots] = False
        switched, _ = _switched(solved, self.target ^ _parities(solved.columns, bits))
        places = np.arange(len(solved.pivots), dtype=np.uint64)
        bits[:, solved.pivots] = (switched[:, None] >> places & np.uint64(1)).astype(np.bool_)
        return bits.astype(token_dtype(2))

    @whole_numbers(threads=1)
    def log_prob(self, tokens: TokensLike, *, threads: int | None = None) -> Float[np.ndarray, "count"]:
        """-(length - rank) log 2 in nats, -inf outside the support."""
        tokens = as_tokens(tokens, 2)
        free = tokens.shape[1] - self.rank(tokens.shape[1])
        return np.where(self.in_support(tokens), -free * float(np.log(2)), -np.inf)

    def in_support(self, tokens: TokensLike) -> Bool[np.ndarray, "count"]:
        """Whether all parities are right; False for a row that holds a mask."""
        tokens = as_tokens(tokens, 2, masks=True)
        self.validate_length(tokens.shape[1])
        right = _parities(self.columns(tokens.shape[1]), tokens == 1) == self.target
        found: Bool[np.ndarray, "count"] = right & (tokens < 2).all(axis=1)
        return found

    @whole_numbers(length=1, count=0, seed=0)
    def entropy(self, length: int, count: int = 10_000, seed: int = 0) -> Estimate:
        """H(q) in nats, exact: log 2 for every bit that is free."""
        self.validate_length(length)
        return Estimate.exact((length - self.rank(length)) * float(np.log(2)))

    def entropy_rate(self) -> Estimate:
        """One bit a token, in nats, exact: no more of them are determined than there are checks."""
        return Estimate.exact(float(np.log(2)))


@registered(
    "language",
    "affine",
    completable=True,
    place=8,
    said="affine, {checks} checks",
    examples=("", "checks=3,period=5"),
    sources=("wen2026",),
)
@whole_numbers(checks=1, period=1, seed=0)
def preset(*, checks: int = 4, period: int = 64, seed: int = 0) -> Affine:
    """Bit strings with given parities: each position is in a random set of checks, not empty, again after a period."""
    if checks > MOST_CHECKS:
        raise ValueError(f"checks is {checks}; pass 1 to {MOST_CHECKS}")
    bits = np.zeros((checks, period))
    for position in range(period):
        attempt = 0
        while not bits[:, position].any():
            words = stream_states(["affine", checks, seed, position, attempt], 0, 1)[0, :1]
            bits[:, position] = words >> np.arange(checks, dtype=np.uint64) & np.uint64(1)
            attempt += 1
    return Affine(bits)


@lru_cache(maxsize=16)
def _support(language: Affine, length: int) -> Support:
    if language.checks > MOST_READ_CHECKS:
        raise ValueError(
            f"{language.spec} has {language.checks} parity checks, and {MOST_READ_CHECKS} at most are read; use fewer"
        )
    columns, target = language.columns(length).astype(np.int64), int(language.target)

    def step(t: int, states: Int[np.ndarray, "states"]) -> Int[np.ndarray, "states vocab_size"]:
        then = np.stack([states, states ^ columns[t]], axis=1)
        return then if t < length - 1 else np.where(then == target, then, -1)

    return Support.of_reader(np.arange(length), 0, step)


@lru_cache(maxsize=64)
def _solved(language: Affine, length: int) -> Solved:
    """Gaussian elimination, column by column from the left."""
    columns = language.columns(length)
    pivots: list[int] = []
    leads: list[int] = []
    basis: list[int] = []
    switches: list[int] = []
    for position, column in enumerate(columns.tolist()):
        switch = 0
        for lead, vector, own in zip(leads, basis, switches, strict=True):
            if column & lead:
                column, switch = column ^ vector, switch ^ own
        if not column:
            continue
        lead, switch = column & -column, switch ^ (1 << len(pivots))
        for k, vector in enumerate(basis):
            if vector & lead:
                basis[k], switches[k] = vector ^ column, switches[k] ^ switch
        for row, value in ((pivots, position), (leads, lead), (basis, column), (switches, switch)):
            row.append(value)
    words = (np.array(each, dtype=np.uint64) for each in (leads, basis, switches))
    return Solved(columns, np.array(pivots, dtype=np.int64), *words)


def _switched(solved: Solved, wanted: Words) -> tuple[Words, Bool[np.ndarray, "..."]]:
    """Which pivots to set for the parities `wanted`, and where that cannot be done."""
    found, left = np.zeros_like(wanted), wanted.copy()
    for lead, vector, switch in zip(solved.leads, solved.basis, solved.switches, strict=True):
        has = (wanted & lead) != 0
        found ^= np.where(has, switch, np.uint64(0))
        left ^= np.where(has, vector, np.uint64(0))
    return found, left != 0


def _parities(columns: UInt64[np.ndarray, "length"], bits: Bool[np.ndarray, "count length"]) -> Words:
    """A x as words."""
    found: Words = np.bitwise_xor.reduce(np.where(bits, columns, np.uint64(0)), axis=1)
    return found


def _words(rows: Float[np.ndarray, "rows checks"]) -> Words:
    """Each row of bits as one word, the first bit the lowest."""
    places = np.arange(rows.shape[1], dtype=np.uint64)
    found: Words = np.bitwise_or.reduce(rows.astype(np.uint64) << places, axis=1)
    return found


def _bits(given: Any, name: str, axes: int) -> Float[np.ndarray, "..."]:
    found = np.array(given, dtype=np.float64)
    if found.ndim != axes or not found.size or not ((found == 0) | (found == 1)).all():
        what = "(checks, period)" if axes == 2 else "(checks,)"
        raise ValueError(f"{name} has shape {found.shape}; pass zeros and ones of shape {what}")
    found.setflags(write=False)
    return found
