"""`mdmtheory schedule`: what it prints, writes and draws."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest

from mdmtheory.exact import information_curve
from mdmtheory.languages.presets import as_language
from mdmtheory.schedules import as_schedule, optimal

LANG = "ngram:order=2,vocab_size=4,seed=2"
WORDS = ["schedule", "--lang", LANG, "--length", "24", "--steps", "3,6", "--count", "50"]
LOSSES = "mask_ratio,loss,stderr\n" + "".join(f"{k / 10},{0.5 + k / 10},0.01\n" for k in range(1, 11))
WARNING = "random order, mean over plans"


@pytest.fixture
def curve() -> str:
    Path("losses.csv").write_text(LOSSES)
    return "losses.csv"


def test_the_table_has_every_schedule_the_sizes_and_stride(run):
    done = run(*WORDS, "--no-figure")
    assert done.code == 0
    for name in ("linear (= loglinear)", "cosine", "geometric", "√c (for SER)", "optimal", "stride"):
        assert name in done.out
    assert "8×3" in done.out
    assert WARNING in done.out
    assert "continuum limit of the optimal gap" in done.out
    assert not list(Path().iterdir())


def test_csv_and_json_hold_the_same_rows_and_say_what_they_hold_for(run):
    table = list(csv.DictReader(io.StringIO(run(*WORDS, "--no-figure", "--format", "csv").out)))
    whole = json.loads(run(*WORDS, "--no-figure", "--format", "json").out)
    assert whole["about"]["order"].startswith(WARNING)
    assert "stride" in whole["about"]
    assert len(table) == len(whole["rows"]) > 20
    for row, other in zip(table, whole["rows"], strict=True):
        assert float(row["value"]) == other["value"]
        assert row["note"] == other["note"]
        assert row["note"].startswith(WARNING) or row["sampler"] == "stride"
        assert row["kind"].partition(", cut from ")[0] in ("upper bound", "estimate", "exact")


def test_the_optimal_sizes_are_files_that_a_schedule_loads(run):
    assert run(*WORDS, "--no-figure", "--sizes-out", "best/sizes.txt").code == 0
    values = information_curve(as_language(LANG), 24)
    for steps in (3, 6):
        loaded = as_schedule(f"file:path=best/sizes-{steps}.txt")
        np.testing.assert_array_equal(loaded.sizes(24), optimal(values, steps))
        assert WARNING in Path(f"best/sizes-{steps}.txt").read_text()
    swept = ["sweep", "--lang", LANG, "--length", "24", "--steps", "6", "--samples", "50", "--no-figure"]
    assert run(*swept, "--sampler", "fixed", "--schedule", "file:path=best/sizes-6.txt").code == 0


def test_one_number_of_steps_gives_one_file_of_that_name(run, curve):
    done = run("schedule", "--curve", curve, "--length", "24", "--steps", "6", "--out", "sizes.txt", "--no-figure")
    assert done.code == 0
    assert as_schedule("file:path=sizes.txt").steps == 6


def test_a_profile_has_its_card(run, curve):
    done = run("schedule", "--curve", curve, "--length", "24", "--steps", "3..12", "--no-figure")
    assert done.code == 0
    for word in ("perplexity", WARNING, "temperature 1", "including learning error", "linear in the mask ratio"):
        assert word in done.out
    assert "stride         cannot be known from a loss profile" in done.out
    assert "standard errors, which at 95 % all keep together" in done.out
    assert "never rises with what is revealed" in done.out
    head, line = done.out.splitlines()[1:3]
    assert head.split()[2:8] == ["perplexity", "≈", "gap", "≈", "perplexity", "≤"]
    assert "[" in line


def test_bound_makes_bounds_of_fixed_sizes(run, curve):
    words = ["schedule", "--curve", curve, "--length", "24", "--steps", "3", "--no-figure"]
    done = run(*words, "--bound", "--sizes-out", "sizes.txt")
    assert done.out.splitlines()[1].count("≤") == 4
    assert "≈" not in done.out
    [linear] = [line.split() for line in done.out.splitlines() if "linear (=" in line]
    assert "# gap ≤ " in Path("sizes.txt").read_text()
    assert "mean over plans: an upper bound of the sampler's" in Path("sizes.txt").read_text()
    rows = json.loads(run(*words, "--bound", "--format", "json").out)["rows"]
    assert {row["kind"] for row in rows if row["metric"] != "gap_continuum"} == {"upper bound"}
    [value] = [
        row["value"] for row in rows if (row["schedule"], row["sampler"], row["metric"]) == ("linear", "fixed", "gap")
    ]
    # A bound is rounded up.
    assert value <= float(linear[5]) <= value * 1.001
    plain = json.loads(run(*words, "--format", "json").out)["rows"]
    pairs = [
        (row, other)
        for row, other in zip(plain, rows, strict=True)
        if row["sampler"] == "fixed" and row["metric"] == "gap" and row["schedule"] != "optimal"
    ]
    assert pairs
    for row, other in pairs:
        assert (row["kind"], row["high"]) == ("estimate", pytest.approx(other["value"], abs=1e-9))


def test_bound_goes_with_losses(run):
    done = run(*WORDS, "--no-figure", "--bound")
    assert done.code == 2
    assert "--bound goes with --curve" in done.err


def test_what_has_no_bound_says_why_once_and_how_to_mend_it(run):
    Path("losses.csv").write_text("mask_ratio,loss\n0.1,1.0\n0.5,0.8\n1,2\n")
    words = ["schedule", "--curve", "losses.csv", "--length", "24", "--steps", "3", "--no-figure"]
    done = run(*words, "--bound")
    assert done.out.count("withheld (no falling curve has these losses within their error: give stderr") == 1
    assert done.out.count("withheld  ") >= 8
    assert "withheld" not in run(*words).out
    table = list(csv.DictReader(io.StringIO(run(*words, "--bound", "--format", "csv").out)))
    withheld = [row for row in table if row["metric"] != "gap_continuum"]
    assert all(row["value"] == "" and row["kind"].startswith("withheld (") for row in withheld)


def test_a_profile_that_ends_below_1_is_an_estimate_in_table_sizes_and_rows(run):
    Path("losses.csv").write_text("".join(line + "\n" for line in LOSSES.splitlines()[:-1]))
    words = ["schedule", "--curve", "losses.csv", "--length", "24", "--steps", "3", "--no-figure"]
    done = run(*words, "--sizes-out", "sizes.txt", "--vocab", "9")
    assert "≤" not in done.out.splitlines()[1]
    assert "UNKNOWN" in done.out
    assert "log 9 = 2.197 nats" in done.out
    written = Path("sizes.txt").read_text()
    assert "above one token a step: estimate" in written
    assert "upper bound" not in written
    assert "# UNKNOWN: the loss above mask ratio 0.9" in written
    assert as_schedule("file:path=sizes.txt").steps == 3
    rows = json.loads(run(*words, "--bound", "--format", "json").out)["rows"]
    assert {row["kind"] for row in rows} == {"estimate"}


def test_a_profile_that_falls_is_named(run):
    Path("losses.csv").write_text(LOSSES + "0.55,0.2,0.01\n")
    done = run("schedule", "--curve", "losses.csv", "--length", "24", "--steps", "3", "--no-figure")
    assert "NO: losses fall beyond their error as the mask ratio rises, by 0.8 nats, 56.6 standard errors" in done.out


def test_the_talk_of_csv_goes_to_stderr(run, curve):
    done = run("schedule", "--curve", curve, "--length", "24", "--steps", "3", "--no-figure", "--format", "csv")
    assert done.out.startswith(
        "source,length,schedule,sampler,steps,metric,value,low,high,level,kind,count,sizes,note\n"
    )
    assert f"order: {WARNING}" in done.err


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_figure(run, curve, ending):
    done = run("schedule", "--curve", curve, "--length", "24", "--steps", "3..12", "--figure", f"a/b.{ending}")
    assert done.code == 0
    assert Path(f"a/b.{ending}").stat().st_size > 1000
    assert f"figure: a/b.{ending}" in done.err


def test_the_same_words_print_the_same(run):
    assert run(*WORDS, "--no-figure").out == run(*WORDS, "--no-figure").out


@pytest.mark.refutes("2.2")
def test_conventions_are_named_on_the_command_line(run, curve):
    words = ["--length", "24", "--steps", "3", "--no-figure", "--format", "json"]
    plain = json.loads(run("schedule", "--curve", curve, *words).out)
    assert "convention" not in plain["about"]
    lines = [(k / 10, (0.5 + k / 10) * k / 10 / math.log(2), 0.01 * k / 10 / math.log(2)) for k in range(1, 11)]
    rows = "".join(",".join(map(repr, line)) + "\n" for line in lines)
    Path("all.csv").write_text("mask_ratio,loss,stderr\n" + rows)
    named = json.loads(run("schedule", "--curve", "all.csv", "--unit", "bits", "--per", "all", *words).out)
    assert "convention" not in named["about"]
    assert named["about"]["given as"].startswith("bits, averaged over all tokens")
    values = [[row["value"] for row in found["rows"]] for found in (plain, named)]
    np.testing.assert_allclose(values[0], values[1], rtol=1e-9)
    unnamed = json.loads(run("schedule", "--curve", "all.csv", *words).out)
    assert "could be --per all" in unnamed["about"]["convention"]
    too_high = json.loads(run("schedule", "--curve", curve, "--vocab", "3", *words).out)
    assert "could be --unit bits" in too_high["about"]["convention"]


@pytest.mark.refutes("2.2")
@pytest.mark.parametrize("option", [["--unit", "bits"], ["--per", "all"], ["--vocab", "8"]])
def test_conventions_go_with_losses(run, option):
    done = run(*WORDS, "--no-figure", *option)
    assert done.code == 2
    assert "go with --curve" in done.err


@pytest.mark.parametrize("form", ["latex", "markdown"])
def test_tables_for_documents_have_all_sizes_and_no_bare_sign(run, curve, form):
    words = ["schedule", "--curve", curve, "--length", "480", "--steps", "12", "--schedule", "cosine", "--no-figure"]
    done = run(*words, "--format", form)
    assert done.code == 0
    [sizes] = [row["sizes"] for row in json.loads(run(*words, "--format", "json").out)["rows"]
              if row["schedule"] == "cosine" and row["metric"] == "ter" and row["sampler"] == "fixed"]  # fmt: skip
    [line] = [line for line in done.out.splitlines() if "& cosine &" in line or "| cosine |" in line]
    shown = line.rstrip("\\ |").rpartition("&" if form == "latex" else "|")[2].replace(r"$\times$", "×").split()
    told = [size for each in shown for size in [int(each.partition("×")[0])] * int(each.partition("×")[2])]
    assert told == [int(each) for each in sizes.split()]
    assert WARNING in done.out
    if form == "latex":
        rows = [line for line in done.out.splitlines() if not line.startswith("%")]
        assert not any(sign in line for line in rows for sign in "≈≤×…")
        assert r"\approx" in done.out
        assert r"\le" in done.out


def test_the_length_of_a_task_is_its_own(run):
    found = run("schedule", "--lang", "latin:size=2", "--steps", "2", "--count", "50", "--no-figure", "--format", "csv")
    assert {row["length"] for row in csv.DictReader(io.StringIO(found.out))} == {"4"}
