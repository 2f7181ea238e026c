"""The exact denoiser of a language."""

from __future__ import annotations

from typing import Any

from mdmtheory.core.guards import unguarded
from mdmtheory.core.protocols import Denoiser, Language
from mdmtheory.languages.presets import as_language

_ANSWERS = ("open", "conditionals", "run_plan")


def Oracle(language: Language, trust: float = 1.0) -> Denoiser:  # reads as the object that it returns
    """The exact posterior marginals of `language`; `trust` below 1 takes revealed tokens as soft evidence.

    The result has `conditionals(tokens)`, (count, length, V) float64, besides the Denoiser protocol, and `run_plan`.
    """
    oracle: Denoiser = as_language(language).oracle(trust)
    return oracle


def exact_for(denoiser: Any) -> str | None:
    """The digest of the language whose exact posterior a denoiser says it is; None where it says no such thing.

    A class that changes what another one answers has to say it anew: what it inherits, or fetches from a denoiser
    inside, speaks of other answers than its own.
    """
    denoiser = unguarded(denoiser)
    for own in (getattr(denoiser, "__dict__", {}), *map(vars, type(denoiser).__mro__)):
        if "exact_for" in own:
            said: str | None = denoiser.exact_for
            return said
        if any(answer in own for answer in _ANSWERS):
            return None
    return None
