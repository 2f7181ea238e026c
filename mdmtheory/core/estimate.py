"""A number together with what kind of number it is."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields, replace
from numbers import Number
from types import MappingProxyType
from typing import Literal, get_args

from mdmtheory.core.evaluable import call
from mdmtheory.core.html_tables import html_table
from mdmtheory.core.integers import WholeNumber, whole_number

Kind = Literal["exact", "estimate", "upper bound", "lower bound", "estimate (tail unseen)"]

TAIL_UNSEEN: Kind = "estimate (tail unseen)"
"""Of an estimate whose terms may hide what is rare and large: its upper end holds for every law, its value is what was
seen."""

Ends = tuple[float, float, float]
"""A value and the two ends of its interval."""

SIGNS: Mapping[str, str] = MappingProxyType(
    {"exact": "", "estimate": "≈ ", "upper bound": "≤ ", "lower bound": "≥ ", TAIL_UNSEEN: "≈ "}
)
"""What marks a number of each kind where it stands by itself."""

HEADINGS = ("kind", "value", "interval", "level", "sequences")
"""Of the columns in which a table shows an Estimate."""

_FORMAT = re.compile(
    r"(?P<pad>(?:.?[<>^])?)(?P<numbers>[-+ ]?z?#?)(?P<width>(?:[1-9]\d*)?)(?P<digits>[,_]?(?:\.\d+)?[eEfFgGn%]?)",
    re.DOTALL,
)
"""A format of a float, but that fill, alignment and width are the whole text's."""

_ROUNDING = 1e-9
_CUT = ", cut from "


class WithheldError(ValueError):
    """A number that its sample does not let anybody trust: `reason`, and `count`, the sequences behind it."""

    def __init__(self, reason: str, count: int) -> None:
        super().__init__(reason)
        self.reason, self.count = reason, whole_number(count, "count", 0)

    @property
    def kind(self) -> str:
        """What stands in the place of the number's kind."""
        return f"withheld ({self.reason})"


def decimals_of(half: float) -> int:
    """How many decimals show a number that is known up to `half`, which then has two digits; at most 8.

    >>> decimals_of(0.021), decimals_of(30.0)
    (3, 0)
    """
    return min(max(1 - math.floor(math.log10(half)), 0), 8)


