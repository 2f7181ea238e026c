"""Whole numbers that a user gives: any integer type in, everything else refused in one line."""

from __future__ import annotations

import functools
import inspect
import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

if TYPE_CHECKING:
    WholeNumber = int
else:
    # Of any type on the way into a dataclass, an int once it is made.
    WholeNumber = Any

LAST_SEED = (1 << 63) - 1
"""The largest seed of a cell or of the command line: a store keeps seeds in 64 signed bits."""

_MOST_SHOWN = 60
"""Characters of a refused value that an error shows."""


def whole_number(value: Any, name: str, least: int | None = None, most: int | None = None) -> int:
    """The value as a Python integer; ValueError for what is no integer, a truth value included, or out of range.

    >>> import numpy as np
    >>> whole_number(np.int8(3), "steps", 1)
    3
    """
    expected = _expected(least, most)
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ValueError(f"{name} is {_in_one_line(value)}; pass a whole number{expected}")
    try:
        number = operator.index(value)
    except TypeError:  # arrays and numpy's truth values have __index__, and most refuse
        raise ValueError(f"{name} is {_in_one_line(value)}; pass a whole number{expected}") from None
    if (least is not None and number < least) or (most is not None and number > most):
        raise ValueError(f"{name} is {number}; pass{expected or ' another'}")
    return number


def whole_numbers(**least: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Of a function: the parameters named come to it as Python integers, each so much at least, or not at all.

    None passes where the annotation allows it. ValueError as `whole_number` raises it, before anything is done.

    >>> import numpy as np
    >>> @whole_numbers(length=1)
    ... def half(length: int) -> int:
    ...     return length // 2
    >>> half(np.int64(8))
    4
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        parameters = list(inspect.signature(function).parameters.values())
        checks = [
            # What takes a keyword alone has no place, however many arguments stand before it (*models).
            (
                place if each.kind is not each.KEYWORD_ONLY else math.inf,
                each.name,
                least[each.name],
                "None" in str(each.annotation),
            )
            for place, each in enumerate(parameters)
            if each.name in least
        ]
        assert len(checks) == len(least), f"{function} lacks some of {', '.join(least)}"

        @functools.wraps(function)
        def checked(*arguments: P.args, **options: P.kwargs) -> R:
            given: list[Any] = list(arguments)
            named: dict[str, Any] = dict(options)
            for place, name, lowest, may_be_none in checks:
                values: Any = given if place < len(given) else named
                key: Any = place if values is given else name
                if (values is given or name in named) and not (may_be_none and values[key] is None):
                    values[key] = whole_number(values[key], name, lowest)
            return function(*given, **named)

        return checked

    return decorate


def _expected(least: int | None, most: int | None) -> str:
    if least is None:
        return "" if most is None else f" of at most {most}"
    return f" {least} or more" if most is None else f" from {least} to {most}"


def _in_one_line(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
