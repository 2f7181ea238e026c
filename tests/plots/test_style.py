from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from mdmtheory.plots import figure_format, figure_style, looks, save_figure, sweep_figure


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


def test_saving_makes_the_folder_and_leaves_nothing_else_behind(one_curve, tmp_path):
    save_figure(sweep_figure(one_curve), tmp_path / "new" / "a.png")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]


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
