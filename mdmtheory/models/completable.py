"""Which languages complete the steps of which denoisers, and rows of theirs to which steps are added."""

from __future__ import annotations

from typing import Any

from mdmtheory.core.contracts import exact_for
from mdmtheory.core.misfits import MisfitError
from mdmtheory.core.protocols import Language
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.completion import CompletableRows, Completion
from mdmtheory.languages.presets import LANGUAGES


def completion_of(language: Any, length: int) -> Completion:
    """How steps of a language are completed at a length; MisfitError where it does not say."""
    found: Completion | None = language.support(length)
    if found is None:
        known = [name for name in LANGUAGES.built_in if LANGUAGES.about(name).completable]
        raise MisfitError(
            f"{language.spec} has no automaton or closed form that says what can be completed (Language.support); "
            f"those that have one are {', '.join(known)}",
            between=("sampler", "language"),
        )
    return found


def check_completes(language: Any, length: int, denoiser: Any) -> None:
    """MisfitError unless the language says how steps of this denoiser are completed at a length."""
    if completion_of(language, length).exact_alone and exact_for(denoiser) != language.digest:
        raise MisfitError(
            f"{language.spec} completes steps in closed form, of the laws of its exact denoiser alone, and "
            f"{denoiser.spec} is another; use denoiser oracle, or count errors (ser)",
            between=("sampler", "denoiser"),
        )


def completable_rows(language: Language, shown: Tokens) -> CompletableRows:
    """What is shown (rows, length), the mask elsewhere, ready for steps that the language can complete."""
    return completion_of(language, shown.shape[1]).rows(shown, language.spec)
