"""Bad input: each is answered with one line that says what is wrong, and exit 2."""

from __future__ import annotations

import fcntl
import os
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SWEEP = ["sweep", "--lang", "hmm:states=4,vocab_size=3", "--steps", "4", "--length", "16", "--samples", "50"]


@pytest.fixture
def store(run) -> Path:
    assert run(*SWEEP, "--out", "store.sqlite", "--no-figure").code == 0
    return Path("store.sqlite")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            ["--lang", "hm"],
            "unknown language 'hm' (did you mean 'hmm'?); known: addition, affine, arithmetic, balanced",
        ),
        (["--lang", "hmm:stats=3"], "language 'hmm' has no option 'stats'; known: states, vocab_size"),
        (["--lang", "hmm:states=many"], "states of language 'hmm' is many; pass a whole number"),
        (["--lang", "hmm:states=1.5"], "states of language 'hmm' is 1.5; pass a whole number"),
        (["--lang", "hmm:states=0"], "states is 0"),
        (["--lang", "hmm:states"], "'states' in 'hmm:states' is not key=value"),
        (["--lang", ""], "empty"),
        (["--lang", "nothere.npz"], "no language file nothere.npz"),
        (["--lang", "ngram:order=9"], "order is 9; pass 1 to 6"),
        (["--lang", "permutation:items=4"], "length is 16, and there are 4 items"),
        (["--lang", "sudoku:size=5"], "size is 5; pass 4 or 9"),
        (
            ["--lang", "sudoku:size=4"],
            "nothing is left to measure: sudoku:size=4 has sequences of 32 tokens",
        ),
        (
            ["--lang", "sudoku:size=4", "--length", "32", "--prompt", "none"],
            "about sequences whose prompt is mask",
        ),
        (["--lang", "sat:variables=2", "--length", "9"], "variables is 2; pass from 3 to 24"),
        (["--steps", "0"], "steps is 0; it must be 1 or more"),
        (["--steps", "-3"], "steps is -3"),
        (["--steps", "8..4"], "steps '8..4' runs backwards; write the smaller end first: 4..8"),
        (["--steps", ".."], "steps '..' is not a whole number or a range"),
        (["--steps", "4..8:0"], "asks for 0 points"),
        (["--steps", "1.5"], "steps '1.5' is not a whole number"),
        (["--steps", "L/32"], "steps L/32 at length 16 is below 1"),
        (["--length", "0"], "length is 0; it must be 1 or more"),
        (["--length", "9..3"], "runs backwards"),
        (["--model", "unmasked"], "unknown model 'unmasked'"),
        (["--model", "uniform:update=euler"], "unknown update 'euler' of uniform diffusion; known: ancestral, tweedie"),
        (["--model", "gaussian:dim=4"], "embedding 'onehot' has no option 'dim'"),
        (["--model", "gaussian:update=ddim"], "update=ddim has no likelihood bound; measure ser"),
        (["--model", "uniform", "--denoiser", "window:width=2"], "takes no uniform noise; it takes masked"),
        (["--model", "block"], "model 'block' needs size=...; write block:size=value"),
        (["--model", "block:size=0"], "size is 0; pass 1 or more"),
        (["--model", "block:block=3"], "model 'block' has no option 'block'; known: size; write block:size=3"),
        (["--model", "block:size=2.5"], "size of model 'block'"),
        (["--denoiser", "oracles"], "unknown denoiser 'oracles' (did you mean 'oracle'?)"),
        (["--denoiser", "perturbed"], "denoiser 'perturbed' needs epsilon="),
        (["--denoiser", "perturbed:epsilon=-1"], "epsilon is -1"),
        (["--denoiser", "window:width=x"], "width of denoiser 'window' is x; pass a whole number"),
        (["--denoiser", "oracle:trust=2"], "trust is 2"),
        (["--sampler", "strides"], "unknown sampler 'strides' (did you mean 'stride'?); known: ancestral"),
        (["--sampler", "stride:k=2"], "sampler 'stride' has no option 'k'"),
        (["--sampler", "plan:file=nothere"], "cannot read nothere"),
        (["--sampler", "entropy_bound:gamma=-1"], "gamma is -1; pass 0 or a positive number of nats"),
        (["--sampler", "threshold:tau=1.5"], "tau is 1.5; pass a probability above 0 and at most 1"),
        (["--sampler", "margin:temperature=-1"], "temperature is -1; pass 0 (greedy) or a positive number"),
        (
            ["--sampler", "margin:min_p=1.5"],
            "min_p is 1.5; pass a part of the largest probability, from 0 (all tokens)",
        ),
        (["--sampler", "margin:nucleus=0"], "nucleus is 0; pass a probability above 0 and at most 1 (all tokens)"),
        (["--sampler", "margin:precision=float16"], "precision is 'float16'; pass float64 or float32"),
        (["--sampler", "remdm-cap:eta=1.1"], "eta is 1.1; pass a probability from 0 to 1"),
        (["--sampler", "remdm-loop:t_on=0.1,t_off=0.5"], "t_on is 0.1 and t_off 0.5; time falls"),
        (["--sampler", "redraw:tau=0"], "tau is 0; pass a probability above 0 and at most 1"),
        (["--sampler", "independent:mu=-1"], "mu is -1; pass 0 or a positive number of nats"),
        (["--sampler", "verify:k=0"], "k is 0; pass 1 or more"),
        (
            ["--sampler", "topk_remask", "--denoiser", "oracle:trust=1"],
            "use an oracle that trusts less, as oracle:trust",
        ),
        (["--sampler", "draw_confidence"], "draw_confidence chooses by tokens that it draws and drops"),
        (["--schedule", "linea"], "unknown schedule 'linea'"),
        (["--schedule", "polynomial:power=-1"], "power is -1"),
        (["--schedule", "file:path=nothere"], "cannot read nothere"),
        (["--metrics", "bleu"], "unknown metric 'bleu'; known: cross_entropy"),
        (["--samples", "0"], "samples is 0"),
        (["--max-errors", "0"], "max_errors is 0"),
        (["--level", "1"], "level is 1.0; give a probability above 0 and below 1"),
        (["--level", "nan"], "level is nan"),
        (["--seed", "-1"], "seed is -1"),
        (["--workers", "0"], "workers is 0"),
        (["--workers", "some"], "workers 'some' is not a number"),
        (["--out", "."], "is not a file"),
        (["--figure", "a.jpg"], "end it in .png, .svg or .pdf"),
        (["--figure", "a"], "figure 'a' has no ending; end it in .png, .svg or .pdf"),
        (["--figure", "a.png", "--no-figure"], "both --figure a.png and --no-figure are given; leave one of them out"),
        (
            ["--sampler", "nowhere:Walk"],
            "does not import (ModuleNotFoundError: No module named 'nowhere'); check the name",
        ),
    ],
)
def test_a_wrong_option_is_refused(refused, words, reason):
    assert reason in refused(*SWEEP, "--out", "store.sqlite", *words)


