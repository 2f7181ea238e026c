"""The models that can be named."""

from __future__ import annotations

from typing import Any

from mdmtheory.core.protocols import Denoiser, Language, SequenceModel
from mdmtheory.core.spec import Registry, Spec
from mdmtheory.models.autoregressive import Autoregressive
from mdmtheory.models.block import BlockDiffusion
from mdmtheory.models.gaussian import GaussianDiffusion
from mdmtheory.models.masked import MaskedDiffusion
from mdmtheory.models.uniform import UniformDiffusion

MODELS = Registry(
    "model",
    {
        "masked": "mdmtheory.models.registry:build_masked",
        "uniform": "mdmtheory.models.registry:build_uniform",
        "gaussian": "mdmtheory.models.registry:build_gaussian",
        "block": "mdmtheory.models.registry:build_block",
        "ar": "mdmtheory.models.registry:build_autoregressive",
    },
)


def build_masked(
    language: Language, denoiser: Denoiser, sampler: str, steps: int | None, schedule: Any
) -> SequenceModel:
    """Masked diffusion: tokens are revealed step by step, those of one step independently."""
    return MaskedDiffusion(denoiser, sampler, steps, schedule)


def build_uniform(
    language: Language, denoiser: Denoiser, sampler: str, steps: int | None, schedule: Any, *, update: str = "ancestral"
) -> SequenceModel:
    """Uniform noise: every step draws every token anew, given all; update=ancestral or tweedie; no sampler."""
    return UniformDiffusion(denoiser, steps, schedule, update)


def build_gaussian(
    language: Language,
    denoiser: Denoiser,
    sampler: str,
    steps: int | None,
    schedule: Any,
    *,
    embedding: str = "onehot",
    dim: int | None = None,
    seed: int | None = None,
    update: str = "ddpm",
    decode: str = "draw",
) -> SequenceModel:
    """Gaussian noise on embeddings (onehot or random); update=ddpm or ddim, decode=draw or argmax; no sampler."""
    given = {key: value for key, value in (("dim", dim), ("seed", seed)) if value is not None}
    return GaussianDiffusion(denoiser, Spec.of(embedding, **given), steps, schedule, update, decode)


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
