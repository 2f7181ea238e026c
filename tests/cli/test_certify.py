from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.conformance import samplers, subjects
from mdmtheory.conformance.report import Check, Report, merged
from mdmtheory.conformance.settings import untied
from mdmtheory.conformance.subjects import REGISTRIES, everything_built_in

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"
EXAMPLE = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)[0]

BROKEN = """
from stroll import Stroll

class Drifting(Stroll):
    count = 0
    def step(self, state, tokens, wanted, marginals, drawn):
        self.count += 1
        state, after = super().step(state, tokens, wanted, marginals, drawn)
        return state, after if self.count % 2 else tokens

class Lacking:
    spec = Stroll.spec
    def init(self): ...
    def wants(self): ...

def of_two(language, other):
    return Stroll()

def fails():
    raise KeyError("nothing here")

def oracle(language):
    return language.oracle()

def half(language):
    from mdmtheory.oracles.canvas import ConditionalsCanvas
    oracle = language.oracle()
    oracle._canvas = lambda *given: ConditionalsCanvas(oracle, *given)
    exact = oracle.conditionals
    oracle.conditionals = lambda tokens, threads=None: exact(tokens) / 2
    return oracle

def reader(language):
    from mdmtheory import Autoregressive
    return Autoregressive(language)

def as_typed(language, denoiser, sampler, steps, schedule, *, twice: bool = False):
    from mdmtheory import MaskedDiffusion
    return MaskedDiffusion(denoiser, sampler=sampler, steps=2 * steps if twice else steps, schedule=schedule)

def sampler_from(language):
    return Stroll()

instance = Stroll()
number = 3
"""


@pytest.fixture(autouse=True)
def _one_small_language(monkeypatch):
    monkeypatch.setattr(subjects, "small_languages", lambda: untied()[:1])


@pytest.fixture(autouse=True)
def _modules(tmp_path):
    (tmp_path / "stroll.py").write_text(EXAMPLE)
    (tmp_path / "broken.py").write_text(BROKEN)
    (tmp_path / "torn.py").write_text("import no_such_thing_at_all\n")
    (tmp_path / "odd.py").write_text("raise RuntimeError('two\\nlines')\n")


@pytest.fixture
def briefly(monkeypatch):
    """The first checks of a sampler alone, where it matters only how it is found; the example itself has them all."""
    monkeypatch.setattr("mdmtheory.conformance.samplers.TRIALS", samplers.TRIALS[:3])


def test_the_example_of_the_document_is_certified(run):
    outcome = run("certify", "stroll:Stroll")
    assert outcome.code == 0, outcome
    header, *lines = outcome.out.splitlines()
    assert header.startswith("sampler stroll")
    assert all(re.search(r"  (passed|does not apply)  ", line) for line in lines)


def test_the_example_has_twenty_lines():
    body = EXAMPLE.split("class Stroll:")[1]
    assert len([line for line in body.splitlines() if line.strip()]) <= 20


def test_a_failed_check_is_told_and_is_exit_one(run):
    outcome = run("certify", "broken:Drifting")
    assert outcome.code == 1
    assert "fails `progress`" in outcome.out
    for word in ("seen: ", "expected: every step sets a token", "to mend it: set at least one"):
        assert word in outcome.out


def test_json_has_every_check(run):
    outcome = run("certify", "broken:half", "-f", "json")
    assert outcome.code == 1
    lines = json.loads(outcome.out)
    failed = {line["check"] for line in lines if line["passed"] is False}
    assert {"normalised", "claim"} <= failed
    assert {line["kind"] for line in lines} == {"denoiser"}
    assert all(line[key] for line in lines for key in ("name", "seen", "expected", "mend"))


@pytest.mark.usefixtures("briefly")
@pytest.mark.parametrize(
    "subject",
    ["broken:instance", "broken:oracle", "broken:reader", "broken:as_typed:twice=true", "parity", "ar"],
)
def test_what_is_sound_passes(run, subject):
    outcome = run("certify", subject)
    assert outcome.code == 0, outcome


