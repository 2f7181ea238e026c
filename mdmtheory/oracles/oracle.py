"""The exact denoiser of a language."""

from __future__ import annotations

from mdmtheory.core.protocols import Denoiser
from mdmtheory.languages.presets import LanguageLike, as_language


def Oracle(language: LanguageLike, *, trust: float = 1.0) -> Denoiser:  # reads as the object that it returns
    """The exact posterior marginals of `language`; `trust` below 1 takes revealed tokens as soft evidence.

    The result has `conditionals(tokens)`, (count, length, V) float64, besides the Denoiser protocol, and `run_plan`.
    """
    oracle: Denoiser = as_language(language).oracle(trust)
    return oracle
