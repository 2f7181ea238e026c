"""Prompts drawn from the language: prompt i is the given part of sequence i of a stream of their own."""

from __future__ import annotations

from typing import Any

from mdmtheory.core.given import Given
from mdmtheory.core.integers import LAST_SEED, whole_numbers
from mdmtheory.core.streams import digest
from mdmtheory.core.tokens import Tokens
from mdmtheory.languages.presets import as_language

PROMPTS_VERSION = 1
"""Raised when prompts of one key come out otherwise; it stands in the names of tasks."""


@whole_numbers(length=1, seed=0)
def prompt_seed(language: Any, length: int, seed: int) -> int:
    """The seed with which the language draws prompts: 63 bits of the SHA-256 of ["prompt", digest, length, seed].

    A language draws from its own streams by a seed and by nothing else, a plug-in too, so the key of the prompts has to
    come in by the seed. That of the cell itself would not do: with it the language draws the sequences that are scored,
    and autoregression those that it is asked for, prompt included. Two keys share a seed by chance once in 2^63 (ours).
    """
    key = ["prompt", as_language(language).digest, length, seed]
    return int(digest(key)[:16], 16) & LAST_SEED


@whole_numbers(count=0, seed=0, first=0, threads=1)
def drawn_prompts(
    language: Any, given: Given, count: int, seed: int, *, first: int = 0, threads: int | None = None
) -> Tokens:
    """Prompts first..first+count-1 of the stream that (language, length, seed) names, the mask where nothing is given.

    Prompts of one key that give more agree with those that give less where both give something.
    """
    language = as_language(language)
    length = given.length
    drawn = language.sample(count, length, prompt_seed(language, length, seed), first=first, threads=threads)
    return given.prompts_of(drawn, language.vocab_size)
