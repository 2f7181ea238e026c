"""A trained network in the oracle's place."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.protocols import Canvas, Denoiser, Language, NoisyCanvas
from mdmtheory.core.register import check_options, registered
from mdmtheory.core.sources import SOFTWARE
from mdmtheory.core.tokens import Tokens
from mdmtheory.denoisers import DENOISERS
from mdmtheory.denoisers.latent import LatentNetwork
from mdmtheory.denoisers.of_run import OfRun
from mdmtheory.networks.runs import EMBEDDING, LATENT, Run

_SEES: Any = {"bidirectional": "all", "causal": "left", "block": "block"}


class Network(OfRun):
    """What a trained network says, from its run folder; at the length that it was trained at.

    `device` is `auto`, `cpu` or `cuda:0`, `precision` that of its matrices there (bfloat16 on CUDA alone; what it says
    is float32), `batch` how many sequences it takes at once. Its identity is the digest of its weights and
    architecture. ValueError in one line for what is no run, another length, a device that is not there, and for a run
    of latent diffusion, whose networks say no laws of tokens (`LatentNetwork`).
    """

    tolerance = 1e-4

    def _take_over(self) -> None:
        architecture = self.run.architecture
        self.vocab_size, self.block = architecture.vocab_size, architecture.block
        self.sees, self.told_level = _SEES[architecture.attention], architecture.level

    @cached_property
    def language(self) -> Language | None:
        """What its run was trained on; None where the run does not tell any more."""
        with suppress(ValueError, OSError):
            return self.run.language
        return None

    @property
    def transformer(self) -> Any:
        """The network itself, where it computes."""
        return self._loaded[0]

    @property
    def noise_embedding(self) -> Float[np.ndarray, "vocab dim"] | None:
        """The vectors of the tokens that Gaussian noise was put on; None where tokens are noised."""
        return self._loaded[1] if self.run.record.noise == "gaussian" else None

    @property
    def noise_ends(self) -> tuple[float, float] | None:
        """Between which levels, -log SNR, its noise was learnt; None where all are known to it."""
        return self._loaded[2]

    @cached_property
    def _loaded(self) -> tuple[Any, Float[np.ndarray, "vocab dim"] | None, tuple[float, float] | None]:
        """The network, the vectors of its tokens and the ends of its noise."""
        import torch

        from mdmtheory.networks.building import token_network

        state = self.run.weights()
        vectors = state.pop(EMBEDDING, None)
        learnt = self.run.architecture.embeds is not None
        if vectors is None and self.run.record.noise == "gaussian" and not learnt:
            raise ValueError(f"the run {self.run.path} lacks the embedding of its tokens; train it anew")
        network = token_network(self.run.architecture, seed=0)
        with self._loading():
            network.load_state_dict(state, assign=True)  # the run keeps them: no second copy
        ends = None
        if learnt:  # before it is rounded to the precision of matrices
            noise: Any = network.noise
            noise.double()
            with torch.no_grad():
                vectors = noise.embedding()
                ends = float(noise.ends()[0]), float(noise.ends()[1])
        dtype = torch.bfloat16 if self.precision == "bfloat16" else torch.float32
        network.to(self.device, dtype).eval().requires_grad_(False)
        return network, None if vectors is None else np.asarray(vectors.double().numpy()), ends

    @whole_numbers(count=0, length=1, threads=1)
    def open(
        self,
        count: int,
        length: int,
        *,
        noise: str = "masked",
        prompt: Tokens | None = None,
        threads: int | None = None,
    ) -> Canvas | NoisyCanvas:
        """A canvas of the network; ValueError for another noise or length than it was trained on.

        Also where it has an encoder, and the prompt is not all that this reads.
        """
        if noise not in self.noises:
            raise ValueError(f"the network {self.run.path} was trained on {self.run.record.noise} noise, not {noise}")
        self.validate_length(length)
        self._check_read(count, prompt)
        if noise != "masked":
            if self.run.architecture.simplex is not None:
                from mdmtheory.networks.simplex_canvas import SimplexCanvas

                return SimplexCanvas(self.transformer, count, self.device)
            from mdmtheory.networks.noisy_canvas import NoisyNetworkCanvas

            return NoisyNetworkCanvas(self.transformer, count, self.device, self.noise_embedding)
        from mdmtheory.networks.cached_canvas import CachedCanvas
        from mdmtheory.networks.canvas import NetworkCanvas

        if self.sees != "all":
            return CachedCanvas(self.transformer, count, length, self.device, prompt)
        return NetworkCanvas(self.transformer, count, length, self.vocab_size, self.device, prompt)

    def _check_read(self, count: int, prompt: Tokens | None) -> None:
        """ValueError unless a prompt gives all that an encoder reads."""
        encoded = self.run.architecture.encoded
        if encoded and count and (prompt is None or (np.asarray(prompt)[:, :encoded] == self.vocab_size).any()):
            raise ValueError(
                f"the encoder of the network {self.run.path} reads a prompt of {encoded} tokens, and not all of them "
                "are given; pass prompt, or prompt own in a sweep"
            )


def network_of(typed: str) -> Network | None:
    """The network that a text stands for where a denoiser is typed, whatever the language; None where it is none.

    ValueError where there is no such run, and for options that networks do not have.
    """
    spec = DENOISERS.typed(typed)
    options: dict[str, Any] = dict(spec.options)
    if spec.name not in DENOISERS or not DENOISERS.about(spec.name).learned or "run" not in options:
        return None
    check_options("denoiser", spec, DENOISERS.builder(spec.name))
    return Network(options.pop("run"), **options)


@registered("denoiser", "network", version=1, place=5, examples=(), learned=True, sources=(SOFTWARE,))
def named(
    language: Language, *, run: str, device: str = "auto", batch: int | None = None, precision: str | None = None
) -> Denoiser:
    """A trained network, from the folder of its run; typed as the folder alone, runs/NAME or runs/NAME:batch=64."""
    opened = Run.open(run)
    kind = LatentNetwork if opened.record.noise == LATENT else Network
    found = kind(opened, device=device, batch=batch, precision=precision)
    if found.vocab_size != language.vocab_size:
        raise ValueError(
            f"the network {run} is over {found.vocab_size} tokens and the language {language.spec} has "
            f"{language.vocab_size}; name the language that it was trained on, {found.run.record.language}"
        )
    if found.run.record.language_digest != language.digest:
        raise ValueError(
            f"the network {run} was trained on {found.run.record.language}, not on {language.spec}; name that "
            "language, or train a network on this one"
        )
    return found
