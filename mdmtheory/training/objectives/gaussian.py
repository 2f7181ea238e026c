"""Gaussian diffusion on embeddings: the law of the clean tokens from values at a told level."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float

from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.core.tokens import Tokens
from mdmtheory.models.embedding import as_embedding
from mdmtheory.networks.runs import EMBEDDING
from mdmtheory.oracles.evidence import GaussianEvidence
from mdmtheory.training.objectives.base import Noised, NoisedTensors, Objective
from mdmtheory.training.objectives.evidence import posteriors

if TYPE_CHECKING:
    from torch import Tensor


@registered("objective", place=6, examples=("", "embedding=random,dim=4"), sources=("li2022", "gulrajani2023"))
@dataclass(frozen=True)
class GaussianObjective(Objective):
    """Cross-entropy of x_0 given values √kept e(x_0) + √(1 - kept) ε, the level 1 - kept being told.

    The rounding term of Diffusion-LM (2205.14217) at every level in the place of its squared error: the
    posterior of x_0, which `GaussianDiffusion` asks for, is what minimises it, and its mean that of the squared error.
    `kept` is uniform on [0, 1), spread evenly over a batch, and every position weighs 1: no bound of -log p(x). The
    floor is the mean of -log posterior. `embedding` is `onehot` or `random`, with `dim` and `seed`.
    """

    name: ClassVar[str] = "gaussian"
    noise = "gaussian"
    evidence = True

    _: KW_ONLY
    embedding: str = "onehot"
    dim: int | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        # An embedding that does not exist is refused now, not in the middle of a training.
        _ = self.vectors

    @cached_property
    def vectors(self) -> Float[np.ndarray, "vocab dim"]:
        """The vector of each token."""
        given = {key: value for key, value in (("dim", self.dim), ("seed", self.seed)) if value is not None}
        return as_embedding(Spec.of(self.embedding, **given), self.vocab_size)[0]

    def constants(self) -> dict[str, np.ndarray]:
        """The vectors."""
        return {EMBEDDING: self.vectors}

    def noised(self, clean: Tokens, generator: np.random.Generator) -> Noised:
        """Values of each sequence at a level."""
        kept = (generator.random() + np.arange(len(clean)) / len(clean)) % 1
        return self.at_level(clean, generator.standard_normal((*clean.shape, self.vectors.shape[1])), kept)

    def at_level(
        self, clean: Tokens, normals: Float[np.ndarray, "rows length dim"], kept: Float[np.ndarray, "rows"]
    ) -> Noised:
        """The values that these normals make, of so much signal in each row, in the precision that networks see."""
        signal, spread = np.sqrt(kept)[:, None, None], np.sqrt(1 - kept)[:, None, None]
        values = (signal * self.vectors[clean] + spread * normals).astype(np.float32)
        return Noised(clean, values, 1 - kept, np.ones(clean.shape))

    def log_likelihood(self, noised: NoisedTensors) -> Tensor:
        """That of the vectors that the objective has."""
        import torch

        vectors = torch.as_tensor(self.vectors, dtype=noised.seen.dtype, device=noised.seen.device)
        return gaussian_evidence(noised.seen, 1 - noised.level, noised.level, vectors)

    def targets(
        self, oracle: Any, noised: Noised, threads: int | None = None, *, first: int = 0
    ) -> Float[np.ndarray, "rows length vocab_size"]:
        """q(x_0 | values) at every position."""
        assert noised.level is not None
        values, kept = noised.seen[:, noised.noised_positions()].astype(np.float64), 1 - noised.level
        rows = [GaussianEvidence(values[[i]], float(kept[i]), self.vectors) for i in range(len(values))]
        return posteriors(oracle, rows, noised, threads)


def gaussian_evidence(values: Tensor, kept: Tensor, lost: Tensor, vectors: Tensor) -> Tensor:
    """(√kept x·e(v) - kept |e(v)|²/2) / lost of values (rows, length, dim), of which each row has kept and lost."""
    signal, noise = kept[:, None, None], lost[:, None, None]
    found: Tensor = (signal.sqrt() * (values @ vectors.T) - signal / 2 * (vectors**2).sum(dim=1)) / noise
    return found
