"""The program under command lines that nobody would type: it succeeds, or says why not in one line and exits with 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mdmtheory as mt
from tests.cli.command_lines import Lines, verbs_and_options
from tests.cli.conftest import ROOT, Outcome, is_one_line

COUNT = int(os.environ.get("MDMTHEORY_FUZZ", "40"))
SEED = int(os.environ.get("MDMTHEORY_FUZZ_SEED", "0"))
"""`make checks` draws many more, and others each time."""

TINY = "layers=1,width=8,heads=2"

REPORTING = {"certify": 1, "bounds": 1}
"""Verbs with an exit status of their own, for a check or a theorem that fails."""

TALK = ("compiling kernels", "still at work", " says nothing here: ", " cannot be measured here: ")
"""What a verb may say before it has to stop."""

NEVER = ("Traceback", "Warning: ", 'File "', "a fault of the program")


def fault(words: list[str], outcome: Outcome) -> str | None:
    """What is wrong with how a line ended, if anything."""
    if any(each in outcome.err for each in NEVER):
        return "stderr is not the program's own"
    said = "".join(line + "\n" for line in outcome.err.splitlines() if not any(each in line for each in TALK))
    if outcome.code == 0 or is_one_line(Outcome(outcome.code, outcome.out, said)):
        return None
    if outcome.out and outcome.code == next((REPORTING[each] for each in words if each in REPORTING), 0):
        return None
    return f"exit status {outcome.code}" + (" with something on stdout" if outcome.out else "")


@pytest.fixture
def beside(run: Callable[..., Outcome], tmp_path: Path) -> Path:
    """A folder of files that a line may name, good and damaged."""
    tiny = ("--length", "4", "--samples", "5", "--workers", "1", "--no-figure", "--lang")
    for words in (
        ("language", "new", "parity", "-o", "good.npz"),
        ("sweep", *tiny, "parity,hmm:states=2", "--steps", "1,2", "-o", "good.sqlite"),
        ("sweep", *tiny, "parity", "--steps", "4", "-o", "other.sqlite"),
    ):
        assert run(*words).code == 0
    for name in ("npz", "sqlite"):
        Path(f"cut.{name}").write_bytes(Path(f"good.{name}").read_bytes()[:300])
        Path(f"empty.{name}").touch()
        Path(f"text.{name}").write_text("hello\n")
    Path("link.sqlite").symlink_to("good.sqlite")
    Path("folder").mkdir()
    for name, text in {
        "text.txt": "hello\n",
        "plan.txt": "1 2 1 2\n",
        "sizes.txt": "2 2\n",
        "curve.csv": "mask_ratio,loss,stderr\n0.1,0.5,0.01\n0.5,1,0.01\n0.9,2,0.01\n",
        "sweep.toml": 'lang = "parity"\nsteps = [1, 2]\nlength = 4\nsamples = 5\nworkers = 1\n',
        "train.toml": f'objective = "mdm"\nlang = "parity"\nlength = 4\ntokens = 64\nsize = "{TINY}"\nout = "new"\n',
    }.items():
        Path(name).write_text(text)
    mt.train("mdm", lang="parity", length=4, tokens=64, size=TINY, out="run")
    return tmp_path


def outcomes(cases: list[dict[str, Any]], beside: Path) -> list[Outcome]:
    """How the cases end, each in a process and a folder of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.cli.fork_server", str(beside)],
        input="".join(json.dumps(case) + "\n" for case in cases),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [Outcome(**json.loads(line)) for line in done.stdout.splitlines()]


def test_every_line_succeeds_or_is_refused_in_one_line(beside):
    lines = Lines(SEED)
    cases = [lines.case(number) for number in range(COUNT)]
    faults = []
    for number, (case, outcome) in enumerate(zip(cases, outcomes(cases, beside), strict=True)):
        wrong = fault(case["words"], outcome)
        if wrong:
            faults.append(f"line {number} of seed {SEED}: {wrong}: {case['words']} {outcome.err[-500:]}")
    assert faults == []


def test_lines_use_every_verb_and_option_but_certify_all_and_info_warm():
    lines = Lines(SEED)
    cases = [lines.case(number)["words"] for number in range(3000)]
    missing = [
        (*verb, *spellings)
        for verb, options in verbs_and_options().items()
        for spellings in options
        if not any(words[: len(verb)] == list(verb) and set(spellings) & set(words) for words in cases)
    ]
    assert missing == []


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(1, "", "mdmtheory: error: a fault of the program, KeyError: 3\n"),
        Outcome(2, "a table", "mdmtheory: error: no\n"),
        Outcome(2, "", "mdmtheory: error: no\nmdmtheory: error: again\n"),
        Outcome(0, "", "x.py:3: UserWarning: look\n"),
        Outcome(-24, "", ""),
        Outcome(130, "", "mdmtheory: interrupted\n"),
    ],
)
def test_what_is_no_line_is_told_from_one(outcome):
    assert fault(["sweep"], outcome) is not None
    assert fault(["sweep"], Outcome(2, "", "mdmtheory: error: no\n")) is None


FOUND: list[tuple[list[str], dict[str, str]]] = [
    (["language", "sample", "copy:distance=9223372036854775808"], {}),
    (["bounds", "replay", "--lang", "permutation", "--length", "3", "--steps", "9" * 30], {}),
    (["sweep", "--lang", "parity", "--length", "4", "--steps", "1.." + "9" * 400 + ":3"], {}),
    (["sweep", "--lang", "parity", "--length", "1.." + "9" * 400 + ":3", "--steps", "2"], {}),
    (["sweep", "given.toml"], {"given.toml": "lang = " + "[" * 5000}),
    (["leaderboard", "given.toml", "--page", "new.md"], {"given.toml": "lang = " + "[" * 5000}),
    (["sweep", "--lang", "parity", "--length", "4", "--schedule", "file:path=given.txt"], {"given.txt": "[" * 100_000}),
    (["sweep", "--lang", "parity", "--length", "4", "--sampler", "plan:file=given.txt"], {"given.txt": "[" * 100_000}),
]
"""Lines that were found to end otherwise, with the files that they name."""


@pytest.mark.refutes("5.3")
@pytest.mark.parametrize(("words", "files"), FOUND)
def test_lines_that_ended_otherwise_are_refused_in_one_line(run, words, files):
    for name, text in files.items():
        Path(name).write_text(text)
    assert is_one_line(run(*words))


@pytest.mark.refutes("5.3")
def test_what_a_drawing_library_has_to_say_of_a_figure_is_a_line_of_the_program(run, beside):
    outcome = run("plot", "good.sqlite", "--out", "new.png", "--y", "ter_excess")
    assert outcome.code == 0
    assert fault(["plot"], outcome) is None
