"""Languages by name: what `--lang` takes."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path

from mdmtheory.core.contracts import LANGUAGE
from mdmtheory.core.evaluable import call
from mdmtheory.core.guards import guarded
from mdmtheory.core.plugins import conforming
from mdmtheory.core.protocols import Language
from mdmtheory.core.register import Register
from mdmtheory.core.spec import Spec
from mdmtheory.languages.base import LanguageBase
from mdmtheory.languages.written import HOW_MADE

LANGUAGES = Register("language")

TASK = "task"
"""The family of languages with a prompt, whose sequences have one length (tasks/base.py)."""

FILE_ENDINGS = (".npz", ".json")
"""How the name of a language file ends."""

LanguageLike = str | PathLike[str] | Spec | Language
"""What stands for a language: a name, a saved file, or itself."""


def as_language(language: LanguageLike) -> Language:
    """A language from its spec, from a saved file (a path that ends in .npz or .json), or as it is."""
    if isinstance(language, Spec):
        return _built(language)
    if isinstance(language, str | PathLike):
        if str(language).endswith(FILE_ENDINGS):
            from mdmtheory.languages.files import load_language

            return load_language(Path(language))
        check_no_file_meant(language)
        return _built(Spec.parse(str(language)))
    return guarded(conforming(language, f"the language {type(language).__name__}", Language), LANGUAGE)


def own_length(language: LanguageLike) -> int | None:
    """The one length that sequences of a task have; None of other languages, which are not built to find out.

    A file is read where it is there; ValueError as of `as_language` for what is named as a task and is none.
    """
    if isinstance(language, str | PathLike | Spec):
        text = str(language)
        if text.endswith(FILE_ENDINGS):
            if not Path(text).is_file():
                return None
        elif LANGUAGES.about(Spec.parse(text).name).family != TASK:
            return None
        language = as_language(language)
    return getattr(language, "length", None) if getattr(language, "fixed_length", False) else None


def check_no_file_meant(language: str | PathLike[str]) -> None:
    """ValueError for a text that can only mean a file, by folder, ending or its being there, and is no language's."""
    text = str(language)
    head = text.partition("=")[0]  # paths of options are theirs
    name = head.partition(":")[0]
    if name in LANGUAGES and isinstance(language, str):
        return
    endings = " or ".join(FILE_ENDINGS)
    if name == text and text.endswith((".csv", ".tsv")):
        raise ValueError(f"{text} is no language file but a table; make one, that ends in {endings}, with {HOW_MADE}")
    if ":" not in head and text.strip() and os.path.exists(text):  # noqa: PTH110  # which no odd name upsets
        raise ValueError(f"{text} is no language file, since those end in {endings}; make one with {HOW_MADE}")
    if "/" in head or (name == text and Path(name).suffix) or not isinstance(language, str):
        raise ValueError(
            f"no language file {text}, and those end in {endings}; make one with {HOW_MADE}, or name a language"
        )


def language_named(name: str, digest: str | None = None) -> Language | None:
    """The built-in language that a name in results stands for; None for other names, or where its digest is another.

    Names in results are data, and may be those of saved files or plug-ins: none is imported or opened.
    """
    try:
        language = as_language(name) if LANGUAGES.is_plain(name) and not name.endswith(FILE_ENDINGS) else None
    except ValueError:
        return None
    return language if language is None or digest in (None, language.digest) else None


def _built(spec: Spec) -> Language:
    name = f"language {spec}"
    language: Language = guarded(conforming(LANGUAGES.build(spec), name, Language), LANGUAGE, name)
    object.__setattr__(language, "spec", spec)
    if isinstance(language, LanguageBase):
        language.made_by(call("as_language", str(spec)))
    return language
