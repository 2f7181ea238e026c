"""Ways to say which positions are given, whatever the language: what `--prompt` takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool

from mdmtheory.core.integers import whole_number
from mdmtheory.core.register import registered
from mdmtheory.core.streams import stream_states

_PART = re.compile(r"\s*L\s*/\s*([1-9]\d{0,17})\s*")


@runtime_checkable
class PromptKind(Protocol):
    """What says which positions are given."""

    def given(self, language: Any, length: int) -> Bool[np.ndarray, "length"] | None:
        """Truth values, one a position; None where nothing is given. ValueError where the length does not suit it."""


@registered("prompt", "own", place=1)
@dataclass(frozen=True)
class Own:
    """What the language itself says (`prompt(length)`): a task's prompt, and of other languages nothing."""

    def given(self, language: Any, length: int) -> Bool[np.ndarray, "length"] | None:
        """What the language's own `prompt` gives."""
        # A language from before there were prompts may have something else by that name.
        found: Bool[np.ndarray, "length"] | None = None if language.prompt is None else language.prompt(length)
        return found


@registered("prompt", "none", place=2)
@dataclass(frozen=True)
class Nothing:
    """Nothing is given, whatever the language says of itself."""

    def given(self, language: Any, length: int) -> None:
        """Nothing."""


@registered("prompt", "prefix", said="prefix of {size}", place=3, examples=("size=2", "size=L/2"))
@dataclass(frozen=True, kw_only=True)
class Prefix:
    """The first `size` tokens are given, to be continued; a number, or a part of the length as L/4."""

    size: int | str

    def given(self, language: Any, length: int) -> Bool[np.ndarray, "length"]:
        """The first of the length."""
        return np.arange(length) < _size(self.size, length)


@registered("prompt", "suffix", said="suffix of {size}", place=4, examples=("size=2",))
@dataclass(frozen=True, kw_only=True)
class Suffix:
    """The last `size` tokens are given, to be led up to; a number, or a part of the length as L/4."""

    size: int | str

    def given(self, language: Any, length: int) -> Bool[np.ndarray, "length"]:
        """The last of the length."""
        return np.arange(length) >= length - _size(self.size, length)


@registered("prompt", "infill", said="infill of {size}", place=5, examples=("size=2",))
@dataclass(frozen=True, kw_only=True)
class Infill:
    """All but the `size` tokens in the middle are given, to be filled in; a number, or a part of the length as L/4."""

    size: int | str

    def given(self, language: Any, length: int) -> Bool[np.ndarray, "length"]:
        """All but the middle; the odd one out is given after it."""
        size = _size(self.size, length)
        first = (length - size) // 2
        places = np.arange(length)
        return (places < first) | (places >= first + size)


@registered("prompt", "every", place=6, examples=("stride=3",))
@dataclass(frozen=True, kw_only=True)
class Every:
    """Every `stride`-th token is given, from position `first` on."""

    stride: int
    first: int = 0

    def given(self, language: Any, length: int) -> Bool[np.ndarray, "length"]:
        """Positions first, first + stride, ..."""
        stride = whole_number(self.stride, "stride", 2)
        first = whole_number(self.first, "first", 0, length - 1)
        places = np.arange(length)
        return (places >= first) & ((places - first) % stride == 0)


@registered("prompt", "random", place=7, examples=("size=2",))
@dataclass(frozen=True, kw_only=True)
class Random:
    """`size` tokens at positions drawn once (by `seed`) are given; a number, or a part of the length as L/4."""

    size: int | str
    seed: int = 0

    def given(self, language: Any, length: int) -> Bool[np.ndarray, "length"]:
        """The positions of the smallest of uniforms, one a position, so that more given means others besides."""
        from mdmtheory.kernels.random import fill_uniforms

        uniforms = np.empty((1, length))
        fill_uniforms(stream_states(["given", length, whole_number(self.seed, "seed", 0)], 0, 1), uniforms)
        found = np.zeros(length, dtype=np.bool_)
        found[np.argsort(uniforms[0], kind="stable")[: _size(self.size, length)]] = True
        return found


def _size(size: Any, length: int) -> int:
    """A number of tokens, 1 or more and fewer than all, or that part of the length, rounded down."""
    part = _PART.fullmatch(size) if isinstance(size, str) else None
    if isinstance(size, str) and part is None:
        raise ValueError(f"size is {size!r}; pass a whole number, or a part of the length as L/4")
    found = length // int(part[1]) if part else whole_number(size, "size")
    if not 1 <= found < length:
        raise ValueError(f"size {size} at length {length} is {found} tokens; pass from 1 to {length - 1}")
    return found
