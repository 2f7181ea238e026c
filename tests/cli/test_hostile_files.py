"""Files that somebody sent, given to every verb that takes one: none runs code, and every answer is one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import is_one_line
from tests.languages.test_hostile_files import contents_of, write
from tests.sweeps.forged import Forger, change_language
from tests.trap import trap

LANGUAGE = "hmm:states=4,vocab_size=3"
SWEEP = ["sweep", "--lang", LANGUAGE, "--steps", "4", "--length", "16", "--samples", "50", "--no-figure"]


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return trap(tmp_path, monkeypatch)


@pytest.fixture
def store(run) -> Path:
    assert run(*SWEEP, "--metrics", "ser,ter,cross_entropy", "--out", "gift.sqlite").code == 0
    return Path("gift.sqlite")


WITH_A_LANGUAGE = {
    "language show": ["language", "show", "gift.npz"],
    "language sample": ["language", "sample", "gift.npz"],
    "language new": ["language", "new", "gift.npz", "-o", "other.npz"],
    "sweep": ["sweep", "--lang", "gift.npz", "--steps", "4", "--length", "8"],
    "sweep of a file": ["sweep", "gift.toml"],
    "dry run": ["sweep", "--lang", "gift.npz", "--steps", "4", "--length", "8", "--dry-run"],
    "bounds": ["bounds", "--lang", "gift.npz", "--length", "8", "--steps", "4"],
    "certify": ["certify", "gift.npz"],
    "schedule": ["schedule", "--lang", "gift.npz", "--length", "8", "--steps", "4"],
    "leaderboard": ["leaderboard", "gift.toml", "--no-laws", "--no-figures", "--page", "page.md"],
}


@pytest.mark.refutes("3.1")
@pytest.mark.parametrize("kind", ["trap:Trap", "sprung"])
@pytest.mark.parametrize("verb", WITH_A_LANGUAGE)
def test_a_language_file_runs_nobodys_code(run, mark, verb, kind):
    assert run("language", "new", LANGUAGE, "-o", "gift.npz").code == 0
    header, arrays = contents_of(Path("gift.npz"))
    write(Path("gift.npz"), {**header, "kind": kind}, arrays)
    Path("gift.toml").write_text('lang = "gift.npz"\nsteps = "4"\nlength = "8"\n')
    outcome = run(*WITH_A_LANGUAGE[verb])
    assert is_one_line(outcome), outcome
    assert "gift.npz holds a language of the kind" in outcome.err
    assert not mark.exists()
    assert "trap" not in sys.modules


WITH_A_STORE = {
    "show": ["show", "gift.sqlite"],
    "show as csv": ["show", "gift.sqlite", "--format", "csv"],
    "show as json": ["show", "gift.sqlite", "--format", "json"],
    "plot": ["plot", "gift.sqlite", "-o", "figure.png", "--hue", "sampler"],
    "merge": ["merge", "gift.sqlite", "-o", "merged.sqlite"],
    "sweep": [*SWEEP, "--out", "gift.sqlite"],
    "dry run": [*SWEEP, "--out", "gift.sqlite", "--dry-run"],
}


@pytest.mark.refutes("3.1")
@pytest.mark.parametrize("kind", ["trap:Trap", "sprung"])
@pytest.mark.parametrize("verb", WITH_A_STORE)
def test_a_store_runs_nobodys_code(run, store, mark, verb, kind):
    change_language(store, kind=kind)
    with Forger(store) as forger:
        forger.like(about={"steps": None, "seed": 0}, names={"sampler": kind, "denoiser": kind, "model": kind})
    outcome = run(*WITH_A_STORE[verb])
    assert outcome.code == 0, outcome
    assert not mark.exists()
    assert "trap" not in sys.modules


@pytest.mark.refutes("3.1")
def test_a_page_of_what_is_stored_looks_no_name_of_the_store_up(run, store, mark):
    change_language(store, name="trap:Trap")
    text = f'lang = "{LANGUAGE}"\nsteps = "4"\nlength = "16"\nsamples = 50\nmetrics = "ser,ter,cross_entropy"\n'
    Path("mine.toml").write_text(f'out = "gift.sqlite"\n{text}')
    found = run(
        "leaderboard", "mine.toml", "--no-sweep", "--no-laws", "--no-figures", "--page", "page.md", "--budgets", "4"
    )
    assert found.code == 0, found
    assert not mark.exists()


@pytest.mark.refutes("4.5")
@pytest.mark.parametrize("verb", ["show", "show as csv", "show as json", "plot"])
def test_rows_that_cannot_be_shown_are_one_line_beside_the_others(run, store, verb):
    whole = run(*WITH_A_STORE[verb]).out
    with Forger(store) as forger:
        for seed in (1 << 63, -1, None, "0"):
            forger.like(about={"seed": seed})
        forger.like(about={"length": 1 << 70})
        forger.like(names={"sampler": "\x1b[2J:::\ud800"})
        forger.like(sums={"sequences": -5})
    outcome = run(*WITH_A_STORE[verb])
    assert outcome.code == 0, outcome
    assert outcome.out == whole
    [line] = [line for line in outcome.err.splitlines() if line.startswith("mdmtheory: ")]
    assert line.startswith("mdmtheory: warning: left out of the results: task ")
    assert "and 4 more" in line


@pytest.mark.refutes("4.4")
def test_rows_of_a_newer_program_are_not_merged_and_named_in_one_line(refused, store):
    with Forger(store) as forger:
        task = forger.like(about={"measure": "another"})
    assert task.sha[:12] in refused("merge", "gift.sqlite", "-o", "merged.sqlite")
    assert not Path("merged.sqlite").exists()
