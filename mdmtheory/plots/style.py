"""How every figure looks: colours, marks, sizes, and files that come out the same each time."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import seaborn
from matplotlib.figure import Figure

from mdmtheory.core.notices import notice
from mdmtheory.core.spec import Spec
from mdmtheory.core.writing import write_whole
from mdmtheory.models import MODELS
from mdmtheory.samplers import SAMPLERS

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
    """What tells a curve from its neighbours: in colour, and on a grey printer.

    `family` is the title of the family whose look it is; `lead` says whether it is drawn in full where many are.
    """

    colour: str
    marker: str
    dashes: Dashes
    family: str = "not built in"
    lead: bool = True


_SHADES = (0.0, 0.55, 0.3, 0.7, 0.15, 0.42)
_MARKS = "os^DvPX<>p*dHh8"
"""Those that members of a family take when its own are taken."""


@dataclass(frozen=True)
class Family:
    """Ways of generating that are of one kind: one colour and one kind of line; a mark and a shade for each member."""

    title: str
    colour: str
    dashes: Dashes
    marks: str

    def look(self, number: int) -> Look:
        """That of a member, from 0: the first has the colour itself, the others darker ones."""
        shade = _SHADES[number % len(_SHADES)]
        red, green, blue = mpl.colors.to_rgb(self.colour)
        colour = mpl.colors.to_hex(((1 - shade) * red, (1 - shade) * green, (1 - shade) * blue))
        marks = self.marks + "".join(each for each in _MARKS if each not in self.marks)
        return Look(colour, marks[number % len(marks)], self.dashes, self.title, number == 0)


FAMILIES = (
    Family("random order", _PALETTE[0], "-", "osp"),
    Family("chosen order", _PALETTE[3], DASHES[1], "D^vP<X"),
    Family("most confident", _PALETTE[2], DASHES[2], "*>dH"),
    Family("as many as allowed", _PALETTE[4], DASHES[3], "hs^X"),
    Family("changing tokens", _PALETTE[1], DASHES[4], "DP><vp"),
    Family("verified drafts", "#1a1a1a", "-", "X"),
    Family("other noise", _PALETTE[9], DASHES[5], "do"),
    Family("block by block", "#8c613c", DASHES[1], "s"),
    Family("autoregressive", _PALETTE[7], DASHES[2], "*"),
)
"""Samplers, and models other than masked diffusion, say which they belong to, and look the same in every figure."""


def family_looks(of_plug_ins: Mapping[str, str] | None = None) -> dict[str, Look]:
    """The look of each member, by name and family: those built in, by their place, then plug-ins with what they say.

    The second are names and titles as results give them; none is looked up.
    """
    said = [(name, register.about(name).family) for register in (SAMPLERS, MODELS) for name in register.built_in]
    said += sorted((of_plug_ins or {}).items())
    return {
        name: family.look(number)
        for family in FAMILIES
        for number, name in enumerate(name for name, title in said if title == family.title)
    }


def looks(column: str, values: Sequence[str], of_plug_ins: Mapping[str, str] | None = None) -> dict[str, Look]:
    """A look for each value of a column; the colour and mark of a sampler are the same in every figure."""
    members = family_looks(of_plug_ins) if column == "sampler" else {}
    known: dict[str, Look] = {}
    for value in values:
        look = members.get(_name(value))
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


def _name(value: str) -> str:
    """The name in a spec, or the words that a figure makes of it."""
    try:
        return Spec.parse(value).name
    except ValueError:
        return value.replace(" ", "_")


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
