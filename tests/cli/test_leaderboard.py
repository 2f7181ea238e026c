from __future__ import annotations

import csv
import importlib
import io
import json
import re
import shutil
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import mdmtheory.core.register as register
from mdmtheory.cli.main import main
from tests.once import made_once

SMALL = """
length = 16
samples = 50
metrics = "ser,ter,cross_entropy"
out = "results/small.sqlite"
[[sweep]]
lang = ["parity", "ngram:order=2,vocab_size=3,prune=0.5"]
model = ["masked", "ar"]
sampler = ["ancestral", "stride", "confidence"]
steps = "4..16"
[[sweep]]
lang = "parity"
sampler = "draw_confidence"
steps = "4,8"
metrics = "ser,cross_entropy"
"""

STROLL = """
import numpy as np
from mdmtheory import Spec
from mdmtheory.samplers.protocol import State


class Stroll:
    spec, identity = Spec.of("stroll"), ["stroll"]
    uses_steps = uses_schedule = remasks = False
    context_only = True

    def init(self, count, length, vocab_size, steps, schedule):
        return State(np.zeros((count, 0)), vocab_size)

    def finished(self, state, tokens):
        return (tokens != state.shared).all(axis=1)

    def wants(self, state, tokens):
        masked = tokens == state.shared
        return masked & (np.cumsum(masked, axis=1) <= 1)

    def law(self, marginals):
        return marginals

    def step(self, state, tokens, wanted, marginals, drawn):
        proposed = tokens.copy()
        proposed[wanted] = drawn
        return state, proposed
"""


COLLECTING = "mdmtheory.sweeps.collect"  # the package has a function of this name too


