"""A model and the language that it is held to, as they come in wherever the two meet."""

from __future__ import annotations

from typing import Any

from mdmtheory.core.contracts import as_denoiser, as_model, check_vocabularies
from mdmtheory.core.protocols import Language
from mdmtheory.languages.presets import as_language


def check_takes_prompts(model: Any) -> None:
    """ValueError where something is given and a model cannot be told of it."""
    if not model.takes_prompts:
        raise ValueError(
            f"{model.spec} takes no prompt: it cannot be told that tokens are known; use masked or block diffusion or "
            "autoregression, or prompt=none"
        )


def held_to(model: Any, language: Any) -> tuple[Any, Language]:
    """Both, plug-ins behind guards; ValueError for what is neither, and where they have other numbers of tokens."""
    model, language = as_model(model), as_language(language)
    check_vocabularies(model, language)
    return model, language


def looking_around(denoiser: Any, block: int | None = None) -> Any:
    """A denoiser, behind a guard if it is a plug-in; ValueError where what it sees is not what is there.

    Diffusion has tokens all around a position; in blocks of `block` positions nothing is there after its own.
    """
    denoiser = as_denoiser(denoiser)
    if denoiser.sees == "left":
        raise ValueError(
            f"the denoiser {denoiser.spec} sees the left of a position alone, and diffusion has tokens all around it; "
            "use Autoregressive"
        )
    if denoiser.sees == "block" and denoiser.block != block:
        given = "has tokens all around a position" if block is None else f"has blocks of {block}"
        raise ValueError(
            f"the denoiser {denoiser.spec} sees blocks of {denoiser.block} from left to right, and this model {given}; "
            f"use BlockDiffusion with block={denoiser.block}"
        )
    return denoiser
