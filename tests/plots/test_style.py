from __future__ import annotations

from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from mdmtheory.plots import figure_format, figure_style, looks, save_figure, sweep_figure
from mdmtheory.plots.style import PALETTE, family_looks


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_same_figure_is_the_same_file(one_curve, tmp_path, ending):
    first = save_figure(sweep_figure(one_curve), tmp_path / f"a.{ending}").read_bytes()
    second = save_figure(sweep_figure(one_curve), tmp_path / f"b.{ending}").read_bytes()
    assert first == second
    assert b"<dc:date>" not in first
    assert first.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending])


def test_a_pdf_embeds_its_fonts_as_truetype(one_curve, tmp_path):
    content = save_figure(sweep_figure(one_curve), tmp_path / "a.pdf").read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert b"CreationDate" not in content


def test_saving_makes_the_folder_and_leaves_nothing_but_figure_and_caption(one_curve, tmp_path):
    save_figure(sweep_figure(one_curve), tmp_path / "new" / "a.png")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a.png", "a.txt"]


def test_the_folder_in_place_of_a_file_is_named(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(ValueError, match=r"a\.png is a folder; name a file in it"):
        save_figure(Figure(), tmp_path / "a.png")


def test_where_no_file_can_be_the_figure_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"cannot write .*a\.png \(.*\); choose another file"):
        save_figure(Figure(), tmp_path / "file" / "a.png")
    assert (tmp_path / "file").read_text() == ""


def test_a_figure_that_fails_half_way_leaves_the_old_one(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_text("old")

    def full(self: Path, *_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        save_figure(Figure(), tmp_path / "a.png")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("name", ["figure", "figure.jpg", "figure.png.txt"])
def test_another_ending_is_refused_by_name(name):
    with pytest.raises(ValueError, match=r"end it in \.png, \.svg or \.pdf"):
        figure_format(name)


def test_the_ending_may_be_in_capitals():
    assert figure_format(Path("FIGURE.PDF")) == "pdf"


LOOKS = {
    "ancestral": ("random order", "#0173b2", "o", "-", True),
    "fixed": ("random order", "#7fb8e6", "s", "-", False),
    "first_hitting": ("random order", "#0b2a6f", "p", "-", False),
    "stride": ("chosen order", "#d55e00", "D", (0.0, (5.0, 1.5)), True),
    "bisection": ("chosen order", "#8c1244", "^", (0.0, (5.0, 1.5)), False),
    "left_to_right": ("chosen order", "#f59a7d", "v", (0.0, (5.0, 1.5)), False),
    "blocks": ("chosen order", "#e8305a", "P", (0.0, (5.0, 1.5)), False),
    "bit_reversed": ("chosen order", "#c58aa0", "<", (0.0, (5.0, 1.5)), False),
    "plan": ("chosen order", "#5a0a0a", "X", (0.0, (5.0, 1.5)), False),
    "confidence": ("most confident", "#029e73", "*", (0.0, (1.0, 1.2)), True),
    "margin": ("most confident", "#8fd08a", ">", (0.0, (1.0, 1.2)), False),
    "entropy": ("most confident", "#5c8a00", "d", (0.0, (1.0, 1.2)), False),
    "draw_confidence": ("most confident", "#04453a", "H", (0.0, (1.0, 1.2)), False),
    "entropy_bound": ("as many as allowed", "#b05bc8", "h", (0.0, (5.0, 1.5, 1.0, 1.5)), True),
    "entropy_sum": ("as many as allowed", "#5b2a86", "s", (0.0, (5.0, 1.5, 1.0, 1.5)), False),
    "threshold": ("as many as allowed", "#dfb3ee", "^", (0.0, (5.0, 1.5, 1.0, 1.5)), False),
    "independent": ("as many as allowed", "#ff6fd0", "X", (0.0, (5.0, 1.5, 1.0, 1.5)), False),
    "redraw": ("changing tokens", "#e6a000", "D", (0.0, (3.0, 1.0, 1.0, 1.0, 1.0, 1.0)), True),
    "topk_remask": ("changing tokens", "#a39100", "P", (0.0, (3.0, 1.0, 1.0, 1.0, 1.0, 1.0)), False),
    "remdm-cap": ("changing tokens", "#7a5a00", ">", (0.0, (3.0, 1.0, 1.0, 1.0, 1.0, 1.0)), False),
    "remdm-rescale": ("changing tokens", "#ffc58a", "<", (0.0, (3.0, 1.0, 1.0, 1.0, 1.0, 1.0)), False),
    "remdm-conf": ("changing tokens", "#d8cf7a", "v", (0.0, (3.0, 1.0, 1.0, 1.0, 1.0, 1.0)), False),
    "remdm-loop": ("changing tokens", "#f0d533", "p", (0.0, (3.0, 1.0, 1.0, 1.0, 1.0, 1.0)), False),
    "rdm": ("changing tokens", "#a9e200", "o", (0.0, (3.0, 1.0, 1.0, 1.0, 1.0, 1.0)), False),
    "verify": ("verified drafts", "#141414", "X", "-", True),
    "uniform": ("other noise", "#2cc5d6", "d", (0.0, (8.0, 2.0)), True),
    "gaussian": ("other noise", "#0f7278", "o", (0.0, (8.0, 2.0)), False),
    "block": ("block by block", "#8a4b26", "s", (0.0, (5.0, 1.5)), True),
    "ar": ("autoregressive", "#949494", "*", (0.0, (1.0, 1.2)), True),
    "jacobi": ("autoregressive", "#525252", "o", (0.0, (1.0, 1.2)), False),
}
"""Family, colour, mark, dashes and whether it is drawn in full: what readers of earlier figures know them by."""


def test_what_is_built_in_looks_as_it_always_has():
    found = family_looks()
    looks_now = {name: (look.family, look.colour, look.marker, look.dashes, look.lead) for name, look in found.items()}
    assert [(name, looks_now[name]) for name in found if name in LOOKS] == [*LOOKS.items()]


def distance(one: str, other: str) -> float:
    """How far apart two colours look: Euclidean in CIELAB."""
    found = []
    for colour in (one, other):
        part = np.array(mpl.colors.to_rgb(colour))
        linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
        matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
        x, y, z = np.cbrt(np.maximum(matrix @ linear / [0.9505, 1, 1.089], 0.008856))
        found.append(np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)]))
    return float(np.linalg.norm(found[0] - found[1]))


