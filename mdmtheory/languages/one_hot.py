"""Blocks of bits in which one is set: positions of one block exclude each other, blocks know nothing of one another."""

from __future__ import annotations

import numpy as np

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.register import registered
from mdmtheory.languages.hmm import HMM

MOST_BLOCK = 1_000
"""Longest block of `one_hot`: three hidden states a position, in a dense matrix."""


@registered(
    "language", completable=True, place=12, said="one hot in {block}", examples=("", "block=3"), sources=("wen2026",)
)
@whole_numbers(block=2)
def one_hot(*, block: int = 8) -> HMM:
    """Bits in blocks of the same length, of which just one is set, each equally likely; the last block may be cut off.

    In rounds of the first positions of all blocks, then the second ones, `block` rounds are exact (2608.25505,
    theorem 12).
    """
    if block > MOST_BLOCK:
        raise ValueError(f"block is {block:,}; pass 2 to {MOST_BLOCK:,}")
    # At each place of a block: its one is yet to come, stands here, or has come.
    to_come, here, has_come = (np.arange(block) + part * block for part in range(3))
    transition = np.zeros((3 * block, 3 * block))
    for place in range(block):
        following = (place + 1) % block
        if following == 0:
            for state in (to_come[place], here[place], has_come[place]):
                transition[state, here[0]], transition[state, to_come[0]] = 1 / block, 1 - 1 / block
            continue
        transition[to_come[place], here[following]] = 1 / (block - following)
        transition[to_come[place], to_come[following]] = 1 - 1 / (block - following)
        transition[[here[place], has_come[place]], has_come[following]] = 1.0
    initial = np.zeros(3 * block)
    initial[here[0]], initial[to_come[0]] = 1 / block, 1 - 1 / block
    emission = np.zeros((3 * block, 2))
    emission[:, 0] = 1.0
    emission[here] = [0.0, 1.0]
    return HMM(initial, transition, emission)
