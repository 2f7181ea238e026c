"""Gaussian noise whose vectors and ends are learnt with the network that takes it back."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

LEAST_NOISE, MOST_NOISE = -3.0, 6.0
"""Where training begins (gamma_0 and gamma_1 of Plaid's programs, 2305.18619), for vectors of length 1."""
NOISE_LIMIT = 12.0
"""The second end stays below (ours): more noise always lowers the bound, from here on by 4e-6 nats a token at most."""


class LearnedNoise(nn.Module):
    """A vector of length 1 for each token, and between which levels values of them are seen.

    A level is gamma = -log SNR (2107.00630): kept = sigmoid(-gamma) of the signal, from `ends()[0]`, where tokens are
    decoded, to `ends()[1]`, which is taken for pure noise: between the first and `NOISE_LIMIT`, whatever is learnt.
    Without a limit the second rises for ever, for no level of noise is the best, and leaves most steps with nothing
    to see.
    """

    def __init__(self, vocab_size: int, dim: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.empty(vocab_size, dim))
        self.bounds = nn.Parameter(torch.empty(2))

    @torch.no_grad()
    def begin(self) -> None:
        """The levels that training begins with; vectors are drawn as all weights are."""
        share = (MOST_NOISE - LEAST_NOISE) / (NOISE_LIMIT - LEAST_NOISE)
        self.bounds.copy_(torch.tensor([LEAST_NOISE, math.log(share / (1 - share))]))

    def embedding(self) -> Float[Tensor, "vocab dim"]:
        """The vectors, each of length 1: of how many numbers they are and how noisy values get is then all there is."""
        return self.vectors / self.vectors.norm(dim=1, keepdim=True)

    def ends(self) -> tuple[Tensor, Tensor]:
        """gamma where tokens are decoded, and where nothing is seen."""
        least = self.bounds[0]
        return least, least + (NOISE_LIMIT - least) * self.bounds[1].sigmoid()
