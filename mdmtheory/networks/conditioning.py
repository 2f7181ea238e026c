"""How a prompt and the level of noise come to latents: the three ways of DiT (2212.09748, section 3.2)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mdmtheory.networks.latent_architecture import LatentArchitecture
from mdmtheory.networks.layers import CrossAttention, Stack, in_heads

Latent = Float[Tensor, "rows latents width"]
Prompted = Float[Tensor, "rows prompted width"]
Told = Float[Tensor, "rows width"]


class Conditioned(nn.Module):
    """Layers over latents that are told a prompt and a level."""

    @abstractmethod
    def forward(self, latents: Latent, prompt: Prompted, told: Told) -> Latent:
        """What comes of the latents."""

    def begin(self) -> None:
        """Set what is not to be drawn at random."""


class InContext(Conditioned):
    """Prompt and latents are one sequence, whose positions all see one another; the level is added to each."""

    def __init__(self, layers: int, width: int, heads: int, prompted: int, latents: int) -> None:
        super().__init__()
        self.prompted = prompted
        self.layers = Stack(layers, width, heads, prompted + latents)

    def forward(self, latents: Latent, prompt: Prompted, told: Told) -> Latent:
        """What comes of the latents."""
        together: Tensor = self.layers(torch.cat([prompt, latents], dim=1) + told[:, None])
        return together[:, self.prompted :]


class Crossed(Conditioned):
    """Latents see one another, and then, layer by layer, the prompt's embeddings; the level is added to them."""

    def __init__(self, layers: int, width: int, heads: int, prompted: int, latents: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(CrossedLayer(width, heads, latents) for _ in range(layers))

    def forward(self, latents: Latent, prompt: Prompted, told: Told) -> Latent:
        """What comes of the latents."""
        hidden = latents + told[:, None]
        for layer in self.layers:
            hidden = layer(hidden, prompt)
        return hidden


class CrossedLayer(nn.Module):
    """Attention to the prompt, then a layer among latents."""

    def __init__(self, width: int, heads: int, latents: int) -> None:
        super().__init__()
        self.reading, self.among_latents = CrossAttention(width, heads), Stack(1, width, heads, latents)

    def forward(self, latents: Latent, prompt: Prompted) -> Latent:
        """The next layer's input."""
        found: Tensor = self.among_latents(self.reading(latents, *self.reading.told(prompt)))
        return found


class Modulated(Conditioned):
    """Level and prompt, as one vector, shift, scale and gate what each layer does; all gates begin at 0 (adaLN-zero).

    The vector is linear in the embeddings of the prompt's positions, side by side.
    """

    def __init__(self, layers: int, width: int, heads: int, prompted: int, latents: int) -> None:
        super().__init__()
        self.prompt = nn.Linear(prompted * width, width)
        self.layers = nn.ModuleList(ModulatedLayer(width, heads) for _ in range(layers))

    def begin(self) -> None:
        """Close all gates."""
        for layer in self.layers:
            nn.init.zeros_(cast(ModulatedLayer, layer).modulation.weight)

    def forward(self, latents: Latent, prompt: Prompted, told: Told) -> Latent:
        """What comes of the latents."""
        condition = functional.silu(told + self.prompt(prompt.flatten(start_dim=1)))
        for layer in self.layers:
            latents = layer(latents, condition)
        return latents


class ModulatedLayer(nn.Module):
    """Attention, then a step of each position by itself, each shifted and scaled before and gated after."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.width = heads, width
        self.modulation = nn.Linear(width, 6 * width)
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.mixed = nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, hidden: Latent, condition: Told) -> Latent:
        """The next layer's input."""
        shift, scale, gate, own_shift, own_scale, own_gate = self.modulation(condition)[:, None].chunk(6, dim=2)
        seen = self._normed(hidden, shift, scale)
        queries, keys, values = in_heads(self.queries_keys_values(seen), 3, self.heads)
        found = functional.scaled_dot_product_attention(queries, keys, values)
        hidden = hidden + gate * self.mixed(found.transpose(1, 2).reshape(hidden.shape))
        own = self.up(self._normed(hidden, own_shift, own_scale))
        return hidden + own_gate * self.down(functional.gelu(own, approximate="tanh"))

    def _normed(self, hidden: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        return functional.layer_norm(hidden, (self.width,)) * (1 + scale) + shift


def conditioned(architecture: LatentArchitecture) -> Conditioned:
    """The layers of an architecture, by its conditioning."""
    kinds: dict[str, Callable[..., Conditioned]] = {"in_context": InContext, "cross": Crossed, "adaln_zero": Modulated}
    prompted, latents = len(architecture.prompt), architecture.latents
    return kinds[architecture.conditioning](
        architecture.layers, architecture.width, architecture.heads, prompted, latents
    )
