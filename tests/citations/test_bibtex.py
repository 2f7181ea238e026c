"""The file of references is one that BibTeX reads, and says no more of a work than it should."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

import mdmtheory
from mdmtheory.citations.bibtex import Entry, parsed, references
from mdmtheory.core.sources import SOFTWARE

TEXT = files("mdmtheory.citations").joinpath("references.bib").read_text(encoding="utf-8")
NEEDED = {
    "article": {"title", "author", "journal", "year"},
    "inproceedings": {"title", "author", "booktitle", "year"},
    "book": {"title", "author", "publisher", "year"},
    "misc": {"title", "author", "year"},
    "unpublished": {"title", "note"},
}
"""What an entry has, unless it says that it was not at hand."""


def test_the_file_is_its_entries_by_their_keys():
    found = parsed(TEXT)
    assert "\n\n".join(map(str, found.values())) + "\n" == TEXT
    assert list(found) == sorted(found)


@pytest.mark.parametrize("entry", parsed(TEXT).values(), ids=lambda each: each.key)
def test_an_entry_has_what_its_kind_needs(entry: Entry):
    missing = NEEDED[entry.kind] - set(entry.fields)
    assert not missing or (missing == {"title"} and "title was not at hand" in entry.fields["annote"])
    assert "author" in entry.fields or "anonymous" in entry.fields["note"]
    assert set(entry.fields) & {"author", "key"}
    assert re.fullmatch(r"\d{4}", entry.fields.get("year", "2025"))
    if entry.eprint is not None:
        assert re.fullmatch(r"\d{4}\.\d{4,5}", entry.eprint)
    for value in entry.fields.values():
        assert value.count("{") == value.count("}")
        assert value.strip() == value


def test_no_work_is_there_twice():
    for field in ("eprint", "doi", "title"):
        values = [each.fields[field] for each in references().values() if field in each.fields]
        assert len(values) == len(set(values)), field


def test_no_two_fields_of_a_key_and_an_author_disagree():
    for entry in parsed(TEXT).values():
        year = entry.key[-4:]
        assert not year.isdigit() or entry.fields["year"] == year


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("@misc{a,\n  title = {A},\n", 3),
        ("@misc{a,\n  title = {A}\n}\n", 2),
        ("@misc{a,\n  title = {A},\n  title = {B},\n}\n", 3),
        ("@misc{a,\n}\n@misc{a,\n}\n", 3),
        ("@misc{a b,\n}\n", 1),
        ("a comment\n", 1),
        ("@misc{a,\n\n}\n", 2),
    ],
)
def test_what_is_no_entry_is_refused_with_its_line(text: str, line: int):
    with pytest.raises(ValueError, match=f"line {line} of the references"):
        parsed(text)


def test_the_program_cites_itself_as_its_citation_file_has_it():
    said = (Path(mdmtheory.__file__).parent.parent / "CITATION.cff").read_text(encoding="utf-8")
    fields = references()[SOFTWARE].fields
    assert f'title: "{fields["title"][1:-1]}"\n' in said
    assert f'name: "{fields["author"][1:-1]}"\n' in said
    assert f"version: {fields['version']}\n" in said


def test_a_page_reads_a_work_as_people_do():
    known = references()
    assert known["sidak1967"].reading.startswith("Šidák (1967), *Rectangular Confidence Regions")
    assert known["verdu2008"].reading.startswith("Verdú and Weissman (2008), *The Information Lost in Erasures*, IEEE")
    assert known["wen2026"].reading == (
        "Wen, Liang and Lu (2026), *Conditional Total Correlation and the Serial Depth of Adaptive Parallel Sampling*, "
        "[arXiv:2608.25505](https://arxiv.org/abs/2608.25505)"
    )
    assert known["feng2025"].reading.startswith("Feng et al. (2025), *Theoretical Benefit")
    assert known["ordentlich2020"].reading.startswith("Ordentlich and Polyanskiy (2020), [arXiv:2010.01987]")
    assert known["latent"].reading.startswith("*Latent Diffusion with LLMs for Reasoning*, Under review")
    for entry in known.values():
        assert not set("{}\\") & set(entry.reading)