def make(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("small.toml").write_text(SMALL)
        assert main(["-q", "leaderboard", "small.toml", "--no-laws"]) == 0


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the verb was run once."""
    return made_once(tmp_path_factory, "leaderboard", make)


@pytest.fixture
def here(made: Path, tmp_path: Path) -> Path:
    """A copy of it, in which the test is run."""
    return shutil.copytree(made, tmp_path, dirs_exist_ok=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def test_page_rows_and_figures_are_written(here):
    page = Path("docs/leaderboard.md").read_text(encoding="utf-8")
    assert "Made by `mdmtheory leaderboard small.toml`" in page
    figures = sorted(each.name for each in Path("docs/leaderboard").glob("*.png"))
    assert "cost.png" in figures
    for name in figures:
        assert f"](leaderboard/{name})" in page
    header, *rows = csv.reader(io.StringIO(Path("docs/leaderboard.csv").read_text()))
    assert "seconds" not in header
    assert {row[header.index("metric")] for row in rows} == {"ser", "ter", "ter_ratio", "cross_entropy"}


def test_another_run_measures_nothing_and_writes_the_same_rows(here, run):
    before = contents(here)
    assert run("leaderboard", "small.toml", "--no-laws", "--no-figures", "--page", "other/page.md").code == 0
    after = contents(here)
    assert after["other/page.csv"] == before["docs/leaderboard.csv"]
    assert {name: after[name] for name in before} == before


def test_from_the_store_alone_every_byte_is_the_same(here, run, monkeypatch):
    before = contents(here)
    monkeypatch.setattr(importlib.import_module(COLLECTING), "collect", None)
    outcome = run("leaderboard", "small.toml", "--no-laws", "--no-sweep")
    assert outcome.code == 0
    assert contents(here) == before
    assert "store: results/small.sqlite\nrows: docs/leaderboard.csv\npage: docs/leaderboard.md\n" in outcome.err


@pytest.mark.parametrize(
    ("words", "said"), [([], "cells: 22 from docs/leaderboard.csv, 0 stored, 0 to be measured\n"), (["--no-sweep"], "")]
)
def test_without_the_store_the_rows_are_taken_and_every_byte_is_the_same(here, run, words, said):
    before = contents(here / "docs")
    shutil.rmtree("results")
    outcome = run("leaderboard", "small.toml", "--no-laws", *words)
    assert outcome.code == 0
    assert contents(here / "docs") == before
    assert said in outcome.err


def test_a_run_goes_on_with_what_is_stored_and_takes_the_rest_from_the_rows(here, run):
    before = contents(here / "docs")
    shutil.rmtree("results")
    lines = Path("docs/leaderboard.csv").read_text().splitlines(keepends=True)
    Path("docs/leaderboard.csv").write_text("".join(line for line in lines if not line.startswith("parity,16,ar")))
    outcome = run("leaderboard", "small.toml", "--no-laws", "--no-figures")
    assert "cells: 21 from docs/leaderboard.csv, 0 stored, 1 to be measured\n" in outcome.err
    outcome = run("leaderboard", "small.toml", "--no-laws")
    assert "cells: 21 from docs/leaderboard.csv, 1 stored, 0 to be measured\n" in outcome.err
    assert contents(here / "docs") == before


def test_anew_measures_what_the_rows_have(here, run):
    before = contents(here / "docs")
    shutil.rmtree("results")
    Path("docs/leaderboard.csv").write_text(before["leaderboard.csv"].decode().replace("estimate", "upper bound"))
    outcome = run("leaderboard", "small.toml", "--no-laws", "--anew")
    assert outcome.code == 0
    assert "cells: " not in outcome.err
    assert contents(here / "docs") == before


def test_rows_of_an_earlier_form_are_told_on_the_page(here, run, monkeypatch):
    shutil.rmtree("results")
    monkeypatch.setattr("mdmtheory.metrics.ter.TerRatio.form", 3)
    assert run("leaderboard", "small.toml", "--no-laws", "--no-figures").code == 0
    page = Path("docs/leaderboard.md").read_text(encoding="utf-8")
    assert "20 of 84 rows are of an earlier measurement; intervals as published with them." in page


def test_only_the_cells_of_the_file_are_ranked(here, run):
    Path("fewer.toml").write_text(SMALL.partition("[[sweep]]")[0] + 'lang = "parity"\nsampler = "stride"\nsteps = 4\n')
    words = ["leaderboard", "fewer.toml", "--no-sweep", "--no-laws", "--out", "results/small.sqlite", "--no-figures"]
    outcome = run(*words, "--page", "fewer/page.md", "--budgets", "8", "--format", "csv")
    assert outcome.code == 0
    assert [row["sampler"] for row in csv.DictReader(io.StringIO(outcome.out))] == ["stride"]
    assert Path("fewer/page.csv").exists()
    assert not Path("fewer/page").exists()


def test_the_terminal_shows_who_stands_where(here, run):
    words = ["leaderboard", "small.toml", "--no-sweep", "--no-laws", "--no-figures", "--page", "other/page.md"]
    lines = run(*words).out.splitlines()
    assert lines[0] == "length 16"
    assert "stride" in {line.split()[0] for line in lines[3:]}
    [draws] = [line for line in lines if line.startswith("draw_confidence")]
    assert "no log p" in draws
    rows = json.loads(run(*words, "--format", "json").out)
    assert {row["budget"] for row in rows} == {4, 8, 16}
    assert [row["kl_frontiers"] for row in rows if row["sampler"] == "draw_confidence"] == [None] * 3


def test_the_level_is_that_of_the_line_then_of_the_file(here, run):
    words = ["leaderboard", "leveled.toml", "--no-sweep", "--no-laws", "--out", "results/small.sqlite", "--no-figures"]
    Path("leveled.toml").write_text("level = 0.5\n" + SMALL)
    assert run(*words, "--page", "other/a.md").code == 0
    assert "intervals of 50 %" in Path("other/a.md").read_text(encoding="utf-8")
    assert run(*words, "--page", "other/a.md", "--level", "0.9").code == 0
    assert "intervals of 90 %" in Path("other/a.md").read_text(encoding="utf-8")


def test_rows_that_no_figure_is_for_are_ranked_without_figures(run):
    Path("two.toml").write_text(
        'lang = "parity"\nlength = 16\nsteps = 4\nsamples = 50\nschedule = ["linear", "cosine"]\n'
    )
    outcome = run("leaderboard", "two.toml", "--no-laws", "--page", "page.md")
    assert outcome.code == 0
    assert "no figures: " in outcome.err
    assert "`ancestral, cosine`" in Path("page.md").read_text(encoding="utf-8")


def test_ctrl_c_says_what_is_kept(run, monkeypatch):
    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    Path("small.toml").write_text(SMALL)
    monkeypatch.setattr(importlib.import_module(COLLECTING), "collect", interrupted)
    outcome = run("leaderboard", "small.toml")
    assert outcome.code == 130
    assert "stopped before anything was measured; run the same command to begin again" in outcome.err
    assert not Path("docs").exists()


def test_a_sampler_of_ones_own_takes_part_by_its_name(run, monkeypatch):
    Path("stroll_of_a_test.py").write_text(STROLL)
    monkeypatch.syspath_prepend(Path.cwd())
    points = [EntryPoint("stroll", "stroll_of_a_test:Stroll", "mdmtheory.samplers")]
    monkeypatch.setattr(register, "entry_points", lambda group: points if group == "mdmtheory.samplers" else [])
    Path("mine.toml").write_text(
        'lang = "parity"\nlength = 8\nsamples = 50\nsteps = 4\nsampler = ["ancestral", "stroll"]\nmetrics = "ser,ter"\n'
    )
    assert run("leaderboard", "mine.toml", "--no-laws", "--no-figures", "--page", "page.md").code == 0
    assert "`stroll`" in Path("page.md").read_text(encoding="utf-8")


def test_the_file_of_the_leaderboard_is_the_default(refused):
    reason = refused("leaderboard")
    assert reason == "cannot read experiments/samplers.toml: No such file or directory; give the path of a TOML file"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--page", "page.html"], "page page.html does not end in .md; write --page FILE.md"),
        (["--page", "folder.md"], "page folder.md is a folder; name a file in it"),
        (["--page", "file/a.md"], "takes no files; choose another --page"),
        (["--page", "/proc/a.md"], "takes no files; choose another --page"),
        (["--figures", "file"], "takes no files; choose another --figures"),
        (["--budgets", "0"], "budgets is 0; it must be 1 or more"),
        (["--budgets", "many"], "budgets 'many' is not a whole number or a range"),
        (["--budgets", ""], "budgets"),
        (["--budgets", "L/32"], "budgets hold L/32, which is less than a call at length 16"),
        (["--level", "2"], "level is 2.0"),
        (["--level", "high"], "it is no number"),
        (["--workers", "0"], "workers is 0"),
        (["--workers", "some"], "workers 'some' is not a number"),
        (["--out", "."], "is not a file"),
        (["--out", "file/store.sqlite"], "choose another --out"),
        (["--no-sweep"], "there is no store results/small.sqlite"),
        (["--no-sweep", "--out", "small.toml"], "is not a store"),
        (["--format", "yaml"], "yaml"),
    ],
)
def test_a_wrong_option_is_refused(refused, words, reason):
    Path("small.toml").write_text(SMALL)
    Path("file").write_text("")
    Path("folder.md").mkdir()
    assert reason in refused("leaderboard", "small.toml", *words)
    assert not Path("docs").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('lang = "hm"\nsteps = 4', "unknown language 'hm'"),
        ('steps = 4\n[[sweep]]\nsampler = "stride"', "[[sweep]] number 1 has no language"),
        (
            'lang = "parity"\nsteps = 4\n[[sweep]]\nsampler = "strides"',
            "unknown sampler 'strides' (did you mean 'stride'?)",
        ),
        (
            'lang = "parity"\nlength = 8\nsteps = 4\nsamples = 50\nmetrics = "ter"',
            "there is no SER of these cells to rank",
        ),
    ],
)
def test_a_wrong_file_is_refused(refused, content, reason):
    Path("wrong.toml").write_text(content)
    assert reason in refused("leaderboard", "wrong.toml")


LEARNED = """
length = 16
samples = 50
metrics = "ser"
lang = "ngram:order=2,vocab_size=3,prune=0.5"
denoiser = "runs/x"
sampler = ["stride", "confidence"]
steps = 4
"""


@pytest.fixture
def with_network(here):
    """The folder with a network of it beside, and the words that name both files."""
    from tests.networks.runs import written_run

    written_run(here / "runs/x", language="ngram:order=2,vocab_size=3,prune=0.5", length=16)
    Path("learned.toml").write_text(LEARNED)
    return ["leaderboard", "small.toml", "learned.toml", "--no-laws", "--no-figures"]


def test_networks_stay_on_a_page_that_is_made_where_they_are_not(with_network, here, run):
    alone = contents(here / "docs")["leaderboard.csv"].decode()
    assert run(*with_network).code == 0
    rows = Path("docs/leaderboard.csv").read_text()
    assert rows.startswith(alone)
    added = list(csv.reader(io.StringIO(rows.removeprefix(alone))))
    assert {row[3] for row in added} == {"runs/x"}
    assert [row[4] for row in added if row[8] == "ser"] == ["confidence", "stride"]
    assert [(row[4], row[8]) for row in added[-2:]] == [("", "learning_error"), ("", "impossible_mass")]
    page = Path("docs/leaderboard.md").read_text(encoding="utf-8")
    assert "Made by `mdmtheory leaderboard small.toml learned.toml`" in page
    shown = page.partition("## Under a learned denoiser")[2]
    assert "| `stride` |" in shown
    shutil.rmtree("runs")
    shutil.rmtree("results")
    assert run("leaderboard", "small.toml", "--no-laws", "--no-figures").code == 0
    assert Path("docs/leaderboard.csv").read_text() == rows
    again = Path("docs/leaderboard.md").read_text(encoding="utf-8")
    assert again == page.replace("small.toml learned.toml", "small.toml")


def test_a_network_of_the_same_name_takes_the_place_of_the_one_before(with_network, here, run):
    from tests.networks.runs import written_run

    assert run(*with_network).code == 0
    before = Path("docs/leaderboard.csv").read_text()
    shutil.rmtree("runs")
    written_run(here / "runs/x", language="ngram:order=2,vocab_size=3,prune=0.5", length=16, seed=1)
    assert run(*with_network).code == 0
    rows = Path("docs/leaderboard.csv").read_text()
    assert rows.count("runs/x") == before.count("runs/x")
    assert rows.count("learning_error") == 1
    assert rows != before


def test_a_row_of_a_network_is_believed_by_its_checksum(with_network, here, run):
    assert run(*with_network).code == 0
    path = Path("docs/leaderboard.csv")
    path.write_text(path.read_text().replace("learning_error", "learning_terror"))
    outcome = run("leaderboard", "small.toml", "--no-laws", "--no-figures")
    assert re.search(r"rows that are not taken from it: line \d+ \(its checksum differs\)\n", outcome.err)
    assert "learning_terror" not in path.read_text()


def test_networks_without_the_oracle_are_refused(with_network, run):
    outcome = run("leaderboard", "learned.toml", "--no-laws", "--page", "other/page.md")
    assert outcome.code == 2
    assert "all cells are of trained networks; give a file beside it that measures them with the oracle" in outcome.err
