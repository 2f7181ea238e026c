"""A canvas for any network: tokens on its device, one forward pass for all rows that are asked about."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mdmtheory.core.tokens import Tokens, as_tokens
from mdmtheory.networks.answers import TensorAnswers


@runtime_checkable
class Forward(Protocol):
    """Logits (rows, length, vocab_size) of partly masked tokens (rows, length), int64, the mask being vocab_size.

    `level` (rows,) is the share of each row that is masked, where the canvas was told it.
    """

    def __call__(self, tokens: Tensor, level: Tensor | None) -> Tensor:
        """The logits."""


class NetworkCanvas:
    """Partly revealed sequences of a network (core.protocols.Canvas); nothing is kept from one pass to the next."""

    def __init__(
        self, forward: Forward, count: int, length: int, vocab_size: int, device: str, prompt: Tokens | None = None
    ) -> None:
        self._forward, self._vocab_size = forward, vocab_size
        self._tokens = torch.full((count, length), vocab_size, dtype=torch.int64, device=device)
        if prompt is not None:
            given = as_tokens(prompt, vocab_size, masks=True)
            if given.shape != (count, length):
                raise ValueError(
                    f"the prompt has shape {given.shape}; pass {(count, length)}, the mask where nothing is given"
                )
            self._tokens.copy_(torch.from_numpy(given.astype(np.int64)))
        self.calls: Int[np.ndarray, "count"] = np.zeros(count, dtype=np.int64)
        self.rounds: Int[np.ndarray, "count"] = np.zeros(count, dtype=np.int64)
        self.impossible: Bool[np.ndarray, "count"] = np.zeros(count, dtype=np.bool_)

    def write(self, rows: Int[np.ndarray, "n"], positions: Int[np.ndarray, "n"], tokens: Int[np.ndarray, "n"]) -> None:
        """Put tokens at (row, position) pairs; the mask erases."""
        self._tokens[self._there(rows), self._there(positions)] = self._there(tokens)

    def settle_before(self, position: int) -> None:
        """Nothing is kept, so nothing can be kept longer."""

    def ask(
        self,
        rows: Int[np.ndarray, "n"],
        positions: Int[np.ndarray, "n"],
        *,
        level: Float[np.ndarray, "n"] | None = None,
    ) -> TensorAnswers:
        """The network's laws at (row, position) pairs; every row named is charged one call and one round."""
        asked, first, index = np.unique(rows, return_index=True, return_inverse=True)
        self.calls[asked] += 1
        self.rounds[asked] += 1
        if not len(asked):
            return TensorAnswers(torch.empty((0, self._vocab_size), device=self._tokens.device))
        told = None if level is None else self._there(np.ascontiguousarray(level[first]))
        return TensorAnswers.of_logits(self._logits_at(asked, index, positions, told))

    def _logits_at(
        self,
        asked: Int[np.ndarray, "rows"],
        index: Int[np.ndarray, "n"],
        positions: Int[np.ndarray, "n"],
        told: Tensor | None,
    ) -> Float[Tensor, "n vocab_size"]:
        """Logits at (asked[index], position) pairs."""
        with torch.inference_mode():
            logits, from_position = self._logits(asked, positions, told)
        if logits.ndim != 3 or (logits.shape[0], logits.shape[2]) != (len(asked), self._vocab_size):
            self._refuse(logits, len(asked))
        return logits[self._there(index), self._there(positions - from_position)]

    def _logits(
        self, asked: Int[np.ndarray, "rows"], positions: Int[np.ndarray, "n"], told: Tensor | None
    ) -> tuple[Tensor, int]:
        """Logits of the rows asked about, and the position that they begin at."""
        logits = self._forward(self._tokens[self._there(asked)], told)
        if logits.shape[1:2] != self._tokens.shape[1:2]:
            self._refuse(logits, len(asked))
        return logits, 0

    def _refuse(self, logits: Tensor, rows: int) -> None:
        expected = (rows, self._tokens.shape[1], self._vocab_size)
        raise ValueError(f"the network gave logits of shape {tuple(logits.shape)}; expected {expected}")

    def _there(self, array: Any) -> Tensor:
        return torch.from_numpy(np.array(array)).to(self._tokens.device)
