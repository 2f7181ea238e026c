"""Reprs that evaluate after `from mdmtheory import *`: the call that makes an equal thing.

What no call of a line can make, as a large array, stands in angle brackets, which do not evaluate.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mdmtheory.core.register import Register

MOST_SHOWN = 40
"""Numbers that a repr writes out."""


def call(name: str, /, *given: Any, **options: Any) -> str:
    """The call of a name.

    >>> call("Window", "hmm", width=2)
    "Window('hmm', width=2)"
    """
    return f"{name}({', '.join([*map(shown, given), *(f'{key}={shown(value)}' for key, value in options.items())])})"


def shown(value: Any) -> str:
    """The repr of an argument, arrays as lists, numpy's scalars as Python's, what is not finite as a call.

    >>> shown(np.eye(2)), shown(np.zeros(1000)), shown(np.float64(0.5)), shown((1, -math.inf))
    ('[[1.0, 0.0], [0.0, 1.0]]', '<array of shape (1000,)>', '0.5', "(1, float('-inf'))")
    """
    if isinstance(value, np.ndarray | np.generic):
        return shown(value.tolist()) if value.size <= MOST_SHOWN else f"<array of shape {value.shape}>"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"  # no name that a repr may use stands for it
    if type(value) is list:
        return f"[{', '.join(map(shown, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(shown, value))}{',' * (len(value) == 1)})"
    return repr(value)


def name_of(thing: Any, register: Register) -> str | None:
    """The name by which a register builds an equal thing; None where it does not.

    Files are not read and plug-ins not imported to find out: these have reprs of their own.
    """
    name = str(thing.spec)
    try:
        return name if register.is_plain(name) and register.build(name) == thing else None
    except ValueError:
        return None


def name_or_repr(thing: Any, register: Register) -> str:
    """The name that stands for a thing in a register, in quotes, if one does; else its repr."""
    name = name_of(thing, register)
    return repr(thing) if name is None else repr(name)
