"""`--where`, `--tag` and what a store holds besides, on the command line."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

SMALL = ["--length", "8", "--samples", "64", "--metrics", "ser", "--no-figure"]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def store(run) -> str:
    run("sweep", *SMALL, "--lang", "parity", "--steps", "L/4,8", "--tag", "paper1", "--out", "s.sqlite")
    return "s.sqlite"


def test_rows_are_chosen_to_be_shown_drawn_and_merged(run, store):
    [row] = rows(run("show", store, "--where", "N == 2", "--format", "csv").out)
    assert (row["steps"], row["rule"], row["tag"]) == ("2", "L/4", "paper1")
    assert run("plot", store, "--where", "tag == 'paper1'", "-o", "figure.png").code == 0
    merged = run("merge", store, "-o", "t.sqlite", "--where", "rule == 'L/4'")
    assert f"{store}: 1 cells, 1 new and 0 equal; 1 chunks, 1 new and 0 equal; 1 cells left" in merged.err
    assert [each["steps"] for each in rows(run("show", "t.sqlite", "--format", "csv").out)] == ["2"]


@pytest.mark.parametrize("words", [("show",), ("plot", "-o", "figure.png"), ("merge", "-o", "t.sqlite")])
def test_a_filter_that_cannot_be_followed_is_one_line(run, store, words):
    for text, reason in (
        ("lang == parity", "write it in quotes"),
        ("lang = 3", "== compares"),
        ("N == 3", "steps here: 2, 8"),
    ):
        found = run(*words, store, "--where", text)
        assert (found.code, found.out) == (2, "")
        assert reason in found.err
        assert len(found.err.splitlines()) == 1


def test_a_tag_is_added_and_what_else_the_store_has_is_told(run, store):
    said = run("sweep", *SMALL, "--lang", "repetition", "--steps", "8", "--tag", "a,b", "--out", store).err
    assert "store: s.sqlite, with 2 other cells (2 of parity); --where chooses among them" in said
    assert (
        "store: s.sqlite\n" in run("sweep", *SMALL, "--lang", "parity,repetition", "--steps", "2,8", "--out", store).err
    )
    assert {each["tag"] for each in rows(run("show", store, "--format", "csv").out)} == {"paper1", "a,b", ""}
    assert run("sweep", *SMALL, "--lang", "parity", "--steps", "8", "--tag", "a,,b", "--out", store).code == 2


def test_a_file_of_a_sweep_has_a_store_of_its_name(run):
    Path("mine.toml").write_text('lang = "parity"\nlength = 8\nsteps = 4\nsamples = 64\ntag = ["x", "y"]\n')
    assert "store: results/mine.sqlite\n" in run("sweep", "mine.toml", "--no-figure").err
    assert {each["tag"] for each in rows(run("show", "results/mine.sqlite", "--format", "csv").out)} == {"x,y"}
    assert "store: results/sweep.sqlite\n" in run("sweep", *SMALL, "--lang", "parity", "--steps", "4").err
    assert "into other.sqlite" in run("sweep", "mine.toml", "--out", "other.sqlite", "--dry-run").out


def test_a_leaderboard_of_a_part_has_a_page_of_its_own(run):
    Path("mine.toml").write_text('lang = "parity"\nlength = 8\nsteps = 4\nsamples = 64\n')
    found = run("leaderboard", "mine.toml", "--where", "length == 64", "--no-sweep")
    assert (found.code, found.out) == (2, "")
    assert "name a --page for it" in found.err
