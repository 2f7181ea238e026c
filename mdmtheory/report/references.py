"""The end of a page: the works that what stands on it is from, and what on it is ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd

from mdmtheory.citations.bibtex import references
from mdmtheory.citations.cited import Cited, known, options_in
from mdmtheory.citations.citing import keys_of
from mdmtheory.core.sources import SOFTWARE
from mdmtheory.report.text import listed

_KINDS = ("sampler", "model", "language", "denoiser", "schedule", "metric")
"""The columns of results whose things say where they are from."""
_WORDS = "What stands on this page is from these works, and `mdmtheory cite` with the names prints their BibTeX."


def references_section(frames: Iterable[pd.DataFrame]) -> str:
    """Each work that something in the frames is from, with the names of what is; then what was found nowhere."""
    things = list(dict.fromkeys(each for frame in frames for each in _used(frame)))
    lines = [
        f"- {references()[key].reading}: {_names(each for each in things if key in each.works)}"
        for key in keys_of(things)
        if key != SOFTWARE
    ]
    ours = [each for each in things if each.ours is not None]
    if ours:
        lines.append(f"- Found nowhere, and ours, at least in part: {_names(ours)}")
    return "\n\n".join(["## References", _WORDS, "\n".join(lines)])


def _used(frame: pd.DataFrame) -> Iterator[Cited]:
    for kind in _KINDS:
        for spec in sorted(set(frame[kind].dropna().astype(str))):
            found = known(kind, spec)
            if found is not None:
                yield found
                yield from options_in(spec)


def _names(things: Iterable[Cited]) -> str:
    return listed(dict.fromkeys(each.name for each in things))
