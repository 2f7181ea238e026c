"""Rules that look, on the walk: what no rule can do without, span by span.

Where rounds are counted by the share of positions that are hidden before them, which is 1 at most, rounds and nats are
sums over the spans between known tokens. These know nothing of one another, so that what is best for each is best for
all. No rule takes fewer rounds: a bound from below of what `adaptive_rounds` searches, at lengths that no search
reaches.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from jaxtyping import Float

from mdmtheory.exact.adaptive_rounds import Point, weighed
from mdmtheory.exact.serial_depth import ALIKE
from mdmtheory.languages.laws import row_entropies

MOST_LENGTH = 64
"""Longest walk: its tables hold length^4/4 numbers, 34 MB at 64."""

Costs = Float[np.ndarray, "two parts ones"]
"""Rounds and nats, by how many bits a part of a span has, and by how many ones the span has."""


class WalkSpans:
    """A walk of `length` fair bits, in spans of D bits: between two known tokens, or behind the last of them.

    A span between tokens hides D - 1 positions, and how many of its bits are ones is known, k; the one behind the last
    hides D, and is free: nothing is known of it.
    """

    def __init__(self, length: int) -> None:
        if not 1 <= length <= MOST_LENGTH:
            raise ValueError(f"length is {length}; pass 1 to {MOST_LENGTH}, as far as walks are known")
        self.length = length

    def best(self, price: float) -> Point:
        """Mean rounds, by the share of hidden positions, and nats, of the best of each span, the shortest first."""
        inside, free = [np.zeros((2, 1)), np.zeros((2, 2))], [np.zeros((2, 1))]
        for bits in range(1, self.length + 1):
            if bits > 1:
                parts = self._parts(bits, inside)
                found = _cheapest(parts, parts[:, :0:-1], self._told[bits], price)
                inside.append(found + self._a_round(bits - 1))
            parts = np.stack([inside[d] @ _free_law(d) for d in range(bits + 1)], axis=1)[:, :, None]
            found = _cheapest(parts, np.stack(free[::-1], axis=1), self._free_told[: bits + 1, : bits + 1], price)
            free.append(found + self._a_round(bits))
        rounds, nats = free[-1][:, 0].tolist()
        return rounds, max(nats, 0.0)

    def _a_round(self, hidden: int) -> Float[np.ndarray, "two one"]:
        return np.array([[hidden / self.length], [0.0]])

    def _parts(self, bits: int, inside: list[Float[np.ndarray, "two _"]]) -> Costs:
        """What parts of 0, ..., bits - 1 bits of a span cost, in the mean over how many of its ones are theirs."""
        return np.stack([inside[d] @ self._laws[bits][d].T for d in range(bits)], axis=1)

    @cached_property
    def _laws(self) -> list[list[Float[np.ndarray, "_ _"]]]:
        """By bits of a span and of a part of it: how likely the part has j of the k ones."""
        return [[_law(bits, part) for part in range(bits + 1)] for bits in range(self.length + 1)]

    @cached_property
    def _entropies(self) -> list[Float[np.ndarray, "_ _"]]:
        """By bits of a span: the entropy of the token at each of its places, from 0 to its end."""
        return [np.stack([row_entropies(law) for law in laws], axis=1) for laws in self._laws]

    @cached_property
    def _told(self) -> list[Float[np.ndarray, "_ _ _"]]:
        """By bits of a span: the nats that the token at a place tells of a later one."""
        return [self._told_in(bits) for bits in range(self.length + 1)]

    def _told_in(self, bits: int) -> Float[np.ndarray, "places later ones"]:
        told = np.zeros((bits + 1, bits + 1, bits + 1))
        ones = np.arange(bits + 1)[:, None]
        for place in range(1, bits):
            # Where the ones before a place are more than there are, or too few, the law has 0 for any entropy.
            left = np.clip(ones - np.arange(place + 1), 0, bits - place)
            given = np.einsum("kj,kjv->vk", self._laws[bits][place], self._entropies[bits - place][left])
            told[place, place:] = self._entropies[bits][:, place:].T - given
        return np.maximum(told, 0.0)

    @cached_property
    def _free_told(self) -> Float[np.ndarray, "places later one"]:
        """The nats that the token at a place of the free span tells of a later one: H(Bin(v)) - H(Bin(v - u))."""
        entropy = np.array([row_entropies(_free_law(place)[None, :])[0] for place in range(self.length + 1)])
        places = np.arange(self.length + 1)
        told = entropy[None, :] - entropy[np.maximum(places[None, :] - places[:, None], 0)]
        told[0] = 0.0
        return told[:, :, None]


def _law(bits: int, part: int) -> Float[np.ndarray, "ones part"]:
    """How likely j of k ones are in the first `part` of so many bits, row k: hypergeometric."""
    ways = [
        [
            math.comb(part, j) * math.comb(bits - part, k - j) / math.comb(bits, k) if k >= j else 0.0
            for j in range(part + 1)
        ]
        for k in range(bits + 1)
    ]
    return np.array(ways)


def _free_law(bits: int) -> Float[np.ndarray, "ones"]:
    return np.array([math.comb(bits, j) / 2**bits for j in range(bits + 1)])


def _cheapest(
    parts: Costs, behind: Float[np.ndarray, "two last ones"], told: Float[np.ndarray, "place later ones"], price: float
) -> Float[np.ndarray, "two ones"]:
    """Of all sets of places that may be opened in a span, what the cheapest costs, and all that then follows.

    By the place v that is opened last: what is before it is a part of v - u bits, u being the place before it, of which
    u tells `told[u, v]`, as the walk is a Markov chain, and what was best up to u. `behind[v - 1]` is what then costs.
    """
    last = behind.shape[1]
    upto = np.zeros((2, last + 1, parts.shape[2]))
    for place in range(1, last + 1):
        ways = upto[:, :place] + parts[:, place:0:-1]
        ways[1] += told[:place, place]
        upto[:, place] = _least(ways, price)
    return _least(upto[:, 1:] + behind, price)


def _least(ways: Float[np.ndarray, "two ways ones"], price: float) -> Float[np.ndarray, "two ones"]:
    total = weighed(ways[0], ways[1], price, ways[1] <= ALIKE)
    found: Float[np.ndarray, "two ones"] = np.take_along_axis(ways, total.argmin(axis=0)[None, None, :], axis=1)[:, 0]
    return found
