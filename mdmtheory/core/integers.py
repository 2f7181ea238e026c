"""Whole numbers that a user gives: any integer type in, everything else refused in one line."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

LAST_SEED = (1 << 63) - 1
"""The largest seed of a cell or of the command line: a store keeps seeds in 64 signed bits."""


def whole_number(value: Any, name: str, least: int | None = None, most: int | None = None) -> int:
    """The value as a Python integer; ValueError for what is no integer, a truth value included, or out of range.

    >>> whole_number(np.int8(3), "steps", 1)
    3
    """
    expected = _expected(least, most)
    if isinstance(value, bool | np.bool_) or not hasattr(value, "__index__"):
        raise ValueError(f"{name} is {value!r}; pass a whole number{expected}")
    try:
        number = operator.index(value)
    except TypeError:  # arrays have __index__, but only those of one integer can be one
        raise ValueError(f"{name} is {value!r}; pass a whole number{expected}") from None
    if (least is not None and number < least) or (most is not None and number > most):
        raise ValueError(f"{name} is {number}; pass{expected or ' another'}")
    return number


def _expected(least: int | None, most: int | None) -> str:
    if least is None:
        return "" if most is None else f" of at most {most}"
    return f" {least} or more" if most is None else f" from {least} to {most}"
