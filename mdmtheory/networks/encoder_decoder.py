"""An encoder that reads the prompt all around and a decoder that writes the answer from left to right (1706.03762)."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mdmtheory.networks.architecture import Architecture
from mdmtheory.networks.cache import Cache
from mdmtheory.networks.layers import CrossAttention, Hidden, Layer, Rotation, draw_weights, rotations


class EncoderDecoder(nn.Module):
    """Logits (rows, length, vocab_size), in float32, of token i given the prompt and what stands left of i.

    The prompt are the first `architecture.encoded` tokens: of them it says nothing, the uniform law. They go through as
    many layers as the answer does, and all layers of the decoder look at what comes of them. It is asked as a causal
    `Transformer` is, with a cache or without. The weights are drawn from `seed` alone.
    """

    cosines: Tensor
    sines: Tensor

    def __init__(self, architecture: Architecture, *, seed: int) -> None:
        super().__init__()
        self.architecture = architecture
        width, heads, layers = architecture.width, architecture.heads, architecture.layers
        self.embed = nn.Embedding(architecture.vocab_size + 1, width)
        self.places = nn.Embedding(architecture.length, width)
        self.readers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.read_norm = nn.LayerNorm(width)
        self.writers = nn.ModuleList(WritingLayer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, architecture.vocab_size)
        cosines, sines = rotations(architecture.length, width // heads, architecture.rotary_base)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)
        draw_weights(self, layers=2 * layers, seed=seed)

    def forward(
        self, inputs: Int[Tensor, "rows length"], level: None = None, *, cache: Cache | None = None
    ) -> Float[Tensor, "rows length vocab_size"]:
        """The logits; with a cache, `inputs` are what stands before each of the positions that follow what it holds.

        A cache holds all of the prompt or none of it: the keys and values by which each layer looks at it.
        """
        mask, encoded = self.architecture.vocab_size, self.architecture.encoded
        if cache is None:
            inputs = torch.cat([torch.full_like(inputs[:, :1], mask), inputs[:, :-1]], dim=1)
        first = 0 if cache is None else cache.length
        stop = first + inputs.shape[1]
        nothing = inputs.new_zeros((len(inputs), max(0, min(stop, encoded) - first), mask), dtype=torch.float32)
        if stop <= encoded:
            return nothing
        memory = self._read(inputs[:, 1 : encoded + 1]) if first < encoded else None
        begin = max(first, encoded)
        before = inputs[:, begin - first :]
        if begin == encoded:  # the first token of an answer has none before it
            before = torch.cat([torch.full_like(before[:, :1], mask), before[:, 1:]], dim=1)
        positions = slice(begin, stop)
        known = torch.arange(encoded, stop, device=inputs.device)
        seen = known[begin - encoded :, None] >= known[None]
        hidden = self._embedded(before, positions)
        for number, layer in enumerate(self.writers):
            hidden = layer(hidden, self._rotation(positions), seen, cache, number, memory, encoded)
        logits: Tensor = self.out(self.norm(hidden))
        logits = logits.float() if logits.dtype != torch.float64 else logits
        return torch.cat([nothing.to(logits.dtype), logits], dim=1)

    def _read(self, prompt: Int[Tensor, "rows encoded"]) -> Hidden:
        """What comes of the prompt."""
        positions = slice(0, prompt.shape[1])
        hidden = self._embedded(prompt, positions)
        for number, layer in enumerate(self.readers):
            hidden = layer(hidden, self._rotation(positions), None, None, number)
        read: Tensor = self.read_norm(hidden)
        return read

    def _embedded(self, tokens: Tensor, positions: slice) -> Hidden:
        embedded: Tensor = self.embed(tokens) + self.places.weight[positions]
        return embedded

    def _rotation(self, positions: slice) -> Rotation:
        return self.cosines[positions], self.sines[positions]


class WritingLayer(nn.Module):
    """Attention to what was written, then to what was read, then a step of each position by itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.writing, self.reading = Layer(width, heads), CrossAttention(width, heads)

    def forward(
        self,
        hidden: Hidden,
        rotation: Rotation,
        seen: Tensor,
        cache: Cache | None,
        number: int,
        memory: Float[Tensor, "rows encoded width"] | None,
        encoded: int,
    ) -> Hidden:
        """The next layer's input; `memory` is what was read of so many positions, None where the cache has it."""
        queries, keys, values = self.writing.asked(hidden, rotation)
        if memory is not None:
            read_keys, read_values = self.reading.told(memory)
            keys, values = torch.cat([read_keys, keys], dim=2), torch.cat([read_values, values], dim=2)
        if cache is not None:
            keys, values = cache.joined(number, keys, values)
        read, written = slice(0, encoded), slice(encoded, None)
        hidden = self.writing.found(hidden, queries, keys[:, :, written], values[:, :, written], seen)
        hidden = self.reading(hidden, keys[:, :, read], values[:, :, read])
        return self.writing.by_itself(hidden)
