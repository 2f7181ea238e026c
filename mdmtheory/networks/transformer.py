"""The transformer behind every network: pre-norm, rotary positions, attention to all, to the left or by blocks."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mdmtheory.networks.architecture import Architecture
from mdmtheory.networks.cache import Cache
from mdmtheory.networks.layers import LEVEL_FREQUENCIES, Layer, draw_weights, rotations, waves
from mdmtheory.networks.learned_noise import LearnedNoise


class Transformer(nn.Module):
    """Logits (rows, length, vocab_size), in float32, of what goes in (networks.architecture says what that is).

    At position i they are the law of token i: given all that goes in, given what stands to its left (a causal network
    shifts what goes in by one), or given its own block and those before. Untrained, they are the uniform law, and where
    evidence goes in the one that a position's own evidence makes of it. The weights are drawn from `seed` alone.
    """

    cosines: Tensor
    sines: Tensor
    blocks: Tensor
    noise: LearnedNoise | None

    def __init__(self, architecture: Architecture, *, seed: int) -> None:
        super().__init__()
        self.architecture = architecture
        width, vocab_size = architecture.width, architecture.vocab_size
        inputs = vocab_size if architecture.evidence else architecture.dim
        self.embed: nn.Module = nn.Embedding(vocab_size + 1, width) if inputs is None else nn.Linear(inputs, width)
        self.places = nn.Embedding(architecture.length, width) if architecture.places else None
        self.noise = None if architecture.embeds is None else LearnedNoise(vocab_size, architecture.embeds)
        self.level = nn.Linear(2 * LEVEL_FREQUENCIES, width) if architecture.level else None
        self.layers = nn.ModuleList(Layer(width, architecture.heads) for _ in range(architecture.layers))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, vocab_size)
        cosines, sines = rotations(architecture.length, width // architecture.heads, architecture.rotary_base)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)
        blocks = torch.arange(architecture.length) // (architecture.block or architecture.length)
        self.register_buffer("blocks", blocks, persistent=False)
        draw_weights(self, layers=architecture.layers, seed=seed)
        if self.noise is not None:
            self.noise.begin()

    def forward(
        self,
        inputs: Int[Tensor, "rows length"] | Float[Tensor, "rows length dim"],
        level: Float[Tensor, "rows"] | None = None,
        *,
        cache: Cache | None = None,
    ) -> Float[Tensor, "rows length vocab_size"]:
        """The logits; with a cache, `inputs` are the positions that follow what it holds, which they join.

        A causal network takes with a cache what stands at the positions before: position i is asked by token i - 1.
        """
        attention = self.architecture.attention
        if attention == "causal" and cache is None:
            inputs = torch.cat([torch.full_like(inputs[:, :1], self.architecture.vocab_size), inputs[:, :-1]], dim=1)
        first = 0 if cache is None else cache.length
        positions = slice(first, first + inputs.shape[1])
        seen = None if attention == "bidirectional" else self._seen(positions, first)
        # Likelihoods over their mean: 1 where nothing is seen. Shares of 1 would drown in what the layers add to them.
        given = self.architecture.vocab_size * inputs.softmax(dim=2) if self.architecture.evidence else inputs
        logits = self._logits(self._hidden(self._embedded(given, level, positions), positions, seen, cache))
        return logits + inputs if self.architecture.evidence else logits

    def two_halves(
        self,
        clean: Int[Tensor, "rows length"],
        noisy: Int[Tensor, "rows length"] | Float[Tensor, "rows length vocab_size"],
        level: Float[Tensor, "rows"] | None = None,
    ) -> Float[Tensor, "rows length vocab_size"]:
        """Logits of the noisy blocks, each given itself and the clean blocks before it, all in one pass (2503.09573).

        Both halves have the same positions; the clean one looks at itself up to and with a position's own block.
        """
        length = clean.shape[1]
        own, other = self.blocks[:length, None], self.blocks[None, :length]
        from_clean = torch.cat([own >= other, torch.zeros_like(own >= other)], dim=1)
        from_noisy = torch.cat([own > other, own == other], dim=1)
        twice = torch.arange(length, device=clean.device).repeat(2)
        embedded = torch.cat([self._embedded(half, level, twice[:length]) for half in (clean, noisy)], dim=1)
        hidden = self._hidden(embedded, twice, torch.cat([from_clean, from_noisy]), None)
        return self._logits(hidden[:, length:])

    def _embedded(self, inputs: Tensor, level: Tensor | None, positions: slice | Tensor) -> Tensor:
        simplex = self.architecture.simplex
        noisy = simplex is not None and inputs.is_floating_point()
        # Numbers go in with the precision of the weights; what is made of them before is not rounded.
        given = inputs.to(self.embed.weight.dtype) if isinstance(self.embed, nn.Linear) else inputs
        if simplex is not None and noisy:
            vectors: Tensor = self.embed.weight[: self.architecture.vocab_size]  # type: ignore[index]
            embedded = (simplex * inputs).softmax(dim=2).to(vectors.dtype) @ vectors
        else:
            embedded = self.embed(given)
        if self.places is not None:
            embedded = embedded + self.places.weight[positions]
        if self.level is None or (simplex is not None and not noisy):
            return embedded
        if level is None:
            raise ValueError("this network is told the level of noise; pass level")
        told: Tensor = self.level(waves(level).to(self.level.weight.dtype))
        return embedded + told[:, None]

    def _seen(self, positions: slice, first: int) -> Bool[Tensor, "asked known"]:
        """Which positions, cached ones first, each of some positions looks at."""
        if self.architecture.attention == "block":
            return self.blocks[positions, None] >= self.blocks[None, : positions.stop]
        known = torch.arange(positions.stop, device=self.blocks.device)
        return known[first:, None] >= known[None]

    def _hidden(
        self, embedded: Tensor, positions: slice | Tensor, seen: Tensor | None, cache: Cache | None
    ) -> Float[Tensor, "rows positions width"]:
        rotation = self.cosines[positions], self.sines[positions]
        hidden = embedded
        for number, layer in enumerate(self.layers):
            hidden = layer(hidden, rotation, seen, cache, number)
        return hidden

    def _logits(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self.out(self.norm(hidden))
        return logits.float() if logits.dtype != torch.float64 else logits
