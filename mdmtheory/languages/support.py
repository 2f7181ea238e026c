"""Which sequences a language has, as an automaton: states and moves, without probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Int, UInt64

from mdmtheory.core.limits import MOST_SUPPORT_STATES, check_limit
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.automaton_rows import AutomatonRows, StateSets

States = Int[np.ndarray, "states"]
Moves = Int[np.ndarray, "length states vocab_size"]
Step = Callable[[int, States], Int[np.ndarray, "states vocab_size"]]
"""What each token read at time t makes of each state, numbers from 0; -1 where nowhere."""


@dataclass(frozen=True, eq=False)
class Support:
    """The sequences of one length that a language has: an automaton reads them in an order of positions.

    At each time it is in a state, which emits the token at that position of `order`, and moves on to one of its
    successors; it begins in a state of `start`, and a sequence that leads it into one of `ends` is in the language.
    Positions that `order` leaves out may have any token.
    """

    sets: StateSets
    order: Int[np.ndarray, "read"]
    exact_alone: ClassVar[bool] = False

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

    @classmethod
    def of_moves(cls, after: Moves, order: Int[np.ndarray, "read"], ends: Bool[np.ndarray, "states"]) -> Support:
        """Of a reader whose moves are those of its time: token v read at time t leads from state s to after[t, s, v].

        -1 is nowhere, state 0 the first, and `ends` are the last that a sequence may lead to. A state is a time, a
        state of the reader before it and the token that is read.
        """
        length = len(after)
        reached = [{0}]
        for t in range(length):
            reached.append({int(s) for s in after[t, sorted(reached[t])].ravel() if s >= 0})
        moves = [
            (t, s, int(v)) for t in range(length) for s in sorted(reached[t]) for v in np.flatnonzero(after[t, s] >= 0)
        ]
        _check_moves(len(moves))  # here already: what follows what is a table of so many squared
        time, before, token = np.array(moves).T
        then = after[time, before, token]
        return cls.of(
            time == 0,
            (time[:, None] + 1 == time) & (then[:, None] == before),
            token[:, None] == np.arange(after.shape[2]),
            (time == length - 1) & ends[then],
            order=order,
        )

    @classmethod
    def of_reader(cls, order: Int[np.ndarray, "read"], first: int, step: Step) -> Support:
        """Of the states that `step` reaches from `first`; all that are reached at last are an end."""
        after, ends = moves_of(len(order), first, step, most=MOST_SUPPORT_STATES)
        return cls.of_moves(after, order, ends)

    @classmethod
    def of_list(cls, sequences: Int[np.ndarray, "count length"], vocab_size: int) -> Support:
        """Of the sequences that are listed, each once: prefixes after which the same may follow are one state.

        The minimal automaton of a finite set of sequences of one length, made from its end.
        """
        count, length = sequences.shape
        prefixes = [np.zeros(count, dtype=np.int64)]
        for column in sequences.T:
            prefixes.append(np.unique(prefixes[-1] * vocab_size + column, return_inverse=True)[1])
        state, layers = np.zeros(count, dtype=np.int64), []
        for t in range(length - 1, -1, -1):
            _, some, prefix = np.unique(prefixes[t], return_index=True, return_inverse=True)
            follow = np.full((len(some), vocab_size), -1)
            follow[prefix, sequences[:, t]] = state
            layer, number = np.unique(follow, axis=0, return_inverse=True)
            layers.append(layer)
            state = number.reshape(-1)[prefix]
        _check_moves(sum(int((layer >= 0).sum()) for layer in layers))
        after = stacked(layers[::-1])
        return cls.of_moves(after, np.arange(length), np.arange(after.shape[1]) == 0)

    def reading(self, order: Int[np.ndarray, "read"]) -> Support:
        """The same automaton, which reads other positions, or in another order."""
        return replace(self, order=order)

    def rows(self, shown: Tokens, spec: Spec) -> AutomatonRows:
        """What is shown (rows, length), the mask elsewhere, ready for a step of any laws."""
        return AutomatonRows(self.sets, self.order, shown, spec)

    @property
    def states(self) -> int:
        """How many."""
        return len(self.sets.successors)

    def __repr__(self) -> str:
        return f"<Support of {len(self.order)} positions, {self.states} states>"


def moves_of(
    length: int, first: int, step: Step, *, most: int | None = None
) -> tuple[Moves, Bool[np.ndarray, "states"]]:
    """The states that `step` reaches from `first`, time by time, numbered anew, and which of them are reached at last.

    ValueError where more than `most` pairs of a state and a token are possible.
    """
    layer, steps, number = np.array([first]), [], 0
    for t in range(length):
        then = step(t, layer)
        layer = np.unique(then[then >= 0])
        number += int((then >= 0).sum())
        if most is not None and number > most:
            _check_moves(number, "states or more")
        steps.append(np.where(then >= 0, np.searchsorted(layer, then), -1))
    after = stacked(steps)
    return after, np.arange(max(after.shape[1], len(layer))) < len(layer)


def stacked(layers: list[Int[np.ndarray, "_ vocab_size"]]) -> Moves:
    """Layers of moves as one array, -1 where one has fewer states than another or than it is led to."""
    size = max(max(len(each), int(each.max(initial=-1)) + 1) for each in layers)
    after = np.full((len(layers), size, layers[0].shape[1]), -1)
    for t, each in enumerate(layers):
        after[t, : len(each)] = each
    return after


def _check_moves(number: int, words: str = "states") -> None:
    large = f"the automaton of the support has {number:,} {words}"
    check_limit(number, MOST_SUPPORT_STATES, "MOST_SUPPORT_STATES", large, "use a smaller language")


def bits(members: Bool[np.ndarray, "rows members"]) -> UInt64[np.ndarray, "rows words"]:
    """Sets as 64-bit words."""
    rows, size = members.shape
    words = -(-size // 64)
    padded = np.zeros((rows, words * 64), dtype=np.bool_)
    padded[:, :size] = members
    return np.ascontiguousarray(np.packbits(padded, axis=1, bitorder="little").view("<u8").astype(np.uint64))
