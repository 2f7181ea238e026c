"""The canvas of a network that sees noised logits of one block, beside the tokens of the blocks before it."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mdmtheory.core.protocols import Evidence
from mdmtheory.networks.cache import Cache
from mdmtheory.networks.transformer import Transformer
from mdmtheory.oracles.evidence import EvidenceBesideTokens, GaussianEvidence


class SimplexCanvas:
    """Sequences of which one block is noised (core.protocols.NoisyCanvas): blocks before are computed once.

    ValueError for evidence of anything but one whole block of the network, all before it being known.
    """

    def __init__(self, network: Transformer, count: int, device: str) -> None:
        self._network, self._device = network, device
        self._cache = Cache(network.architecture.layers)
        self._held: np.ndarray = np.empty((count, 0), dtype=np.int64)
        self.calls: Int[np.ndarray, "count"] = np.zeros(count, dtype=np.int64)
        self.rounds: Int[np.ndarray, "count"] = np.zeros(count, dtype=np.int64)
        self.impossible: Bool[np.ndarray, "count"] = np.zeros(count, dtype=np.bool_)

    def posterior(self, evidence: Evidence) -> Float[Tensor, "count length vocab_size"]:
        """The law of the token at every position: of the noised block as the network says, uniform elsewhere."""
        values, where, before = self._block(evidence)
        self.calls += 1
        self.rounds += 1
        architecture = self._network.architecture
        found = torch.full((len(values), architecture.length, architecture.vocab_size), 1 / architecture.vocab_size)
        with torch.inference_mode():
            self._settle(before)
            level = torch.full((len(values),), 1 - evidence.kept, device=self._device)
            logits = self._network(torch.from_numpy(values).to(self._device), level, cache=self._cache)
            self._cache.keep(before.shape[1])
            laws: Tensor = logits.softmax(dim=2)
            found = found.to(self._device)
            found[:, torch.from_numpy(where).to(self._device)] = laws
        return found

    def _block(self, evidence: Evidence) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The values, where they stand, and the tokens before them."""
        architecture = self._network.architecture
        size, vocab_size = architecture.block or architecture.length, architecture.vocab_size
        if isinstance(evidence, EvidenceBesideTokens) and isinstance(evidence.noised, GaussianEvidence):
            noised, where = evidence.noised, np.asarray(evidence.where)
            first, stop = int(where[0]), min(int(where[0]) + size, architecture.length)
            before = evidence.tokens[:, :first].astype(np.int64)
            whole = first % size == 0 and np.array_equal(where, np.arange(first, stop))
            if whole and (before < vocab_size).all():
                if not np.array_equal(noised.embedding, 2 * np.eye(vocab_size) - 1):
                    raise ValueError("the network sees noised logits; give noise on the embedding simplex")
                return noised.values.astype(np.float32), where, before
        raise ValueError(
            f"the network sees noised logits of one block of {size} beside the tokens before it; use SimplexDiffusion "
            f"(model ssd) with block={size}, and prompts of whole blocks"
        )

    def _settle(self, before: np.ndarray) -> None:
        """Hold what was computed of these tokens."""
        held = self._held.shape[1]
        if held > before.shape[1] or not np.array_equal(self._held, before[:, :held]):
            self._cache, held = Cache(self._network.architecture.layers), 0
        if held < before.shape[1]:
            self._network(torch.from_numpy(before[:, held:]).to(self._device), cache=self._cache)
        self._held = before
