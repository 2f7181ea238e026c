"""The models that can be named."""

from __future__ import annotations

from typing import Any

from mdmtheory.core.protocols import Denoiser, Language, SequenceModel
from mdmtheory.core.spec import Registry
from mdmtheory.models.autoregressive import Autoregressive
from mdmtheory.models.block import BlockDiffusion
from mdmtheory.models.masked import MaskedDiffusion

MODELS = Registry(
    "model",
    {
        "masked": "mdmtheory.models.registry:build_masked",
        "block": "mdmtheory.models.registry:build_block",
        "ar": "mdmtheory.models.registry:build_autoregressive",
    },
)


def build_masked(
    language: Language, denoiser: Denoiser, sampler: str, steps: int | None, schedule: Any
) -> SequenceModel:
    """Masked diffusion: tokens are revealed step by step, those of one step independently."""
    return MaskedDiffusion(denoiser, sampler, steps, schedule)


def build_block(
    language: Language, denoiser: Denoiser, sampler: str, steps: int | None, schedule: Any, *, size: int
) -> SequenceModel:
    """Blocks of `size` tokens from left to right, each by masked diffusion in so many steps (2503.09573)."""
    return BlockDiffusion(denoiser, size, steps, sampler, schedule)


def build_autoregressive(
    language: Language, denoiser: Denoiser, sampler: str, steps: int | None, schedule: Any
) -> SequenceModel:
    """Left to right with the language's own next-token law; takes no denoiser, sampler, steps or schedule."""
    return Autoregressive(language)