def test_a_sweep_needs_a_language_and_steps(refused):
    assert "no language; give --lang NAME" in refused("sweep", "--steps", "4")
    assert "steps is missing" in refused("sweep", "--lang", "hmm")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("0 0.5 0.3 1", "revealed fractions must rise at every step"),
        ("0 0.5 0.9", "1"),
        ("3 0 5", "the size of step 2 is 0; pass 1 or more"),
        ("3 -1 5", "the size of step 2 is -1; pass 1 or more"),
        ("spam", "holds 'spam', which is no number"),
        ("", "holds no numbers"),
    ],
)
def test_a_schedule_that_is_none_is_refused(refused, content, reason):
    Path("schedule.txt").write_text(content)
    assert reason in refused(*SWEEP, "--schedule", "file:path=schedule.txt")


def test_a_plan_of_another_length_is_refused(refused):
    Path("plan.txt").write_text("1 2 1")
    assert "has 3 positions and the length is 16" in refused(*SWEEP, "--sampler", "plan:file=plan.txt")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('lang = "hmm"\nstepz = 4', "has an unknown key 'stepz' (did you mean 'steps'?); known: lang"),
        ("lang = 4\nsteps = 4", "lang 4 is not a name"),
        ('lang = "hmm"\nsteps = 4\nsamples = "x"', "samples = 'x' is not a whole number"),
        ('lang = "hmm"\nsteps = 0', "steps is 0"),
        ("lang = ", "is not a TOML file"),
        ("\x00", "is not a TOML file"),
        ("[lang]\nname = 1", "lang is a table"),
        ('lang = "hmm"\nsteps = []', "steps is an empty list"),
    ],
)
def test_a_wrong_file_is_refused(refused, content, reason):
    Path("sweep.toml").write_text(content)
    assert reason in refused("sweep", "sweep.toml")


def test_a_file_that_is_missing_or_a_folder_is_refused(refused):
    assert "cannot read nothere.toml" in refused("sweep", "nothere.toml")
    assert "cannot read ." in refused("sweep", ".")


