"""Faults of plug-ins on the command line: one line with the plug-in's name, and exit 2."""

from __future__ import annotations

import sys

import pytest

from mdmtheory.cli import main as program
from mdmtheory.conformance import subjects
from mdmtheory.conformance.settings import untied

refutes = pytest.mark.refutes

FAULTY = """
import sys
import numpy as np
from mdmtheory import MaskedDiffusion, Oracle, Parity, Spec
from mdmtheory.oracles.canvas import ConditionalsCanvas
from mdmtheory.samplers.budgeted import Confidence
from mdmtheory.samplers.protocol import State

FAULTS = {
    "exit0": lambda: sys.exit(0),
    "exit1": lambda: sys.exit(1),
    "key": lambda: {}["nothing here"],
    "stop": lambda: next(iter(())),
    "deep": lambda: deep(),
    "wide": lambda: np.zeros(3) + np.zeros(4),
}

def deep():
    return deep() + 1

class Language(Parity):
    def __init__(self, *, at: str = "", fault: str = ""):
        super().__init__()
        self.__dict__.update(at=at, fault=fault)

def method(name):
    def call(self, *given, **options):
        if self.at == name:
            FAULTS[self.fault]()
        return getattr(Parity, name)(self, *given, **options)
    return call

for name in ("sample", "log_prob", "in_support", "oracle", "validate_length", "entropy_rate"):
    setattr(Language, name, method(name))

class Denoiser:
    noises = frozenset({"masked"})
    spec, identity = Spec.of("denoiser"), ["denoiser"]
    def __init__(self, language, *, at: str = "", fault: str = ""):
        self.oracle, self.vocab_size, self.at, self.fault = language.oracle(), language.vocab_size, at, fault
    def open(self, count, length, *, noise="masked", prompt=None, threads=None):
        if noise != "masked":
            raise ValueError(f"no {noise} noise; known: masked")
        if self.at == "open":
            FAULTS[self.fault]()
        return ConditionalsCanvas(self, count, length, prompt, threads)
    def conditionals(self, tokens, *, threads=None):
        if self.at == "conditionals":
            FAULTS[self.fault]()
        return self.oracle.conditionals(tokens, threads=threads)

class Sampler:
    uses_steps = uses_schedule = remasks = False
    context_only = True
    spec, identity = Spec.of("sampler"), ["sampler"]
    def __init__(self, *, at: str = "", fault: str = ""):
        self.at, self.fault = at, fault

def step(name):
    def call(self, *given):
        if self.at == name:
            FAULTS[self.fault]()
        return getattr(Confidence(), name)(*given)
    return call

for name in ("init", "finished", "wants", "law", "step"):
    setattr(Sampler, name, step(name))

def model(language, denoiser, sampler, steps, schedule, *, at: str = "", fault: str = ""):
    made = Model(denoiser, sampler=sampler, steps=steps, schedule=schedule)
    made.at, made.fault = at, fault
    return made

class Model(MaskedDiffusion):
    def sample(self, *given, **options):
        if self.at == "sample":
            FAULTS[self.fault]()
        return super().sample(*given, **options)
    def log_prob(self, *given, **options):
        if self.at == "log_prob":
            FAULTS[self.fault]()
        return super().log_prob(*given, **options)

def no_schedule():
    return 7

def builds(*given, fault: str):
    FAULTS[fault]()

class Forgets(Sampler):
    def init(self, count, *given):
        return type("Bare", (), {"memory": np.zeros(count)})()
"""

FAULTS = ["exit0", "exit1", "key", "stop", "deep", "wide"]
SWEEP = ["sweep", "--lang", "parity", "--length", "6", "--samples", "20", "--steps", "2", "--metrics", "ser,ter", "-q"]
SWEEP += ["--out", "s.sqlite", "--denoiser", "oracle"]


@pytest.fixture(autouse=True)
def _faulty(tmp_path):
    (tmp_path / "faulty.py").write_text(FAULTY)


def swept(kind, spec):
    words = [*SWEEP]
    if kind in ("lang", "denoiser"):
        words[words.index(f"--{kind}") + 1] = spec
        return words
    return [*words, f"--{kind}", spec]


@refutes("5.1")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("kind", "at"),
    [
        ("lang", "sample"),
        ("lang", "log_prob"),
        ("lang", "in_support"),
        ("lang", "oracle"),
        ("lang", "validate_length"),
        ("denoiser", "open"),
        ("denoiser", "conditionals"),
        ("sampler", "init"),
        ("sampler", "finished"),
        ("sampler", "wants"),
        ("sampler", "law"),
        ("sampler", "step"),
        ("model", "sample"),
        ("model", "log_prob"),
    ],
)
def test_a_plug_in_that_fails_ends_a_sweep_in_one_line_of_its_own(refused, kind, at, fault):
    name = {"lang": "Language", "denoiser": "Denoiser", "sampler": "Sampler", "model": "model"}[kind]
    line = refused(*swept(kind, f"faulty:{name}:at={at},fault={fault}"))
    assert f"faulty:{name}" in line or name.lower() in line
    said = {"exit0": "sys.exit(0)", "exit1": "sys.exit(1)", "key": "nothing here", "stop": "StopIteration"}
    assert {**said, "deep": "RecursionError", "wide": "broadcast"}[fault] in line


