"""The kinds of languages that files and stores may hold: those built in here alone, so that reading runs no code."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from mdmtheory.core.register import rooms_of, things_in


@cache
def kinds() -> Mapping[str, Any]:
    """The classes of these rooms that say what kind they are, by kind, in alphabetical order."""
    classes = (each for room in rooms_of("language") for each in things_in(room) if isinstance(each, type))
    return dict(sorted((said["kind"], each) for each in classes if "kind" in (said := vars(each))))


def built_in_kind(language: Any) -> str | None:
    """The kind of a language whose parameters are all that there is to it; None for a plug-in, whatever it says."""
    kind = getattr(language, "kind", None)
    return kind if isinstance(kind, str) and type(language) is kinds().get(kind) else None