def saved(tmp_path: Path, **changes: object) -> str:
    """A saved language in which some arrays or the header's bytes are changed."""
    from mdmtheory.languages.files import save_language
    from mdmtheory.languages.presets import as_language

    path = tmp_path / "language.npz"
    save_language(as_language("hmm:states=4,vocab_size=3"), path)
    with np.load(path) as file:
        contents = {name: changes.get(name, file[name]) for name in file.files}
    header = changes.get("replace")
    if header is not None:
        old, new = header  # type: ignore[misc]  # a pair
        contents["header"] = np.frombuffer(contents["header"].tobytes().replace(old, new), dtype=np.uint8)
    np.savez(path, **contents)
    return str(path)


def test_rows_that_do_not_sum_to_one_are_named(refused, tmp_path):
    transition = np.full((4, 4), 0.25)
    transition[2] = [0.25, 0.25, 0.25, 0.2]
    reason = refused("language", "show", saved(tmp_path, transition=transition))
    assert "2" in reason
    assert "sum" in reason


def test_a_language_of_another_version_is_refused(refused, tmp_path):
    path = saved(tmp_path, replace=(b'"version": 1', b'"version": 9'))
    assert "format version 9" in refused(*SWEEP, "--lang", path)


def test_a_truncated_language_is_refused(refused, tmp_path):
    path = Path(saved(tmp_path))
    path.write_bytes(path.read_bytes()[:-40])
    assert "truncated" in refused("language", "sample", str(path))


def test_a_language_that_was_changed_is_refused(refused, tmp_path):
    path = saved(tmp_path, transition=np.eye(4)[[1, 2, 3, 0]])
    assert "changed" in refused("language", "show", path)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["new", "hmm", "-o", "a.txt"], "a.txt does not end in .npz"),
        (
            ["new", "hmm", "-o", "/proc/a.npz"],
            "cannot write /proc/a.npz (No such file or directory); choose another file",
        ),
        (["new", "hm", "-o", "a.npz"], "unknown language 'hm'"),
        (["show", "nothere.npz"], "no language file nothere.npz"),
        (["sample", "hmm", "--length", "0"], "it must be 1 or more"),
        (["sample", "hmm", "--count", "-1"], "it must be 1 or more"),
        (["sample", "hmm", "--seed", "-1"], "it must be 0 or more"),
        (["sample", "permutation:items=4", "--length", "9"], "there are 4 items"),
    ],
)
def test_a_wrong_language_is_refused(refused, words, reason):
    assert reason in refused("language", *words)


@pytest.mark.parametrize("words", [["show"], ["plot", "-o", "a.png"], ["merge", "-o", "c.sqlite"]])
def test_what_is_no_store_is_refused_by_all_who_read_stores(refused, words):
    Path("text.txt").write_text("hello\n" * 200)
    connection = sqlite3.connect("foreign.sqlite")
    connection.execute("CREATE TABLE chunk (a)")
    connection.close()
    Path("folder.sqlite").mkdir()
    verb, *rest = words
    assert "there is no store nothere.sqlite" in refused(verb, "nothere.sqlite", *rest)
    line = refused(verb, "text.txt", *rest)
    assert "is not a store (no SQLite file); name one, which mdmtheory sweep --out FILE.sqlite makes" in line
    assert "store" in refused(verb, "foreign.sqlite", *rest)
    assert "is not a file" in refused(verb, "folder.sqlite", *rest)


def test_a_foreign_file_is_not_written_to(refused):
    Path("text.txt").write_text("hello\n" * 200)
    assert "is not a store" in refused(*SWEEP, "--out", "text.txt")
    assert Path("text.txt").read_text() == "hello\n" * 200


def test_a_newer_store_is_refused(refused, store):
    connection = sqlite3.connect(store)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for words in (["show", str(store)], [*SWEEP, "--out", str(store)]):
        assert "version 99, newer than" in refused(*words)


@pytest.mark.refutes("4.4")
@pytest.mark.parametrize("damage", ["DELETE FROM chunk", "UPDATE chunk SET sums = replace(sums, 'tokens', 'token')"])
def test_rows_that_were_changed_or_lost_are_named_in_one_line_and_measured_anew(run, store, damage):
    whole = run("show", str(store)).out
    connection = sqlite3.connect(store)
    connection.execute(f"{damage} WHERE task = (SELECT min(sha) FROM task)")
    connection.commit()
    connection.close()
    shown = run("show", str(store))
    assert shown.code == 0
    assert shown.out.count("\n") == whole.count("\n")  # the cell's other measurement
    [line] = shown.err.splitlines()
    assert line.startswith("mdmtheory: warning: left out of the results: task ")
    measured = run(*SWEEP, "--out", str(store), "--no-figure")
    assert measured.code == 0
    assert f"{store}: put in anew: task " in measured.err
    assert run("show", str(store)).out.split()[:-1] == whole.split()[:-1]  # the last word is the seconds that it took