@refutes("5.1")
@pytest.mark.parametrize("fault", ["exit0", "exit1"])
@pytest.mark.parametrize("kind", ["lang", "denoiser", "sampler", "model"])
def test_a_plug_in_that_leaves_while_it_is_built_is_told_so(refused, kind, fault):
    line = refused(*swept(kind, f"faulty:builds:fault={fault}"))
    assert "faulty:builds" in line
    assert "SystemExit" in line


@refutes("5.1")
def test_a_module_that_leaves_while_it_is_imported_is_told_so(refused, tmp_path):
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(0)\n")
    assert "module 'leaves' does not import (SystemExit" in refused(*swept("sampler", "leaves:Sampler"))
    assert "module 'leaves' does not import (SystemExit" in refused("certify", "leaves:Sampler")


@refutes("5.1")
def test_a_state_without_take_is_the_samplers_fault(refused):
    line = refused(*swept("sampler", "faulty:Forgets"))
    assert "faulty:Forgets" in line
    assert "`init` returned a Bare as state; return a mdmtheory.samplers.protocol.State, with `take`" in line


@refutes("5.1")
@pytest.mark.parametrize(
    ("words", "at"),
    [
        (["language", "sample", "LANG", "--length", "4"], "sample"),
        (["language", "show", "LANG"], "entropy_rate"),
        (["schedule", "--lang", "LANG", "--length", "6", "--steps", "2"], "sample"),
        (["schedule", "--lang", "LANG", "--length", "6", "--steps", "2"], "log_prob"),
        (["bounds", "--lang", "LANG", "--length", "6", "--steps", "2"], "validate_length"),
    ],
)
@pytest.mark.parametrize("fault", ["exit0", "key"])
def test_every_verb_that_asks_a_language_names_it(refused, words, at, fault):
    lang = f"faulty:Language:at={at},fault={fault}"
    line = refused(*(lang if word == "LANG" else word for word in words))
    assert lang in line
    assert ("sys.exit(0)" if fault == "exit0" else "nothing here") in line


@refutes("5.1")
def test_a_leaderboard_names_the_plug_in(refused, tmp_path):
    (tmp_path / "mine.toml").write_text(
        '[[sweep]]\nlang = "parity"\nlength = 6\nsteps = 2\nsamples = 20\n'
        'sampler = "faulty:Sampler:at=step,fault=exit0"\n'
    )
    line = refused("leaderboard", "mine.toml", "--out", "b.sqlite", "-q")
    assert "faulty:Sampler" in line or "sampler sampler" in line
    assert "sys.exit(0)" in line


@refutes("5.1")
@pytest.mark.parametrize(
    "what", ["Sampler:at=step,", "Language:at=in_support,", "Denoiser:at=conditionals,", "model:at=sample,"]
)
def test_certify_says_what_left(run, what, monkeypatch, tmp_path):
    monkeypatch.setattr(subjects, "small_languages", lambda: untied()[:1])
    name, _, options = what.partition(":")
    made = dict(each.split("=") for each in (options + "fault=exit0").split(","))
    with (tmp_path / "faulty.py").open("a") as module:
        takes = {"Denoiser": "language, ", "model": "language, "}.get(name, "")
        given = {"Denoiser": "language, ", "model": "language, Oracle(language), 'ancestral', 2, 'linear', "}.get(
            name, ""
        )
        module.write(f"\ndef tried({takes}): return {name}({given}**{made})\n")
    outcome = run("certify", "faulty:tried")
    assert outcome.code == 1
    assert "sys.exit(0)" in outcome.out or "SystemExit" in outcome.out, outcome


@refutes("5.1")
@pytest.mark.parametrize("code", [0, 1, None, "gone"])
def test_an_exit_from_anywhere_else_is_no_success_and_no_broken_pipe(run, monkeypatch, code):
    monkeypatch.setattr(program, "app", lambda *given, **options: sys.exit(code))
    outcome = run("list")
    assert outcome.code == 2
    assert outcome.err.splitlines() == [f"mdmtheory: error: a plug-in called sys.exit({code!r}); let it raise an error"]


@refutes("5.1")
def test_a_schedule_that_is_none_is_refused(refused):
    line = refused(*SWEEP, "--schedule", "faulty:no_schedule")
    assert "schedule faulty:no_schedule is a int; make a mdmtheory.Schedule" in line
