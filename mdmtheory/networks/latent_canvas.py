"""The canvas of latent diffusion: estimates of clean latents, and the answers that latents stand for."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mdmtheory.core.tokens import Tokens
from mdmtheory.networks.answers import TensorAnswers
from mdmtheory.networks.latent_diffuser import LatentDiffuser

Values = Float[np.ndarray, "count latents dim"]


class LatentCanvas:
    """Latents of answers to prompts (count, prompted), which networks are asked about; each pass is a call."""

    def __init__(self, network: LatentDiffuser, prompts: Tokens, device: str) -> None:
        self._network, self._device = network, device
        self._prompts = torch.from_numpy(prompts.astype(np.int64)).to(device)
        count = len(prompts)
        self.calls: Int[np.ndarray, "count"] = np.zeros(count, dtype=np.int64)
        self.rounds: Int[np.ndarray, "count"] = np.zeros(count, dtype=np.int64)
        self.impossible: Bool[np.ndarray, "count"] = np.zeros(count, dtype=np.bool_)

    def clean(self, values: Values, level: int, *, guidance: float = 1.0) -> Values:
        """The estimate of x_0 from latents at a level of noise, 1..T.

        Guided (2207.12598): without the prompt, plus `guidance` times what the prompt changes. One pass where that is 0
        or 1, else two; one round.
        """
        seen = torch.from_numpy(values.astype(np.float32)).to(self._device)
        told = torch.full((len(values),), level / self._network.architecture.levels, device=self._device)
        masks = torch.full_like(self._prompts, self._network.architecture.vocab_size)
        self.rounds += 1
        if guidance in (0, 1):
            return self._asked(seen, told, self._prompts if guidance else masks)
        without = self._asked(seen, told, masks)
        return without + guidance * (self._asked(seen, told, self._prompts) - without)

    def answers(self, values: Values) -> TensorAnswers:
        """The laws of the tokens of each answer, position by position, that clean latents stand for."""
        self.calls += 1
        self.rounds += 1
        latents = torch.from_numpy(values.astype(np.float32)).to(self._device)
        with torch.inference_mode():
            logits = self._network.autoencoder.decode(latents)
        return TensorAnswers.of_logits(logits.flatten(end_dim=1))

    def _asked(self, seen: Tensor, told: Tensor, prompts: Tensor) -> Values:
        self.calls += 1
        with torch.inference_mode():
            return np.asarray(self._network.denoiser(seen, told, prompts).double().cpu().numpy())
