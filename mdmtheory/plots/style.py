"""How every figure looks: colours, marks, sizes, and files that come out the same each time."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import seaborn
from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")

_PALETTE = [mpl.colors.to_hex(each) for each in seaborn.color_palette("colorblind")]
_MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "p"]
Dashes = Literal["-"] | tuple[float, tuple[float, ...]]
DASHES: list[Dashes] = [
    "-",
    (0.0, (5.0, 1.5)),
    (0.0, (1.0, 1.2)),
    (0.0, (5.0, 1.5, 1.0, 1.5)),
    (0.0, (3.0, 1.0, 1.0, 1.0, 1.0, 1.0)),
    (0.0, (8.0, 2.0)),
]

# A sampler keeps its colour and marker in every figure of the project, whatever stands beside it.
_SAMPLERS = {
    "ancestral": 0,
    "stride": 3,
    "bisection": 2,
    "left_to_right": 4,
    "fixed": 1,
    "first_hitting": 9,
    "blocks": 5,
    "bit_reversed": 7,
    "plan": 6,
}

REFERENCE = "0.25"

_SETTINGS: Any = {
    "font.size": 8.5,
    "axes.labelsize": 8.5,
    "axes.titlesize": 8.5,
    "legend.fontsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "ytick.minor.width": 0.5,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "figure.dpi": 100,
    "savefig.dpi": 220,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "mdmtheory",
    "figure.constrained_layout.use": True,
}


@dataclass(frozen=True)
class Look:
    """What tells a curve from its neighbours: in colour, and on a grey printer."""

    colour: str
    marker: str
    dashes: Dashes


def looks(column: str, values: Sequence[str]) -> dict[str, Look]:
    """A look for each value of a column; a sampler's is the same in every figure."""
    wanted = [
        _SAMPLERS.get(value.partition(":")[0].replace(" ", "_")) if column == "sampler" else None for value in values
    ]
    free = [place for place in range(len(_PALETTE)) if place not in wanted]
    result: dict[str, Look] = {}
    taken: set[int] = set()
    for index, (value, place) in enumerate(zip(values, wanted, strict=True)):
        if place is None or place in taken:  # a name without a place of its own, or the same name with other options
            place = free.pop(0) if free else index % len(_PALETTE)
        taken.add(place)
        result[value] = Look(_PALETTE[place], _MARKERS[place], DASHES[index % len(DASHES)])
    return result


@contextmanager
def figure_style() -> Iterator[None]:
    """The settings under which figures are made and saved; leaves the user's own as they were."""
    with mpl.rc_context():
        for settings in (seaborn.plotting_context("paper"), seaborn.axes_style("ticks"), _SETTINGS):
            mpl.rcParams.update(settings)
        yield


def figure_format(path: str | os.PathLike[str]) -> str:
    """png, svg or pdf from a file's ending; ValueError for any other."""
    ending = Path(path).suffix.lower().lstrip(".")
    if ending not in FORMATS:
        raise ValueError(f"figure {os.fspath(path)!r} ends in {ending or 'nothing'!r}; end it in .png, .svg or .pdf")
    return ending


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure as PNG, SVG or PDF by its ending; equal figures give equal bytes. Makes the folder if need be.

    The file appears whole or not at all. ValueError for another ending, OSError where it cannot be written.
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
    content = io.BytesIO()
    with figure_style():
        figure.savefig(content, format=ending, metadata=metadata[ending])
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(content.getvalue())
        unfinished.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise OSError(f"figure {target} cannot be written ({error.strerror}); choose another file") from error
    return target
