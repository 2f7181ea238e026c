"""Gaussian diffusion between two levels of noise, as variational diffusion models are drawn from."""

from __future__ import annotations

from typing import Any

import numpy as np

from mdmtheory.core.contracts import as_denoiser
from mdmtheory.core.protocols import Denoiser, Language
from mdmtheory.core.register import registered
from mdmtheory.core.spec import Spec
from mdmtheory.models.embedding import embedding_named
from mdmtheory.models.gaussian import GaussianDiffusion

ENDS = (-3.0, 6.0)
"""Where nobody says otherwise: where the ends of Plaid (2305.18619) are before they are learnt."""


class VariationalDiffusion(GaussianDiffusion):
    """Gaussian diffusion (`GaussianDiffusion`) whose levels have gamma = -log SNR between two `ends` (2107.00630).

    The N levels have gamma from ends[1], where values are drawn as pure noise, down to ends[0], where tokens are
    decoded: N - 1 steps and the decoding are N calls. The schedule of N - 1 steps says how gamma falls; "linear" is
    evenly. Unless said, `ends` and `embedding` are those that the denoiser was trained with. At ends[1] something of
    the signal is left, so the bound of the likelihood has a term of the prior. With N = 1 values of pure noise are
    decoded at ends[1].
    """

    def __init__(
        self,
        denoiser: Denoiser,
        *,
        ends: tuple[float, float] | None = None,
        embedding: str | Spec | Any = None,
        steps: Any = None,
        schedule: Any = "linear",
        update: str = "ddpm",
        decode: str = "draw",
    ) -> None:
        found = ends or as_denoiser(denoiser).noise_ends or ENDS
        if not -np.inf < found[0] < found[1] < np.inf:
            raise ValueError(f"the ends of the noise are {found}; pass two numbers, the first below the second")
        self.ends = (float(found[0]), float(found[1]))
        super().__init__(denoiser, embedding=embedding, steps=steps, schedule=schedule, update=update, decode=decode)
        fractions = self.schedule.revealed_fractions(self.steps - 1)[::-1] if self.steps > 1 else np.zeros(1)
        gamma = self.ends[1] - (self.ends[1] - self.ends[0]) * fractions
        self.kept = np.concatenate([[1.0], 1 / (1 + np.exp(gamma))])
        self.own_spec = self._with_ends(self.own_spec)
        self.spec = self._with_ends(self.spec)

    def _with_ends(self, spec: Spec) -> Spec:
        return Spec("vdm", (("least", self.ends[0]), ("most", self.ends[1]), *spec.options))

    def _own_options(self) -> dict[str, Any]:
        return {"ends": self.ends, **super()._own_options()}


@registered(
    "model",
    "vdm",
    version=1,
    place=8,
    said="Gaussian noise between learnt ends",
    family="other noise",
    needs=("denoiser", "schedule", "steps"),
    sources=("kingma2021", "gulrajani2023"),
)
def named(
    language: Language,
    denoiser: Denoiser,
    sampler: str,
    steps: int | None,
    schedule: Any,
    *,
    least: float | None = None,
    most: float | None = None,
    embedding: str | None = None,
    dim: int | None = None,
    seed: int | None = None,
    update: str = "ddpm",
    decode: str = "draw",
) -> VariationalDiffusion:
    """Gaussian noise from -log SNR = most to least, these and the vectors as they were learnt; else as gaussian."""
    own = as_denoiser(denoiser).noise_ends or ENDS
    ends = (own[0] if least is None else least, own[1] if most is None else most)
    return VariationalDiffusion(
        denoiser,
        ends=ends,
        embedding=embedding_named(embedding, dim, seed),
        steps=steps,
        schedule=schedule,
        update=update,
        decode=decode,
    )