def test_a_saved_language_and_several_subjects(run, tmp_path):
    mt.as_language("ngram:order=2,vocab_size=3").save(tmp_path / "mine.npz")
    outcome = run("certify", "mine.npz", "repetition:vocab_size=2")
    assert outcome.code == 0, outcome
    assert [line.split()[0] for line in outcome.out.splitlines()[1:]] == ["language", "language"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["strid"], "nothing named 'strid' (did you mean 'stride'?)"),
        (["stride", "--kind", "model"], "nothing named 'stride'"),
        (["stroll:Stroll", "--kind", "language"], "stroll:Stroll is a sampler; leave --kind out"),
        (["stroll:Stroll:pace=2"], "plug-in 'stroll:Stroll' has no option 'pace'; it takes none"),
        (["threshold"], "needs tau=..."),
        (["threshold:tau=2"], "tau is 2"),
        (["confidence:warmth=1"], "has no option 'warmth'"),
        (["nowhere:thing"], "module 'nowhere' does not import"),
        (["torn:thing"], "No module named 'no_such_thing_at_all'"),
        (["odd:thing"], "RuntimeError: two lines"),
        (["stroll:Strolls"], "'stroll' has no 'Strolls'"),
        (["broken:number"], "broken:number is no Language"),
        (["broken:Lacking"], "Lacking has no context_only, finished"),
        (["broken:of_two"], "broken:of_two needs 2 arguments"),
        (["broken:fails"], "broken:fails raised KeyError when called: 'nothing here'"),
        (["broken:sampler_from"], "makes a sampler from a language"),
        (["missing.npz"], "no language file missing.npz"),
        ([], "name what to certify"),
        (["--all", "stride"], "not both"),
        (["stride", "--format", "csv"], "--format"),
    ],
)
def test_what_cannot_be_tried_is_refused_in_one_line(refused, words, message):
    assert message in refused("certify", *words)


class Point:
    """An entry point of an installed package."""

    def __init__(self, name, value, load):
        self.name, self.value, self.load = name, value, load


def fails():
    raise ImportError("no module named\nstroll")


@pytest.mark.parametrize(
    ("group", "words"),
    [
        ("samplers", ["certify", "theirs"]),
        ("samplers", ["sweep", "--lang", "parity", "--length", "4", "--steps", "2", "--sampler", "theirs"]),
        ("languages", ["sweep", "--lang", "theirs", "--length", "4", "--steps", "2"]),
        ("denoisers", ["sweep", "--lang", "parity", "--length", "4", "--steps", "2", "--denoiser", "theirs"]),
        ("models", ["sweep", "--lang", "parity", "--length", "4", "--steps", "2", "--model", "theirs"]),
    ],
)
@pytest.mark.parametrize("fault", ["import", "members"])
def test_installed_plug_ins_that_cannot_be_used_are_refused_in_one_line(refused, monkeypatch, group, words, fault):
    load = fails if fault == "import" else (lambda: lambda *arguments: object())
    points = {f"mdmtheory.{group}": [Point("theirs", "theirs:Thing", load)]}
    monkeypatch.setattr("mdmtheory.core.register.entry_points", lambda group: points.get(group, []))
    reason = refused(*words)
    assert ("does not import" if fault == "import" else "object has no") in reason


@pytest.mark.parametrize("words", [["certify", "theirs"], ["sweep", "--lang", "parity", "--sampler", "theirs"]])
@pytest.mark.parametrize(
    ("found", "message"),
    [
        (np, "sampler 'theirs' of an installed package is a module; register a class or a function"),
        (lambda: {}["nothing"], "sampler 'theirs', which is a plug-in, raised KeyError: 'nothing'"),
        (lambda asked: asked, "raised TypeError"),
    ],
)
def test_installed_plug_ins_that_fail_when_built_are_refused_in_one_line(refused, monkeypatch, words, found, message):
    points = {"mdmtheory.samplers": [Point("theirs", "theirs:Thing", lambda: found)]}
    monkeypatch.setattr("mdmtheory.core.register.entry_points", lambda group: points.get(group, []))
    assert message in refused(*words)


def test_an_installed_sampler_that_breaks_its_protocol_ends_a_sweep_in_one_line(refused, monkeypatch):
    space: dict[str, Any] = {}
    exec(compile(EXAMPLE, "stroll.py", "exec", dont_inherit=True), space)
    monkeypatch.setattr(space["Stroll"], "step", lambda self, state, tokens, *rest: (state, tokens.copy()))
    points = {"mdmtheory.samplers": [Point("stroll", "stroll:Stroll", lambda: space["Stroll"])]}
    monkeypatch.setattr("mdmtheory.core.register.entry_points", lambda group: points.get(group, []))
    words = ["sweep", "--lang", "parity", "--length", "2", "--sampler", "stroll", "--samples", "1", "--out", "a.sqlite"]
    assert "sampler stroll set no token in a step" in refused(*words)