def test_a_torn_store_is_refused(refused, store):
    content = store.read_bytes()
    store.write_bytes(content[: len(content) // 2])
    refused("show", str(store))


def test_a_store_that_a_sweep_is_writing_is_refused_to_another(refused, run, store):
    with Path(".store.sqlite.mdmtheory-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "is being written by another sweep" in refused(*SWEEP, "--out", str(store))
        assert run("show", str(store)).code == 0


def test_a_folder_that_cannot_be_made_is_refused(refused):
    Path("file").write_text("")
    assert "choose another --out" in refused(*SWEEP, "--out", "file/store.sqlite")
    assert "--figure" in refused(*SWEEP, "--out", "store.sqlite", "--figure", "file/a.png")


def test_a_folder_that_cannot_be_written_is_refused(refused):
    """In /proc nobody can make files, not even root."""
    assert "with --out" in refused(*SWEEP, "--out", "/proc/store.sqlite")


def test_a_disk_that_fills_is_one_line_and_loses_nothing(run, store):
    """A limit on the size of files stands in for the full disk: the same error reaches SQLite's writes."""
    before = run("show", str(store), "--format", "csv").out
    size = store.stat().st_size

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 4096, size + 4096))

    words = [*SWEEP, "--steps", "8", "--samples", "400000", "--out", str(store), "--no-figure"]
    done = subprocess.run(
        [sys.executable, "-m", "mdmtheory.cli.main", *words],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        preexec_fn=limited,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done
    assert done.stderr.splitlines()[-1].startswith("mdmtheory: error: cannot write ")
    assert "Traceback" not in done.stderr
    after = run("show", str(store), "--format", "csv").out
    assert after.startswith(before) or set(before.splitlines()) <= set(after.splitlines())


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--x", "lenght"], "cannot draw against 'lenght' (did you mean 'length'?)"),
        (["--y", "serr"], "cannot draw 'serr' (did you mean 'ser'?); draw one of ser"),
        (["--x", "colour"], "cannot draw against 'colour'; draw against one of steps"),
        (["--y", "loss"], "cannot draw 'loss'; draw one of ser"),
        (["--hue", "metric"], "cannot colour by 'metric'"),
        (["--label", "hmm"], "--label 'hmm' is not OLD=NEW"),
        (["--label", "nobody=me"], "nothing here is called 'nobody'"),
        (["--order", "nobody"], "nothing here is called 'nobody'"),
        (["--width", "wide"], "width is wide; give column, page or inches"),
        (["--palette", "nobody"], "there is no palette 'nobody'"),
        (["--where", "steps > 1000000"], "no row has steps > 1000000"),
        (
            ["--y", "ser_scored"],
            "no values of 'ser_scored' to draw; the metrics here: cross_entropy, ser, ter, ter_ratio",
        ),
        (["-o", "a.jpg"], "end it in .png, .svg or .pdf"),
        (["-o", "folder.png"], "is a folder"),
        (["--level", "2"], "level is 2.0"),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_refused(refused, store, words, reason):
    Path("folder.png").mkdir()
    assert reason in refused("plot", str(store), "-o", "a.png", *words)


SCHEDULE = ["schedule", "--length", "16", "--steps", "4", "--no-figure"]
HEADER = "mask_ratio,loss,stderr\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "no language; give --lang or --curve"),
        (["--lang", "hmm", "--curve", "losses.csv"], "both --lang and --curve are given"),
        (["--lang", "hm"], "unknown language 'hm'"),
        (["--lang", "permutation:items=4"], "length is 16, and there are 4 items"),
        (["--curve", "nothere.csv"], "cannot read nothere.csv: No such file"),
        (["--curve", "."], "cannot read .: Is a directory"),
        (["--curve", "losses.csv", "--steps", "17"], "steps is 17, more than the length 16"),
        (["--curve", "losses.csv", "--steps", "0"], "steps is 0"),
        (["--curve", "losses.csv", "--steps", "8..4"], "runs backwards"),
        (["--curve", "losses.csv", "--length", "1"], "length is 1; it must be 2 or more"),
        (["--curve", "losses.csv", "--level", "1"], "level is 1.0"),
        (["--curve", "losses.csv", "--seed", "-1"], "it must be 0 or more"),
        (["--lang", "hmm", "--count", "1"], "count is 1; pass 50 or more"),
        (["--curve", "losses.csv", "--schedule", "sine"], "unknown schedule 'sine'"),
        (["--curve", "losses.csv", "--schedule", "file:path=sizes.txt"], "has a number of steps of its own"),
        (["--curve", "losses.csv", "--format", "yaml"], "yaml"),
    ],
)
def test_a_wrong_schedule_is_refused(refused, words, reason):
    Path("losses.csv").write_text(HEADER + "0.5,1,0.1\n1,2,0.1\n")
    Path("sizes.txt").write_text("8 8")
    assert reason in refused(*SCHEDULE, *words)


