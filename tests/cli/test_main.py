from __future__ import annotations

import re
import sqlite3

import pytest

import mdmtheory
from mdmtheory.cli import main as program
from mdmtheory.cli.main import explain, main
from mdmtheory.cli.terminal import Interrupted

VERBS = ["sweep", "train", "budget", "show", "plot", "merge", "language", "list", "info", "help"]
HEAVY = ["numpy", "scipy", "numba", "pandas", "matplotlib", "seaborn", "torch", "transformers"]


def test_help_names_every_verb(run):
    outcome = run("--help")
    assert outcome.code == 0
    assert all(verb in outcome.out for verb in VERBS)
    assert outcome.err == ""


def test_the_program_alone_shows_its_help(run):
    assert run().out == run("--help").out


@pytest.mark.parametrize("verb", [*VERBS, "language new", "language show", "language sample"])
def test_every_verb_has_help(run, verb):
    outcome = run(*verb.split(), "--help")
    assert outcome.code == 0
    assert "Usage" in outcome.out


@pytest.mark.refutes("1.8")
def test_help_names_every_metric_and_what_else_can_be_named(run):
    from mdmtheory.denoisers import DENOISERS
    from mdmtheory.metrics.registry import built_in_metrics
    from mdmtheory.models import MODELS
    from mdmtheory.plots.drawn import drawable
    from mdmtheory.plots.words import X_LABELS
    from mdmtheory.schedules import SCHEDULES

    sweep, plot = (" ".join(run(verb, "--help").out.split()) for verb in ("sweep", "plot"))
    asked = [each.name for each in built_in_metrics() if each.asked]
    assert [name for name in (*asked, *DENOISERS, *MODELS) if name not in re.findall(r"[\w-]+", sweep)] == []
    assert [name for name in (*X_LABELS, *drawable()) if name not in re.findall(r"[\w-]+", plot)] == []
    listed = run("list").out
    assert [
        name for name in (*DENOISERS, *MODELS, *SCHEDULES, *mdmtheory.samplers.SAMPLERS) if name not in listed
    ] == []


def test_help_imports_nothing_that_computes(spawn):
    lines = [[], *([verb, "--help"] for verb in VERBS), ["language", "sample", "-h"], ["--version"], ["sweep", "--no"]]
    code = f"""
import sys
from mdmtheory.cli.main import main
for words in {lines}:
    main(words)
sys.exit(",".join(sorted(set({HEAVY}) & set(sys.modules))) or 0)
"""
    outcome = spawn(code)
    assert outcome.code == 0, outcome.err


def test_importing_the_package_imports_nothing_that_computes(spawn):
    heavy = [*HEAVY[2:], "scipy.stats"]
    outcome = spawn(f"import sys, mdmtheory; sys.exit(','.join(sorted(set({heavy}) & set(sys.modules))) or 0)")
    assert outcome.code == 0, outcome.err


def test_version(run):
    for words in (["--version"], ["-V"]):
        assert run(*words).out == f"mdmtheory {mdmtheory.__version__}\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["swep"], "Commands of mdmtheory: sweep, show, plot, merge"),
        (["sweep", "--stepz", "4"], "--steps); see mdmtheory sweep --help"),
        (
            ["sweep", "--lang"],
            "requires an argument. NAME[:key=value,...] or a saved file. Known: addition, affine, arithmetic, ",
        ),
        (["sweep", "--length"], "requires an argument. Tokens in a sequence"),
        (["sweep", "--samples", "many"], "Invalid value for '--samples' 'many': it is no whole number; write one"),
        (["sweep", "--level", "high"], "Invalid value for '--level' 'high': it is no number; write one, as 0.95"),
        (["sweep", "hmm"], "there is no file hmm; name languages with --lang"),
        (["sweep", "--steps", "4", "8", "--lang", "hmm"], "write lists with commas, as --lang hmm,ngram --steps 16,64"),
        (["sweep", "missing.toml"], "give the path of a TOML file"),
        (["show"], "Missing argument 'store'. A store that a sweep wrote"),
        (["merge"], "Missing argument 'stores'. The stores to unite"),
        (["show", "a", "b"], "extra argument(s) (b); see mdmtheory show --help"),
        (["show", "a", "--format", "xml"], "'--format' / '-f': 'xml' is not one of 'table', 'csv', 'json'"),
        (["plot", "a"], "Missing option '--out' / '-o'. The file: .png, .svg or .pdf"),
        (["list", "colours"], "'colours' is not one of what is listed; write mdmtheory list languages or samplers or"),
        (["language"], "Missing command. Commands of mdmtheory language: new, fit, show, sample"),
        (["language", "paint"], "No such command 'paint'. Commands of mdmtheory language: new, fit, show, sample"),
        (["language", "sample", "hmm", "--count", "0"], "Invalid value for '--count' '0': it must be 1 or more"),
        (["language", "sample", "hmm", "--count=x"], "Invalid value for '--count' 'x': it is no whole number"),
        (["merge", "a.sqlite"], "Missing option '--out'"),
    ],
)
def test_a_mistyped_line_is_answered_in_one_line(refused, words, reason):
    assert reason in refused(*words)


