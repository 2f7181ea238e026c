"""Keys and values of positions that do not change any more."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


class Cache:
    """Keys and values, layer by layer, of the first `length` positions of some rows.

    A pass through the network puts those of the positions that it was given behind them. What of it may stay is said by
    `keep`: what is beyond is forgotten. Room doubles where it runs out, so that a sequence that is drawn token by token
    is copied twice in all and not once a token; what `joined` returned before is written over where `keep` went back.
    """

    def __init__(self, layers: int) -> None:
        self._held: list[Tensor | None] = [None] * layers
        self._lengths = [0] * layers

    @property
    def length(self) -> int:
        """How many positions are held."""
        return self._lengths[0]

    def joined(
        self, layer: int, keys: Float[Tensor, "rows heads new head"], values: Float[Tensor, "rows heads new head"]
    ) -> tuple[Tensor, Tensor]:
        """What is held of a layer with new positions behind it, which are held from now on."""
        before = self._lengths[layer]
        length = self._lengths[layer] = before + keys.shape[2]
        held = self._held[layer]
        if held is None or held.shape[3] < length:
            rows, heads, _, head = keys.shape
            room = keys.new_empty((2, rows, heads, max(length, 2 * before), head))
            if held is not None:
                room[:, :, :, :before] = held[:, :, :, :before]
            held = self._held[layer] = room
        held[0, :, :, before:length] = keys
        held[1, :, :, before:length] = values
        return held[0, :, :, :length], held[1, :, :, :length]

    def keep(self, length: int) -> None:
        """Forget all positions from this one on."""
        self._lengths = [min(length, each) for each in self._lengths]

    def take(self, rows: Tensor) -> Cache:
        """The same of some rows."""
        found = Cache(len(self._held))
        found._held = [None if each is None else each[:, rows, :, : self.length] for each in self._held]
        found._lengths = list(self._lengths)
        return found
