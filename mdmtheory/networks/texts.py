"""Held-out text as sequences of tokens, all of one length: windows of a text, or lines of it."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from jaxtyping import Int

from mdmtheory.core.integers import whole_numbers
from mdmtheory.core.reading import read_text
from mdmtheory.core.tokens import Tokens, token_dtype
from mdmtheory.networks.checkpoint import Checkpoint


@dataclass(frozen=True, eq=False)
class Text:
    """Sequences (count, length) of a text in tokens of ours, and the bytes that each of them is of it.

    `said` tells of what they are and what was left out: nothing is padded, and nothing is cut but the ends of windows.
    """

    tokens: Tokens
    sizes: Int[np.ndarray, "count"]
    said: str

    @property
    def bytes_a_token(self) -> float:
        """Bytes of text behind a token, in the mean."""
        return float(self.sizes.sum() / self.tokens.size)


@whole_numbers(length=1, most=1)
def read_sequences(
    checkpoint: Checkpoint, path: str | PathLike[str], length: int, *, lines: bool = False, most: int | None = None
) -> Text:
    """The first `most` sequences of `length` tokens in a text file, UTF-8.

    Windows follow one another in the whole text; with `lines` each line is a text of its own, of which the first
    `length` tokens are taken. What is shorter is left out, and so is what holds a token that is unknown or special.
    ValueError where nothing is left.
    """
    text = read_text(path, "pass a text file in UTF-8")
    found = [_numbers(checkpoint, each) for each in (text.splitlines() if lines else [text]) if each.strip()]
    if lines:
        windows = [numbers[:length] for numbers in found if len(numbers) >= length]
        left_out = {f"of {len(found)} lines shorter": len(found) - len(windows)}
        cut = sum(len(numbers) > length for numbers in found)
        left_out["longer and cut"] = cut
    else:
        numbers = found[0] if found else []
        windows = [numbers[a : a + length] for a in range(0, len(numbers) - length + 1, length)]
        left_out = {"tokens at the end": len(numbers) - length * len(windows)}
    if not windows:
        longest = max(map(len, found), default=0)
        what = "its longest line" if lines else "it"
        raise ValueError(
            f"the text {path} is shorter than {length} tokens: {what} has {longest}; give a longer text, or "
            f"--length {max(longest, 1)} or less"
        )
    known = {int(number): token for token, number in enumerate(checkpoint.ids)}
    kept = [window for window in windows if all(number in known for number in window)]
    left_out["with unknown or special tokens"] = len(windows) - len(kept)
    if not kept:
        raise ValueError(
            f"every sequence of {length} tokens in {path} holds a token that the tokenizer of {checkpoint.path} does "
            "not know, or a special one; give text that it was made for"
        )
    kept = kept[:most]
    dtype = token_dtype(checkpoint.vocab_size)
    tokens: Any = np.array([[known[number] for number in window] for window in kept], dtype=dtype)
    sizes = np.array([len(checkpoint.tokenizer.decode(window).encode()) for window in kept], dtype=np.int64)
    without = ", ".join(f"{count:,} {what}" for what, count in left_out.items() if count)
    kind = "lines" if lines else "windows"
    said = f"{path}: {len(kept):,} {kind} of {length} tokens, none padded{without and f'; left out or cut: {without}'}"
    return Text(tokens, sizes, said)


def _numbers(checkpoint: Checkpoint, text: str) -> list[int]:
    """The checkpoint's numbers of a text, without special tokens around it; ValueError where it has no tokenizer."""
    if isinstance(checkpoint.tokenizer, Exception):
        raise ValueError(
            f"the tokenizer of {checkpoint.path} is missing, so no text can be read; put it into the folder"
        )
    found: list[int] = checkpoint.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return found
