"""Texts as tokens: which piece of a text is which number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Int, Integer

from mdmtheory.core.integers import whole_number
from mdmtheory.core.printable import shortened

LETTERS = " abcdefghijklmnopqrstuvwxyz"
"""The space and a to z: what a text is reduced to where only letters count."""


def letters(text: str) -> str:
    """A text in lower case, everything but a to z one space.

    >>> letters("A--b")
    'a b'
    """
    return re.sub("[^a-z]+", " ", text.lower()).strip()


@dataclass(frozen=True)
class Alphabet:
    """The pieces of texts, token v being `pieces[v]`: characters, or words with `separator` between them.

    >>> Alphabet.of_characters("abba").tokens("bab").tolist()
    [1, 0, 1]
    """

    pieces: tuple[str, ...]
    separator: str = ""

    @classmethod
    def of_characters(cls, text: str) -> Alphabet:
        """The characters of a text, in the order of their code points; ValueError for an empty one."""
        return cls(tuple(sorted(set(_some(text)))))

    @classmethod
    def of_words(cls, text: str, most: int | None = None) -> Alphabet:
        """The words between white space, the most frequent first; the `most` of them, and <unk> for all others."""
        found = [word for word, _ in Counter(_some(text).split()).most_common(most)]
        known = len(set(text.split())) == len(found)
        return cls(tuple(found if known else [*found, "<unk>"]), " ")

    def split(self, text: str) -> Sequence[str]:
        """Its pieces, in order."""
        return text.split() if self.separator else text

    def tokens(self, text: str) -> Int[np.ndarray, "length"]:
        """Their numbers; ValueError that names a piece which is none."""
        other = self._numbers.get("<unk>")
        found = [self._numbers.get(piece, other) for piece in self.split(text)]
        if None in found:
            piece = self.split(text)[found.index(None)]
            raise ValueError(
                f"{shortened(repr(piece), 40)} is not among the {len(self.pieces)} pieces of the alphabet; "
                "leave it out of the text, or make the alphabet of all texts together"
            )
        return np.array(found, dtype=np.int64)

    def text(self, tokens: Sequence[int] | Integer[np.ndarray, "length"]) -> str:
        """The text of so many tokens."""
        return self.separator.join(self.pieces[int(token)] for token in tokens)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {piece: number for number, piece in enumerate(self.pieces)}


def token_sequences(tokens: Any, vocab_size: int | None = None) -> tuple[list[Int[np.ndarray, "_"]], int]:
    """Sequences to be fitted to, and how many tokens there are: by default as many as the largest needs.

    A text is its characters (`Alphabet.of_characters`); else tokens in one sequence, in rows of an array, or in a list
    of sequences of any lengths. ValueError for others, and for none.
    """
    if isinstance(tokens, str):
        tokens = Alphabet.of_characters(tokens).tokens(tokens)
    one = isinstance(tokens, np.ndarray) or not (len(tokens) and np.ndim(tokens[0]))
    given = list(np.atleast_2d(np.asarray(tokens))) if one else tokens
    found = [np.asarray(each) for each in given]
    kept = [each for each in found if each.size]
    if any(each.ndim != 1 or each.dtype.kind not in "iu" or (each < 0).any() for each in kept):
        raise ValueError("tokens must be whole numbers from 0, in one sequence or a list of sequences, or a text")
    if not kept:
        raise ValueError("there are no tokens; pass a text, or sequences of some")
    largest = max(int(each.max()) for each in kept)
    size = largest + 1 if vocab_size is None else whole_number(vocab_size, "vocab_size", 1)
    if largest >= size:
        raise ValueError(f"a token is {largest}, and vocab_size {size}; pass {largest + 1} or more")
    return [each.astype(np.int64) for each in kept], size


def _some(text: str) -> str:
    if not text.strip():
        raise ValueError("the text is empty; pass one with something in it")
    return text