def test_a_schedule_needs_steps(refused):
    assert "steps is missing; give --steps" in refused("schedule", "--lang", "hmm")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds no table"),
        (bytes(range(128, 256)), "it is not a text file"),
        (b"ratio,loss\n0.5,1\n1,2\n", "has no column mask_ratio, but ratio, loss"),
        (b"mask_ratio,loss\n0.5,1\n1,nan\n", "has loss nan in row 2"),
        (b"mask_ratio,loss\n0.5,-1\n1,2\n", "has loss -1 in row 1"),
        (b"mask_ratio,loss\n0,1\n1,2\n", "has mask_ratio 0 in row 1; it must be above 0 and at most 1"),
        (b"mask_ratio,loss\n0.5,1\n1.1,2\n", "has mask_ratio 1.1 in row 2"),
        (b"mask_ratio,loss\n0.5,1\n0.5,2\n", "has mask ratio 0.5 in rows 1 and 2"),
        (b"mask_ratio,loss\n0.5,1\n", "has 1 rows"),
        (b"mask_ratio,loss\n0.5,much\n1,2\n", "has loss 'much', which is no number"),
    ],
)
def test_losses_that_are_none_are_refused(refused, content, reason):
    Path("losses.csv").write_bytes(content)
    assert reason in refused(*SCHEDULE, "--curve", "losses.csv")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--figure", "a.jpg"], "end it in .png, .svg or .pdf"),
        (["--figure", "folder.png"], "is a folder"),
        (["--figure", "file/a.png"], "takes no files; choose another --figure"),
        (["--figure", "/proc/a.png"], "takes no files; choose another --figure"),
        (["--sizes-out", "file/a.txt"], "takes no files; choose another --sizes-out"),
        (["--sizes-out", "/proc/a.txt"], "takes no files; choose another --sizes-out"),
        (["--sizes-out", "folder.png"], "is a folder"),
    ],
)
def test_a_schedule_that_could_not_be_written_is_refused_before_the_work(refused, words, reason):
    """The language would be refused too, but only when the work begins."""
    Path("file").write_text("")
    Path("folder.png").mkdir()
    assert reason in refused("schedule", "--lang", "hm", "--length", "16", "--steps", "4", *words)


def test_merging_never_overwrites(refused, store, run):
    run(*SWEEP, "--out", "other.sqlite", "--no-figure")
    assert "exists already" in refused("merge", "store.sqlite", "-o", "other.sqlite")


@pytest.mark.refutes("1.7")
@pytest.mark.parametrize(
    "words",
    [
        ["sweep", "--lang", "parity", "--steps", "2", "--length", "4", "--samples", "10", "--no-figure"],
        ["language", "sample", "parity"],
        ["schedule", "--lang", "parity", "--steps", "2", "--length", "4", "--count", "10", "--no-figure"],
    ],
    ids=["sweep", "sample", "schedule"],
)
def test_a_seed_that_no_store_holds_is_refused_before_anything_is_measured(run, words):
    done = run(*words, "--seed", str(2**63))
    assert done.code == 2
    assert str(2**63 - 1) in done.err
    assert not list(Path().iterdir())


@pytest.mark.refutes("2.4")
@pytest.mark.parametrize("name", ["dir/foo", "foo.yaml", "foo.NPZ", "./hmm", "~/q", "there", "there.txt", "."])
@pytest.mark.parametrize("words", [["language", "show"], ["sweep", "--steps", "2", "--no-figure", "--lang"]])
def test_what_can_only_be_a_file_is_called_one(run, words, name):
    Path("there").touch()
    Path("there.txt").touch()
    done = run(*words, name)
    assert done.code == 2
    assert f"language file {name}" in done.err or f"{name} is no language file" in done.err
    assert "end in .npz" in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.refutes("2.4")
def test_a_path_that_is_no_saved_language_is_refused_in_python():
    import mdmtheory as mt

    for path in (Path("hmm"), Path("dir/foo.txt"), "dir/hmm:states=4"):
        with pytest.raises(ValueError, match="no language file"):
            mt.as_language(path)


def test_a_file_beside_that_has_a_languages_name_is_not_meant(run):
    Path("parity").touch()
    assert run("language", "show", "parity").code == 0
