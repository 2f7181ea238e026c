"""A canvas of a checkpoint: our tokens are put into its numbers, and its logits brought back to ours, on its device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mdmtheory.core.tokens import Tokens
from mdmtheory.networks.canvas import NetworkCanvas
from mdmtheory.networks.checkpoint import Checkpoint, logits_of


class CheckpointCanvas(NetworkCanvas):
    """Partly revealed sequences of a checkpoint, between the special tokens that stand around them.

    Of a model with `shift` position i is read where it stands on position i - 1, and the first one, if nothing stands
    before it, on itself, as its own code does (Dream).
    """

    def __init__(
        self, checkpoint: Checkpoint, count: int, length: int, device: str, prompt: Tokens | None = None
    ) -> None:
        super().__init__(lambda tokens, level: tokens, count, length, checkpoint.vocab_size, device, prompt)
        self._checkpoint = checkpoint
        self._ids = torch.from_numpy(checkpoint.ids).to(device)
        self._numbers = torch.cat([self._ids, torch.tensor([checkpoint.mask], device=device)])
        self._before, self._after = (
            torch.tensor(each, dtype=torch.int64, device=device) for each in (checkpoint.before, checkpoint.after)
        )

    def _logits_at(
        self,
        asked: Int[np.ndarray, "rows"],
        index: Int[np.ndarray, "n"],
        positions: Int[np.ndarray, "n"],
        told: Tensor | None,
    ) -> Float[Tensor, "n vocab_size"]:
        """Logits of our tokens at (asked[index], position) pairs; those of others are left where they were made."""
        own = self._numbers[self._tokens[self._there(asked)]]
        around = [self._before.expand(len(own), -1), own, self._after.expand(len(own), -1)]
        read = positions + len(self._before) - int(self._checkpoint.shift)
        with torch.inference_mode(), _enough_memory(*own.shape):
            logits = logits_of(self._checkpoint, torch.cat(around, dim=1))
            there = logits[self._there(index), self._there(np.maximum(read, 0))]
            return there.index_select(1, self._ids)


@contextmanager
def _enough_memory(rows: int, length: int) -> Iterator[None]:
    """MemoryError in one line where the device has too little for so many sequences."""
    try:
        yield
    except (torch.OutOfMemoryError, RuntimeError) as error:
        if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        fewer = f"give batch={max(1, rows // 2)}" if rows > 1 else "use shorter sequences"
        raise MemoryError(
            f"the checkpoint does not fit with {rows} sequences of {length} tokens at once; {fewer}"
        ) from None
