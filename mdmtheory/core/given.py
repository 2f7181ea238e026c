"""Which positions of a sequence are given, the same in every sequence: a value with one text for each choice."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool

from mdmtheory.core.integers import WholeNumber, whole_number
from mdmtheory.core.misfits import MisfitError
from mdmtheory.core.tokens import Tokens

_RUN = re.compile(r"(\d{1,19})(?:-(\d{1,19}))?")


@dataclass(frozen=True)
class Given:
    """Some positions of a sequence of a length, never all of them: a prompt stands there, the rest is the answer.

    `text` lists them in runs, counted from 0, as `0-7,12`; ValueError unless it is the one way to write that.

    >>> Given.of([True, True, False, True, False])
    Given(text='0-1,3', length=5)
    """

    text: str
    length: WholeNumber

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", whole_number(self.length, "length", 1))
        places: list[int] = []
        for run in self.text.split(","):
            ends = _RUN.fullmatch(run)
            first = last = int(ends[1]) if ends else -1
            last = int(ends[2]) if ends and ends[2] else last
            if not ends or not (places[-1] if places else -2) + 1 < first <= last < self.length:
                raise ValueError(
                    f"given positions {self.text!r} of {self.length} are not written as runs, as 0-7,12, in their order"
                )
            places.extend(range(first, last + 1))
        if ",".join(_runs(places)) != self.text or len(places) == self.length:
            raise ValueError(f"given positions {self.text!r} of {self.length} are all, or could be written shorter")

    @classmethod
    def of(cls, positions: Any, length: int | None = None) -> Given | None:
        """From truth values, one a position; None where none is given. ValueError for anything else, or for all."""
        found = np.asarray(positions)
        wanted = found.shape if length is None else (length,)
        if found.dtype != np.bool_ or found.ndim != 1 or found.shape != wanted or not found.size:
            shape = "(length,)" if length is None else f"({length},)"
            raise ValueError(
                f"given positions are {found.dtype} of shape {found.shape}; pass truth values of shape {shape}"
            )
        if found.all():
            raise ValueError(f"all {found.size} positions are given; leave one at least for the answer")
        places = np.flatnonzero(found).tolist()
        return cls(",".join(_runs(places)), found.size) if places else None

    @cached_property
    def positions(self) -> Bool[np.ndarray, "length"]:
        """Whether each position is given; not to be written to."""
        found = np.zeros(self.length, dtype=np.bool_)
        for run in self.text.split(","):
            first, _, last = run.partition("-")
            found[int(first) : int(last or first) + 1] = True
        found.setflags(write=False)
        return found

    @property
    def answer_length(self) -> int:
        """How many tokens an answer has."""
        return int((~self.positions).sum())

    def prompts_of(self, tokens: Tokens, mask: int) -> Tokens:
        """What of whole sequences is given, the mask elsewhere."""
        return np.where(self.positions, tokens, np.asarray(mask, dtype=tokens.dtype))


def check_sees(who: str, given: Bool[np.ndarray, "length"], *, around: bool, block: int | None) -> None:
    """MisfitError where `who` misses some of what is given: who sees all `around` a position misses nothing.

    Else it sees what is left of a position, or its own `block` and those before: the first positions alone, and by
    blocks so many of them that the answer's blocks are its own.
    """
    if around or not given.any():
        return
    first = int(given.argmin())
    if given[first:].any():
        raise MisfitError(
            f"{who} what is to the left alone, and the prompt gives tokens to the right of the answer; give the first "
            "ones alone, as prefix:size=8"
        )
    if block is not None and first % block:
        raise MisfitError(
            f"{who} blocks of {block}, and the prompt gives {first} tokens, so that the answer begins inside a block; "
            f"give a multiple of {block}, or use another block"
        )


def _runs(places: list[int]) -> list[str]:
    """Neighbours together, as `3` or `3-5`."""
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][1] == place - 1:
            runs[-1][1] = place
        else:
            runs.append([place, place])
    return [str(first) if first == last else f"{first}-{last}" for first, last in runs]
