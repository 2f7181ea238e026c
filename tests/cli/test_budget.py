"""`mdmtheory budget`: what it prints, of which run, and what it refuses in one line."""

from __future__ import annotations

import io
import json
import math
import shutil
from pathlib import Path

import pandas as pd
import pytest

from mdmtheory.cli.tables import shown
from tests.networks.runs import written_run
from tests.once import made_once

FEW = ("--samples", "60")


@pytest.fixture
def runs(tmp_path, tmp_path_factory):
    """A masked, a causal and a uniform run of length 8 in the current folder, and one on another language."""

    def make(folder):
        written_run(folder / "masked")
        written_run(folder / "causal", attention="causal")
        written_run(folder / "uniform", noise="uniform", level=True)

    shutil.copytree(made_once(tmp_path_factory, "runs-of-budget", make), tmp_path / "runs")


def test_a_line_a_model_with_kinds_and_what_the_check_found(run, runs):
    found = run("budget", "runs/masked", *FEW, "--steps", "2,4", "--sampler", "stride,entropy", "--check")
    assert found.code == 0
    note, checked, *head = found.out.splitlines()
    assert note == "ngram:order=2, network:run=runs/masked, length 8, masked; intervals of 95 %"
    off = float(checked.removeprefix("the most that a total and its parts differ by: ").split()[0])
    assert checked.endswith("nats in a sequence, of 60 a row")
    assert off < 1e-9
    assert head[0].split() == ["total", "factorisation", "learning", "z"]
    assert head[2].split()[:3] == ["sampler", "schedule", "steps"]
    assert [line.split()[0] for line in head[3:]] == ["stride", "stride", "entropy", "entropy"]
    assert "upper bound" in head[5]
    assert "upper bound" not in head[3]


def test_csv_and_json_have_every_number_a_sequence_and_a_token(run, runs):
    words = ("budget", "runs/masked", *FEW, "--steps", "L/4", "--check")
    found = run(*words, "-f", "csv")
    frame = pd.read_csv(io.StringIO(found.out))
    said = json.loads(run(*words, "-f", "json").out)
    assert "total and its parts differ by" in found.err
    assert "total and its parts differ by" in said["about"]["check"]
    assert [row["value"] for row in said["rows"]] == pytest.approx(frame["value"].tolist())
    assert frame["steps"].unique().tolist() == [2]
    whole = frame[frame["hidden"].isna()].set_index(["part", "unit"])["value"]
    for unit in ("nats a sequence", "nats a token"):
        parts = whole["factorisation", unit] + whole["learning", unit]
        assert whole["total", unit] == pytest.approx(parts, abs=1e-9)
    assert whole["total", "nats a sequence"] == pytest.approx(8 * whole["total", "nats a token"])


@pytest.mark.parametrize("format", ["table", "latex", "markdown"])
def test_shares_have_lines_of_their_own(run, runs, format):
    found = run("budget", "runs/masked", *FEW, "--steps", "2", "--shares", "--per", "token", "-f", format, "--check")
    assert found.code == 0
    assert "differ by" in found.out
    assert "0.125 to 0.125" in found.out
    assert "nats a token there" in found.out.replace("\n", " ") or format == "latex"


def test_a_causal_run_is_asked_for_nothing_and_a_denoiser_for_its_language(run, runs):
    found = run("budget", "runs/causal", *FEW)
    assert ", length 8, ar; " in found.out
    found = run("budget", "window:width=1", "--lang", "ngram:order=2", "--length", "8", "--steps", "2", *FEW)
    assert found.out.startswith("ngram:order=2, window:width=1, length 8, masked, ancestral, linear, 2 steps; ")
    found = run("budget", "window:width=1", "--lang", "latin:size=2", "--steps", "2", *FEW)
    assert found.out.startswith("latin:size=2, window:width=1, length 4, ")


def test_an_interval_without_an_end_is_shown():
    assert str(shown(0.253949, 0.0, math.inf, "estimate", say_kind=True)) == "0.254 [0, inf] estimate"
    assert str(shown(math.inf, math.inf, math.inf, "upper bound", say_kind=False)) == "≤ inf"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "Missing argument 'RUN'"),
        (["runs/nothere"], "no run runs/nothere: it is not a folder"),
        (["nothere"], "unknown denoiser 'nothere'"),
        (["oracle"], "oracle is no run, which has a language of its own; give --lang, as --lang hmm"),
        (["runs/masked", "--lang", "hmm"], "was trained on ngram:order=2, not on hmm; name that language"),
        (["runs/masked", "--length", "9"], "was trained at length 8, not 9"),
        (["runs/masked", "--steps", "0"], "steps is 0"),
        (["runs/masked", "--steps", "L/9"], "is below 1"),
        (["runs/masked", "--sampler", "nope"], "unknown sampler 'nope'"),
        (["runs/masked", "--sampler", "draw_confidence"], "no replay gives log p(x)"),
        (["runs/masked", "--sampler", "stride:temperature=0.5"], "draws from other laws"),
        (["runs/masked", "--schedule", "nope"], "unknown schedule 'nope'"),
        (["runs/masked", "--samples", "10"], "samples is 10; give --samples 50 or more"),
        (["runs/masked", "--level", "1"], "level is 1.0"),
        (["runs/masked", "--seed", "-1"], "--seed"),
        (["runs/masked", "--per", "day"], "--per"),
        (["runs/masked", "--format", "png"], "--format"),
        (["runs/causal", "--steps", "4"], "sees the left of a position alone"),
        (["runs/uniform"], "reveals no tokens"),
        (["hf:gpt2"], "hf:gpt2 is no run, which has a language of its own; give --lang"),
        (["oracle", "--lang", "hmm", "--length", "0"], "length is 0"),
        (["oracle", "--lang", "hmm", "--length", "1" + "0" * 12], "MOST_ENTRIES_AT_ONCE"),
    ],
)
def test_what_has_no_budget_is_refused_in_a_line(refused, runs, words, reason):
    assert reason in refused("budget", *words)


def test_a_damaged_run_is_named(refused, runs):
    Path("runs/masked/run.json").write_text("{")
    assert "run.json is damaged" in refused("budget", "runs/masked")
