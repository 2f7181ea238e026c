"""Which column has the colours, which the dashes, and which the panels of a figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mdmtheory.plots.words import words_of

MOST_SERIES = 8
"""Curves that can be told apart in one panel."""
MOST_PANELS = 12
_MOST_LINES = 5
Ranks = dict[str, dict[Any, int]]
"""Where each row stands, by column."""
HUE, LINE = "hue words", "line words"
"""The columns that rows get: what colour and dashes stand for, in words."""


@dataclass(frozen=True)
class Channels:
    """How the rows of a figure are told apart: by colour and mark (`hue`), by dashes (`line`), by panel (`facet`).

    `hues` and `lines` are the words that these have, in the order of the legend, `typed` what stands in the column of
    colours by its words; `groups` the rows of each panel by its title; `same` what all rows have in common, in words.
    `chosen` says what nobody asked for.
    """

    hue: list[str]
    line: list[str]
    facet: list[str]
    hues: list[str]
    lines: list[str]
    typed: dict[str, str]
    ordered: bool
    groups: dict[str, pd.DataFrame]
    same: dict[str, str]
    chosen: list[str]

    @classmethod
    def of(
        cls,
        rows: pd.DataFrame,
        x: str,
        hue: Sequence[str],
        line: Sequence[str],
        facet: Sequence[str],
        labels: Mapping[str, str],
        order: Sequence[str],
    ) -> Channels:
        """Those that were asked for; what else varies gets what is left, so that each panel can be read.

        ValueError where no choice can, with the columns to filter by.
        """
        asked, along = [*hue, *line, *facet], {x, "steps"} if x in ("calls", "rounds") else {x}
        texts = words_of(rows, asked)
        varies = [name for name in map(str, texts) if name not in along and len(set(texts[name]) - {""}) > 1]
        colours = [name for name in hue if name in varies]
        chosen = []
        if hue and not colours and set(varies) - set(asked):
            chosen.append(f"all is of one {' and '.join(hue)}: colours tell something else apart")
        split = _panels(texts, varies, colours, line, facet)
        if split and not facet and split != "language":
            chosen.append(f"a panel for each {split}; --facet names another column")
        left = [name for name in varies if name != split]
        colours = (
            [name for name in colours if name in left] or [name for name in left if name not in line][:1] or left[:1]
        )
        dashes = [name for name in left if name not in colours]
        used = [*colours, *dashes, *([split] if split else [])]
        ranks = _ranks(rows, texts, used, order)
        raw = rows[colours[0]] if len(colours) == 1 else None
        texts = _renamed(rows, texts, labels)
        rows = rows.assign(**{HUE: _joined(texts, colours), LINE: _joined(texts, dashes)})
        titles = texts[split] if split else pd.Series("", index=rows.index)
        return cls(
            colours,
            dashes,
            [split] if split else [],
            _in_order(rows[HUE], ranks, colours),
            _in_order(rows[LINE], ranks, dashes),
            {} if raw is None else {word: str(value) for word, value in zip(rows[HUE], raw, strict=True)},
            raw is not None and colours != ["seed"] and pd.api.types.is_numeric_dtype(raw),
            {name: rows[titles == name] for name in _in_order(titles, ranks, [split] if split else [])},
            {name: texts[name].iloc[0] for name in map(str, texts) if len(set(texts[name])) == 1 and name not in used},
            chosen,
        )


def _panels(
    texts: pd.DataFrame, varies: Sequence[str], hue: Sequence[str], line: Sequence[str], facet: Sequence[str]
) -> str:
    """The column whose values have panels, empty where there is one panel.

    The language where it has no colour, none if one panel can be read, or else what makes the fewest panels that can.
    ValueError where nothing does, with what to filter by.
    """
    if len(facet) > 1:
        raise ValueError(f"panels are those of one column; name one, not {', '.join(facet)}")
    first = [*hue, *line] or varies[:1]
    usual = ["language"] if "language" in varies and "language" not in first else []
    candidates = list(facet) or [*usual, "", *(name for name in varies if name not in (*hue, *line, *usual))]
    sizes = {}
    for name in candidates:
        rest = [each for each in varies if each != name]
        groups = [own for _, own in texts.groupby(name)] if name else [texts]
        dashes = [each for each in rest if each not in (hue or rest[:1])]
        most = max(_different(own, rest) for own in groups)
        sizes[name] = (_different(texts, dashes) > _MOST_LINES, len(groups), most)
    readable = [name for name, (_, panels, most) in sizes.items() if most <= MOST_SERIES and panels <= MOST_PANELS]
    if not readable:
        said = ", ".join(f"{name} ({len(set(texts[name]) - {''})})" for name in varies)
        most = sizes[facet[0]][2] if facet else _different(texts, varies)
        raise ValueError(
            f"{most} series, and a panel of more than {MOST_SERIES} cannot be read; choose rows with --where by what "
            f"varies: {said}"
        )
    if (readable[0] == "language" and usual) or not sizes[readable[0]][0]:
        return readable[0]
    return min(readable, key=lambda name: sizes[name][:2])


def _different(texts: pd.DataFrame, columns: Sequence[str]) -> int:
    """How many different rows these columns have."""
    return len(texts[list(columns)].drop_duplicates()) if columns else 1


def _ranks(rows: pd.DataFrame, texts: pd.DataFrame, columns: Sequence[str], order: Sequence[str]) -> Ranks:
    """Where each row stands by each column: numbers by size, words as they come, and first those of `order`."""
    wanted = {name: place for place, name in enumerate(order)}
    found: dict[str, dict[Any, int]] = {}
    known: dict[str, None] = {}
    for column in columns:
        typed = rows[column] if column in rows else texts[column]
        values = typed.drop_duplicates()
        values = values.sort_values(na_position="first") if pd.api.types.is_numeric_dtype(typed) else values
        names = [("" if pd.isna(value) else str(value), str(texts.at[row, column])) for row, value in values.items()]
        known |= {word: None for pair in names for word in pair if word}
        places = [
            min((wanted[word] for word in pair if word in wanted), default=len(wanted) + n)
            for n, pair in enumerate(names)
        ]
        by_word = {word: place for (_, word), place in zip(names, places, strict=True)}
        found[column] = dict(zip(texts.index, texts[column].map(by_word), strict=True))
    unknown = [name for name in order if name not in known]
    if unknown:
        raise ValueError(
            f"nothing here is called {unknown[0]!r}; order some of {', '.join(known) or 'nothing that varies'}"
        )
    return found


def _in_order(words: pd.Series, ranks: Ranks, columns: Iterable[str]) -> list[str]:
    """The words, each once, by the ranks of their rows."""
    columns = list(columns)
    places: dict[str, tuple[int, ...]] = {}
    for row, word in words.items():
        places.setdefault(word, tuple(ranks[column][row] for column in columns))
    return sorted(places, key=lambda word: places[word])


def _joined(texts: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    return [", ".join(word for word in words if word) for words in texts[list(columns)].itertuples(index=False)]


def _renamed(rows: pd.DataFrame, texts: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    """The words, with a reader's own in the place of what was said or typed."""
    if not labels:
        return texts
    found = texts.copy()
    for column in texts:
        typed = rows[column].astype(str) if column in rows else texts[column]
        found[column] = [
            labels.get(word, labels.get(value, word)) for word, value in zip(texts[column], typed, strict=True)
        ]
    return found
