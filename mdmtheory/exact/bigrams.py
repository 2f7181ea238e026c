"""Bigrams as the exact recursions take them: the tokens that are reached, laws by position, powers by distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.protocols import Language
from mdmtheory.exact.enumeration import check_feasible
from mdmtheory.languages.chain import reachable
from mdmtheory.languages.ngram import NGram

LEAST_POWER = 1e-290
"""A smaller probability is not told from 0 in products of three: its reciprocal would come near the largest float64."""

SIGHT = 2e-14
"""Laws that differ by less, relative, are the same: the rounding error of a product of three powers."""

FIRST_POWERS = 64
"""Most chains forget within so many tokens; the powers of others are made for every distance."""


def is_bigram(language: Language) -> TypeGuard[NGram]:
    """Whether the recursions over spans know the language: an n-gram of order 2, or 1, which has one row for all."""
    return isinstance(language, NGram) and language.order <= 2


@dataclass(frozen=True, eq=False)
class BigramHops:
    """A chain on the tokens that it reaches, with all laws between two of its positions up to a length.

    `heads[i]` is the law of the token at position i, `hops[d - 1]` the transition matrix to the power d; the last of
    each stands for all further ones. What is possible but below 1e-290 is NaN there: possibility is decided by Boolean
    powers, never by the size of a number.
    """

    heads: Float[np.ndarray, "places states"]
    hops: Float[np.ndarray, "distances states states"]

    @classmethod
    def of(
        cls, initial: Float[np.ndarray, "states"], transition: Float[np.ndarray, "states states"], length: int
    ) -> BigramHops:
        """Laws up to `length`, fewer where they no longer change; every state must be reached from `initial`."""
        from mdmtheory.kernels.chain import head_laws

        hops = _powers(np.ascontiguousarray(transition), max(1, length - 1))
        heads = np.empty((min(length, len(hops) + 1), len(initial)))
        head_laws(np.ascontiguousarray(initial), np.ascontiguousarray(transition), heads)
        moves = (transition > 0).astype(np.float64)
        seen, joined = initial > 0, transition > 0
        for law in heads:
            law[seen & (law < LEAST_POWER)] = np.nan
            seen = seen @ moves > 0
        for power in hops:
            power[joined & (power < LEAST_POWER)] = np.nan
            joined = joined @ moves > 0
        return cls(heads, hops)


def reached_tokens(language: NGram) -> Bool[np.ndarray, "vocab_size"]:
    """The tokens that can occur at some position."""
    if language.order == 1:
        return language.conditional > 0
    return reachable(language.initial > 0, language.conditional > 0)


def initial_and_transition(
    language: NGram,
) -> tuple[Float[np.ndarray, "states"], Float[np.ndarray, "states states"], Int[np.ndarray, "vocab_size"]]:
    """The chain of a bigram on the tokens that it reaches, and the number of every token in it, -1 for others."""
    reached = reached_tokens(language)
    numbers = np.where(reached, np.cumsum(reached) - 1, -1)
    if language.order == 1:
        law = language.conditional[reached]
        return law, np.tile(law, (len(law), 1)), numbers
    return language.initial[reached], language.conditional[np.ix_(reached, reached)], numbers


def hops_in_logs(
    initial: Float[np.ndarray, "states"], transition: Float[np.ndarray, "states states"], length: int
) -> BigramHops:
    """The logarithms of `BigramHops.of`, with nothing too small for float64; O(length V^3) logarithms."""
    with np.errstate(divide="ignore"):
        head, moves = np.log(initial), np.log(transition)
    heads, hops = [head], [moves]
    for _ in range(length - 1):
        heads.append(np.logaddexp.reduce(heads[-1][:, None] + moves, axis=0))
        hops.append(np.logaddexp.reduce(hops[-1][:, :, None] + moves[None], axis=1))
    return BigramHops(np.array(heads), np.array(hops))


def _powers(transition: Float[np.ndarray, "states states"], most: int) -> Float[np.ndarray, "distances states states"]:
    from mdmtheory.kernels.chain import power_table

    size = len(transition)
    powers = np.empty((min(FIRST_POWERS, most), size, size))
    settled = power_table(transition, powers)
    if not settled and len(powers) < most:
        entries = float(most) * size**2
        check_feasible(entries * size, 8 * entries, f"{most} powers of a {size} × {size} matrix")
        powers = np.empty((most, size, size))
        settled = power_table(transition, powers)
    return powers[:settled].copy() if settled else powers
