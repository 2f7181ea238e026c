"""A picture: a figure that a notebook shows, whose legend leaves the data room, and files that come out the same."""

from __future__ import annotations

import io
import os
import textwrap
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mdmtheory.core.notices import notice
from mdmtheory.core.writing import write_whole
from mdmtheory.plots.style import REFERENCE, SIZES, Look, figure_style

FORMATS = ("png", "svg", "pdf")
MOST_OF_LEGEND = 0.25
"""The part of a picture that its legend may take."""

_LEAST_PANEL = 1.1
_LEAST_WIDTH = 1.0
_HIGHEST = 10.0
"""Inches."""
_LABELS = (80, 40, 28, 18)
"""Characters to which labels of a legend are cut until it fits."""
_MARK = "drawn by mdmtheory"


class Picture(Figure):
    """A figure with its caption in words, and what was `chosen` for it where nobody said.

    Nothing of it needs pyplot: a notebook shows it as it is, and `save_figure` writes it.
    """

    def __init__(self, width: float, height: float, style: str = "screen") -> None:
        super().__init__(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(self)
        self.style, self.caption = style, ""
        self.chosen: list[str] = []
        self.rows = 1
        self._handles: list[Line2D] = []
        self._wide = False

    def grid(self, rows: int, columns: int, count: int | None = None, **options: Any) -> list[Axes]:
        """So many panels, row by row; by default as many as fit."""
        self.rows = rows
        cells = list(self.subplots(rows, columns, squeeze=False, **options).ravel())
        for unused in cells[count:] if count is not None else ():
            unused.remove()
        return cells[:count]

    def explain(self, handles: Iterable[Line2D], notes: Iterable[str]) -> None:
        """The entries of the legend, above all panels, and the caption's sentences, each once."""
        self._handles = list(handles)
        self.caption = " ".join(dict.fromkeys(note for note in notes if note))
        self._place_legend(_LABELS[0])

    def show_caption(self) -> None:
        """The caption, below the panels."""
        words = textwrap.wrap(self.caption, int(18 * self.get_figwidth()))
        self.supxlabel("\n".join(words), fontsize=7, color=REFERENCE, ha="left", x=0.01)

    def fit(self) -> None:
        """Make it as high as legend and panels need; ValueError where no height does."""
        for longest in _LABELS:
            with figure_style(self.style):
                self._place_legend(longest)
                if self._grown():
                    return
        raise ValueError(
            f"the legend of {len(self._handles)} entries would take more than a quarter of the figure; draw fewer "
            "curves (--where), panels (--facet), shorter labels (--label) or a wider figure (--width)"
        )

    def savefig(self, fname: Any, **options: Any) -> None:
        """As a figure's, fitted first and in its own style."""
        self.fit()
        with figure_style(self.style):
            super().savefig(fname, **options)

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.savefig(content, format="png")
        return content.getvalue()

    def _grown(self) -> bool:
        """Whether all has room, once the height is what it must be."""
        for _ in range(8):
            with warnings.catch_warnings(record=True) as heard:
                warnings.simplefilter("always")
                self.draw_without_rendering()
            collapsed = any("constrained_layout not applied" in str(each.message) for each in heard)
            height, width = self.get_figheight(), self.get_figwidth()
            boxes = [axes.get_window_extent() for axes in self.axes]
            lacking = max((_LEAST_PANEL - box.height / self.dpi for box in boxes), default=0.0)
            lacking = max(lacking, 0.4) if collapsed else max(lacking, 0.0)
            sizes = [each.get_window_extent() for each in self.legends]
            legend = max((each.height / self.dpi for each in sizes), default=0.0)
            if any(each.width > self.bbox.width for each in sizes):
                return False
            if legend <= MOST_OF_LEGEND * height and lacking <= 1e-3:
                break
            wanted = max(height + self.rows * lacking, 1.01 * legend / MOST_OF_LEGEND)
            if wanted > max(_HIGHEST, self.rows * 2.4):
                return False
            self.set_figheight(wanted + 0.02)
        else:
            return False
        if boxes and min(box.width for box in boxes) < _LEAST_WIDTH * self.dpi:
            raise ValueError(f"panels have no room in {width:g} inches; choose --width page or more inches")
        return True

    def _place_legend(self, longest: int) -> None:
        """In as many columns as the width holds."""
        for each in list(self.legends):
            each.remove()
        if not self._handles:
            return
        labels = [_shortened(str(each.get_label()), longest) for each in self._handles]
        for most in range(min(len(labels), 8), 0, -1):
            columns = -(-len(labels) // -(-len(labels) // most))  # rows of one length
            legend = self.legend(
                self._handles,
                labels,
                loc="outside upper center",
                ncols=columns,
                handlelength=2.6,
                columnspacing=1.2,
                labelspacing=0.35,
            )
            width = legend.get_window_extent(self.canvas.get_renderer()).width  # type: ignore[attr-defined]
            if columns == 1 or width <= 0.98 * self.bbox.width:
                return
            legend.remove()


def _shortened(label: str, longest: int) -> str:
    """A label whose middle is left out where it is too long: often its end tells it from others."""
    if len(label) <= longest:
        return label
    first, *rest = label.split(" ")
    end = ""
    while rest and len(rest[-1]) + len(end) < longest // 2:
        end = f" {rest.pop()}{end}"
    while rest and len(first) + 1 + len(rest[0]) + len(end) < longest:
        first = f"{first} {rest.pop(0)}"
    room = max(longest - len(end) - 1, 4)
    return f"{first if len(first) <= room else first.replace('$', '')[:room]}…{end.strip()}"


def picture_width(width: str | float | None, columns: int) -> float:
    """Inches: a journal's `column` or `page`, a number, or as the columns of panels need. ValueError for another."""
    if width is None:
        return {1: 4.2, 2: 6.2}.get(columns, SIZES["page"])
    try:
        inches = float(SIZES.get(str(width), width))
    except ValueError:
        inches = float("nan")
    if not 1.5 <= inches <= 40:
        raise ValueError(f"width is {width}; give column, page or inches from 1.5 to 40")
    return inches


def handle(look: Look, label: str, *, line: bool = True, mark: bool = True, hollow: bool = False) -> Line2D:
    """An entry of a legend: a line, a mark, or both."""
    style = look.marks(hollow=hollow) if mark else {"color": look.colour}
    return Line2D([], [], linestyle=look.dashes if line else "none", label=label, **style)


def bar_handle(levels: Iterable[float], label: str = "bars: interval") -> Line2D:
    """The entry that says what bars are, intervals of these levels if there are any."""
    said = ", ".join(f"{100 * level:g} %" for level in sorted(set(levels)))
    label = f"bars: {said} interval" if said else label
    return Line2D([], [], linestyle="none", marker="|", markersize=9, markeredgewidth=1.2, color="0.35", label=label)


def figure_format(path: str | os.PathLike[str]) -> str:
    """png, svg or pdf from a file's ending; ValueError for any other."""
    ending = Path(path).suffix.lower().lstrip(".")
    if ending not in FORMATS:
        found = f"ends in {ending!r}" if ending else "has no ending"
        raise ValueError(f"figure {os.fspath(path)!r} {found}; end it in .png, .svg or .pdf")
    return ending


def save_figure(figure: Figure, path: str | os.PathLike[str], *, caption: bool = False) -> Path:
    """Write a figure as PNG, SVG or PDF by its ending; equal figures give equal bytes. Makes the folder if need be.

    The caption of a `Picture` goes into a text file of the same name beside it, and with `caption` into the picture
    too. The file appears whole or not at all. ValueError for another ending, OSError where it cannot be written.
    """
    target = Path(path)
    ending = figure_format(target)
    # Without the time of day, so that the same figure is the same file.
    metadata: dict[str, dict[str, str | None]] = {
        "png": {"Software": "mdmtheory"},
        "svg": {"Date": None, "Creator": "mdmtheory"},
        "pdf": {"CreationDate": None, "Creator": "mdmtheory"},
    }
    if target.is_dir():
        raise ValueError(f"figure {target} is a folder; name a file in it")
    said = getattr(figure, "caption", "")
    if caption and isinstance(figure, Picture):
        with figure_style(figure.style):
            figure.show_caption()
    content = io.BytesIO()
    with figure_style(getattr(figure, "style", "screen")), warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        figure.savefig(content, format=ending, metadata=metadata[ending])
    for each in heard:
        notice(f"figure {target}: {' '.join(str(each.message).split())}")
    write_whole(target, content.getvalue())
    if said:
        _write_caption(target, said)
    return target


def _write_caption(figure: Path, caption: str) -> None:
    """Beside the figure, unless another's file has that name."""
    path = figure.with_suffix(".txt")
    ours = not path.exists() or (path.is_file() and _MARK in path.read_text("utf-8", "replace")[:200])
    if not ours:
        notice(f"the caption of {figure} is not written: {path} is there and was not made by mdmtheory")
        return
    text = "\n".join(textwrap.wrap(caption.replace("$", ""), 100))
    write_whole(path, f"{figure.name}, {_MARK}\n\n{text}\n".encode())


def say_once(cells: Sequence[Axes], columns: int) -> None:
    """What panels side by side, or above each other, have in common is said once."""
    labels, below = [axes.get_ylabel() for axes in cells], [axes.get_xlabel() for axes in cells]
    for index, axes in enumerate(cells):
        first = index - index % columns
        if index != first and labels[index] in ("", labels[first]):
            axes.set_ylabel("")
            if cells[first].get_ylim() == axes.get_ylim():
                axes.tick_params(labelleft=False)
        if index + columns < len(cells) and below[index + columns] == below[index]:
            axes.set_xlabel("")
