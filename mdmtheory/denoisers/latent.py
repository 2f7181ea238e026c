"""The trained networks of latent diffusion: what they say is of latents, and no law of tokens given tokens."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Int

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.prompts import Prompt, as_prompt
from mdmtheory.core.tokens import Tokens
from mdmtheory.denoisers.of_run import OfRun
from mdmtheory.networks.runs import LATENT

_WHY = "its network denoises latents and says no law of a token given others; use LatentDiffusion (--model latent)"


class LatentNetwork(OfRun):
    """What a run of `train latent` says of noisy latents, for `LatentDiffusion` alone; options as for `Network`.

    ValueError for another run.
    """

    refusals: Mapping[str, str] = MappingProxyType(dict.fromkeys(("masked", "uniform", "gaussian"), _WHY))

    def _take_over(self) -> None:
        self.architecture = self.run.latent_architecture
        self.vocab_size = self.architecture.vocab_size

    @cached_property
    def network(self) -> Any:
        """The two networks, where they compute."""
        from mdmtheory.networks.latent_diffuser import latent_diffuser

        with self._loading():
            return latent_diffuser(self.architecture, self.run.weights(), self.device, self.precision)

    def check_prompt(self, prompt: Prompt | None, count: int, length: int) -> None:
        """ValueError for another length, or other positions given, than it was trained with."""
        self.validate_length(length)
        given: Int[np.ndarray, "prompted"] = np.arange(0) if prompt is None else np.flatnonzero(prompt.given)
        if count and not np.array_equal(given, self.architecture.prompt):
            told = self.architecture.given
            raise ValueError(
                f"the network {self.run.path} was trained with "
                f"{'nothing' if told is None else f'positions {told}'} given, and {len(given)} of {length} positions "
                f"are given here; pass {'no prompt' if told is None else 'the prompt that it knows'}"
            )

    @whole_numbers(count=0, length=1, threads=1)
    def open(
        self,
        count: int,
        length: int,
        *,
        noise: str = "masked",
        prompt: Tokens | None = None,
        threads: int | None = None,
    ) -> Any:
        """A `LatentCanvas` of answers to the prompts; ValueError for another noise, length or prompt than its own."""
        if noise != LATENT:
            raise ValueError(f"the run {self.run.path} takes no {noise} noise: {_WHY}")
        asked = as_prompt(prompt, count, length, self.vocab_size)
        self.check_prompt(asked, count, length)
        from mdmtheory.networks.latent_canvas import LatentCanvas

        prompts = np.empty((count, 0), dtype=np.int64) if asked is None else asked.tokens[:, self.architecture.prompt]
        return LatentCanvas(self.network, prompts, self.device)
