"""Lists and ranges as they are typed: `16,64,256`, `64..2048`, `64..2048:9`, `3L/4`, `hmm,ngram:order=2,seed=1`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mdmtheory.core.integers import LAST_SEED, WholeNumber, whole_number, whole_numbers
from mdmtheory.core.limits import MOST_VALUES, check_limit
from mdmtheory.core.spec import pieces, unquoted

_RANGE = re.compile(r"(-?\d{1,40})\s*\.\.\s*(-?\d{1,40})(?:\s*:\s*(-?\d{1,40}))?")
_PART = re.compile(r"(\d{1,40})?\s*L(?:\s*/\s*(\d{1,40}))?")
_OPTION = re.compile(r"\s*[A-Za-z_]\w*\s*=")


@dataclass(frozen=True)
class PartOfLength:
    """A number of steps that follows the length: `L/4` is a quarter of it, rounded down, `3L/4` three, `2L` twice."""

    divisor: WholeNumber
    multiple: WholeNumber = 1

    def __post_init__(self) -> None:
        for name in ("divisor", "multiple"):
            object.__setattr__(self, name, whole_number(getattr(self, name), name, 1))

    @whole_numbers(length=1)
    def at(self, length: int) -> int:
        """The number of steps at a length; ValueError where it is below 1."""
        if length * self.multiple < self.divisor:
            raise ValueError(f"steps {self} at length {length} is below 1; use a longer length or a smaller divisor")
        return length * self.multiple // self.divisor

    @whole_numbers(length=1)
    def rounding(self, length: int) -> str | None:
        """What is rounded at a length, in words; None where nothing is."""
        whole, rest = divmod(length * self.multiple, self.divisor)
        exact = length * self.multiple / self.divisor
        return f"{self} at length {length} is {whole}, from {exact:.6g}" if rest else None

    def __str__(self) -> str:
        times, part = self.multiple if self.multiple > 1 else "", f"/{self.divisor}" if self.divisor > 1 else ""
        return f"{times}L{part}"


def texts(value: Any, name: str) -> list[str]:
    """The specs in a text, a list of texts, or one value; options keep their commas. ValueError when there is none.

    Commas inside a quoted value or a quoted path are its own.

    >>> texts("hmm,ngram:order=2,seed=1,parity", "lang")
    ['hmm', 'ngram:order=2,seed=1', 'parity']
    >>> texts('file:path="a,b.txt",linear', "schedule")
    ['file:path="a,b.txt"', 'linear']
    """
    if value is None:
        raise ValueError(f"{name} is missing; give {name}=NAME[:key=value,...] or a list of them")
    found: list[str] = []
    for each in _items(value):
        if not isinstance(each, str):
            raise ValueError(
                f"{name} {each!r} is not a name or a text; write {name}=NAME[:key=value,...] or a list of them"
            )
        start = len(found)
        for piece in pieces(each):
            if _OPTION.match(piece) and len(found) > start and ":" in found[-1]:
                found[-1] += "," + piece.strip()
            elif piece.strip():
                found.append(unquoted(piece.strip()))
            else:
                raise ValueError(f"{name} {each!r} has an empty item; write names separated by single commas")
    if not found:
        raise ValueError(f"{name} is an empty list; give at least one")
    return list(dict.fromkeys(found))


def numbers(value: Any, name: str, least: int = 1) -> list[int]:
    """Whole numbers from a number, a list, or text with lists and ranges; ValueError says what is wrong.

    `a..b` doubles from a and ends with b; `a..b:n` is n different numbers, as near to a geometric progression
    as whole numbers come.

    >>> numbers("64..300", "length"), numbers("64..256:3,1000", "length")
    ([64, 128, 256, 300], [64, 128, 256, 1000])
    """
    found: list[int] = []
    for each in _items(value):
        for piece in each.split(",") if isinstance(each, str) else [each]:
            found.extend(_numbers_of(piece, name, least))
    if not found:
        raise ValueError(f"{name} is an empty list; give at least one number")
    return list(dict.fromkeys(found))


def plain_numbers(value: Any, name: str, least: int = 0) -> list[int]:
    """As `numbers`, but without ranges, which would double: seeds."""
    if any(".." in each for each in _items(value) if isinstance(each, str)):
        raise ValueError(f"{name} {value!r} is a range; list its numbers instead, as 0,1,2")
    return numbers(value, name, least)


def steps_of(value: Any, name: str = "steps") -> list[int | PartOfLength]:
    """Numbers of steps, some of which may follow the length (`L/4`, `3L/4`, `2L`); `name` is what errors call them.

    >>> [str(each) for each in steps_of("16,L/4")]
    ['16', 'L/4']
    """
    found: list[int | PartOfLength] = []
    for each in _items(value):
        for piece in each.split(",") if isinstance(each, str) else [each]:
            part = _PART.fullmatch(piece.strip()) if isinstance(piece, str) else None
            if part is None:
                found.extend(_numbers_of(piece, name, 1))
                continue
            multiple, divisor = (int(each or 1) for each in part.groups())
            if divisor < 1:
                raise ValueError(f"{name} {piece.strip()!r} divides by zero; write L/4 for a quarter of the length")
            if multiple < 1:
                raise ValueError(f"{name} {piece.strip()!r} is zero; write 2L for twice the length")
            found.append(PartOfLength(divisor, multiple))
    if not found:
        raise ValueError(f"{name} is an empty list; give at least one number, as 64 or 64..2048")
    return list(dict.fromkeys(found))


def _items(value: Any) -> list[Any]:
    if isinstance(value, str) or not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0:
        return [value]
    return list(value)


def _numbers_of(piece: Any, name: str, least: int) -> list[int]:
    if not isinstance(piece, str):
        try:
            number = whole_number(piece, name)
        except ValueError:
            raise ValueError(f"{name} {piece!r} is not a whole number; {_how(name)}") from None
        return [_checked(number, name, least)]
    piece = piece.strip()
    bounds = _RANGE.fullmatch(piece)
    if bounds is None:
        if not re.fullmatch(r"[+-]?\d{1,40}", piece):
            raise ValueError(f"{name} {piece!r} is not a whole number or a range; {_how(name)}")
        return [_checked(int(piece), name, least)]
    first, last = (_checked(int(each), name, max(least, 1)) for each in bounds.group(1, 2))
    if first > last:
        raise ValueError(f"{name} {piece!r} runs backwards; write the smaller end first: {last}..{first}")
    return _doubling(first, last) if bounds[3] is None else _geometric(first, last, int(bounds[3]), name)


def _doubling(first: int, last: int) -> list[int]:
    found = []
    while first < last:
        found.append(first)
        first *= 2
    return [*found, last]


def _geometric(first: int, last: int, points: int, name: str) -> list[int]:
    if points < 2 or points > last - first + 1:
        raise ValueError(f"{name} {first}..{last}:{points} asks for {points} points; ask for 2 to {last - first + 1}")
    check_limit(points, MOST_VALUES, "MOST_VALUES", f"{name} {first}..{last} has {points:,} points", "ask for fewer")
    ratio = last / first
    found = [round(first * ratio ** (point / (points - 1))) for point in range(points)]
    found[-1] = last
    # Where the progression is denser than the whole numbers, those that would stand twice move on.
    for place in range(1, points):
        found[place] = max(found[place], found[place - 1] + 1)
    found[-1] = last
    for place in range(points - 2, -1, -1):
        found[place] = min(found[place], found[place + 1] - 1)
    return found


def _checked(number: int, name: str, least: int) -> int:
    if number < least:
        raise ValueError(f"{name} is {number}; it must be {least} or more")
    if number > LAST_SEED:
        raise ValueError(f"{name} is {number}; pass from {least} to {LAST_SEED}")
    return number


def _how(name: str) -> str:
    ways = {"steps": "64, 16,64,256, 64..2048 (doubling), 64..2048:9 (9 points), L/4 or 2L", "seed": "0 or 0,1,2"}
    return f"write {ways.get(name, '512, 64,128 or 64..1024 (doubling)')}"
