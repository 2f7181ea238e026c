"""Variational diffusion: Gaussian noise on vectors that are learnt, by the bound of the likelihood."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float

from mdmtheory.core.given import Given
from mdmtheory.core.integers import WholeNumber, whole_number
from mdmtheory.core.register import registered
from mdmtheory.core.tokens import Tokens
from mdmtheory.networks.architecture import Architecture, Size
from mdmtheory.training.objectives.base import Noised, NoisedTensors, Objective
from mdmtheory.training.objectives.gaussian import gaussian_evidence

if TYPE_CHECKING:
    from torch import Tensor

DECODED = 1 / 8
"""The share of rows at the least noise (Plaid's in validation): they alone tell what decoding costs."""


@registered("objective", place=11, examples=("", "dim=4"), sources=("kingma2021", "gulrajani2023"))
@dataclass(frozen=True)
class VariationalObjective(Objective):
    """The bound of -log p(x) in continuous time (VDM, 2107.00630) on vectors of `dim` numbers that are learnt (Plaid).

    Diffusion, ½ E_t gamma'(t) SNR(t) |e(x) - x̂|² with x̂ the mean vector of the law that the network says; decoding,
    -log of that law at the least noise; and the prior, KL(q(x_1 | x) || N(0, I)). gamma = -log SNR is linear in t, on
    which the bound does not depend, between two ends that are learnt by it with the vectors, of length 1. It cannot
    fall below H(q), which is its floor, and the exact posterior reaches H(q) + TC(X given x_0) + KL(q(x_1) || N(0, I))
    (docs/theory.md, section 11): vectors that collapse leave all of the total correlation.
    """

    name: ClassVar[str] = "vdm"
    noise = "gaussian"
    evidence = True
    known_targets = False

    _: KW_ONLY
    dim: WholeNumber = 16

    def __post_init__(self) -> None:
        object.__setattr__(self, "dim", whole_number(self.dim, "dim", 1))

    def architecture(self, length: int, size: Size, *, level: bool, given: Given | None = None) -> Architecture:
        """With vectors to learn."""
        return replace(super().architecture(length, size, level=level, given=given), embeds=self.dim)

    def noised(self, clean: Tokens, generator: np.random.Generator) -> Noised:
        """Normals and a time for each row: `DECODED` of them, spread over the batch, at 0, the others on [0, 1)."""
        share = (generator.random() + np.arange(len(clean)) / len(clean)) % 1
        time = np.maximum((share - DECODED) / (1 - DECODED), 0.0)
        return self.at_times(clean, generator.standard_normal((*clean.shape, self.dim)), time, share < DECODED)

    def at_times(
        self,
        clean: Tokens,
        normals: Float[np.ndarray, "rows length dim"],
        time: Float[np.ndarray, "rows"],
        decoded: Any,
    ) -> Noised:
        """Normals and times, to be `placed`; either kind of rows stands for all, so it weighs one over its share."""
        weights = np.where(decoded, 1 / DECODED, 1 / (1 - DECODED))
        rows = np.repeat(weights[:, None], clean.shape[1], axis=1)
        return Noised(clean, normals.astype(np.float32), time, rows, np.where(decoded, 0, 1))

    def targets(
        self, oracle: Any, noised: Noised, threads: int | None = None, *, first: int = 0
    ) -> Float[np.ndarray, "rows length vocab_size"]:
        """ValueError: they depend on vectors that change from step to step."""
        raise ValueError(f"what networks of {self.spec} see depends on vectors that are learnt")

    def through(self, network: Any, noised: NoisedTensors) -> NoisedTensors:
        """The values that normals make of a network's vectors, between its ends."""
        return self.placed(network.noise.embedding(), network.noise.ends(), noised)

    def placed(self, vectors: Tensor, ends: tuple[Tensor, Tensor], noised: NoisedTensors) -> NoisedTensors:
        """Values and their levels for normals and times; weights are those of the bound's terms."""
        import torch

        least, most = (each.to(noised.weights) for each in ends)
        vectors = vectors.to(noised.weights)
        gamma = least + (most - least) * noised.level
        kept, lost = (-gamma).sigmoid(), gamma.sigmoid()
        values = kept.sqrt()[:, None, None] * vectors[noised.clean] + lost.sqrt()[:, None, None] * noised.seen
        worth = torch.where(noised.step == 0, 1.0, (most - least) / 2 * (-gamma).exp())
        left, gone = (-most).sigmoid(), most.sigmoid()
        prior = (left * (vectors**2).sum(dim=1) + vectors.shape[1] * (gone - 1 - gone.log())) / 2
        asked = noised.weights > 0
        return noised._replace(
            seen=values,
            level=lost,
            kept=kept,
            weights=noised.weights * worth[:, None],
            vectors=vectors,
            prior=(asked * prior[noised.clean]).sum(dim=1),
        )

    def log_likelihood(self, noised: NoisedTensors) -> Tensor:
        """Of values on these vectors."""
        return gaussian_evidence(noised.seen, noised.kept, noised.level, noised.vectors)

    def costs(self, log_probs: Tensor, noised: NoisedTensors) -> Tensor:
        """-log p at the least noise, else the squared distance of each vector from the mean one."""
        import torch

        means = log_probs.exp() @ noised.vectors
        off = ((noised.vectors - means[:, :, None]) ** 2).sum(dim=3)
        return torch.where(noised.step[:, None, None] == 0, -log_probs, off)

    def loss(self, log_probs: Tensor, noised: NoisedTensors, targets: Tensor | None = None) -> Tensor:
        """The bound of each row in nats, by one of its terms besides the prior."""
        return super().loss(log_probs, noised, targets) + noised.prior