def test_no_two_colours_look_alike():
    colours = {name: look.colour for name, look in family_looks().items()}
    apart = {pair: distance(colours[pair[0]], colours[pair[1]]) for pair in combinations(colours, 2)}
    assert min(apart.values()) > 20
    leads = [name for name, look in family_looks().items() if look.lead]
    assert min(apart[pair] for pair in combinations(leads, 2)) > 30
    assert min(distance(*pair) for pair in combinations(PALETTE, 2)) > 25


def test_a_plug_in_has_the_next_mark_of_the_family_that_it_says():
    names = {"stroll:Stroll": "most confident", "mine:Odd": "no such family", "mine:Walk": "most confident"}
    found = family_looks(names)
    built_in = family_looks()
    assert {name: look for name, look in found.items() if name in built_in} == built_in
    assert found.keys() - built_in.keys() == {"stroll:Stroll", "mine:Walk"}
    walk, stroll = found["mine:Walk"], found["stroll:Stroll"]
    assert (walk.family, walk.dashes) == (stroll.family, stroll.dashes) == ("most confident", LOOKS["margin"][3])
    marks = [look.marker for look in found.values() if look.family == "most confident"]
    assert marks[-2:] == [walk.marker, stroll.marker]
    assert len(set(marks)) == len(marks) >= 6
    alone = looks("sampler", ["stroll:Stroll:pace=2", "ancestral:Mine"], {"stroll:Stroll": "most confident"})
    assert alone["stroll:Stroll:pace=2"].family == "most confident"
    assert alone["ancestral:Mine"].family == "not built in"


def test_a_family_has_a_look_for_any_number_of_members():
    many = family_looks({f"mine:Walk{number}": "changing tokens" for number in range(40)})
    assert len(many) == len(family_looks()) + 40


def test_a_sampler_keeps_its_colour_and_mark_whatever_stands_beside_it():
    alone = looks("sampler", ["stride"])["stride"]
    beside = looks("sampler", ["ancestral", "bisection", "stride"])["stride"]
    assert (alone.colour, alone.marker) == (beside.colour, beside.marker)


def test_curves_of_one_figure_differ_in_colour_mark_and_dashes():
    for column in ("language", "sampler"):
        chosen = looks(column, ["ancestral", "stride", "bisection", "left to right", "blocks"]).values()
        for each in ("colour", "marker", "dashes"):
            assert len({getattr(look, each) for look in chosen}) == len(chosen)


def test_one_sampler_with_two_options_has_two_looks():
    first, second = looks("sampler", ["plan:file=a.csv", "plan:file=b.csv"]).values()
    assert first.colour != second.colour
    assert first.marker != second.marker


def test_the_colours_differ_on_a_grey_printer_or_else_the_marks_do():
    every = list(looks("language", [str(n) for n in range(10)]).values())
    assert len({look.marker for look in every}) == len(every)


def test_the_users_own_settings_are_left_alone():
    before = dict(mpl.rcParams)
    with figure_style():
        assert mpl.rcParams["pdf.fonttype"] == 42
    assert dict(mpl.rcParams) == before