@dataclass(frozen=True)
class Estimate:
    """A number and how far it can be trusted.

    `kind` says what it is: "exact"; "estimate" (value with a confidence interval); "upper bound" or "lower bound"
    (of the quantity asked for; low < high when the bound itself was estimated); "estimate (tail unseen)", the mean of
    numbers that may be rare and large, whose `low` is by those seen and whose `high` holds for every law. `count` is
    the number of sequences behind it, 0 for an exact number. `level` is the confidence level of [low, high]. `cut_from`
    is what was measured where noise took value or interval beyond what the quantity can be, and they were cut there;
    else None.

    `float` gives the value alone. A format is that of a float, for each of its numbers, and marks the kind: nothing
    where it is exact, ≈ an estimate, ≤ an upper and ≥ a lower bound; a width pads the whole, which stands at
    the right if no alignment is given. An Estimate has no order, and is equal to no
    number: TypeError says what to compare instead.

    >>> half = Estimate(0.5, 0.4, 0.6, level=0.95, kind="estimate", count=100)
    >>> print(f"{half:.2f}", float(half))
    ≈ 0.50 [0.40, 0.60] 0.5
    """

    value: float
    low: float
    high: float
    level: float
    kind: Kind
    count: WholeNumber
    cut_from: Ends | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind {self.kind!r} is unknown; use one of {', '.join(get_args(Kind))}")
        if not self.low <= self.value <= self.high:
            raise ValueError(
                f"estimate {self.value} lies outside its interval [{self.low}, {self.high}]; pass low <= value <= high"
            )
        if not 0 < self.level <= 1:
            raise ValueError(f"level {self.level} is not a probability; pass a number above 0 and at most 1")
        for name in ("value", "low", "high", "level"):
            object.__setattr__(self, name, float(getattr(self, name)))
        object.__setattr__(self, "count", whole_number(self.count, "count", 0))

    @classmethod
    def exact(cls, value: float) -> Estimate:
        """A number known without sampling."""
        return cls(value, value, value, level=1.0, kind="exact", count=0)

    def within(self, least: float = -math.inf, most: float = math.inf) -> Estimate:
        """Value and interval cut to what the quantity can be; `cut_from` tells what they were, but for rounding.

        Where all of the interval lies beyond, as much of its width is kept as lay inwards of the value: the cut is no
        knowledge.

        >>> print(Estimate(0.96, 0.92, 1.01, level=0.95, kind="upper bound", count=100).within(least=1))
        1 [1, 1.01] (upper bound, cut from 0.96 [0.92, 1.01], 0.95 interval)
        """
        given = self.value, self.low, self.high
        value, low, high = (min(max(each, least), most) for each in given)
        if low == high and self.low < self.high:
            low, high = max(low - (self.value - self.low), least), min(high + (self.high - self.value), most)
        moved = any(abs(one - other) > _ROUNDING for one, other in zip(given, (value, low, high), strict=True))
        return replace(self, value=value, low=low, high=high, cut_from=self.cut_from or (given if moved else None))

    @property
    def said_kind(self) -> str:
        """The kind in words, with what was measured where that was cut; `as_measured` reads it."""
        return self.kind if self.cut_from is None else said_kind(self.kind, self.cut_from)

    def __repr__(self) -> str:
        return call("Estimate", **{each.name: getattr(self, each.name) for each in fields(self)})

    def __float__(self) -> float:
        return self.value

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Estimate):
            return astuple(self) == astuple(other)
        if isinstance(other, Number):
            raise _no_order("==")
        return NotImplemented

    def __lt__(self, other: object) -> bool:
        raise _no_order("<")

    def __le__(self, other: object) -> bool:
        raise _no_order("<=")

    def __gt__(self, other: object) -> bool:
        raise _no_order(">")

    def __ge__(self, other: object) -> bool:
        raise _no_order(">=")

    def __format__(self, spec: str) -> str:
        asked = _FORMAT.fullmatch(spec)
        if asked is None:
            raise ValueError(
                f"format {spec!r} says nothing of an Estimate; give a float's, as .3f or .4g, a width for the whole, "
                "as >40, or both, as >40.3f"
            )
        numbers = asked["numbers"] + asked["digits"]
        text = self._formatted(numbers) if numbers else str(self)
        return format(text, f"{asked['pad'] or '>'}{asked['width']}")

    def _formatted(self, spec: str) -> str:
        """Each number in the format of a float, with the kind's sign."""
        cut = f" (cut from {_ends_text(self.cut_from, spec)})" if self.cut_from else ""
        return f"{SIGNS[self.kind]}{_ends_text((self.value, self.low, self.high), spec)}{cut}"

    def _repr_html_(self) -> str:
        return html_table(HEADINGS, [self.cells])

    @property
    def cells(self) -> tuple[str, ...]:
        """What stands under HEADINGS in a table."""
        sampled = self.low < self.high
        interval = f"[{self.low:.6g}, {self.high:.6g}]" if sampled else ""
        return self.said_kind, f"{self.value:.6g}", interval, f"{self.level:g}" if sampled else "", f"{self.count:,}"

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.value:.6g} ({self.said_kind})"
        return f"{self.value:.6g} [{self.low:.6g}, {self.high:.6g}] ({self.said_kind}, {self.level:g} interval)"


def _no_order(sign: str) -> TypeError:
    return TypeError(
        f"an Estimate has an interval and a kind, so {sign} says nothing; compare ends, as a.high < b.low, "
        "or values alone, as float(a) < float(b)"
    )


def _ends_text(ends: Ends, spec: str) -> str:
    value, low, high = ends
    return f"{value:{spec}}" if low == high else f"{value:{spec}} [{low:{spec}}, {high:{spec}}]"


def said_kind(kind: str, cut_from: Ends) -> str:
    """A kind in words, of a number that was cut from what was measured."""
    value, low, high = cut_from
    return f"{kind}{_CUT}{value:.9g} [{low:.9g}, {high:.9g}]"


def bare_kind(said: str) -> str:
    """The kind alone, without what was measured."""
    return said.partition(_CUT)[0]


def as_measured(said: str, ends: Ends) -> tuple[str, Ends]:
    """The kind alone, and value and interval as they were measured: what other numbers may be made of.

    >>> as_measured("upper bound, cut from 0.96 [0.92, 1.01]", (1.0, 1.0, 1.01))
    ('upper bound', (0.96, 0.92, 1.01))
    """
    kind, cut, measured = said.partition(_CUT)
    if not cut:
        return kind, ends
    value, low, high = (float(each) for each in re.split(r"[\[\], ]+", measured)[:3])
    return kind, (value, low, high)
