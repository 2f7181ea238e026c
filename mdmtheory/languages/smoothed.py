"""n-gram laws from counts: as they are, with something added to each, or smoothed as Kneser and Ney do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from mdmtheory.core.integers import whole_number
from mdmtheory.core.limits import MOST_TABLE_ENTRIES, check_limit
from mdmtheory.languages.text import token_sequences

KNESER_NEY = "kneser_ney"
ADD = "add:"


class Level(NamedTuple):
    """Contexts of one length that have a law of their own, by code (base V, the oldest token first), and these laws."""

    codes: Int[np.ndarray, "contexts"]
    rows: Float[np.ndarray, "contexts vocab"]


@dataclass(frozen=True, eq=False)
class Smoothed:
    """The next-token laws of n-grams of every order up to one, which fall back on shorter contexts.

    `own[j]` are laws after contexts of j tokens where j + 1 is the order, and `lower[j]` those where longer contexts,
    of an order above, have no law of their own. A context that is in neither has that of its longest suffix which is.
    """

    vocab_size: int
    own: tuple[Level, ...]
    lower: tuple[Level, ...]

    @property
    def order(self) -> int:
        """The highest."""
        return len(self.own)

    def levels(self, order: int) -> tuple[Level, ...]:
        """The laws of the model of an order, by the length of the context."""
        return (*self.lower[: order - 1], self.own[order - 1])

    def table(self, order: int) -> Float[np.ndarray, "contexts vocab"]:
        """The law after every context of order - 1 tokens, the last token changing first."""
        table = np.full((1, self.vocab_size), np.nan)
        for known, level in enumerate(self.levels(order)):
            codes = np.arange(self.vocab_size**known)
            table = table[codes % len(table)]
            table[level.codes] = level.rows
        return table


def smoothed(
    tokens: Any, *, order: int, smoothing: str | float | None = None, vocab_size: int | None = None
) -> Smoothed:
    """The n-grams of some sequences: a text, tokens, rows of tokens, or a list of sequences of different lengths.

    `smoothing` is None (frequencies as they are), "add:0.01" (so much more of every token after every context that
    occurs) or "kneser_ney" (Kneser and Ney 1995 with interpolation: in every order above 1 the discount
    n_1/(n_1 + 2 n_2), n_k being how many n-grams occur k times, and below the highest order the number of different
    tokens before an n-gram in the place of its count; single tokens are not discounted). Of two tokens it keeps the
    frequency of each token, exactly. What follows a context that never occurs is what follows its longest suffix that
    does. ValueError for what is no text of tokens, one shorter than the order, or a table beyond MOST_TABLE_ENTRIES.
    """
    order = whole_number(order, "order", 1)
    added = _added(smoothing)
    sequences, size = token_sequences(tokens, vocab_size)
    if size**order >= 1 << 62:
        raise ValueError(f"{size} tokens to the power of order {order} are too many to be numbered; use a lower order")
    if not any(len(each) >= order for each in sequences):
        raise ValueError(f"no sequence has {order} tokens, as many as the order; pass longer ones")
    counts = [_counts(sequences, each + 1, size) for each in range(order)]
    for codes, _ in counts:
        contexts = len(np.unique(codes // size))
        large = f"{contexts:,} contexts of {size:,} tokens"
        check_limit(
            contexts * size, MOST_TABLE_ENTRIES, "MOST_TABLE_ENTRIES", large, "use a lower order or fewer tokens"
        )
    if smoothing == KNESER_NEY:
        return _kneser_ney(counts, size)
    own = tuple(_frequencies(*each, size, added) for each in counts)
    return Smoothed(size, own, own[:-1])


def _added(smoothing: str | float | None) -> float:
    """What is added to each count."""
    if smoothing is None or smoothing == KNESER_NEY:
        return 0.0
    text = str(smoothing)
    try:
        added = float(text.removeprefix(ADD)) if text.startswith(ADD) else 0.0
    except ValueError:
        added = 0.0
    if not 0 < added < np.inf:
        raise ValueError(f"unknown smoothing {text!r}; pass None, {KNESER_NEY} or {ADD}0.01")
    return added


def _counts(
    sequences: Sequence[Int[np.ndarray, "_"]], size: int, vocab_size: int
) -> tuple[Int[np.ndarray, "grams"], Int[np.ndarray, "grams"]]:
    """The n-grams of so many tokens that occur, by code, and how often."""
    codes = []
    for each in sequences:
        if len(each) >= size:
            powers = vocab_size ** np.arange(size - 1, -1, -1, dtype=np.int64)
            codes.append(np.lib.stride_tricks.sliding_window_view(each, size) @ powers)
    found, counts = np.unique(np.concatenate(codes), return_counts=True)
    return found, counts


def _frequencies(codes: Int[np.ndarray, "grams"], counts: Int[np.ndarray, "grams"], size: int, added: float) -> Level:
    contexts, rows = _rows(codes, counts, size)
    rows += added
    return Level(contexts, rows / rows.sum(axis=1, keepdims=True))


def _rows(
    codes: Int[np.ndarray, "grams"], counts: Int[np.ndarray, "grams"], size: int
) -> tuple[Int[np.ndarray, "contexts"], Float[np.ndarray, "contexts vocab"]]:
    """The contexts of some n-grams, and the counts of what follows each."""
    contexts, place = np.unique(codes // size, return_inverse=True)
    rows = np.zeros((len(contexts), size))
    rows[place, codes % size] = counts
    return contexts, rows


def _kneser_ney(counts: Sequence[tuple[Int[np.ndarray, "_"], Int[np.ndarray, "_"]]], size: int) -> Smoothed:
    """Laws of each order, and of contexts below it from how many different tokens come before an n-gram."""
    before = []
    for known, (longer, _) in enumerate(counts[1:]):
        before.append(np.unique(longer % size ** (known + 1), return_counts=True))
    lower: list[Level] = []
    for known, each in enumerate(before):
        lower.append(_interpolated(*each, size, known, lower))
    own = [_interpolated(*each, size, known, lower) for known, each in enumerate(counts)]
    return Smoothed(size, tuple(own), tuple(lower))


def _interpolated(
    codes: Int[np.ndarray, "grams"], counts: Int[np.ndarray, "grams"], size: int, known: int, lower: Sequence[Level]
) -> Level:
    """The laws after contexts of `known` tokens; what a discount frees is shared out as one token fewer has it."""
    contexts, rows = _rows(codes, counts, size)
    totals = rows.sum(axis=1, keepdims=True)
    if not known:
        return Level(contexts, rows / totals)
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    if not once:
        raise ValueError(
            "every n-gram of an order occurs more than once, and Kneser and Ney discount by those that do not; pass "
            "smoothing add:0.01"
        )
    discount = once / (once + 2 * twice)
    freed = discount * (rows > 0).sum(axis=1, keepdims=True)
    shorter = lower[known - 1]
    # A context that occurs before a token has a suffix that does so after another one: it is among the shorter.
    suffix = np.searchsorted(shorter.codes, contexts % size ** (known - 1))
    return Level(contexts, (np.maximum(rows - discount, 0.0) + freed * shorter.rows[suffix]) / totals)
