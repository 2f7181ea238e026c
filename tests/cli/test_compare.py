"""`mdmtheory compare`: what it prints of a store, and what it measures for equal calls."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from mdmtheory.cli.main import main
from tests.modules import forget_modules

SWEEP = ["sweep", "--lang", "parity", "--length", "8", "--steps", "2,6", "--samples", "200", "--no-figure"]
COMPARE = ["compare", "s.sqlite"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    path = tmp_path_factory.mktemp("measured") / "s.sqlite"
    assert main([*SWEEP, "--sampler", "ancestral,stride", "--out", str(path)]) == 0
    return path


@pytest.fixture
def store(measured):
    shutil.copy(measured, "s.sqlite")


@pytest.mark.usefixtures("store")
def test_samplers_are_compared_at_equal_steps(run):
    found = run(*COMPARE, "--metric", "ser,ter_ratio")
    lines = found.out.splitlines()
    assert lines[0].startswith("metric     first")
    assert [line.split()[0] for line in lines[1:5]] == ["ser", "ser", "ter_ratio", "ter_ratio"]
    assert "not paired: of the same sequences the store has sums alone" in found.out
    assert "all 4 intervals hold together with probability 0.95 (Bonferroni, each 0.9875)" in found.out
    frame = pd.read_csv(io.StringIO(run(*COMPARE, "-f", "csv", "--where", "steps == 2").out))
    assert frame[["metric", "first", "second", "first_steps"]].to_numpy().tolist() == [
        ["ser", "ancestral", "stride", 2]
    ]
    assert json.loads(run(*COMPARE, "-f", "json").out)["rows"][0]["p_holm"] is not None


@pytest.mark.usefixtures("store")
def test_equal_calls_are_found_and_measured_into_a_store_of_their_own(run):
    before = Path("s.sqlite").read_bytes()
    found = run(*COMPARE, "--at", "calls", "--out", "e.sqlite", "-f", "csv")
    assert found.code == 0
    frame = pd.read_csv(io.StringIO(found.out))
    # 6 (1 - (5/6)^8) = 4.6 calls in the mean; stride costs as many as it has steps.
    assert frame["second_steps"].tolist() == [2, 5]
    assert frame["first_calls"].tolist() == pytest.approx([2 * (1 - 0.5**8), 6 * (1 - (5 / 6) ** 8)])
    assert "store: e.sqlite" in found.err
    assert Path("s.sqlite").read_bytes() == before
    again = run(*COMPARE, "--at", "calls", "--out", "e.sqlite", "-f", "csv")
    assert again.out == found.out


@pytest.mark.usefixtures("store")
def test_without_a_store_for_it_nothing_is_measured(run, refused):
    found = run(*COMPARE, "--at", "calls")
    assert "ser     ancestral" in found.out
    assert "left out: ancestral at N = 6 costs 4." in found.err
    line = refused(*COMPARE, "--at", "calls", "--where", "steps == 6")
    assert line.startswith("no two of these rows cost as many calls: ancestral at N = 6 costs 4.")
    assert line.endswith("what is missing is measured with --out FILE.sqlite")


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--out", "e.sqlite"], "--out is for what --at calls has to measure"),
        (["--at", "calls", "--out", "s.sqlite"], "the store and --out are the same file, s.sqlite"),
        (["--at", "calls", "--out", "e.png"], "--out e.png ends as a figure does"),
        (["--at", "calls", "--workers", "x"], "^workers 'x' is not a number"),
        (["--plug-in", "a:B"], "--plug-in is for what is measured into --out; give --at calls and --out"),
        (["--lang", "a.npz"], "--lang is for what is measured into --out; give --at calls and --out"),
        (
            ["--at", "calls", "--workers", "1"],
            "--workers is for what is measured into --out; give --at calls and --out",
        ),
        (
            ["--at", "calls", "--out", "e.sqlite", "--plug-in", "a:B"],
            "--plug-in a:B: nothing to be measured .* names a:B",
        ),
        (
            ["--at", "calls", "--out", "e.sqlite", "--lang", "x/a.npz"],
            "--lang x/a.npz: nothing to be .* names a; leave",
        ),
        (["--at", "calls", "--out", "e.sqlite", "--workers", "x"], "^workers 'x' is not a number"),
        (["--between", "nope"], "there is no column 'nope'"),
        (["--between", "lang"], "language is parity in all of these rows; there must be two to compare"),
        (["--metric", "ser_scored"], "s.sqlite has no rows of ser_scored; `mdmtheory show s.sqlite` prints"),
        (["--metric", "nope"], "unknown metric 'nope'"),
        (["--level", "1"], "level is 1.0"),
        (["--where", "steps == 7"], "steps == 7"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_line(refused, words, reason):
    assert re.search(reason, refused(*COMPARE, *words))


def test_code_that_a_store_names_is_run_only_by_the_word_of_the_user(run, refused):
    code = "from tests.plug_ins.steady import Steady\nopen('imported', 'w').close()\n"
    Path("stored_code.py").write_text(code)
    assert run(*SWEEP, "--sampler", "ancestral,stored_code:Steady", "--out", "s.sqlite").code == 0
    Path("imported").unlink()
    forget_modules(Path.cwd())
    line = refused(*COMPARE, "--at", "calls", "--out", "e.sqlite")
    assert line.endswith("allow it with --plug-in stored_code:Steady")
    assert not Path("imported").exists()
    assert not Path("e.sqlite").exists()
    words = ["--at", "calls", "--plug-in", "stored_code:Steady", "--out", "e.sqlite"]
    assert "stored_code:Steady" in run(*COMPARE, *words).out
    assert Path("imported").exists()


def test_code_in_an_option_of_a_stored_name_is_run_only_by_the_word_of_the_user(run, refused):
    code = "import numpy\nopen('imported', 'w').close()\ndef vectors(vocab_size): return numpy.eye(vocab_size)\n"
    Path("stored_vectors.py").write_text(code)
    models = "gaussian,gaussian:embedding=stored_vectors:vectors"
    assert run(*SWEEP, "--model", models, "--out", "s.sqlite").code == 0
    Path("imported").unlink()
    forget_modules(Path.cwd())
    line = refused(*COMPARE, "--between", "model", "--at", "calls", "--out", "e.sqlite")
    assert line.endswith("allow it with --plug-in stored_vectors:vectors")
    assert not Path("imported").exists()


def test_a_language_of_a_file_is_measured_from_that_file_alone(run, refused):
    for name in ("parity", "mine"):
        assert run("language", "new", "repetition", "-o", f"made/{name}.npz").code == 0
        words = ["--sampler", "ancestral,fixed", "--out", f"{name}.sqlite"]
        assert run(*SWEEP, "--lang", f"made/{name}.npz", *words).code == 0
    measure = ["compare", "parity.sqlite", "--at", "calls", "--out", "e.sqlite"]
    assert refused(*measure).startswith("language parity of these results is another than parity here; if it was that")
    line = refused("compare", "mine.sqlite", "--at", "calls", "--out", "e.sqlite")
    assert line.startswith("unknown language 'mine'")
    assert line.endswith("name this with --lang FILE")
    found = run(*measure, "--lang", "made/parity.npz")
    assert found.code == 0
    assert "ser     ancestral 0.9" in found.out


def test_answers_to_prompts_are_not_measured_at_equal_calls(run, refused):
    words = ["--sampler", "ancestral,fixed", "--prompt", "prefix:size=2", "--out", "s.sqlite"]
    assert run(*SWEEP, *words).code == 0
    line = refused(*COMPARE, "--at", "calls", "--out", "e.sqlite")
    assert line.startswith(
        "calls that are made equal are of whole sequences, and prefix:size=2 of parity gives a prompt"
    )
