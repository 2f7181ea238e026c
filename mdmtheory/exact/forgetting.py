"""Bigrams whose chain forgets: the powers up to where they settle, and which of their entries are structurally 0."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int

from mdmtheory.core.protocols import Language
from mdmtheory.exact.bigrams import initial_and_transition, is_bigram
from mdmtheory.languages.laws import closed_classes, rows_agree
from mdmtheory.languages.ngram import NGram

MOST_TOKENS = 1 << 15
"""A chain that has not forgotten its start after so many tokens is refused."""

MOST_POWER_BYTES = 1 << 29
"""So is one whose powers up to there take more memory."""

FORGOTTEN = 1e-12
"""How near the rows of a power come to each other, relative, before all are taken for the stationary law.

A chain that needs n tokens to forget leaves rounding errors of about n * 1e-16 in its powers.
"""


@dataclass(frozen=True, eq=False)
class ForgettingChain:
    """The irreducible aperiodic chain that a bigram ends in: on the tokens that it does not leave for good.

    `powers[k]` is the transition matrix to the power k + 1; in the last one all rows are `law`, the stationary law, and
    it stands for all higher ones, which are the same within 1e-12 relative. `forbidden[d - 1]` marks the pairs (y, z)
    that cannot stand d apart; from distance len(forbidden) + 1 on any two tokens can.
    """

    law: Float[np.ndarray, "states"]
    powers: Float[np.ndarray, "distances states states"]
    forbidden: tuple[Bool[np.ndarray, "states states"], ...]

    @property
    def settled(self) -> int:
        """The distance at which the chain has forgotten: further powers are the same."""
        return len(self.powers)

    def power(self, moves: Int[np.ndarray, "*some"]) -> Float[np.ndarray, "*some states states"]:
        """The transition matrix to each of some powers, 1 or more."""
        return self.powers[np.minimum(moves, self.settled) - 1]


def forgetting_chain(language: Language) -> ForgettingChain:
    """The chain of a bigram (an order-1 n-gram counts); ValueError where the language is none that forgets.

    Tokens that are left for good are left out: they stand near the start only, and count for nothing in a law per
    token. Refused are other languages, chains that may end in one of several closed classes, periodic chains, and
    chains that take more than 32,768 tokens to forget, or 512 MiB for the powers up to there.
    """
    if not is_bigram(language):
        raise ValueError(
            f"{language.spec} is no bigram; this law per token is known for n-grams of order 1 and 2 only "
            "(for others use first_order(language, length) / length)"
        )
    return _forgetting_chain(language)


@lru_cache(maxsize=8)
def _forgetting_chain(language: NGram) -> ForgettingChain:
    _, transition, _ = initial_and_transition(language)
    classes = closed_classes(transition > 0)
    if len(classes) != 1:
        raise ValueError(
            f"the chain of {language.spec} is reducible: it ends in one of {len(classes)} classes of tokens for good, "
            "and far tokens stay dependent, for each tells which; pass a bigram that reaches one closed class only"
        )
    transition = transition[np.ix_(classes[0], classes[0])]
    period = period_of(transition > 0)
    if period > 1:
        raise ValueError(
            f"the chain of {language.spec} has period {period}: it never forgets where it is in its cycle, and far "
            "tokens stay dependent; pass an aperiodic bigram"
        )
    powers = _powers(transition)
    if powers is None:
        raise ValueError(
            f"the chain of {language.spec} has not forgotten its start after {_most_powers(transition):,} tokens; "
            "pass a bigram that mixes faster"
        )
    return ForgettingChain(powers[-1, 0].copy(), powers, _forbidden(transition > 0))


def _most_powers(transition: Float[np.ndarray, "states states"]) -> int:
    return min(MOST_TOKENS, MOST_POWER_BYTES // transition.nbytes)


def _powers(transition: Float[np.ndarray, "states states"]) -> Float[np.ndarray, "distances states states"] | None:
    """The powers up to the first whose rows agree, None where those are too many.

    The stationary law is read from that power: sums of positive terms keep the relative precision of rare tokens, which
    a linear system would lose.
    """
    most = _most_powers(transition)
    reached, power = 1, transition
    # By squaring first: a slow chain is refused at once.
    while not rows_agree(power, FORGOTTEN):
        if reached >= most:
            return None
        reached, power = 2 * reached, _stochastic(power @ power)
    powers = np.empty((min(reached, most), *transition.shape))
    powers[0] = transition
    for k in range(len(powers)):
        if k:
            powers[k] = _stochastic(transition @ powers[k - 1])
        if rows_agree(powers[k], FORGOTTEN):
            powers[k] = powers[k].mean(axis=0)
            return powers[: k + 1].copy()
    return None


def _stochastic(matrix: Float[np.ndarray, "states states"]) -> Float[np.ndarray, "states states"]:
    return matrix / matrix.sum(axis=1, keepdims=True)


def _forbidden(allowed: Bool[np.ndarray, "states states"]) -> tuple[Bool[np.ndarray, "states states"], ...]:
    """Which pairs no path of d moves joins, for d = 1, 2, ... until every pair is joined."""
    moves = allowed.astype(np.float64)
    joined = allowed
    forbidden = []
    while not joined.all():
        forbidden.append(~joined)
        joined = joined @ moves > 0
    return tuple(forbidden)


def period_of(allowed: Bool[np.ndarray, "states states"]) -> int:
    """The greatest common divisor of the lengths of all cycles of an irreducible chain."""
    level = np.full(len(allowed), -1)
    level[0] = 0
    frontier, distance = np.zeros(len(allowed), dtype=bool), 0
    frontier[0] = True
    while frontier.any():
        distance += 1
        frontier = allowed[frontier].any(axis=0) & (level < 0)
        level[frontier] = distance
    source, target = np.nonzero(allowed)
    return int(np.gcd.reduce(np.abs(level[source] + 1 - level[target])))
