"""A sequence autoencoder: an answer into a fixed number of latents, and laws of its tokens from these."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from mdmtheory.networks.latent_architecture import LatentArchitecture
from mdmtheory.networks.layers import CrossAttention, Stack, draw_weights

Latents = Float[Tensor, "rows latents dim"]


class Autoencoder(nn.Module):
    """Latents of answers, and logits of their tokens from latents.

    Learnt queries, one a latent, attend to the answer's tokens (Perceiver, 2103.03206; for text 2212.09462), and each
    latent is scaled to mean 0 and variance 1 over its numbers, so that noise of variance 1 is as large as it. Learnt
    queries, one a position, attend to the latents, and what they find says the law of each token. The weights are drawn
    from `seed` alone.
    """

    def __init__(self, architecture: LatentArchitecture, *, seed: int) -> None:
        super().__init__()
        layers, width, heads = architecture.layers, architecture.width, architecture.heads
        answered, self.dim = len(architecture.answer), architecture.dim
        self.embed = nn.Embedding(architecture.vocab_size, width)
        self.places = nn.Embedding(answered, width)
        self.reading = Stack(layers, width, heads, answered)
        self.latents = nn.Embedding(architecture.latents, width)
        self.gathering = CrossAttention(width, heads)
        self.among_latents = Stack(1, width, heads, architecture.latents)
        self.latents_norm = nn.LayerNorm(width)
        self.to_latents = nn.Linear(width, self.dim)
        self.from_latents = nn.Linear(self.dim, width)
        self.latent_places = nn.Embedding(architecture.latents, width)
        self.asking = nn.Embedding(answered, width)
        self.finding = CrossAttention(width, heads)
        self.writing = Stack(layers, width, heads, answered)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, architecture.vocab_size)
        draw_weights(self, layers=2 * layers + 2, seed=seed)

    def encode(self, answers: Int[Tensor, "rows answered"]) -> Latents:
        """The latents of answers."""
        read = self.reading(self.embed(answers) + self.places.weight)
        queries = self.latents.weight.expand(len(answers), -1, -1)
        found = self.among_latents(self.gathering(queries, *self.gathering.told(read)))
        return functional.layer_norm(self.to_latents(self.latents_norm(found)).float(), (self.dim,))

    def decode(self, latents: Latents) -> Float[Tensor, "rows answered vocab_size"]:
        """The logits of the tokens of answers."""
        told = self.from_latents(latents.to(self.from_latents.weight.dtype)) + self.latent_places.weight
        queries = self.asking.weight.expand(len(latents), -1, -1)
        written = self.writing(self.finding(queries, *self.finding.told(told)))
        logits: Tensor = self.out(self.norm(written))
        return logits.float()
