"""Whether what is drawn is as varied as the text: so no rule wins by saying one thing again and again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mdmtheory.core.tokens import Tokens

NGRAM = 4


@dataclass(frozen=True)
class Variety:
    """Entropy of the frequencies of tokens (nats, of what was seen), and the share of n-grams that are repeated.

    A repeated one stands earlier in the same sequence. `distinct` is the share of sequences that are unlike all others.
    """

    entropy: float
    repeated: float
    distinct: float


def variety(tokens: Tokens, n: int = NGRAM) -> Variety:
    """Of sequences (count, length); NaN for repetitions where they are shorter than n.

    >>> variety(np.array([[0, 1, 0, 1, 0, 1]]), 2)
    Variety(entropy=0.6931471805599453, repeated=0.6, distinct=1.0)
    """
    shares = np.bincount(tokens.reshape(-1).astype(np.int64)) / tokens.size
    seen = shares[shares > 0]
    entropy = float(-(seen * np.log(seen)).sum())
    again = [_repeated(row, n) for row in tokens.tolist()]
    return Variety(entropy, float(np.mean(again)), len(np.unique(tokens, axis=0)) / len(tokens))


def _repeated(row: list[int], n: int) -> float:
    grams = [tuple(row[a : a + n]) for a in range(len(row) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else float("nan")
