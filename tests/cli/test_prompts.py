"""`--prompt` on the command line: swept, shown, drawn and planned, each prompt by itself."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

LANGUAGE = "hmm:states=6,vocab_size=4,prune_transition=1.2,prune_emission=1"
SMALL = ["sweep", "--lang", LANGUAGE, "--steps", "2,4", "--length", "16", "--samples", "50", "-o", "s.sqlite"]


@pytest.fixture
def swept(run):
    """A sweep of whole sequences and of two kinds of answers."""
    return run(*SMALL, "--prompt", "none,prefix:size=4,every:stride=2,first=1", "--no-figure")


def test_the_table_has_a_line_for_each_prompt_that_names_it(swept):
    assert swept.code == 0
    assert swept.out.splitlines()[0].startswith(f"{LANGUAGE}, length 16, masked")
    lines = [line.split() for line in swept.out.splitlines()[3:]]
    prompts = ["none", "every:stride=2,first=1", "prefix:size=4"]
    assert [line[:2] for line in lines] == [[prompt, steps] for prompt in prompts for steps in ("2", "4")]


def test_one_prompt_alone_stands_above_the_table(run):
    outcome = run(*SMALL, "--prompt", "infill:size=L/2", "--no-figure")
    assert outcome.out.splitlines()[0].startswith(f"{LANGUAGE}, length 16, prompt infill:size=L/2, masked")


def test_rows_of_whole_sequences_have_an_empty_prompt(swept, run):
    rows = list(csv.DictReader(io.StringIO(run("show", "s.sqlite", "-f", "csv", "--metrics", "ser").out)))
    assert {row["prompt"] for row in rows} == {"", "prefix:size=4", "every:stride=2,first=1"}
    assert len({(row["prompt"], row["steps"]) for row in rows}) == len(rows) == 6


def test_a_second_run_measures_nothing_and_another_prompt_only_itself(swept, run):
    plan = run(*SMALL, "--prompt", "none,prefix:size=4,suffix:size=4", "--dry-run").out.splitlines()
    cells = [line for line in plan if "seed 0" in line]
    assert len(cells) == 6
    assert {"suffix" in line: line.endswith("nothing to do") for line in cells} == {True: False, False: True}


def test_prompts_may_have_the_colours_of_a_figure(swept, run):
    assert run("plot", "s.sqlite", "-o", "f.png", "--y", "ter,ser", "--hue", "prompt").code == 0
    assert Path("f.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--prompt", "prefix"], "needs size"),
        (["--prompt", "prefix:size=16"], "pass from 1 to 15"),
        (["--prompt", "fog"], "unknown prompt 'fog'"),
    ],
)
def test_a_prompt_that_cannot_be_is_refused_in_one_line(run, words, reason):
    outcome = run(*SMALL, *words)
    assert outcome.code == 2
    assert reason in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1
    assert not Path("s.sqlite").exists()


def test_a_leaderboard_refuses_prompts_before_anything_is_measured(run):
    Path("board.toml").write_text(f'lang = "{LANGUAGE}"\nlength = 16\nsteps = 4\nprompt = "prefix:size=4"\n')
    outcome = run("leaderboard", "board.toml", "--page", "page.md")
    assert outcome.code == 2
    assert "leaderboards are of whole sequences" in outcome.err
    assert not Path("results").exists()