class Theirs:
    """A model with the members of the protocol and no other; it takes no denoiser, sampler or schedule apart."""

    spec, identity = mt.Spec.of("theirs"), ["theirs"]

    def __init__(self, language, *arguments):
        self.inside = mt.Autoregressive(language)
        self.vocab_size = language.vocab_size

    def sample(self, *arguments, **options):
        return self.inside.sample(*arguments, **options)

    def log_prob(self, *arguments, **options):
        return self.inside.log_prob(*arguments, **options)


def test_an_installed_model_is_swept(run, monkeypatch):
    points = {"mdmtheory.models": [Point("theirs", "theirs:Theirs", lambda: Theirs)]}
    monkeypatch.setattr("mdmtheory.core.register.entry_points", lambda group: points.get(group, []))
    words = ["sweep", "--lang", "parity", "--length", "4", "--steps", "2", "--model", "theirs", "--samples", "1"]
    outcome = run(*words, "--check", "--out", "a.sqlite", "--no-figure")
    assert outcome.code == 0, outcome.err
    assert "parity, length 4, theirs, oracle, ancestral, linear, 2 steps" in outcome.out


def test_laws_of_another_shape_are_refused_in_one_line(spawn):
    """In a process of its own, where the shapes that signatures name are not checked."""
    code = f"""
{EXAMPLE}
import mdmtheory as mt
Stroll.law = lambda self, marginals: marginals[:, :-1]
mt.MaskedDiffusion(mt.Oracle(mt.Parity()), sampler=Stroll()).sample(1, 4, 0)
"""
    outcome = spawn(code)
    last = outcome.err.splitlines()[-1]
    assert last.endswith(
        "ProtocolError: sampler stroll: `law` made laws of shape (2, 1) from marginals of (2, 2); return one law "
        "for each"
    )


@pytest.mark.usefixtures("briefly")
def test_an_installed_sampler_is_certified_by_its_name(run, monkeypatch):
    space: dict[str, object] = {}
    exec(compile(EXAMPLE, "stroll.py", "exec", dont_inherit=True), space)
    points = {"mdmtheory.samplers": [Point("stroll", "stroll:Stroll", lambda: space["Stroll"])]}
    monkeypatch.setattr("mdmtheory.core.register.entry_points", lambda group: points.get(group, []))
    assert run("certify", "stroll").code == 0
    assert "stroll" not in {each.name for each in everything_built_in()}


def test_all_is_everything_that_is_registered_but_networks_which_need_a_run():
    every = list(everything_built_in())
    for kind, registry in REGISTRIES.items():
        trained = {name for name in registry.built_in if not registry.about(name).examples}
        assert {each.name.partition(":")[0] for each in every if each.kind == kind} == set(registry.built_in) - trained


def test_everything_built_in_is_certified(spawn):
    """In a process of its own, where no types are checked as the tests do, which takes three times as long."""
    outcome = spawn("import sys; from mdmtheory.cli.main import main; sys.exit(main(['certify', '--all']))")
    assert outcome.code == 0, outcome.out + outcome.err


def test_all_runs_each_suite_and_fails_with_one(run, monkeypatch):
    def small():
        for each in everything():
            if each.name in ("parity", "stride", "window:width=1"):
                yield each
        yield subjects.Certified("model", "bad", lambda: Report("model", "bad", (Check("law", False, "p", "q", "r"),)))

    everything = subjects.everything_built_in
    monkeypatch.setattr(subjects, "everything_built_in", small)
    outcome = run("certify", "--all")
    assert outcome.code == 1
    rows = [line.split() for line in outcome.out.splitlines()[1:5]]
    assert [row[1] for row in rows] == ["parity", "window:width=1", "stride", "bad"]
    assert [row[3] for row in rows] == ["0", "0", "0", "1"]
    assert run("certify", "--all", "--kind", "language").code == 0


def test_merged_reports_show_the_setting_that_failed():
    def report(name, *outcomes):
        checks = (Check(f"check {k}", each, f"{name} {k}", "", "") for k, each in enumerate(outcomes))
        return Report("model", name, tuple(checks))

    found = merged("all", [report("one", True, None, None), report("two", False, True, None)])
    assert [each.passed for each in found.checks] == [False, True, None]
    assert found["check 0"].seen == "two: two 0"
    assert not found.passed
    with pytest.raises(KeyError, match="known: check 0, check 1"):
        found["check 9"]


def test_the_checks_are_public():
    for name in ("check_language", "check_denoiser", "check_sampler", "check_model"):
        assert inspect.getdoc(getattr(mt, name))
