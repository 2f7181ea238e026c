"""What a network of latent diffusion is made of, as a value that files hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Int

from mdmtheory.core.given import Given
from mdmtheory.core.integers import whole_number
from mdmtheory.networks.architecture import Architecture, Size

CONDITIONINGS = ("in_context", "cross", "adaln_zero")
"""How the prompt comes to the latents: in one sequence with them, by cross-attention, or by shifts, scales, gates."""
AUTOENCODER, DENOISER = "autoencoder", "denoiser"
"""What the names of the weights of the two networks begin with."""
_NUMBERS = ("vocab_size", "length", "layers", "width", "heads", "latents", "dim", "levels")


@dataclass(frozen=True)
class LatentArchitecture:
    """An autoencoder of answers, `latents` vectors of `dim` numbers, and a transformer that denoises these.

    Sequences have `length` tokens, of which those `given` (as `Given` writes them; None: none) are the prompt. Noise
    has `levels` levels besides none, and each of the two networks is of the size.
    """

    vocab_size: int
    length: int
    given: str | None
    layers: int
    width: int
    heads: int
    latents: int
    dim: int
    levels: int
    conditioning: str = "in_context"

    def __post_init__(self) -> None:
        Size(self.layers, self.width, self.heads)
        for name in _NUMBERS:
            object.__setattr__(self, name, whole_number(getattr(self, name), name, 2 if name == "dim" else 1))
        if self.conditioning not in CONDITIONINGS:
            raise ValueError(f"unknown conditioning {self.conditioning!r}; known: {', '.join(CONDITIONINGS)}")
        if self.conditioning != "in_context" and self.given is None:
            raise ValueError(
                f"conditioning {self.conditioning} is on a prompt, and none is given; use in_context, or pass --prompt"
            )
        _ = self.answer

    @cached_property
    def prompt(self) -> Int[np.ndarray, "prompted"]:
        """The positions that are given."""
        return np.arange(0) if self.given is None else np.flatnonzero(Given(self.given, self.length).positions)

    @cached_property
    def answer(self) -> Int[np.ndarray, "answered"]:
        """The positions that are not."""
        return np.setdiff1d(np.arange(self.length), self.prompt)

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, said: Any) -> LatentArchitecture:
        """What `to_json` wrote; ValueError where something is missing, unknown or of another type."""
        known = {each.name for each in fields(cls)}
        if not isinstance(said, dict) or said.keys() != known:
            got = sorted(said) if isinstance(said, dict) else type(said).__name__
            raise ValueError(f"an architecture of latent diffusion has {', '.join(sorted(known))}; got {got}")
        for key, value in said.items():
            kinds: tuple[type, ...] = (int,) if key in _NUMBERS else (str, type(None)) if key == "given" else (str,)
            if type(value) not in kinds:
                raise ValueError(f"{key} of an architecture of latent diffusion is {value!r}; no run has that")
        return cls(**said)


AnyArchitecture = Architecture | LatentArchitecture
