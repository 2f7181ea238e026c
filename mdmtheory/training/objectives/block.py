"""Block diffusion: masked tokens of every block from those of the block that are revealed, and the blocks before."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.integers import WholeNumber, whole_number
from mdmtheory.core.register import registered
from mdmtheory.core.tokens import Tokens
from mdmtheory.samplers.by_block import block_lengths
from mdmtheory.training.objectives.base import Noised, NoisedTensors, Objective
from mdmtheory.training.objectives.strata import random_sets, stratified

if TYPE_CHECKING:
    from torch import Tensor


@registered("objective", place=3, examples=("size=2", "size=4,low=0.25,high=0.75"), sources=("arriola2025",))
@dataclass(frozen=True)
class BlockObjective(Objective):
    """The bound of block diffusion (BD3-LM, 2503.09573), all blocks of a sequence in one pass.

    In each block of B tokens the number of masks n is uniform on 1..B and each of them weighs B/n, as in `mdm`; the
    exact posterior's is H(q). With `low` and `high` masking rates n/B are kept between them (that paper's clipped
    noise schedules): less variance, no bound of -log p any more, and proper still. The last block is shorter where
    `size` does not divide the length.
    """

    name: ClassVar[str] = "block"
    attention = "block"

    _: KW_ONLY
    size: WholeNumber
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", whole_number(self.size, "size", 1))
        if not 0 <= self.low < self.high <= 1:
            raise ValueError(
                f"masking rates lie between low={self.low} and high={self.high}; pass 0 <= low < high <= 1"
            )

    @property
    def block(self) -> int:
        """`size`."""
        return self.size

    def validate_length(self, length: int) -> None:
        """ValueError where a block is longer than the sequence, or has no number of masks at the rates allowed."""
        if self.size > length:
            raise ValueError(
                f"blocks of {self.size} are longer than sequences of {length}; write block:size={length} or less"
            )
        for positions in set(block_lengths(length, self.size)):
            self.masks_of(positions)

    def masks_of(self, positions: int) -> range:
        """The numbers of masks that a block of so many positions may have; ValueError where there is none."""
        # Rates that are typed, such as 0.3 of 10, are not quite the fraction that is meant.
        least, most = math.ceil(self.low * positions - 1e-9), math.floor(self.high * positions + 1e-9)
        numbers = range(max(1, least), most + 1)
        if not numbers:
            raise ValueError(
                f"no number of masks in a block of {positions} has a rate between low={self.low} and high={self.high}; "
                "let them lie further apart"
            )
        return numbers

    def noised(self, clean: Tokens, generator: np.random.Generator) -> Noised:
        """Mask a set of each block of each sequence; numbers of masks are spread over the blocks of one place."""
        rows, length = clean.shape
        hidden = []
        for positions in block_lengths(length, self.size):
            numbers = self.masks_of(positions)
            masks = numbers.start + stratified(rows, len(numbers), generator)
            hidden.append(random_sets(masks, positions, generator))
        return self.masked(clean, np.concatenate(hidden, axis=1))

    def masked(self, clean: Tokens, hidden: Bool[np.ndarray, "rows length"]) -> Noised:
        """The sequences with these positions masked."""
        starts = np.arange(0, clean.shape[1], self.size)
        positions = block_lengths(clean.shape[1], self.size)
        masks = np.repeat(np.add.reduceat(hidden, starts, axis=1, dtype=np.int64), positions, axis=1)
        weights = np.where(hidden, np.repeat(positions, positions) / np.maximum(masks, 1), 0.0)
        return Noised(clean, np.where(hidden, self.vocab_size, clean).astype(np.int64), None, weights)

    def targets(
        self, oracle: Any, noised: Noised, threads: int | None = None, *, first: int = 0
    ) -> Float[np.ndarray, "rows length vocab_size"]:
        """q(x_i | clean blocks before, what is revealed of the own one)."""
        found: Float[np.ndarray, "rows length vocab_size"] = oracle.block_laws(
            noised.clean, noised.seen, block=self.size, first=first, threads=threads
        )
        return found

    def logits(self, network: Any, noised: NoisedTensors) -> Tensor:
        """Answers at the noisy half: it sees its own block, and the clean half's blocks before."""
        answers: Tensor = network.two_halves(noised.clean, noised.seen, noised.level)
        return answers
