"""Where a thing is from: works by their keys, or what a search for one was, where it found none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date as Date  # `date` is the field
from typing import TypeAlias

SOFTWARE = "mdmtheory"
"""The key of this program itself: the source of what nobody would look up elsewhere, such as a plan from a file."""


@dataclass(frozen=True)
class Ours:
    """Derived or made here, and nowhere else as far as a search tells: its words, and its day, YYYY-MM-DD.

    ValueError for no words, or what is no day.
    """

    query: str
    date: str

    def __post_init__(self) -> None:
        if not self.query.strip():
            raise ValueError("query is empty; give the words that were searched for")
        try:
            Date.fromisoformat(self.date)
        except ValueError as error:
            raise ValueError(f"date {self.date!r} is no day; write it as 2026-11-29") from error


Sources: TypeAlias = tuple[str | Ours, ...]
"""Keys of `citations/references.bib`, and `Ours` for what is not in those works: both, where a part of it is ours.

A plug-in, whose works that file need not have, gives whole entries of BibTeX in place of keys.
"""
