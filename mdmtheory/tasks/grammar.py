"""Random hierarchy grammars: rules by which a symbol becomes a tuple of symbols, level by level, each tuple of one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from jaxtyping import Int, Integer

from mdmtheory.core.streams import stream_states
from mdmtheory.tasks.drawing import Draws

MOST_TUPLES = 1 << 16
"""Tuples of symbols, vocab_size^branching, among which rules are drawn."""

MOST_BITS = 1000
"""Bits of the number of sentences, vocab_size synonyms^nodes, which messages count in a float64, up to 2^1023."""

MOST_LEAVES = 4096
"""Tokens of a sentence."""


@dataclass(frozen=True, eq=False)
class Grammar:
    """Symbol v of level l becomes one of rules[l, v], tuples, of which none is of two symbols of a level."""

    rules: Int[np.ndarray, "depth vocab_size synonyms branching"]

    @classmethod
    def random(cls, *, depth: int, branching: int, vocab_size: int, synonyms: int, seed: int) -> Self:
        """Tuples drawn uniformly among sets of different ones on each level (2307.02129).

        ValueError, one line, for what is too large or not to be had.
        """
        _check(depth, branching, vocab_size, synonyms)
        key = ["random hierarchy", branching, vocab_size, synonyms, seed]
        taken = vocab_size * synonyms
        drawn = [Draws(state).order(vocab_size**branching)[:taken] for state in stream_states(key, 0, depth)]
        tuples = np.stack(drawn)[..., None] // _powers(vocab_size, branching) % vocab_size
        return cls(tuples.reshape(depth, vocab_size, synonyms, branching))

    @property
    def leaves(self) -> int:
        """Tokens of a sentence."""
        depth, _, _, branching = self.rules.shape
        return int(branching**depth)

    @property
    def nodes(self) -> int:
        """Symbols that become tuples."""
        return (self.leaves - 1) // (self.rules.shape[3] - 1)

    @cached_property
    def _symbols(self) -> Int[np.ndarray, "depth tuples"]:
        """Of which symbol each tuple of a level is; -1 of none."""
        depth, vocab_size, synonyms, branching = self.rules.shape
        found = np.full((depth, vocab_size**branching), -1)
        numbers = (self.rules @ _powers(vocab_size, branching)).reshape(depth, -1)
        np.put_along_axis(found, numbers, np.arange(vocab_size * synonyms)[None] // synonyms, axis=1)
        return found

    def sentences(
        self, roots: Int[np.ndarray, "count"], choices: Int[np.ndarray, "count nodes"]
    ) -> Int[np.ndarray, "count leaves"]:
        """What classes become by the choice of a tuple, 0..synonyms-1, at each node, level by level."""
        symbols, begin = np.asarray(roots)[:, None], 0
        for rules in self.rules:
            width = symbols.shape[1]
            tuples = rules[symbols, choices[:, begin : begin + width]]
            symbols = tuples.reshape(len(symbols), width * self.rules.shape[3])
            begin += width
        return symbols

    def classes(self, sentences: Integer[np.ndarray, "count leaves"]) -> Int[np.ndarray, "count"]:
        """The class of which each sentence is, -1 of none: tuples are read as symbols, from the leaves to the root."""
        depth, vocab_size, _, branching = self.rules.shape
        symbols = np.asarray(sentences, dtype=np.int64)
        for level in range(depth - 1, -1, -1):
            tuples = symbols.reshape(len(symbols), branching**level, branching)
            found = self._symbols[level][np.maximum(tuples, 0) @ _powers(vocab_size, branching)]
            symbols = np.where((tuples >= 0).all(axis=2), found, -1)
        return symbols[:, 0]

    def reads(
        self, leaf: int, states: Int[np.ndarray, "states"], *, rooted: bool
    ) -> Int[np.ndarray, "states vocab_size"]:
        """What a leaf makes of what was read before it, -1 where no sentence begins so.

        A state is a number with a digit for each level, the tuple that has been read of it so far as a number, and for
        the class if it is given (`rooted`), lowest. Once a tuple is whole its symbol is the next of the level above.
        """
        depth, vocab_size, _, branching = self.rules.shape
        width = vocab_size ** (branching - 1)
        classes = vocab_size if rooted else 1
        if classes * float(width) ** depth > 2.0**62:
            raise ValueError(f"{width}^{depth} states are too many to number; use a grammar of fewer levels or tuples")
        rest, root = np.divmod(states[:, None], classes)
        symbol: Int[np.ndarray, "states vocab_size"] = np.broadcast_to(np.arange(vocab_size), (len(states), vocab_size))
        alive = np.ones(symbol.shape, dtype=np.bool_)
        found = np.zeros(symbol.shape, dtype=np.int64)
        place = leaf
        for level in range(depth - 1, -1, -1):
            begun = rest // width**level % width
            tuples = np.where(alive, begun * vocab_size + symbol, 0)
            place, child = divmod(place, branching)
            if child < branching - 1:
                found += tuples * width**level
                found += rest % width**level
                break
            symbol = self._symbols[level][tuples]
            alive = alive & (symbol >= 0)
        else:
            alive = alive & (symbol == root) if rooted else alive
        return np.where(alive, found * classes + root, -1)


def _powers(vocab_size: int, branching: int) -> Int[np.ndarray, "branching"]:
    """By which a tuple becomes a number."""
    return vocab_size ** np.arange(branching - 1, -1, -1)


def _check(depth: int, branching: int, vocab_size: int, synonyms: int) -> None:
    most = max(k for k in range(1, 17) if vocab_size**k <= MOST_TUPLES)
    if not 2 <= branching <= most:
        raise ValueError(
            f"branching is {branching}; pass from 2 to {most}: {vocab_size} symbols have no more than MOST_TUPLES = "
            f"{MOST_TUPLES:,} tuples then"
        )
    if synonyms > vocab_size ** (branching - 1):
        raise ValueError(
            f"synonyms is {synonyms}, and {vocab_size} symbols share {vocab_size}^{branching} tuples; pass from 1 to "
            f"{vocab_size ** (branching - 1)}"
        )
    deepest = max(k for k in range(1, 13) if branching**k <= MOST_LEAVES)
    if depth > deepest:
        raise ValueError(
            f"depth is {depth}; pass from 1 to {deepest}: sentences have no more than MOST_LEAVES = {MOST_LEAVES:,} "
            "tokens then"
        )
    nodes = (branching**depth - 1) // (branching - 1)
    bits = math.log2(vocab_size) + nodes * math.log2(synonyms)
    if bits > MOST_BITS:
        raise ValueError(
            f"a grammar of depth {depth} with {synonyms} synonyms has 2^{bits:.0f} sentences, more than 2^MOST_BITS = "
            f"2^{MOST_BITS}, which a float64 counts; pass a smaller depth or fewer synonyms"
        )
