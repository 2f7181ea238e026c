"""Latent diffusion: first an autoencoder of answers, then a denoiser of its latents."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float

from mdmtheory.core.given import Given
from mdmtheory.core.integers import WholeNumber, whole_number
from mdmtheory.core.prompts import Prompt
from mdmtheory.core.register import registered
from mdmtheory.core.tokens import Tokens
from mdmtheory.models.noise_steps import cosine_kept
from mdmtheory.networks.architecture import Size
from mdmtheory.networks.latent_architecture import AUTOENCODER, DENOISER, LatentArchitecture
from mdmtheory.networks.runs import LATENT
from mdmtheory.training.objectives.base import Noised, NoisedTensors, Objective, Stage
from mdmtheory.training.objectives.strata import stratified

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class NoisedLatents(Noised):
    """Answers with the noise that is to be put on their latents, and the rows that are not shown their prompts."""

    normals: Float[np.ndarray, "rows latents dim"]
    dropped: Bool[np.ndarray, "rows"]

    def given(self, prompt: Prompt) -> NoisedLatents:
        """These answers with their prompts, which rows that are `dropped` do not see."""
        weights = np.zeros(prompt.tokens.shape)
        weights[:, prompt.answer] = self.weights
        seen = np.where(self.dropped[:, None], prompt.mask, prompt.tokens).astype(np.int64)
        return NoisedLatents(
            prompt.joined(self.clean), seen, None, weights, self.step, normals=self.normals, dropped=self.dropped
        )

    def tensors(self, *, device: Any = "cpu", dtype: Any = None) -> NoisedTensors:
        """The same where the network computes."""
        import torch

        plain = Noised(self.clean, self.seen, self.level, self.weights, self.step).tensors(device=device, dtype=dtype)
        normals = torch.as_tensor(self.normals).to(device=device, dtype=torch.float32)
        return plain._replace(normals=normals)


@registered(
    "objective",
    place=9,
    examples=("", "latents=2,dim=4,levels=10,conditioning=adaln_zero"),
    sources=("latent", "lovelace2023", "peebles2023", "hang2023", "nichol2021", "ho2022", "jaegle2021"),
)
@dataclass(frozen=True)
class LatentObjective(Objective):
    """Two stages. The autoencoder: nats of the answer's tokens, decoded from its latents with noise of size `blur`.

    Then the denoiser, on the latents of the settled autoencoder at `levels` levels of the cosine schedule (2102.09672):
    the squared error of its x_0, in the mean over numbers, weighed by min(SNR, `gamma`) (2303.09556). `share` of the
    steps go to the first. A prompt is not shown with chance `drop` (2207.12598), and comes to the latents by
    `conditioning`: in_context, cross or adaln_zero. No law of tokens is the optimum of either, so it is not proper, and
    the second loss is no nats.
    """

    name: ClassVar[str] = "latent"
    noise = LATENT
    proper = False

    _: KW_ONLY
    latents: WholeNumber = 4
    dim: WholeNumber = 32
    levels: WholeNumber = 1000
    conditioning: str = "in_context"
    drop: float = 0.1
    gamma: float = 5.0
    blur: float = 0.3
    share: float = 0.25

    def __post_init__(self) -> None:
        for name in ("latents", "dim", "levels"):
            object.__setattr__(self, name, whole_number(getattr(self, name), name, 2 if name == "dim" else 1))
        if not 0 <= self.drop < 1 or not 0 < self.share < 1:
            raise ValueError(f"drop is {self.drop} and share {self.share}; pass 0 <= drop < 1 and 0 < share < 1")
        if not self.gamma > 0 or not 0 <= self.blur < float("inf"):
            raise ValueError(f"gamma is {self.gamma} and blur {self.blur}; pass gamma above 0 and blur 0 or more")

    def check_given(self, given: Given | None) -> None:
        """ValueError where a conditioning has no prompt; any positions may be given."""
        self.architecture(2 if given is None else given.length, Size(1, 2, 1), level=False, given=given)

    def architecture(self, length: int, size: Size, *, level: bool, given: Given | None = None) -> Any:
        """A `LatentArchitecture` of a size for it; its networks are told the level in any case."""
        return LatentArchitecture(
            self.vocab_size,
            length,
            None if given is None else given.text,
            size.layers,
            size.width,
            size.heads,
            self.latents,
            self.dim,
            self.levels,
            self.conditioning,
        )

    def network(self, architecture: Any, *, seed: int) -> Any:
        """Autoencoder and denoiser."""
        from mdmtheory.networks.latent_diffuser import LatentDiffuser

        return LatentDiffuser(architecture, seed=seed)

    def stages(self, steps: int) -> tuple[Stage, ...]:
        """Its `share` of the steps for the autoencoder, the others for the denoiser; one each at least."""
        if steps < 2:
            raise ValueError(f"the training has {steps} step, and latent diffusion has two stages; give it more tokens")
        first = min(max(1, round(self.share * steps)), steps - 1)
        return Stage(AUTOENCODER, first, "reconstruction"), Stage(DENOISER, steps - first)

    @cached_property
    def kept(self) -> Float[np.ndarray, "levels_and_none"]:
        """ᾱ at each level, from 1."""
        return cosine_kept(self.levels)

    @cached_property
    def error_weights(self) -> Float[np.ndarray, "levels_and_none"]:
        """min(SNR, gamma) at each level: what Min-SNR weighs errors of x_0 by; gamma where there is no noise."""
        with np.errstate(divide="ignore"):
            return np.minimum(self.kept / (1 - self.kept), self.gamma)

    def noised(self, clean: Tokens, generator: np.random.Generator) -> NoisedLatents:
        """Levels, spread over the batch, noise, and which prompts are dropped."""
        rows = len(clean)
        return NoisedLatents(
            clean,
            np.full(clean.shape, self.vocab_size, dtype=np.int64),
            None,
            np.ones(clean.shape),
            1 + stratified(rows, self.levels, generator),
            normals=generator.standard_normal((rows, self.latents, self.dim)),
            dropped=generator.random(rows) < self.drop,
        )

    def targets(
        self, oracle: Any, noised: Noised, threads: int | None = None, *, first: int = 0
    ) -> Float[np.ndarray, "rows length vocab_size"]:
        """ValueError: latents are its own, and no language knows them."""
        raise ValueError("what latents should be is known of no language")

    def row_losses(self, network: Any, noised: NoisedTensors, stage: int) -> Tensor:
        """Nats of each answer (stage 0), or the weighted squared error of its latents a number, times its length."""
        return self._reconstruction(network, noised) if stage == 0 else self._error(network, noised)

    def _reconstruction(self, network: Any, noised: NoisedTensors) -> Tensor:
        from torch.nn import functional

        answers = noised.clean[:, network.answer]
        latents = network.autoencoder.encode(answers)
        logits = network.autoencoder.decode(latents + self.blur * noised.normals)
        nats: Tensor = functional.cross_entropy(logits.transpose(1, 2), answers, reduction="none")
        return nats.sum(dim=1)

    def _error(self, network: Any, noised: NoisedTensors) -> Tensor:
        import torch

        with torch.no_grad():
            latents = network.autoencoder.encode(noised.clean[:, network.answer])
        kept, weights = (
            torch.as_tensor(each, dtype=latents.dtype, device=latents.device)[noised.step]
            for each in (self.kept, self.error_weights)
        )
        seen = kept.sqrt()[:, None, None] * latents + (1 - kept).sqrt()[:, None, None] * noised.normals
        said = network.denoiser(seen, noised.step / self.levels, noised.seen[:, network.prompt])
        return len(network.answer) * weights * ((said - latents) ** 2).mean(dim=(1, 2))
