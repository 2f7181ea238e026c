"""A language from a file of text, or of an n-gram model, by the words of the command line."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
from jaxtyping import Int

from mdmtheory.core.printable import did_you_mean, shortened
from mdmtheory.core.reading import read_text
from mdmtheory.languages.arpa import read_arpa
from mdmtheory.languages.hmm import HMM
from mdmtheory.languages.pdfa import PDFA
from mdmtheory.languages.text import LETTERS, Alphabet, letters

UNITS = ("letters", "characters", "words", "numbers")


def fitted(
    path: str | PathLike[str],
    *,
    order: int | None = None,
    states: int | None = None,
    smoothing: str = "none",
    units: str = "letters",
    seed: int = 0,
) -> tuple[HMM | PDFA, tuple[str, ...] | None]:
    """The language, and its tokens as they are written, None where the file has numbers; see `mdmtheory language fit`.

    ValueError, in one line, for what does not fit together, and as of `HMM.fit` and `PDFA.fit`.
    """
    if Path(path).suffix == ".arpa":
        if order is not None or states is not None:
            raise ValueError(f"{path} is a model that is fitted already; leave out --order and --states")
        return PDFA.from_arpa(path), read_arpa(path).alphabet.pieces
    if (order is None) is (states is None):
        raise ValueError("pass --order of an n-gram, or --states of a hidden Markov model")
    if states is not None and smoothing != "none":
        raise ValueError(f"smoothing {smoothing} is of n-grams; leave it out, or pass --order")
    sequences, pieces = _read(path, units)
    vocab_size = None if pieces is None else len(pieces)
    if states is not None:
        return HMM.fit(sequences, states=states, seed=seed, vocab_size=vocab_size), pieces
    assert order is not None
    smoothed = None if smoothing == "none" else smoothing
    return PDFA.fit(sequences, order=order, smoothing=smoothed, vocab_size=vocab_size), pieces


def _read(path: str | PathLike[str], units: str) -> tuple[list[Int[np.ndarray, "_"]], tuple[str, ...] | None]:
    """The tokens of a text, one sequence, or of lines of numbers, one each; and the pieces that they stand for."""
    text = read_text(path, "give the path of a text file")
    if units == "numbers":
        return [_numbers(path, at, line) for at, line in enumerate(text.splitlines(), 1) if line.strip()], None
    if units not in UNITS:
        raise ValueError(f"unknown units {units!r}{did_you_mean(units, UNITS)}; pass {', '.join(UNITS)}")
    if units == "letters":
        text, alphabet = letters(text), Alphabet(tuple(LETTERS))
    else:
        alphabet = Alphabet.of_words(text) if units == "words" else Alphabet.of_characters(text)
    return [alphabet.tokens(text)], alphabet.pieces


def _numbers(path: str | PathLike[str], at: int, line: str) -> Int[np.ndarray, "length"]:
    cells = line.split()
    wrong = [cell for cell in cells if not (cell.isascii() and cell.isdecimal())]
    if wrong:
        raise ValueError(f"{path}, line {at}: {shortened(wrong[0], 40)!r} is no token; write whole numbers from 0")
    return np.array([int(cell) for cell in cells], dtype=np.int64)
