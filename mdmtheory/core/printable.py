"""Texts from files as a terminal may show them: on one line, of a bounded length, without control characters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


def printable(text: str) -> str:
    r"""The text with what cannot be printed written out, as `\n` or `\x1b`, and nothing else changed.

    >>> printable("hmm:states=4\x1b[2J")
    'hmm:states=4\\x1b[2J'
    """
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def shortened(text: str, most: int = 200) -> str:
    """The text as it can be printed, cut off after so many characters."""
    start = printable(text[: most + 1])
    return start if len(start) <= most else f"{start[:most]}..."


def first_few(texts: Sequence[str], most: int = 3) -> str:
    """The first of several reasons, and how many more there are.

    >>> first_few(["one", "two", "three", "four"], 2)
    'one; two; and 2 more'
    """
    shown = [shortened(each) for each in texts[:most]]
    return "; ".join(shown + ([f"and {len(texts) - most} more"] if len(texts) > most else []))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """What is said behind a name that is not known: the nearest of those that are, or nothing.

    >>> did_you_mean("ancestrall", ["ancestral", "stride"])
    " (did you mean 'ancestral'?)"
    """
    near = get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
