"""What is given, by name, as an object, or as truth values: the door through which it comes in everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from mdmtheory.core.given import Given
from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.origin import is_built_in
from mdmtheory.core.plugins import ProtocolError, built_by_plug_in, conforming
from mdmtheory.core.register import Register
from mdmtheory.core.spec import Spec
from mdmtheory.languages.presets import as_language
from mdmtheory.prompts.kinds import PromptKind

PROMPTS = Register("prompt")

OWN = "own"
"""What is given where nobody says: what the language says itself, and of most languages nothing."""


@whole_numbers(length=1)
def given_positions(prompt: Any, language: Any, length: int) -> Given | None:
    """Which positions of sequences of a length are given; None where none is.

    `prompt` is a name such as "own" or "prefix:size=8", a Spec, an object with `given`, truth values, one a position,
    what this returned before, or None for nothing. ValueError, one line, for what is none of these and for a prompt
    that leaves no token to answer.
    """
    if prompt is None:
        return None
    if isinstance(prompt, Given):
        if prompt.length != length:
            raise ValueError(f"given positions are those of length {prompt.length}; pass some of length {length}")
        return prompt
    if isinstance(prompt, str | Spec):
        kind, what = PROMPTS.build(prompt), f"prompt {prompt}"
    elif isinstance(prompt, np.ndarray | list | tuple):
        return Given.of(prompt, length)
    else:
        kind, what = prompt, f"the prompt {type(prompt).__name__}"
    kind = conforming(kind, what, PromptKind)
    language = as_language(language)
    if is_built_in(kind):
        try:
            found = kind.given(language, length)
        except ValueError as error:
            raise ValueError(f"{what}: {error}") from None
    else:
        found = built_by_plug_in(what, kind.given, language, length)
    if found is None:
        return None
    try:
        return Given.of(found, length)
    except ValueError as error:
        if is_built_in(kind):
            raise ValueError(f"{what}: {error}") from None
        raise ProtocolError(f"{what} says which positions are given, and {error}") from None


def check_no_prompt(language: Any, length: int, what: str) -> None:
    """ValueError where a language says that something is given, for what speaks of whole sequences alone."""
    if given_positions(OWN, language, length) is not None:
        raise ValueError(
            f"{what} speaks of sequences of which nothing is given, and {language.spec} gives a prompt of its own; "
            "ser, ter and sweeps measure answers"
        )