LIBRARY = ("Input should", "Value error", "validation", "pydantic", "Traceback", "unable to parse")
"""Words of the library that reads options."""


@pytest.mark.parametrize(
    "words",
    [
        "sweep --samples 1e4",
        "sweep --max-errors none",
        "sweep --level nan,5",
        "bounds jensen --lang hmm --length 0",
        "bounds jensen --lang hmm --length 99999999",
        "schedule --seed -1 --lang hmm",
        "schedule --seed 99999999999999999999999 --lang hmm",
        "schedule --vocab 1 --curve a.csv",
        "schedule --unit trits --curve a.csv",
        "language sample hmm --length 2.5",
        "train --minutes soon mdm",
        "train --seed x mdm",
        "certify --kind thing confidence",
        "show a --level high",
        "steps --lang hmm --ser much",
        "compare a --at nights",
    ],
)
def test_no_words_of_the_library_that_reads_options_are_shown(refused, words):
    line = refused(*words.split())
    assert "Invalid value for" in line
    assert [each for each in LIBRARY if each in line] == []


@pytest.mark.parametrize(
    ("error", "reason", "code"),
    [
        (ValueError("one\n  two\n"), "one; two", 2),
        (ValueError(), "ValueError", 2),
        (PermissionError(13, "Permission denied", "a/b"), "a/b: Permission denied; choose a file", 2),
        (OSError("disk"), "disk", 2),
        (sqlite3.OperationalError("database or disk is full"), "the store cannot be used: database or disk is full", 2),
        (ModuleNotFoundError("no", name="torch"), "torch is not installed; install it", 2),
        (MemoryError(), "not enough memory", 2),
        (KeyError("x"), "a fault of the program, KeyError: 'x'", 1),
    ],
)
def test_errors_are_explained_in_one_line(error, reason, code):
    line, found = explain(error)
    assert line.startswith(reason)
    assert "\n" not in line
    assert found == code


@pytest.fixture
def failing(monkeypatch):
    """Makes `mdmtheory info` raise what a test chooses."""

    def fail_with(error: BaseException) -> None:
        def stand_in(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(program, "app", stand_in)

    return fail_with


def test_a_fault_of_ours_shows_a_traceback_only_when_asked(run, failing, monkeypatch):
    failing(KeyError("x"))
    assert run("info").code == 1
    assert "Traceback" not in run("info").err
    assert "Traceback" not in run("info", "-v").err
    assert "Traceback" in run("info", "-vv").err
    assert "Traceback" in run("-v", "info", "-v").err
    monkeypatch.setenv("MDMTHEORY_DEBUG", "1")
    assert "Traceback" in run("info").err


def test_ctrl_c_is_130_in_one_line(run, failing):
    failing(KeyboardInterrupt())
    assert run("info") == type(run("info"))(130, "", "mdmtheory: interrupted\n")
    failing(Interrupted("stopped; all is kept"))
    assert run("info").err == "mdmtheory: stopped; all is kept\n"


def test_ctrl_c_inside_a_verb_is_130_in_one_line(run, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mdmtheory.cli.listing._options", interrupt)
    outcome = run("list", "samplers")
    assert (outcome.code, outcome.err) == (130, "mdmtheory: interrupted\n")


def test_a_reader_that_goes_away_is_met_with_silence(spawn):
    code = """
import subprocess, sys
writer = subprocess.Popen(
    [sys.executable, "-m", "mdmtheory.cli.main", "-q", "language", "sample", "parity", "--count", "20000"],
    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
writer.stdout.readline()
writer.stdout.close()
said = writer.stderr.read().decode()
print(writer.wait(), repr(said))
"""
    assert spawn(code).out == "141 ''\n"


def test_the_verbosity_may_stand_anywhere_but_after_two_dashes():
    assert program._verbosity_first(["show", "-q", "a", "--", "-v"]) == ["-q", "show", "a", "--", "-v"]


def test_the_entry_point_is_this_function(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out


def test_a_notice_is_a_line_on_stderr_said_once_and_not_with_q(run, monkeypatch):
    from mdmtheory.core.notices import notice

    def noticing() -> str:
        for text in ("mind the gap", "mind the gap", "the other gap"):
            notice(text)
        return "a processor"

    monkeypatch.setattr("mdmtheory.cli.info._processor", noticing)
    lines = ["mdmtheory: warning: mind the gap", "mdmtheory: warning: the other gap"]
    assert [run("info").err.splitlines() for _ in range(2)] == [lines, lines]
    assert run("info", "-q").err == ""
