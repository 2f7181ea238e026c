"""Keys and values of positions that do not change any more."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


class Cache:
    """Keys and values, layer by layer, of the first `length` positions of some rows.

    A pass through the network puts those of the positions that it was given behind them. What of it may stay is said by
    `keep`: what is beyond is forgotten.
    """

    def __init__(self, layers: int) -> None:
        self._held: list[tuple[Tensor, Tensor] | None] = [None] * layers

    @property
    def length(self) -> int:
        """How many positions are held."""
        first = self._held[0]
        return 0 if first is None else int(first[0].shape[2])

    def joined(
        self, layer: int, keys: Float[Tensor, "rows heads new head"], values: Float[Tensor, "rows heads new head"]
    ) -> tuple[Tensor, Tensor]:
        """What is held of a layer with new positions behind it, which are held from now on."""
        before = self._held[layer]
        if before is not None:
            keys, values = torch.cat([before[0], keys], dim=2), torch.cat([before[1], values], dim=2)
        self._held[layer] = keys, values
        return keys, values

    def keep(self, length: int) -> None:
        """Forget all positions from this one on."""
        if length < self.length:
            self._held = [None if each is None else _first(each, length) for each in self._held]

    def take(self, rows: Tensor) -> Cache:
        """The same of some rows."""
        found = Cache(len(self._held))
        found._held = [None if each is None else (each[0][rows], each[1][rows]) for each in self._held]
        return found


def _first(held: tuple[Tensor, Tensor], length: int) -> tuple[Tensor, Tensor]:
    return held[0][:, :, :length], held[1][:, :, :length]
