"""Back-off n-gram models in ARPA files, as SRILM and KenLM write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike

import numpy as np
from jaxtyping import Float

from mdmtheory.core.limits import MOST_TABLE_ENTRIES, check_limit
from mdmtheory.core.printable import shortened
from mdmtheory.core.reading import read_text
from mdmtheory.languages.text import Alphabet

BEGIN, END = "<s>", "</s>"
NEVER = -99.0
"""log10 of a probability of 0, as these files have it."""
MOST_OFF = 1e-3
"""How far the laws of such a file may be off 1: its logarithms have few digits."""

Words = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Arpa:
    """A back-off model: log10 p(w | c) and of the weight of a context, by n-gram, and the tokens that are drawn.

    p(w | c) is that of the n-gram cw where it is listed, and else weight(c) p(w | c without its oldest word).
    `<s>` is never drawn: it is where sequences begin, and where they go on after `</s>`, which is a token as others.
    """

    chances: Mapping[Words, float]
    weights: Mapping[Words, float]
    order: int
    alphabet: Alphabet

    def rows(self) -> tuple[dict[Words, Float[np.ndarray, "vocab"]], float]:
        """The law after every listed context that can be met, the empty one too, and how far off 1 one was at most.

        ValueError for a law that is further off than rounding leaves it.
        """
        size, numbers = len(self.alphabet.pieces), {word: k for k, word in enumerate(self.alphabet.pieces)}
        after: dict[Words, list[tuple[int, float]]] = {(): []}
        for words, chance in self.chances.items():
            if words[-1] in numbers:
                after.setdefault(words[:-1], []).append((numbers[words[-1]], chance))
        after |= {
            words: [] for words in self.weights if words not in after and words[-1] != END and len(words) < self.order
        }
        large = f"{len(after):,} contexts of {size:,} tokens"
        check_limit(len(after) * size, MOST_TABLE_ENTRIES, "MOST_TABLE_ENTRIES", large, "prune the model")
        rows: dict[Words, Float[np.ndarray, "vocab"]] = {}
        furthest = 0.0
        for context in sorted(after, key=len):
            if END in context or BEGIN in context[1:]:
                continue
            shorter = next(
                (rows[context[k:]] for k in range(1, len(context) + 1) if context[k:] in rows), np.zeros(size)
            )
            row = 10.0 ** self.weights.get(context, 0.0) * shorter
            for number, chance in after[context]:
                row[number] = 10.0**chance if chance > NEVER else 0.0
            off = abs(float(row.sum()) - 1)
            if not off <= MOST_OFF:
                said = f"after {' '.join(context)!r}" if context else "of single words"
                raise ValueError(
                    f"the law {said} sums to {row.sum():.6g}; probabilities and back-off weights do not fit"
                )
            furthest = max(furthest, off)
            rows[context] = row / row.sum()
        return rows, furthest

    def arcs(self) -> tuple[tuple[np.ndarray, ...], float]:
        """Sources, tokens, targets and probabilities of the contexts that can be met, and how far off 1 a law was."""
        rows, furthest = self.rows()
        begin = self.start(rows)
        states, met = {begin: 0}, [begin]
        arcs = []
        for context in met:
            for token in np.flatnonzero(rows[context]).tolist():
                following = self.after(context, self.alphabet.pieces[token], rows)
                if following not in states:
                    states[following] = len(met)
                    met.append(following)
                arcs.append((states[context], token, states[following], float(rows[context][token])))
        return tuple(np.array(each) for each in zip(*arcs, strict=True)), furthest

    def tables(self) -> tuple[Float[np.ndarray, "starts"], Float[np.ndarray, "contexts vocab"]]:
        """The law of the first order - 1 tokens, and of the next one after all that they can be, by code.

        ValueError where they are too many.
        """
        rows, _ = self.rows()
        pieces, known = self.alphabet.pieces, self.order - 1
        entries = len(pieces) ** self.order
        large = f"order {self.order} of {len(pieces):,} tokens makes a table of {entries:,} probabilities"
        check_limit(entries, MOST_TABLE_ENTRIES, "MOST_TABLE_ENTRIES", large, "take PDFA.from_arpa")
        starts = [(self.start(rows), 1.0)]
        after: list[Words] = [()]
        for _ in range(known):
            starts = [
                (self.after(context, piece, rows), chance * float(rows[context][token]))
                for context, chance in starts
                for token, piece in enumerate(pieces)
            ]
            after = [self.after(context, piece, rows) for context in after for piece in pieces]
        return np.array([chance for _, chance in starts]), np.array([rows[context] for context in after])

    def after(self, context: Words, word: str, known: Mapping[Words, object]) -> Words:
        """The longest listed context that is left of one when a word has followed."""
        whole = (BEGIN,) if word == END else (*context, word)
        whole = whole[max(len(whole) - self.order + 1, 0) :]
        return next(whole[k:] for k in range(len(whole) + 1) if whole[k:] in known)

    def start(self, known: Mapping[Words, object]) -> Words:
        """The context in which sequences begin."""
        return (BEGIN,) if (BEGIN,) in known else ()


def read_arpa(path: str | PathLike[str]) -> Arpa:
    r"""The model of an ARPA file: `\data\`, then `\1-grams:` and so on, a line each of log10 p, words, log10 weight.

    ValueError, in one line with the line of the file, for what is none.
    """
    text = read_text(path, "give the path of an ARPA file")
    chances: dict[Words, float] = {}
    weights: dict[Words, float] = {}
    told: dict[int, int] = {}
    found: dict[int, int] = {}
    size = 0
    for at, line in _lines(text):
        if count := re.fullmatch(r"ngram\s+(\d+)\s*=\s*(\d+)", line):
            told[int(count[1])] = int(count[2])
        elif section := re.fullmatch(r"\\(\d+)-grams:", line):
            size = int(section[1])
            if size not in told:
                raise ValueError(f"{path}, line {at}: {line} has no line `ngram {size}=...` before it")
        elif line == "\\end\\":
            break
        elif not line.startswith("\\"):
            cells = line.split()
            if not size or not size + 1 <= len(cells) <= size + 2:
                raise ValueError(
                    f"{path}, line {at} is {shortened(repr(line), 60)}; expected log10 p, {size or 'n'} words, and a "
                    "weight"
                )
            words = tuple(cells[1 : size + 1])
            chances[words] = _number(path, at, cells[0])
            if len(cells) == size + 2:
                weights[words] = _number(path, at, cells[-1])
            found[size] = found.get(size, 0) + 1
    if not told or found != {each: count for each, count in told.items() if count}:
        listed = ", ".join(f"{each}: {count}" for each, count in sorted(told.items())) or "none"
        had = ", ".join(f"{each}: {count}" for each, count in sorted(found.items())) or "none"
        raise ValueError(f"{path} lists so many n-grams ({listed}) and has these ({had}); pass a whole ARPA file")
    pieces = tuple(words[0] for words in chances if len(words) == 1 and words[0] != BEGIN)
    if not pieces:
        raise ValueError(f"{path} has no words but {BEGIN}; pass an ARPA file with some")
    return Arpa(chances, weights, max(found), Alphabet(pieces, " "))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    lines = ((at, line.strip()) for at, line in enumerate(text.splitlines(), 1))
    return ((at, line) for at, line in lines if line)


def _number(path: object, at: int, cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise ValueError(f"{path}, line {at}: {shortened(cell, 40)!r} is no number") from None
