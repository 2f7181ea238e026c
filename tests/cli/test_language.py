from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mdmtheory import HMM, PDFA, NGram, load_language
from mdmtheory.languages.presets import as_language


def test_samples_are_those_of_the_library_one_a_line(run):
    outcome = run("language", "sample", "ngram:order=2", "--count", "5", "--length", "7", "--seed", "3")
    printed = np.array([[int(token) for token in line.split(" ")] for line in outcome.out.splitlines()])
    assert (printed == as_language("ngram:order=2").sample(5, 7, seed=3)).all()


def test_many_samples_do_not_depend_on_how_they_are_printed(run, monkeypatch):
    whole = run("language", "sample", "hmm:states=4", "--count", "20", "--length", "8").out
    monkeypatch.setattr("mdmtheory.cli.language._AT_ONCE", 24)
    assert run("language", "sample", "hmm:states=4", "--count", "20", "--length", "8").out == whole


def test_a_saved_language_is_the_same_language(run):
    assert run("language", "new", "hmm:states=4,vocab_size=3", "-o", "saved.npz").code == 0
    shown = [run("language", "show", spec).out for spec in ("hmm:states=4,vocab_size=3", "saved.npz")]
    assert shown[0] == shown[1]
    samples = [run("language", "sample", spec).out for spec in ("hmm:states=4,vocab_size=3", "saved.npz")]
    assert samples[0] == samples[1]


def test_show_says_what_kind_of_number_the_entropy_rate_is(run):
    lines = dict(line.split("  ", 1) for line in run("language", "show", "ngram:order=2").out.splitlines())
    assert "(exact)" in lines["entropy rate"]
    assert lines["vocab_size"].strip() == "8"
    assert len(lines["digest"].strip()) == 64


def test_show_says_choices_as_they_are_typed(run):
    for spec in ("rotation:chain=after,given=joint", "ctree:given=none", "lists:kind=replace"):
        said = dict(line.split(None, 1) for line in run("language", "show", spec).out.splitlines() if " " in line)
        typed = dict(option.split("=") for option in spec.partition(":")[2].split(","))
        assert {name: said[name].strip() for name in typed} == typed


def test_a_problem_that_is_masked_names_the_form_that_draws_it(refused):
    for task in ("rotation", "arithmetic:operations=1", "addition:digits=1"):
        line = refused("sweep", "--lang", task, "--prompt", "none", "--steps", "2", "--samples", "4")
        assert f"given=joint, with which {task.partition(':')[0]} draws" in line


def test_a_language_fitted_to_a_text_is_swept(run):
    Path("text.txt").write_text("It was the best of times, it was the worst of times.\n")
    outcome = run("language", "fit", "text.txt", "--order", "3", "-o", "times.npz", "--vocab", "times.json")
    assert outcome.code == 0
    assert "27 tokens of text.txt are in times.npz" in outcome.err
    assert json.loads(Path("times.json").read_text())[:3] == [" ", "a", "b"]
    assert run("sweep", "--lang", "times.npz", "--length", "8", "--steps", "8", "--samples", "32").code == 0
    assert run("language", "fit", "text.txt", "--states", "2", "--units", "words", "-o", "words.npz").code == 0
    assert load_language("words.npz").vocab_size == 9
    Path("numbers.txt").write_text("0 1 2\n2 1\n")
    assert run("language", "fit", "numbers.txt", "--order", "2", "--units", "numbers", "-o", "numbers.npz").code == 0
    assert load_language("numbers.npz") == PDFA.fit([[0, 1, 2], [2, 1]], order=2)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("text.txt",), "pass --order of an n-gram, or --states"),
        (("text.txt", "--order", "2", "--states", "2"), "pass --order of an n-gram, or --states"),
        (("none.txt", "--order", "2"), "cannot read none.txt"),
        (("text.txt", "--order", "2", "--units", "word"), "did you mean 'words'"),
        (("text.txt", "--order", "2", "--units", "numbers"), "line 1: 'It' is no token"),
        (("text.txt", "--states", "2", "--smoothing", "add:1"), "smoothing add:1 is of n-grams"),
        (("text.txt", "--order", "2", "--smoothing", "most"), "unknown smoothing 'most'"),
        (("model.arpa", "--order", "2"), "fitted already"),
        (("text.arpa",), "lists so many n-grams"),
    ],
)
def test_what_no_language_is_fitted_to(refused, words, reason):
    Path("text.txt").write_text("It was the best of times.\n")
    Path("text.arpa").write_text("\\data\\\nngram 1=3\n\\end\\\n")
    assert reason in refused("language", "fit", *words, "-o", "x.npz")


def written(**tables):
    for name, text in tables.items():
        Path(f"{name}.csv").write_text(text)
    return [word for name in tables for word in (f"--{name}", f"{name}.csv")]


def test_a_language_of_two_tables_and_a_law_is_swept(run):
    words = written(initial="0.5\n0.5\n", transition=",a,b\na,.5,.5\nb,1,0\n", emission="1,0\n0,1\n")
    outcome = run("language", "new", "hmm", *words, "-o", "mine.npz")
    assert outcome.code == 0
    assert outcome.err.splitlines() == [
        "transition.csv: the first line and the first column taken for names",
        "hmm is in mine.npz; name it as --lang mine.npz",
    ]
    assert load_language("mine.npz") == HMM([0.5, 0.5], [[0.5, 0.5], [1, 0]], [[1, 0], [0, 1]])
    tables = written(initial="1/4,3/4", conditional="0,1\n.5,.5\n")
    assert run("language", "new", "ngram", *tables, "-o", "bigram.npz").code == 0
    assert load_language("bigram.npz") == NGram([0.25, 0.75], [[0, 1], [0.5, 0.5]])


def test_tables_of_something_else_are_refused_with_the_line_to_write(refused):
    words = written(initial="1", transition="1")
    line = "hmm --initial initial.csv --transition transition.csv --emission emission.csv -o FILE.npz"
    assert line in refused("language", "new", "hmm", *words, "-o", "m.npz")
    assert "ngram --initial initial.csv --conditional" in refused("language", "new", "ngram", *words, "-o", "m.npz")
    hint = "'ngrm' (did you mean 'ngram'?) is not made of tables; write affine or finite or"
    assert hint in refused("language", "new", "ngrm", *words, "-o", "m.npz")
    assert "'dyck' is not made of tables; write affine or finite or" in refused(
        "language", "new", "dyck", *words, "-o", "m.npz"
    )
    words = written(initial="1", transition=".9", emission="1")
    assert "transition.csv, line 1, sums to 0.9" in refused("language", "new", "hmm", *words, "-o", "m.npz")
