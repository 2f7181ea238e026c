"""`mdmtheory cite`: BibTeX of what is named, once each, and who is from where above it."""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace

import pytest

import mdmtheory as mt
from mdmtheory.citations.bibtex import references
from mdmtheory.core.sources import SOFTWARE


def keys(text: str) -> list[str]:
    return re.findall(r"^@\w+\{([\w-]+),$", text, flags=re.MULTILINE)


def test_works_are_printed_once_in_the_order_of_their_keys_as_the_file_has_them(run):
    found = run("cite", "stride", "confidence", "jensen", "margin")
    assert (found.code, found.err) == (0, "")
    assert keys(found.out) == ["chang2022", "hoogeboom2022", "kim2025", "luxembourg2025"]
    comments, *entries = found.out.strip().split("\n\n")
    assert entries == [str(references()[key]) for key in keys(found.out)]
    assert comments.splitlines() == [
        "% stride (sampler): luxembourg2025",
        "% confidence (sampler): chang2022, kim2025",
        "% jensen (statement): hoogeboom2022",
        "% margin (sampler): kim2025",
    ]


def test_what_is_ours_cites_this_program_and_tells_the_search(run):
    found = run("cite", "kappa", "growth")
    assert keys(found.out) == [SOFTWARE]
    line, search, *_ = found.out.splitlines()
    assert line == "% kappa, growth (statement): ours"
    assert re.fullmatch(r"%   not found on \d{4}-\d\d-\d\d by: .*Markov chain.*", search)
    assert f"version = {{{mt.__version__}}}" in found.out


def test_what_is_ours_in_part_cites_both(run):
    assert keys(run("cite", "no_order_helps").out) == [SOFTWARE, "wen2026"]


def test_a_name_in_two_registers_stands_for_both(run):
    lines = run("cite", "parity").out.splitlines()
    assert lines[:2] == ["% parity (language): wen2026", "% parity (statement): ours"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("entropy_bound:gamma=0.5", "entropy_bound (sampler)"),
        ("loglinear", "linear (schedule)"),
        ("duel", "replay (statement)"),
        ("sudoku", "sudoku (task)"),
        ("uniform", "uniform (model)"),
    ],
)
def test_a_spec_or_another_name_stands_for_the_thing(run, name: str, shown: str):
    assert f"% {shown}: " in run("cite", name).out


def test_no_name_stands_for_everything(run):
    found = run("cite")
    assert set(keys(found.out)) <= set(references())
    assert {"feng2025", "wen2026", SOFTWARE} <= set(keys(found.out))
    assert found.out == mt.cite() + "\n"


def test_a_name_that_nothing_has_is_refused_with_the_nearest(run):
    found = run("cite", "stidre")
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith("mdmtheory: error: nothing is called 'stidre' (did you mean 'stride'?)")
    assert run("cite", "").code == 2
    with pytest.raises(ValueError, match="nothing is called 'stidre'"):
        mt.cite("stidre")


def test_a_plug_in_that_says_nothing_is_told_so(run, monkeypatch):
    from mdmtheory.citations.cited import REGISTERS

    register = REGISTERS["sampler"]
    monkeypatch.setattr(type(register), "_installed", lambda own: {"theirs": None} if own is register else {})
    monkeypatch.setattr("mdmtheory.core.register.load_entry_point", lambda point, what: type("Theirs", (), {}))
    assert run("cite", "theirs").out == "% theirs (sampler): a plug-in, which does not say\n"


MINE = """@misc{me2026,
  title = {{Mine}},
}"""


@pytest.mark.parametrize("way", ["installed", "module:name"])
def test_a_plug_in_gives_entries_of_its_own(run, monkeypatch, way):
    from mdmtheory.citations.cited import REGISTERS

    register, name = REGISTERS["sampler"], "theirs"
    thing = type("Theirs", (), {"sources": (MINE, "wen2026")})
    if way == "installed":
        monkeypatch.setattr(type(register), "_installed", lambda own: {"theirs": 0} if own is register else {})
        monkeypatch.setattr("mdmtheory.core.register.load_entry_point", lambda point, what: thing)
    else:
        monkeypatch.setitem(sys.modules, "elsewhere", SimpleNamespace(Theirs=thing))
        name = "elsewhere:Theirs"
    found = run("cite", name)
    assert (found.code, found.err) == (0, "")
    head, mine, wen = found.out.split("\n\n")
    assert head.endswith("me2026, wen2026")
    assert mine == MINE
    assert wen.startswith("@misc{wen2026,")


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (("wen 2026",), "'wen 2026' is no entry of BibTeX; write @misc{key,"),
        (("@misc{a, title = {A}",), "is no entry"),
        (("@misc{a, title = {A}}}{",), "is no entry"),
        (("@misc{a, b = {}}", "@misc{a, b = {}} "), ""),
        (("@misc{a, b = {}}", "@misc{a, b = {c}}"), "a is the key of two entries"),
        ("what is no tuple is their own affair", ""),
        ((1,), "give entries of BibTeX"),
    ],
)
def test_sources_of_a_plug_in_that_are_none_are_refused(run, monkeypatch, sources, message):
    monkeypatch.setitem(sys.modules, "elsewhere", SimpleNamespace(it=type("It", (), {"sources": sources})))
    found = run("cite", "elsewhere:it")
    assert found.code == (2 if message else 0)
    assert message in found.err
    assert len(found.err.splitlines()) == (1 if message else 0)
