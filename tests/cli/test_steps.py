"""`mdmtheory steps`: what it prints, and what it refuses in one line."""

from __future__ import annotations

import io
import json

import pandas as pd
import pytest

BIGRAM = ["steps", "--lang", "ngram:order=2,vocab_size=4", "--ser", "0.2", "--count", "0"]


def test_a_table_has_a_line_a_length_and_the_exponent(run):
    found = run(*BIGRAM, "--length", "16..64", "--fit")
    assert found.code == 0
    lines = found.out.splitlines()
    assert lines[0] == "ngram:order=2,vocab_size=4, oracle, ancestral, linear; SER of 0.2 or less"
    assert lines[1].split() == ["length", "steps", "SER", "there", "calls", "seconds", "method"]
    assert [line.split()[0] for line in lines[2:5]] == ["16", "32", "64"]
    assert any(line.startswith("rate: as a rate a token, -log(1 - SER)/L: 0.0139 at length 16") for line in lines)
    assert lines[-2].startswith("steps ∝ length^b: exponent 0.98")


def test_csv_and_json_have_every_number(run):
    frame = pd.read_csv(io.StringIO(run(*BIGRAM, "--length", "16", "-f", "csv").out))
    said = json.loads(run(*BIGRAM, "--length", "16", "--format", "json").out)
    assert said["rows"][0]["steps"] == frame["steps"].iloc[0] > 1
    assert said["rows"][0]["kind"] == frame["kind"].iloc[0] == "exact"
    assert said["about"]["target"] == "SER of 0.2 or less"


def test_json_has_no_number_that_json_does_not_know(run):
    words = [*BIGRAM[:-1], "9", "--method", "measured", "--length", "8", "--format", "json"]
    [row] = json.loads(run(*words).out, parse_constant=pytest.fail)["rows"]
    assert row["high"] == "Infinity"
    assert row["seconds"] > 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["steps", "--ser", "0.1"], "no language; give --lang"),
        (["steps", "--lang", "hmm"], "no target; give one of ser, rate, gap and excess, as --ser 0.5"),
        (
            ["steps", "--lang", "hmm", "--ser", "0.1", "--sampler", "confidence", "--method", "first-order"],
            "use --method measured",
        ),
        (["steps", "--lang", "hmm", "--ser", "2"], "ser is 2.0; pass a number above 0 and below 1"),
        (["steps", "--lang", "hmm", "--ser", "0.1", "--length", "64,128", "--fit"], "--fit needs 3 lengths or more"),
        (["steps", "--lang", "hmm", "--ser", "0.1", "--sampler", "bisection"], "has no number of steps"),
        (["steps", "--lang", "hmm", "--ser", "0.1", "--schedule", "nope"], "unknown schedule 'nope'"),
        (["steps", "--lang", "hmm", "--ser", "0.1", "--level", "1"], "level is 1.0"),
        (["steps", "--lang", "lists:items=3", "--ser", "0.1"], "gives a prompt of its own; ser, ter and sweeps"),
        (["steps", "--lang", "hmm", "--ser", "0.1", "--length", ""], "length"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_a_line(refused, words, reason):
    assert reason in refused(*words)


def test_the_length_of_a_task_is_its_own(run):
    found = run("steps", "--lang", "latin:size=2", "--ser", "0.4", "--count", "0", "--format", "json")
    assert [row["length"] for row in json.loads(found.out)["rows"]] == [4]
