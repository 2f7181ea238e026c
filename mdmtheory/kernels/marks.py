"""Counting what is marked in each row: numpy turns every truth value into a whole number first."""

from __future__ import annotations

from mdmtheory.kernels.compiling import kernel


@kernel
def count_marks(marks, out):
    """out[row] = how many of `marks` (rows, L) hold there."""
    for row in range(len(marks)):
        number = 0
        for i in range(marks.shape[1]):
            number += marks[row, i]
        out[row] = number


@kernel
def count_others(tokens, token, out):
    """out[row] = how many of `tokens` (rows, L) are not the one given."""
    for row in range(len(tokens)):
        number = 0
        for i in range(tokens.shape[1]):
            number += tokens[row, i] != token
        out[row] = number
