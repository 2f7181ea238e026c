"""Which sequences a language has, as an automaton: states and moves, without probabilities."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, UInt64

from mdmtheory.core.limits import MOST_SUPPORT_STATES, check_limit

Words = UInt64[np.ndarray, "states words"]


class StateSets(NamedTuple):
    """The automaton as kernels/completable.py takes it: sets of states as 64-bit words, the mask's emitters all."""

    start: UInt64[np.ndarray, "words"]
    successors: Words
    predecessors: Words
    emitters: UInt64[np.ndarray, "evidence words"]
    ends: UInt64[np.ndarray, "words"]


@dataclass(frozen=True, eq=False)
class Support:
    """The sequences of one length that a language has: an automaton reads them in an order of positions.

    At each time it is in a state, which emits the token at that position of `order`, and moves on to one of its
    successors; it begins in a state of `start`, and a sequence that leads it into one of `ends` is in the language.
    Positions that `order` leaves out may have any token.
    """

    sets: StateSets
    order: Int[np.ndarray, "read"]

    @classmethod
    def of(
        cls,
        start: Bool[np.ndarray, "states"],
        successors: Bool[np.ndarray, "states states"],
        emits: Bool[np.ndarray, "states vocab"],
        ends: Bool[np.ndarray, "states"] | None = None,
        *,
        order: Int[np.ndarray, "read"] | None = None,
    ) -> Support:
        """From whether each state can be the first, follows, emits, and can be the last (by default all can).

        It reads nothing unless an order is given.
        ValueError for more than MOST_SUPPORT_STATES states (mdmtheory.core.limits).
        """
        states = len(start)
        large = f"the automaton of the support has {states:,} states"
        check_limit(states, MOST_SUPPORT_STATES, "MOST_SUPPORT_STATES", large, "use a smaller language")
        last = np.ones(states, dtype=np.bool_) if ends is None else ends
        emitters = np.vstack([emits.T, np.ones(states, dtype=np.bool_)])
        sets = StateSets(
            bits(start[None])[0], bits(successors), bits(successors.T), bits(emitters), bits(last[None])[0]
        )
        return cls(sets, np.zeros(0, dtype=np.int64) if order is None else order)

    def reading(self, order: Int[np.ndarray, "read"]) -> Support:
        """The same automaton, which reads other positions, or in another order."""
        return replace(self, order=order)

    @property
    def states(self) -> int:
        """How many."""
        return len(self.sets.successors)

    def __repr__(self) -> str:
        return f"<Support of {len(self.order)} positions, {self.states} states>"


def bits(members: Bool[np.ndarray, "rows members"]) -> UInt64[np.ndarray, "rows words"]:
    """Sets as 64-bit words."""
    rows, size = members.shape
    words = -(-size // 64)
    padded = np.zeros((rows, words * 64), dtype=np.bool_)
    padded[:, :size] = members
    return np.ascontiguousarray(np.packbits(padded, axis=1, bitorder="little").view("<u8").astype(np.uint64))
