"""SSD-LM: Gaussian noise on logits of the tokens of a block, given the blocks before."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float

from mdmtheory.core.given import Given
from mdmtheory.core.integers import WholeNumber, whole_number
from mdmtheory.core.prompts import Prompt
from mdmtheory.core.register import registered
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.models.embedding import as_embedding
from mdmtheory.networks.architecture import Architecture, Size
from mdmtheory.networks.runs import EMBEDDING
from mdmtheory.oracles.evidence import GaussianEvidence
from mdmtheory.training.objectives.base import Noised, NoisedTensors, Objective
from mdmtheory.training.objectives.evidence import answered, beside_tokens

if TYPE_CHECKING:
    from torch import Tensor


@registered("objective", place=12, examples=("size=2", "size=4,k=2"), sources=("han2023",))
@dataclass(frozen=True)
class SimplexObjective(Objective):
    """Cross-entropy of a block's tokens given √kept x + √(1 - kept) ε, x being 1 for the token and -1 for all others.

    After SSD-LM (2210.17432): the network is given the softmax of `k` times these logits, the level 1 - kept, and the
    tokens of the blocks of `size` before; all blocks of a sequence are noised at one level and learnt in one pass.
    kept is cos²(πt/2), t spread evenly over a batch, and every position weighs 1: no bound of -log p(x). The floor is
    the mean of -log posterior.
    """

    name: ClassVar[str] = "ssd"
    noise = "gaussian"
    attention = "block"
    told_level = True

    _: KW_ONLY
    size: WholeNumber
    k: float = 5.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", whole_number(self.size, "size", 1))
        if not 0 < self.k < np.inf:
            raise ValueError(f"k is {self.k}; pass the scale of logits, above 0")

    @property
    def block(self) -> int:
        """`size`."""
        return self.size

    @cached_property
    def vectors(self) -> Float[np.ndarray, "vocab vocab"]:
        """The logits of each token."""
        return as_embedding("simplex", self.vocab_size)[0]

    def validate_length(self, length: int) -> None:
        """ValueError where a block is longer than the sequence."""
        if self.size > length:
            raise ValueError(
                f"blocks of {self.size} are longer than sequences of {length}; write ssd:size={length} or less"
            )

    def architecture(self, length: int, size: Size, *, level: bool, given: Given | None = None) -> Architecture:
        """That takes the softmax of noised logits."""
        return replace(super().architecture(length, size, level=level, given=given), simplex=float(self.k))

    def constants(self) -> dict[str, np.ndarray]:
        """The logits."""
        return {EMBEDDING: self.vectors}

    def noised(self, clean: Tokens, generator: np.random.Generator) -> Noised:
        """Logits of each sequence at a level."""
        time = (generator.random() + np.arange(len(clean)) / len(clean)) % 1
        kept = np.cos(np.pi / 2 * time) ** 2
        # At t = 0 nothing is lost, and there is nothing to learn.
        kept = np.minimum(kept, np.nextafter(1.0, 0.0))
        return self.at_level(clean, generator.standard_normal((*clean.shape, self.vocab_size)), kept)

    def at_level(
        self, clean: Tokens, normals: Float[np.ndarray, "rows length vocab"], kept: Float[np.ndarray, "rows"]
    ) -> Noised:
        """The logits that these normals make, of so much signal in each row."""
        signal, spread = np.sqrt(kept)[:, None, None], np.sqrt(1 - kept)[:, None, None]
        values = (signal * self.vectors[clean] + spread * normals).astype(np.float32)
        return Noised(clean, values, 1 - kept, np.ones(clean.shape))

    def answering(self, noised: Noised, prompt: Prompt) -> Noised:
        """Prompts are tokens of blocks before, and nothing is asked of their own noised logits."""
        return noised.beside(prompt)

    def targets(
        self, oracle: Any, noised: Noised, threads: int | None = None, *, first: int = 0
    ) -> Float[np.ndarray, "rows length vocab_size"]:
        """q(x_i | blocks before, noised logits of the own one)."""
        assert noised.level is not None
        rows, length = noised.clean.shape
        found = np.zeros((rows, length, self.vocab_size))
        for start in range(first, length, self.size):
            where = np.arange(start, min(start + self.size, length))
            before = np.full((rows, length), self.vocab_size, dtype=token_dtype(self.vocab_size))
            before[:, :start] = noised.clean[:, :start]
            values, kept = noised.seen[:, where].astype(np.float64), 1 - noised.level
            seen = [GaussianEvidence(values[[i]], float(kept[i]), self.vectors) for i in range(rows)]
            beside = beside_tokens(seen, where, before, self.vocab_size)
            found[:, where] = answered(oracle, beside, length, threads)[:, where]
        return found

    def logits(self, network: Any, noised: NoisedTensors) -> Tensor:
        """Answers at the noised half: it sees its own block, and the clean half's blocks before."""
        answers: Tensor = network.two_halves(noised.clean, noised.seen, noised.level)
        return answers
