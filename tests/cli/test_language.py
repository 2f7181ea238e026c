from __future__ import annotations

import numpy as np

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
