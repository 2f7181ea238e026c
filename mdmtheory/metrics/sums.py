"""Sums: what is added up over sequences, by name; every metric is a function of some of them."""

from __future__ import annotations

import json
import math
from collections.abc import ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float


class Sums(Mapping[str, int | float]):
    """Sums over sequences by name: counts are integers, sums of anything else floats.

    >>> Sums.over([Sums(sequences=1, nats=1.5), Sums(sequences=2, nats=2.0)])
    Sums(sequences=3, nats=3.5)
    """

    __slots__ = ("_by_name",)

    def __init__(self, by_name: Mapping[str, int | float] | None = None, /, **more: int | float) -> None:
        # A negative zero is none: what is written of equal sums is equal.
        self._by_name = {name: value + 0 for name, value in {**(by_name or {}), **more}.items()}

    @classmethod
    def over(cls, parts: Sequence[Sums]) -> Sums:
        """All parts together: the sums that every one of them has, each rounded once, so that order does not matter."""
        by_name = [part._by_name for part in parts] or [{}]
        shared = set(by_name[0]).intersection(*by_name)
        return cls({name: _added([each[name] for each in by_name]) for name in by_name[0] if name in shared})

    @classmethod
    def read(cls, text: str) -> Sums:
        """From what `written` gave; ValueError for what it cannot have been."""
        try:
            found, end = _DECODER.raw_decode(text)
        except RecursionError:
            raise ValueError("it is no JSON of numbers") from None
        if end != len(text) or type(found) is not dict or not {int, float}.issuperset(map(type, found.values())):
            raise ValueError("it is no JSON of numbers by name")
        sums = cls.__new__(cls)
        sums._by_name = found
        return sums

    @property
    def written(self) -> str:
        """Canonical JSON: floats exact, infinity as a number too large for one, which all readers take to be it."""
        return json.dumps(self._by_name, sort_keys=True, separators=(",", ":")).replace("Infinity", "1e999")

    def only(self, names: Iterable[str]) -> Sums:
        """Those of these names; KeyError where one is not there."""
        return Sums({name: self[name] for name in names})

    def whole(self, name: str) -> int:
        """A count; KeyError where it is not there."""
        return int(self._by_name[name])

    def __getitem__(self, name: str) -> int | float:
        return self._by_name[name]

    # Those of a dict, for a store has many: what Mapping makes of __getitem__ is slow.
    def items(self) -> ItemsView[str, int | float]:
        """Names and values."""
        return self._by_name.items()

    def values(self) -> ValuesView[int | float]:
        """Values alone."""
        return self._by_name.values()

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __hash__(self) -> int:
        return hash(frozenset(self._by_name.items()))

    def __repr__(self) -> str:
        return f"Sums({', '.join(f'{name}={value!r}' for name, value in self._by_name.items())})"


def moments(name: str, values: Float[np.ndarray, "count"]) -> dict[str, float]:
    """The sum of some values, of their squares and of their cubes, about 0, so that those of parts add up."""
    return {
        name: float(values.sum()),
        f"{name}_squared": float((values**2).sum()),
        f"{name}_cubed": float((values**3).sum()),
    }


def _added(values: Sequence[Any]) -> int | float:
    if type(values[0]) is int:
        return sum(values)
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # beyond float64: infinite; infinities of both signs: not a number
        return float(sum(values))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
