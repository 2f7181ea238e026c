"""Marks are counted as numpy counts them."""

from __future__ import annotations

import numpy as np

from mdmtheory.kernels.marks import count_marks, count_others


def test_counts_are_numpys() -> None:
    generator = np.random.default_rng(0)
    tokens = generator.integers(0, 4, (5, 70)).astype(np.uint8)
    tokens[2] = 3
    number = np.empty(5, dtype=np.int64)
    count_others(tokens, np.uint8(3), number)
    assert number.tolist() == (tokens != 3).sum(axis=1).tolist()
    marks = tokens == 3
    count_marks(marks, number)
    assert number.tolist() == marks.sum(axis=1).tolist()
    assert number[2] == 70
