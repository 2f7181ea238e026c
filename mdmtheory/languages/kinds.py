"""The kinds of languages that files and stores may speak of: a fixed list, so that reading data never runs code."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    """Where the class of a kind is, and its parameters: arrays of probabilities and whole numbers from 1."""

    module: str
    name: str
    arrays: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()

    @property
    def language(self) -> Any:
        """The class."""
        return getattr(importlib.import_module(self.module), self.name)


KINDS: Mapping[str, Kind] = {
    "hmm": Kind("mdmtheory.languages.hmm", "HMM", arrays=("initial", "transition", "emission")),
    "ngram": Kind("mdmtheory.languages.ngram", "NGram", arrays=("initial", "conditional")),
    "copy": Kind("mdmtheory.languages.paired", "Copy", numbers=("distance", "vocab_size")),
    "equal_pairs": Kind("mdmtheory.languages.paired", "EqualPairs", numbers=("vocab_size",)),
    "permutation": Kind("mdmtheory.languages.permutation", "Permutation", numbers=("items",)),
    "parity": Kind("mdmtheory.languages.parity", "Parity"),
    "repetition": Kind("mdmtheory.languages.repetition", "Repetition", numbers=("vocab_size",)),
}


def built_in_kind(language: Any) -> str | None:
    """The kind of a language whose parameters are all that there is to it; None for a plug-in, whatever it says."""
    kind = getattr(language, "kind", None)
    known = KINDS.get(kind) if isinstance(kind, str) else None
    return kind if known is not None and type(language) is known.language else None
