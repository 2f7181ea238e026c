"""The language of the text that ships with the package, so that figures need no language that random numbers made."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Int

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.register import registered
from mdmtheory.core.sources import SOFTWARE
from mdmtheory.languages.pdfa import PDFA
from mdmtheory.languages.text import LETTERS, Alphabet, letters

TEXTS = Path(__file__).parent / "texts"

ALPHABET = Alphabet(tuple(LETTERS))


@cache
def corpus() -> Int[np.ndarray, "length"]:
    """The texts one after the other, a space between them: 15,089 tokens, the space and a to z."""
    whole = " ".join(path.read_text(encoding="utf-8") for path in sorted(TEXTS.glob("*.txt")))
    return ALPHABET.tokens(letters(whole))


@registered(
    "language",
    completable=True,
    place=14,
    said="book, {order}-gram",
    family="text",
    examples=("order=2", "order=3,smoothing=kneser_ney"),
    sources=(SOFTWARE,),
)
@whole_numbers(order=1)
def book(*, order: int = 4, smoothing: str = "none") -> PDFA:
    """The n-gram of characters of old English texts (space, a to z), of any order, as they are or smoothed.

    15,089 characters of the Declaration of Independence, Lincoln and Genesis; `smoothing` is none, kneser_ney or
    add:0.01 (`languages.smoothed`). With none only what occurs is possible: 6,627 of 531,441 four letters.
    """
    return PDFA.fit(
        corpus(), order=order, smoothing=None if smoothing == "none" else smoothing, vocab_size=len(LETTERS)
    )
