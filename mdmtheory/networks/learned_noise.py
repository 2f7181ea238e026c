"""Gaussian noise whose vectors and ends are learnt with the network that takes it back."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

LEAST_NOISE, MOST_NOISE = -3.0, 6.0
"""Where training begins (gamma_0 and gamma_1 of Plaid's programs, 2305.18619), for vectors of length 1."""


class LearnedNoise(nn.Module):
    """A vector of length 1 for each token, and between which levels values of them are seen.

    A level is gamma = -log SNR (2107.00630): kept = sigmoid(-gamma) of the signal, from `ends()[0]`, where tokens are
    decoded, to `ends()[1]`, which is taken for pure noise. The second is above the first whatever is learnt.
    """

    def __init__(self, vocab_size: int, dim: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.empty(vocab_size, dim))
        self.levels = nn.Parameter(torch.empty(2))

    @torch.no_grad()
    def begin(self) -> None:
        """The levels that training begins with; vectors are drawn as all weights are."""
        self.levels.copy_(torch.tensor([LEAST_NOISE, math.log(MOST_NOISE - LEAST_NOISE)]))

    def embedding(self) -> Float[Tensor, "vocab dim"]:
        """The vectors, each of length 1: of how many numbers they are and how noisy values get is then all there is."""
        return self.vectors / self.vectors.norm(dim=1, keepdim=True)

    def ends(self) -> tuple[Tensor, Tensor]:
        """gamma where tokens are decoded, and where nothing is seen."""
        least = self.levels[0]
        return least, least + self.levels[1].exp()
