"""The diffusion transformer on latents: what they were before the noise, given a prompt (DiT, 2212.09748)."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor, nn

from mdmtheory.networks.conditioning import Conditioned, conditioned
from mdmtheory.networks.latent_architecture import LatentArchitecture
from mdmtheory.networks.layers import LEVEL_FREQUENCIES, draw_weights, waves

Latents = Float[Tensor, "rows latents dim"]


class LatentTransformer(nn.Module):
    """x_0 (rows, latents, dim), in float32, of latents seen through noise; the prompt's tokens, or masks, are told.

    `level` is the share t/T of levels. A prompt that is all masks is no prompt: what is learnt of those dropped in
    training serves classifier-free guidance. Untrained it says 0. The weights are drawn from `seed` alone.
    """

    def __init__(self, architecture: LatentArchitecture, *, seed: int) -> None:
        super().__init__()
        width, prompted = architecture.width, len(architecture.prompt)
        self.values = nn.Linear(architecture.dim, width)
        self.latent_places = nn.Embedding(architecture.latents, width)
        self.embed = nn.Embedding(architecture.vocab_size + 1, width)
        self.prompt_places = nn.Embedding(prompted, width)
        self.level = nn.Linear(2 * LEVEL_FREQUENCIES, width)
        self.body: Conditioned = conditioned(architecture)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, architecture.dim)
        draw_weights(self, layers=architecture.layers, seed=seed)
        self.body.begin()

    def forward(self, latents: Latents, level: Float[Tensor, "rows"], prompt: Int[Tensor, "rows prompted"]) -> Latents:
        """The estimate of x_0."""
        dtype = self.values.weight.dtype
        hidden = self.values(latents.to(dtype)) + self.latent_places.weight
        told = self.level(waves(level).to(dtype))
        clean: Tensor = self.out(self.norm(self.body(hidden, self.embed(prompt) + self.prompt_places.weight, told)))
        return clean.float()
