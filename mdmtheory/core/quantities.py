"""Large numbers as they are typed: 4M, 0.5M, 20k."""

from __future__ import annotations

import math

UNITS = {"k": 1e3, "M": 1e6, "G": 1e9}


def as_quantity(text: str | float, name: str) -> float:
    """The positive number that 4M, 0.5M, 20k, 4e6 or 4000000 stands for; ValueError for what is none.

    >>> as_quantity("0.5M", "tokens"), as_quantity(4e6, "tokens")
    (500000.0, 4000000.0)
    """
    given = str(text).strip()
    unit = UNITS.get(given[-1:], 1.0)
    try:
        found = float(given[:-1] if given[-1:] in UNITS else given) * unit
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise ValueError(f"{name} is {text!r}; pass a positive number, as 4M, 0.5M or 20k")
    return found
