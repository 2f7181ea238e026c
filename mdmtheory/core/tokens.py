"""Token arrays: integers (count, length), values 0..vocab_size-1, the mask is vocab_size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Integer

from mdmtheory.core.integers import whole_numbers

Tokens = Integer[np.ndarray, "count length"]
TokensLike = np.ndarray | Sequence[Any]
"""What public methods take for tokens: an array, or nested lists; `as_tokens` checks it."""


@whole_numbers(vocab_size=1)
def token_dtype(vocab_size: int) -> type[np.uint8] | type[np.uint16] | type[np.int32]:
    """The smallest of uint8, uint16 and int32 that holds the tokens and the mask; ValueError beyond them."""
    for dtype in (np.uint8, np.uint16, np.int32):
        if vocab_size <= np.iinfo(dtype).max:
            return dtype
    raise ValueError(f"vocab_size {vocab_size} is too large; tokens and the mask must fit int32, so at most 2147483647")


@whole_numbers(vocab_size=1)
def as_tokens(tokens: object, vocab_size: int, *, masks: bool = False) -> Tokens:
    """A contiguous (count, length) array of the right dtype; ValueError names the first bad token.

    A single sequence of shape (length,) counts as a batch of one. `masks` allows the mask, vocab_size.
    """
    array = np.asarray(tokens)
    if array.ndim == 1:
        array = array[None, :]
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise ValueError(
            f"tokens have shape {array.shape} and dtype {array.dtype}; pass integers of shape (count, length)"
        )
    last = vocab_size if masks else vocab_size - 1
    if array.size and (array.min() < 0 or array.max() > last):
        row, column = np.argwhere((array < 0) | (array > last))[0]
        allowed = f"0..{vocab_size - 1}" + (f" or the mask {vocab_size}" if masks else "")
        raise ValueError(
            f"token {array[row, column]} at row {row}, position {column} is outside the vocabulary; use {allowed}"
        )
    # Kernels are compiled for arrays that can be written to: one that cannot is copied.
    return np.require(array, dtype=token_dtype(vocab_size), requirements=["C", "W"])
