"""The canvas of a network that sees tokens through uniform or Gaussian noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mdmtheory.networks.transformer import Transformer
from mdmtheory.oracles.evidence import EvidenceBesideTokens


class NoisyNetworkCanvas:
    """Sequences seen through a noise other than masking (core.protocols.NoisyCanvas): one pass for all of them.

    What goes in is what is seen, or its evidence; the level that the network is told is 1 - kept. ValueError for values
    that are noise on another embedding than the network's own.
    """

    def __init__(
        self, network: Transformer, count: int, device: str, embedding: Float[np.ndarray, "vocab dim"] | None
    ) -> None:
        self._network, self._device, self._embedding = network, device, embedding
        self.calls: Int[np.ndarray, "count"] = np.zeros(count, dtype=np.int64)
        self.rounds: Int[np.ndarray, "count"] = np.zeros(count, dtype=np.int64)
        self.impossible: Bool[np.ndarray, "count"] = np.zeros(count, dtype=np.bool_)

    def posterior(self, evidence: Any) -> Float[Tensor, "count length vocab_size"]:
        """The law of the token at every position given what is seen of all."""
        self.calls += 1
        self.rounds += 1
        noised: Any = evidence.noised if isinstance(evidence, EvidenceBesideTokens) else evidence
        if self._embedding is not None and not np.array_equal(noised.embedding, self._embedding):
            raise ValueError(
                f"the network was trained with an embedding of {self._embedding.shape[1]} numbers a token that is "
                "not this one; give Gaussian diffusion the embedding of its objective"
            )
        if self._network.architecture.evidence:
            seen = torch.from_numpy(evidence.log_likelihood().astype(np.float32))
        elif noised is not evidence:
            raise ValueError("the network reads noised values, and cannot be shown tokens beside them; train it anew")
        elif self._embedding is None:
            seen = torch.from_numpy(evidence.tokens.astype(np.int64))
        else:
            seen = torch.from_numpy(evidence.values.astype(np.float32))
        level = torch.full((len(seen),), 1 - evidence.kept, device=self._device)
        told = level if self._network.architecture.level else None
        with torch.inference_mode():
            logits: Tensor = self._network(seen.to(self._device), told)
            return logits.softmax(dim=2)
