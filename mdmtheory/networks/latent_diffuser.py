"""The two networks of latent diffusion together, as a run holds them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mdmtheory.networks.autoencoder import Autoencoder
from mdmtheory.networks.latent_architecture import LatentArchitecture
from mdmtheory.networks.latent_transformer import LatentTransformer


class LatentDiffuser(nn.Module):
    """An autoencoder of answers and the denoiser of its latents; all weights are drawn from `seed` alone.

    `prompt` and `answer` are the positions of the two.
    """

    prompt: Tensor
    answer: Tensor

    def __init__(self, architecture: LatentArchitecture, *, seed: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.autoencoder = Autoencoder(architecture, seed=seed)
        self.denoiser = LatentTransformer(architecture, seed=seed)
        self.register_buffer("prompt", torch.from_numpy(architecture.prompt.copy()), persistent=False)
        self.register_buffer("answer", torch.from_numpy(architecture.answer.copy()), persistent=False)


def latent_diffuser(
    architecture: LatentArchitecture, weights: Mapping[str, Tensor], device: str, precision: str
) -> LatentDiffuser:
    """The networks with these weights, to be asked and not trained; RuntimeError where they are not its own."""
    network = LatentDiffuser(architecture, seed=0)
    network.load_state_dict(weights, assign=True)
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    return network.to(device, dtype).eval().requires_grad_(False)
