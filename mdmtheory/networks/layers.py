"""What networks are made of: layers of attention, to one another and to something else, and how weights are drawn."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mdmtheory.networks.cache import Cache

LEVEL_FREQUENCIES = 16
"""Sines, and as many cosines, in which a level of noise is told."""
ROTARY_BASE = 100.0

Hidden = Float[Tensor, "rows positions width"]
Heads = Float[Tensor, "rows heads positions head"]
Known = Float[Tensor, "rows heads known head"]
Rotation = tuple[Tensor, Tensor]
"""Cosines and sines (positions, head / 2)."""


class Layer(nn.Module):
    """Attention, then a step of each position by itself; both are added to what came in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.own_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.mixed = nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(
        self, hidden: Hidden, rotation: Rotation, seen: Tensor | None, cache: Cache | None, number: int
    ) -> Hidden:
        """The next layer's input."""
        queries, keys, values = self.asked(hidden, rotation)
        if cache is not None:
            keys, values = cache.joined(number, keys, values)
        return self.by_itself(self.found(hidden, queries, keys, values, seen))

    def asked(self, hidden: Hidden, rotation: Rotation) -> tuple[Heads, Heads, Heads]:
        """Queries, keys and values of the positions."""
        together = self.queries_keys_values(self.attention_norm(hidden))
        queries, keys, values = in_heads(together, 3, self.heads)
        return rotated(queries, rotation), rotated(keys, rotation), values

    def found(self, hidden: Hidden, queries: Heads, keys: Known, values: Known, seen: Tensor | None) -> Hidden:
        """With what the queries found among those values."""
        there = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=seen)
        return hidden + self.mixed(there.transpose(1, 2).reshape(hidden.shape))

    def by_itself(self, hidden: Hidden) -> Hidden:
        """With the step of each position by itself."""
        own: Tensor = self.down(functional.gelu(self.up(self.own_norm(hidden)), approximate="tanh"))
        return hidden + own


class Stack(nn.Module):
    """Layers over so many positions that all see one another."""

    cosines: Tensor
    sines: Tensor

    def __init__(self, layers: int, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        cosines, sines = rotations(length, width // heads, ROTARY_BASE)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)

    def forward(self, hidden: Hidden) -> Hidden:
        """What comes of the positions."""
        for number, layer in enumerate(self.layers):
            hidden = layer(hidden, (self.cosines, self.sines), None, None, number)
        return hidden


class CrossAttention(nn.Module):
    """Attention to something else, of the same width; what is found there is added to what came in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.queries = nn.Linear(width, width, bias=False)
        self.keys_values = nn.Linear(width, 2 * width, bias=False)
        self.mixed = nn.Linear(width, width, bias=False)

    def told(self, memory: Float[Tensor, "rows known width"]) -> tuple[Known, Known]:
        """Keys and values of what is looked at."""
        keys, values = in_heads(self.keys_values(memory), 2, self.heads)
        return keys, values

    def forward(self, hidden: Hidden, keys: Known, values: Known) -> Hidden:
        """With what was found among those values."""
        (queries,) = in_heads(self.queries(self.norm(hidden)), 1, self.heads)
        there = functional.scaled_dot_product_attention(queries, keys, values)
        return hidden + self.mixed(there.transpose(1, 2).reshape(hidden.shape))


def in_heads(together: Tensor, parts: int, heads: int) -> Float[Tensor, "parts rows heads positions head"]:
    """Queries, keys or values that were computed as one, each shared out to heads."""
    rows, positions, wide = together.shape
    return together.view(rows, positions, parts, heads, wide // parts // heads).permute(2, 0, 3, 1, 4)


def waves(level: Float[Tensor, "rows"]) -> Float[Tensor, "rows told"]:
    """The cosines and sines in which a level of noise, from 0 to 1, is told."""
    angles = level[:, None] * (math.pi * torch.arange(LEVEL_FREQUENCIES, device=level.device))
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def rotations(length: int, head: int, base: float) -> Rotation:
    """Cosines and sines (length, head / 2) by which queries and keys turn at each position (2104.09864)."""
    rates = base ** (-torch.arange(0, head, 2) / head)
    angles = torch.arange(length)[:, None] * rates
    return angles.cos(), angles.sin()


def rotated(heads: Tensor, rotation: Rotation) -> Tensor:
    """Queries or keys, their halves turned together."""
    cosines, sines = rotation
    first, second = heads.chunk(2, dim=-1)
    return torch.cat([first * cosines - second * sines, first * sines + second * cosines], dim=-1)


@torch.no_grad()
def draw_weights(network: nn.Module, *, layers: int, seed: int) -> None:
    """Normal weights that keep sizes from layer to layer, those that end in zero or are added small.

    `out` is zero; what layers add is the smaller the more of them there are. All is drawn from the seed, in the order
    of the network's parameters.
    """
    generator = torch.Generator().manual_seed(seed)
    looked_up = {id(each.weight) for each in network.modules() if isinstance(each, nn.Embedding)}
    deep = math.sqrt(2 * layers)
    for name, weight in network.named_parameters():
        if name.startswith("out."):
            weight.zero_()
        elif weight.ndim == 2:
            joins = name.endswith(("mixed.weight", "down.weight"))
            spread = 0.5 if id(weight) in looked_up else weight.shape[1] ** -0.5
            weight.normal_(0.0, spread / deep if joins else spread, generator=generator)
        elif "norm" in name:
            weight.fill_(float(name.endswith("weight")))
        else:
            weight.zero_()
