"""How every figure looks: colours, marks, sizes, and files that come out the same each time."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import seaborn
from matplotlib.figure import Figure

from mdmtheory.core.notices import notice
from mdmtheory.core.writing import write_whole

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


_SHADES = (0.0, 0.55, 0.3, 0.7, 0.15, 0.42)


@dataclass(frozen=True)
class Family:
    """Ways of generating that are of one kind: one colour and one kind of line; a mark and a shade for each member."""

    title: str
    colour: str
    dashes: Dashes
    markers: dict[str, str]

    def look(self, name: str) -> Look:
        """That of a member: the first has the colour itself, the others darker ones."""
        shade = _SHADES[list(self.markers).index(name)]
        red, green, blue = mpl.colors.to_rgb(self.colour)
        colour = mpl.colors.to_hex(((1 - shade) * red, (1 - shade) * green, (1 - shade) * blue))
        return Look(colour, self.markers[name], self.dashes)


FAMILIES = (
    Family("random order", _PALETTE[0], "-", {"ancestral": "o", "fixed": "s", "first_hitting": "p"}),
    Family(
        "chosen order",
        _PALETTE[3],
        DASHES[1],
        {"stride": "D", "bisection": "^", "left_to_right": "v", "blocks": "P", "bit_reversed": "<", "plan": "X"},
    ),
    Family(
        "most confident",
        _PALETTE[2],
        DASHES[2],
        {"confidence": "*", "margin": ">", "entropy": "d", "draw_confidence": "H"},
    ),
    Family(
        "as many as allowed",
        _PALETTE[4],
        DASHES[3],
        {"entropy_bound": "h", "entropy_sum": "s", "threshold": "^", "independent": "X"},
    ),
    Family(
        "changing tokens",
        _PALETTE[1],
        DASHES[4],
        {
            "redraw": "D",
            "topk_remask": "P",
            "remdm-cap": ">",
            "remdm-rescale": "<",
            "remdm-conf": "v",
            "remdm-loop": "p",
        },
    ),
    Family("verified drafts", "#1a1a1a", "-", {"verify": "X"}),
    Family("other noise", _PALETTE[9], DASHES[5], {"uniform": "d", "gaussian": "o"}),
    Family("block by block", "#8c613c", DASHES[1], {"block": "s"}),
    Family("autoregressive", _PALETTE[7], DASHES[2], {"ar": "*"}),
)
"""The built-in samplers, and the models other than masked diffusion: each looks the same in every figure."""


def family_of(name: str) -> Family | None:
    """The family of a sampler or model by its name, options or none; None for what is not built in."""
    bare = name.partition(":")[0].replace(" ", "_")
    return next((family for family in FAMILIES if bare in family.markers), None)


def looks(column: str, values: Sequence[str]) -> dict[str, Look]:
    """A look for each value of a column; the colour and mark of a sampler are the same in every figure."""
    known: dict[str, Look] = {}
    for value in values if column == "sampler" else ():
        family = family_of(value)
        look = family.look(value.partition(":")[0].replace(" ", "_")) if family else None
        if look and look not in known.values():  # the same name with other options gets another look
            known[value] = look
    colours = {look.colour for look in known.values()}
    free = [place for place, colour in enumerate(_PALETTE) if colour not in colours]
    result: dict[str, Look] = {}
    for index, value in enumerate(values):
        place = index % len(_PALETTE)
        if value not in known and free:
            place = free.pop(0)
        look = known.get(value, Look(_PALETTE[place], _MARKERS[place], "-"))
        result[value] = replace(look, dashes=DASHES[index % len(DASHES)])
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
    with figure_style(), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        figure.savefig(content, format=ending, metadata=metadata[ending])
    for each in said:
        notice(f"figure {target}: {' '.join(str(each.message).split())}")
    write_whole(target, content.getvalue())
    return target
