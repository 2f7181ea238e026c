"""A sheet of panels with many samplers: its grid, the legend by family, and the words below it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mdmtheory.plots.methods import Curve
from mdmtheory.plots.strip import mark_style
from mdmtheory.plots.style import REFERENCE, Look
from mdmtheory.sweeps.choices import is_exact

_FEW = 8
_COLUMNS = 3
_PAGE = 7.0
"""Inches."""
ENTROPY_NOTE = (
    "Cross-entropy E[−log q(x)]/L of the sequences that are in the language. Dashed, with its interval: H(q)/L, of the "
    "language itself; what lies below has lost entropy."
)


def families_of(looks: Iterable[Look]) -> list[str]:
    """The titles of the families that have these looks, in their order."""
    return list(dict.fromkeys(look.family for look in looks))


def family_legend(
    figure: Figure, curves: Sequence[Curve], where: Literal["outside upper center"] = "outside upper center"
) -> None:
    """Every method under the name of its family, families side by side."""
    shown = {each.method: each for each in curves}
    groups: dict[str, list[Line2D]] = {}
    for method, curve in shown.items():
        style = {**mark_style(curve), "markerfacecolor": curve.look.colour, "markeredgecolor": "white"}
        width = 1.1 if curve.lead else 0.6
        handle = Line2D([], [], linestyle=curve.look.dashes, linewidth=width, label=label_of(method), **style)
        groups.setdefault(curve.look.family, []).append(handle)
    if len(shown) <= _FEW:
        handles = [handle for group in groups.values() for handle in group]
        columns = -(-len(handles) // (1 if len(handles) < 5 else 2))
        figure.legend(handles=handles, loc=where, ncols=columns, handlelength=2.6)
        return
    packed = _packed({title: [_blank(title), *members] for title, members in groups.items()})
    height = max(map(len, packed))
    padded = [entry for column in packed for entry in [*column, *(_blank("") for _ in range(height - len(column)))]]
    legend = figure.legend(
        handles=padded,
        loc=where,
        ncols=len(packed),
        handlelength=2.2,
        handletextpad=0.5,
        columnspacing=0.9,
        fontsize=6.8,
        labelspacing=0.25,
    )
    entries: Any = legend._legend_handle_box  # type: ignore[attr-defined]  # matplotlib has no other way to a row
    for column in entries.get_children():
        for mark, text in (entry.get_children() for entry in column.get_children()):
            if text.get_text() in groups:
                mark.width = 0  # a title begins above the marks of its members
                text._text.set_fontweight("bold")


def panels(names: Sequence[str], methods: int, height: float = 1.75) -> tuple[Figure, dict[str, Axes]]:
    """A figure with a panel for each name; of the width of a page where it has three columns or many methods."""
    columns = min(_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    width = _PAGE if methods > _FEW else {1: 4.2, 2: 5.6}.get(columns, _PAGE)
    figure = Figure(figsize=(width, height * rows + 1.6))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for unused in grid[len(names) :]:
        unused.remove()
    for axes, name in zip(grid, names, strict=False):
        axes.set_title(name, loc="left", pad=4)
        seaborn.despine(ax=axes)
    return figure, dict(zip(names, grid, strict=False))


def outer_labels(sheet: Sequence[Axes], x: str, y: str) -> None:
    """Axis names at the left and at the lowest panel of each column."""
    for index, axes in enumerate(sheet):
        if index % _COLUMNS == 0:
            axes.set_ylabel(y)
        if index + _COLUMNS >= len(sheet):
            axes.set_xlabel(x)


def length_note(rows: pd.DataFrame) -> str:
    """The length of all rows, in words."""
    return f"Length {int(rows['length'].iloc[0])}."


def kinds_note(curves: Sequence[Curve]) -> str:
    """What is an upper bound here, in words; empty where nothing is."""
    bounds = [each.bound for each in curves]
    if not any(bounds):
        return ""
    return "Hollow: an upper bound" + ("." if all(bounds) else "; filled: an estimate, log p being exact.")


def entropy_line(axes: Axes, slack: float) -> None:
    """The level of the language's own entropy, and the half width of its interval."""
    axes.axhspan(-slack, slack, color="0.85", linewidth=0, zorder=0)
    axes.axhline(0, color=REFERENCE, linestyle=(0, (2, 2)), linewidth=0.9, zorder=1)


def given_up_notes(rows: pd.DataFrame) -> list[str]:
    """Where points without calls were put, and which of them have no place, in words; nothing where all have calls."""
    lacking = rows[rows["calls"].isna()]
    placed, lost = lacking[lacking["place"].notna()], lacking[lacking["place"].isna()]
    notes = (
        ["Where no sequence was drawn to its end, a point stands at the calls that it would have taken."]
        if len(placed)
        else []
    )
    if len(lost):
        names = dict.fromkeys(
            f"{label_of(str(method))} {options}".strip()
            for method, options in zip(lost["method"], lost["options"], strict=True)
        )
        notes.append(f"Without a place in some panels, for no sequence was drawn to its end: {', '.join(names)}.")
    return notes


def bars_note(rows: pd.DataFrame) -> str:
    """The bars' level and the number of sequences, in words."""
    levels = sorted({f"{100 * level:g} %" for level in rows["level"][rows["level"] < 1].dropna()})
    counts = rows["count"].dropna()
    many = ""
    if len(counts):
        least, most = int(counts.min()), int(counts.max())
        many = f"; {least:,} sequences a mark" if least == most else f"; {least:,} to {most:,} sequences a mark"
    return f"Bars: {' and '.join(levels) or 'no'} intervals{many}."


def caption(figure: Figure, notes: Sequence[str]) -> None:
    """What the reader must know, below the figure."""
    words = textwrap.wrap(" ".join(dict.fromkeys(note for note in notes if note)), int(17.5 * figure.get_figwidth()))
    figure.supxlabel("\n".join(words), fontsize=7, color="0.3", ha="left", x=0.01)


def label_of(method: str) -> str:
    """A method's name as a reader meets it."""
    return f"{method} (exact)" if is_exact(method) else method.replace("_", " ")


def _blank(label: str) -> Line2D:
    return Line2D([], [], linestyle="none", label=label)


def _packed(groups: dict[str, list[Line2D]]) -> list[list[Line2D]]:
    """Groups in columns no higher than the highest group: large ones open a column, small ones fill up."""
    height = max(map(len, groups.values()))
    columns: list[list[Line2D]] = []
    for group in groups.values():
        room = next((column for column in columns if len(column) + len(group) <= height), None)
        if room is None:
            columns.append(list(group))
        else:
            room.extend(group)
    return columns
