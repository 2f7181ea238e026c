"""The canvas of a network that looks to the left or by blocks: what is settled is computed once."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from mdmtheory.core.tokens import Tokens
from mdmtheory.networks.building import TokenNetwork
from mdmtheory.networks.cache import Cache
from mdmtheory.networks.canvas import NetworkCanvas


class CachedCanvas(NetworkCanvas):
    """Partly revealed sequences of a causal or block network (core.protocols.Canvas).

    What is settled keeps its keys and values, so that a question costs the positions from there to the last one asked
    about. Where others are asked about, or rows that were not asked before, it is computed anew; so it is always where
    the network is told the level, which changes what it makes of settled tokens too.
    """

    def __init__(
        self,
        network: TokenNetwork,
        count: int,
        length: int,
        device: str,
        prompt: Tokens | None = None,
        *,
        cached: bool = True,
    ) -> None:
        architecture = network.architecture
        super().__init__(network, count, length, architecture.vocab_size, device, prompt)
        self._network, self._settled = network, 0
        self._cached = cached and not architecture.level
        self._causal, self._block = architecture.attention == "causal", architecture.block or 1
        self._encoded = architecture.encoded
        self._cache = Cache(architecture.layers)
        self._rows: Any = np.arange(0)

    def write(self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"], tokens: Int[np.ndarray, "n"]) -> None:
        """Put tokens at (row, position) pairs; the mask erases."""
        super().write(rows, positions, tokens)
        if len(positions) and positions.min() < self._settled:
            self._settled = int(positions.min())
            self._cache.keep(self._kept)

    def settle_before(self, position: int) -> None:
        """Nothing left of `position` changes again."""
        self._settled = max(self._settled, position)

    @property
    def _kept(self) -> int:
        """How many positions keep what was computed of them: those that saw nothing but what is settled.

        What an encoder reads is kept whole or not at all.
        """
        kept = self._settled // self._block * self._block
        return kept if kept >= self._encoded else 0

    def _logits(
        self, asked: Int[np.ndarray, "rows"], positions: Int[np.ndarray, "n"], told: Tensor | None
    ) -> tuple[Tensor, int]:
        """Logits of the rows asked about, from a position on."""
        if not self._cached or positions.min() < self._kept:
            return super()._logits(asked, positions, told)
        cache = self._of_rows(asked)
        first = cache.length
        stop = min(self._tokens.shape[1], (int(positions.max()) // self._block + 1) * self._block)
        inputs = self._tokens[self._there(asked), max(0, first - 1) if self._causal else first : stop]
        if self._causal:
            before = torch.full_like(inputs[:, :1], self._vocab_size)
            inputs = torch.cat([before, inputs[:, :-1]], dim=1) if first == 0 else inputs[:, :-1]
        logits = self._network(inputs, told, cache=cache)
        cache.keep(self._kept)
        return logits, first

    def _of_rows(self, asked: Int[np.ndarray, "rows"]) -> Cache:
        """What was computed of these rows, or nothing where it was not computed of all of them.

        Rows that are not asked because their block is done come back with the next one: while nothing more is settled,
        what was computed of them stays.
        """
        if np.array_equal(asked, self._rows):
            return self._cache
        if not np.isin(asked, self._rows).all():
            found = Cache(self._network.architecture.layers)
        else:
            found = self._cache.take(self._there(np.searchsorted(self._rows, asked)))
            if self._cache.length == self._kept:
                return found
        self._cache, self._rows = found, asked
        return found
