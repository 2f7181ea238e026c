"""Drawing tokens from laws where they are."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def drawn(law: Float[Tensor, "n vocab"], uniforms: Float[Tensor, "n"]) -> Int[Tensor, "n"]:
    """The first token whose running sum exceeds the uniform's share of the whole; never one of probability 0."""
    sums = law.cumsum(dim=1)
    threshold = uniforms[:, None] * sums[:, -1:]
    found = torch.searchsorted(sums, threshold, right=True).clamp(max=law.shape[1] - 1)[:, 0]
    # Sums of a device need not rise from left to right to the last digit, and no more than rounding leads to a zero.
    wrong = (chance(law, found) == 0).nonzero()[:, 0]
    if len(wrong):
        numbers = torch.arange(law.shape[1], device=law.device)
        can_be = law[wrong] > 0
        beyond = can_be & (sums[wrong] > threshold[wrong])
        last = torch.where(can_be, numbers, -1).amax(dim=1)
        first = torch.where(beyond, numbers, law.shape[1]).amin(dim=1)
        found[wrong] = torch.where(beyond.any(dim=1), first, last)
    return found


def chance(law: Float[Tensor, "n vocab"], tokens: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
    """The probability of a token of each law."""
    return law.gather(1, tokens[:, None])[:, 0]
