"""A model and the language that it is held to, as they come in wherever the two meet."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool

from mdmtheory.core.contracts import as_denoiser, as_model, check_vocabularies
from mdmtheory.core.given import check_sees
from mdmtheory.core.misfits import MisfitError
from mdmtheory.core.protocols import Language
from mdmtheory.languages.presets import as_language


def check_noise(denoiser: Any, noise: str) -> None:
    """MisfitError for a denoiser that takes no such noise."""
    if noise not in denoiser.noises:
        reason = denoiser.refusals.get(noise)
        raise MisfitError(
            f"the denoiser {denoiser.spec} takes no {noise} noise{f': {reason}' if reason else ''}; it takes "
            f"{', '.join(sorted(denoiser.noises))}"
        )


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


def looking_around(denoiser: Any, block: int | None = None, *, noise: str = "masked") -> Any:
    """A denoiser, behind a guard if it is a plug-in; MisfitError for another noise, or where it sees what is not there.

    Diffusion has tokens all around a position; in blocks of `block` positions nothing is there after its own.
    """
    denoiser = as_denoiser(denoiser)
    check_noise(denoiser, noise)
    if denoiser.sees == "left":
        raise MisfitError(
            f"the denoiser {denoiser.spec} sees the left of a position alone, and diffusion has tokens all around it; "
            "use Autoregressive"
        )
    if denoiser.sees == "block" and denoiser.block != block:
        given = "has tokens all around a position" if block is None else f"has blocks of {block}"
        raise MisfitError(
            f"the denoiser {denoiser.spec} sees blocks of {denoiser.block} from left to right, and this model {given}; "
            f"use BlockDiffusion with block={denoiser.block}"
        )
    return denoiser


def check_sees_given(denoiser: Any, given: Bool[np.ndarray, "length"]) -> None:
    """MisfitError for a denoiser that does not see what is given (core.given.check_sees)."""
    check_sees(f"the denoiser {denoiser.spec} sees", given, around=denoiser.sees == "all", block=denoiser.block)


def check_trust(denoiser: Any, sampler: Any) -> None:
    """ValueError where a sampler may change tokens and the denoiser holds every revealed token to be certain."""
    if sampler.remasks and denoiser.trust == 1:
        raise ValueError(
            f"sampler {sampler.spec} may change tokens, but to denoiser {denoiser.spec} what is revealed is certain; "
            "use an oracle that trusts less, as oracle:trust=0.999"
        )
