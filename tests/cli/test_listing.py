from __future__ import annotations

import re

import numba
import pytest

from mdmtheory.core.register import Register

KINDS = {
    "languages": "lang",
    "samplers": "sampler",
    "models": "model",
    "schedules": "schedule",
    "denoisers": "denoiser",
    "prompts": "prompt",
    "metrics": "metrics",
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_is_listed_with_what_it_is(run, kind):
    header, *lines = run("list", kind).out.splitlines()
    assert header.startswith(f"{kind} (--{KINDS[kind]})")
    listed = {re.split(r"\s{2,}", line)[0]: re.split(r"\s{2,}", line) for line in lines}
    assert set(listed) == set(Register(kind.removesuffix("s")))
    assert all(len(words) == 3 and words[2] for words in listed.values())


def test_everything_is_listed_by_default(run):
    assert run("list").out == "\n".join(run("list", kind).out for kind in (*KINDS, "statements", "examples"))


@pytest.mark.parametrize("kind", [*KINDS, "statements", "examples"])
def test_a_kind_may_be_asked_for_in_the_singular(run, kind):
    assert run("list", kind.removesuffix("s")).out == run("list", kind).out


def test_statements_are_listed_by_the_ids_that_bounds_takes(run):
    from mdmtheory.theory import statements

    lines = run("list", "statements").out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(statements())
    assert [line.split()[1] == "conjecture" for line in lines] == [each.conjecture for each in statements().values()]


def test_examples_are_listed_with_what_they_say_of_themselves(run):
    lines = {line.split()[0]: line for line in run("list", "examples").out.splitlines()[1:]}
    assert "SER against steps for four orders of revealing" in lines["order"]


def test_options_have_their_defaults_and_what_must_be_given_is_shown_so(run):
    assert "states=32, vocab_size=8" in run("list", "languages").out
    assert "epsilon=..." in run("list", "denoisers").out


def test_a_metric_that_cannot_be_asked_for_is_listed_with_what_brings_it(run):
    lines = {line.split()[0]: line for line in run("list", "metrics").out.splitlines()[1:]}
    assert {name for name, line in lines.items() if "with --check" in line} == {"effective_size", "ser_scored"}


def test_info_names_versions_and_the_folder_of_kernels(run, monkeypatch, tmp_path):
    lines = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in run("info").out.splitlines())
    assert lines["numba"] == numba.__version__
    assert "kernels" in lines
    assert "for this process" in lines["processors"]
