"""Noise on some positions of sequences alone: the others are known, or are not seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from mdmtheory.core.guards import is_tensor
from mdmtheory.core.prompts import Prompt
from mdmtheory.core.protocols import Evidence, NoisyCanvas
from mdmtheory.core.tokens import Tokens
from mdmtheory.oracles.evidence import EvidenceBesideTokens


class CanvasBesideTokens:
    """A canvas of whole sequences as one of the positions `where`, beside `tokens` (count, length), the mask elsewhere.

    Where what is known is impossible every token is as probable, and the sequence is marked. Where nothing is known no
    context is impossible: what is no law there is left, for whoever asks to refuse.
    """

    def __init__(self, canvas: NoisyCanvas, where: Int[np.ndarray, "noised"], tokens: Tokens, vocab_size: int) -> None:
        self._canvas, self._where, self._tokens, self._vocab_size = canvas, where, tokens, vocab_size
        self.calls: Int[np.ndarray, "count"] = canvas.calls
        self.rounds: Int[np.ndarray, "count"] = canvas.rounds
        self.impossible: Bool[np.ndarray, "count"] = canvas.impossible.copy()
        self._knows: Bool[np.ndarray, "count"] = np.asarray((tokens < vocab_size).any(axis=1))

    def posterior(self, evidence: Evidence) -> Any:
        """The law of the token at each of these positions given their evidence and what is known."""
        whole = EvidenceBesideTokens(evidence, self._where, self._tokens, self._vocab_size)
        found = self._canvas.posterior(whole)[:, self._where]
        self.calls, self.rounds = self._canvas.calls, self._canvas.rounds
        if is_tensor(found):
            return found
        nothing = (found.sum(axis=2) == 0) & self._knows[:, None]
        self.impossible |= nothing.any(axis=1)
        return np.where(nothing[:, :, None], 1 / self._vocab_size, found)


def beside_prompt(canvas: NoisyCanvas, prompt: Prompt | None, vocab_size: int) -> NoisyCanvas:
    """The canvas of the answers; the canvas itself where nothing is given."""
    return canvas if prompt is None else CanvasBesideTokens(canvas, prompt.answer, prompt.tokens, vocab_size)
