"""How every figure looks: colours, marks, dashes, fonts and sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import matplotlib as mpl
import seaborn

from mdmtheory.core.spec import Spec
from mdmtheory.models import MODELS
from mdmtheory.samplers import SAMPLERS

Dashes = Literal["-", "none"] | tuple[float, tuple[float, ...]]
DASHES: list[Dashes] = [
    "-",
    (0.0, (5.0, 1.5)),
    (0.0, (1.0, 1.2)),
    (0.0, (5.0, 1.5, 1.0, 1.5)),
    (0.0, (3.0, 1.0, 1.0, 1.0, 1.0, 1.0)),
    (0.0, (8.0, 2.0)),
]
MARKERS = "os^DvPX*hd<>p8H"
PALETTE = ("#0173b2", "#de8f05", "#029e73", "#d55e00", "#b05bc8", "#56b4e9", "#8c1244", "#8a9a00")
"""For whatever has no colour of its own: no grey, no brown."""
REFERENCE = "0.25"
SIZES = {"column": 3.4, "page": 7.0}
"""Widths of a journal's column and page, in inches."""

_SETTINGS: dict[str, Any] = {
    "font.size": 8.5,
    "axes.labelsize": 8.5,
    "axes.titlesize": 8.5,
    "legend.fontsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.linewidth": 0.7,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "ytick.minor.width": 0.5,
    "lines.linewidth": 1.4,
    "lines.markersize": 5.5,
    "lines.markeredgewidth": 0.6,
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
STYLES: dict[str, dict[str, Any]] = {
    "screen": {},
    # Letters of LaTeX's kind, kept as text in vector files.
    "paper": {
        "font.family": "serif",
        "font.serif": ["STIXGeneral"],
        "mathtext.fontset": "stix",
        "svg.fonttype": "none",
    },
}
"""What a style changes, by its name."""


@contextmanager
def figure_style(style: str = "screen") -> Iterator[None]:
    """The settings under which figures are made and saved; leaves the user's own as they were. ValueError: no style."""
    if style not in STYLES:
        raise ValueError(f"there is no style {style!r}; choose {' or '.join(STYLES)}")
    with mpl.rc_context():
        parts: Any = (seaborn.plotting_context("paper"), seaborn.axes_style("ticks"), _SETTINGS, STYLES[style])
        for settings in parts:
            mpl.rcParams.update(settings)
        yield


@dataclass(frozen=True)
class Look:
    """What tells a curve from its neighbours: in colour, and on a grey printer.

    `family` is the title of the family whose look it is; `lead` says whether it stands for its family where not all
    members can be drawn.
    """

    colour: str
    marker: str = "o"
    dashes: Dashes = "-"
    family: str = "not built in"
    lead: bool = True

    def marks(self, *, hollow: bool = False) -> dict[str, Any]:
        """The properties of its marks: with a white edge, or hollow."""
        filled = {"markerfacecolor": "white" if hollow else self.colour}
        edge = {"markeredgecolor": self.colour, "markeredgewidth": 1.0} if hollow else {"markeredgecolor": "white"}
        size = mpl.rcParams["lines.markersize"] * (1.35 if self.marker == "*" else 1)
        return {"color": self.colour, "marker": self.marker, "markersize": size, **filled, **edge}


@dataclass(frozen=True)
class Family:
    """Ways of generating that are of one kind: neighbouring colours and one kind of line, a mark for each member."""

    title: str
    colours: tuple[str, ...]
    dashes: Dashes
    marks: str

    def look(self, number: int) -> Look:
        """That of a member, from 0; beyond the colours of the family they come again, darker."""
        turn, place = divmod(number, len(self.colours))
        red, green, blue = (part * 0.6**turn for part in mpl.colors.to_rgb(self.colours[place]))
        marks = self.marks + "".join(each for each in MARKERS if each not in self.marks)
        return Look(
            mpl.colors.to_hex((red, green, blue)), marks[number % len(marks)], self.dashes, self.title, number == 0
        )


FAMILIES = (
    Family("random order", ("#0173b2", "#7fb8e6", "#0b2a6f"), "-", "osp"),
    Family("chosen order", ("#d55e00", "#8c1244", "#f59a7d", "#e8305a", "#c58aa0", "#5a0a0a"), DASHES[1], "D^vP<X"),
    Family("most confident", ("#029e73", "#8fd08a", "#5c8a00", "#04453a"), DASHES[2], "*>dH"),
    Family("as many as allowed", ("#b05bc8", "#5b2a86", "#dfb3ee", "#ff6fd0"), DASHES[3], "hs^X"),
    Family(
        "changing tokens",
        ("#e6a000", "#a39100", "#7a5a00", "#ffc58a", "#d8cf7a", "#f0d533", "#a9e200"),
        DASHES[4],
        "DP><vp",
    ),
    Family("verified drafts", ("#141414",), "-", "X"),
    Family("other noise", ("#2cc5d6", "#0f7278", "#b6efe2", "#3fe0b8"), DASHES[5], "doX*"),
    Family("block by block", ("#8a4b26", "#b58a6a"), DASHES[1], "sD"),
    Family("autoregressive", ("#949494", "#525252"), DASHES[2], "*"),
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
    taken, marked = {look.colour for look in known.values()}, {look.marker for look in known.values()}
    colours = [each for each in PALETTE if each not in taken] or PALETTE
    marks = [each for each in MARKERS if each not in marked] + [each for each in reversed(MARKERS) if each in marked]
    others = [value for value in dict.fromkeys(values) if value not in known]
    known |= {value: Look(colours[n % len(colours)], marks[n % len(marks)]) for n, value in enumerate(others)}
    return {value: replace(known[value], dashes=DASHES[n % len(DASHES)]) for n, value in enumerate(values)}


def shades(values: Sequence[str], palette: str = "viridis_r") -> dict[str, Look]:
    """Looks for values that have an order, as lengths: from pale to dark. ValueError for a palette seaborn has not."""
    try:
        # The palest tenth would be lost on paper.
        whole = palette in seaborn.palettes.SEABORN_PALETTES
        colours = seaborn.color_palette(palette, len(values) if whole else len(values) + 1)[-len(values) :]
    except ValueError as error:
        raise ValueError(f"there is no palette {palette!r}; name one of seaborn, as colorblind or viridis") from error
    return {
        value: Look(mpl.colors.to_hex(colour), MARKERS[n % len(MARKERS)], DASHES[n % len(DASHES)])
        for n, (value, colour) in enumerate(zip(values, colours, strict=True))
    }


def _name(value: str) -> str:
    """The name in a spec."""
    try:
        return Spec.parse(value).name
    except ValueError:
        return value
