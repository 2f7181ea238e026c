"""Small languages in closed form, told without the package."""

from __future__ import annotations

from functools import cache

import numpy as np

from mdmtheory.languages.paired import Copy, EqualPairs
from mdmtheory.languages.parity import Parity
from mdmtheory.languages.permutation import Permutation
from mdmtheory.languages.repetition import Repetition
from tests import brute_force

# Each with a few lengths that a full enumeration of contexts can afford.
SMALL = [
    (EqualPairs(vocab_size=2), (1, 4, 5)),
    (EqualPairs(vocab_size=3), (3, 4)),
    (Copy(distance=2, vocab_size=2), (3, 4, 6)),
    (Copy(distance=3, vocab_size=2), (2, 5)),
    (Permutation(items=3), (1, 2, 3)),
    (Permutation(items=4), (2, 3, 4)),
    (Parity(), (1, 2, 5)),
    (Repetition(vocab_size=1), (3,)),
    (Repetition(vocab_size=3), (1, 2, 4)),
]
CASES = [(language, length) for language, lengths in SMALL for length in lengths]
IDS = [f"{language.kind}-{language.vocab_size}-{length}" for language, length in CASES]


def allowed(language, x):
    """Membership, told without the package."""
    if isinstance(language, Permutation):
        return len(set(x)) == len(x)
    if isinstance(language, Parity):
        return sum(x) % 2 == 0
    if isinstance(language, Repetition):
        return len(set(x)) == 1
    blocks = [x[start : start + 2 * language.distance] for start in range(0, len(x), 2 * language.distance)]
    return all(a == b for block in blocks for a, b in zip(block, block[language.distance :], strict=False))


@cache
def joint_of(language, length):
    support = [allowed(language, x) for x in brute_force.sequences(language.vocab_size, length).tolist()]
    return np.array(support) / sum(support)


def index(tokens, vocab_size):
    return tokens.astype(int) @ vocab_size ** np.arange(tokens.shape[1])[::-1]
