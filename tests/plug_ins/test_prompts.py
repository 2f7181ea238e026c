"""Prompts and what is somebody else's: languages that say what is given, models and denoisers that are told."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.defaults import ModelDefaults
from mdmtheory.core.plugins import ProtocolError
from mdmtheory.core.protocols import Samples
from mdmtheory.oracles.canvas import ConditionalsCanvas
from mdmtheory.prompts.registry import given_positions
from mdmtheory.sweeps import cells, collect, read

[HALVED] = re.findall(
    r"```python\n((?:(?!```).)*?class Halved.*?)```",
    (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(),
    re.DOTALL,
)
CHAIN = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0], [0, 0.6, 0.4], [0.55, 0, 0.45]])


class Task:
    """A language of one's own of which the last token is given."""

    vocab_size, spec, digest = 3, mt.Spec.of("task"), "the last token of a chain is given"
    said = staticmethod(lambda length: np.arange(length) == length - 1 if length > 1 else None)

    def __init__(self):
        for name in ("sample", "log_prob", "in_support", "entropy", "entropy_rate", "oracle", "validate_length"):
            setattr(self, name, getattr(CHAIN, name))

    def prompt(self, length):
        return self.said(length)

    def parameters(self):
        return {}


class Plain:
    """A denoiser of one's own, with a canvas."""

    vocab_size, spec, identity, noises = 3, mt.Spec.of("plain"), ["plain"], frozenset({"masked"})

    def conditionals(self, tokens, *, threads=None):
        return mt.Oracle(CHAIN).conditionals(tokens)

    def open(self, count, length, *, noise="masked", prompt=None, threads=None):
        return ConditionalsCanvas(self, count, length, prompt, threads)


class Own(ModelDefaults):
    """A model of one's own: q itself, given whatever is given."""

    vocab_size, spec, identity = 3, mt.Spec.of("own"), ["own"]
    takes_prompts = True
    kept = True

    def sample(self, count, length, seed, *, first=0, prompt=None, threads=None):
        drawn = mt.Autoregressive(CHAIN).sample(count, length, seed, first=first, prompt=prompt)
        if self.kept or prompt is None:
            return drawn
        return Samples(np.zeros_like(drawn.tokens), drawn.calls, drawn.rounds, drawn.impossible)

    def log_prob(self, tokens, seed=0, *, first=0, plans=1, prompt=None, threads=None):
        return mt.Autoregressive(CHAIN).log_prob(tokens, prompt=prompt)


class Old:
    """A model from before there were prompts."""

    vocab_size, spec, identity = 3, mt.Spec.of("old"), ["old"]

    def sample(self, count, length, seed, *, first=0, threads=None):
        return mt.Autoregressive(CHAIN).sample(count, length, seed, first=first)

    def log_prob(self, tokens, seed=0, *, first=0, plans=1, threads=None):
        return mt.Autoregressive(CHAIN).log_prob(tokens)


def test_a_language_of_ones_own_is_measured_given_what_it_says_is_given(tmp_path):
    p = mt.MaskedDiffusion(Plain(), sampler="stride", steps=1)
    assert mt.ser(p, Task(), 6, count=300) == mt.ser(p, Task(), 6, count=300, prompt="suffix:size=1")
    assert mt.ser(p, Task(), 6, count=300) != mt.ser(p, Task(), 6, count=300, prompt="none")
    wanted = cells(f"{__name__}:Task", length=6, steps=2, sampler="stride", samples=50)
    collect(wanted, out=tmp_path / "store.sqlite")
    assert set(read(tmp_path / "store.sqlite")["prompt"]) == {"own"}
    assert mt.check_language(Task())["prompt"].seen.endswith("63 of 64 lengths have a prompt")


def test_the_language_of_the_page_gives_its_first_half(tmp_path):
    space = {}
    exec(HALVED, space)  # the example of docs/plugins.md
    q = space["Halved"]([0.5, 0.5], [[0.5, 0.5], [0.9, 0.1]])
    assert given_positions("own", q, 9).text == "0-3"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (lambda length: np.arange(length), "return truth values of shape"),
        (lambda length: np.zeros(length + 1, dtype=bool), "return truth values of shape"),
        (lambda length: np.ones(length, dtype=bool), "all 6 positions are given"),
        (lambda length: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_a_language_that_says_no_positions_is_at_fault_by_name(said, reason, monkeypatch):
    monkeypatch.setattr(Task, "said", staticmethod(said))
    with pytest.raises(ProtocolError, match=reason) as error:
        mt.ser(mt.Autoregressive(CHAIN), Task(), 6)
    assert str(error.value).startswith("language task")
    assert "\n" not in str(error.value)


def test_a_language_may_refuse_a_length_for_its_prompt(monkeypatch):
    def short(length):
        raise ValueError(f"length {length} is too short for this task; pass 8 or more")

    monkeypatch.setattr(Task, "said", staticmethod(short))
    with pytest.raises(ValueError, match="too short for this task"):
        mt.ser(mt.Autoregressive(CHAIN), Task(), 6)
    assert mt.ser(mt.Autoregressive(CHAIN), Task(), 6, prompt="none").value == 0


def test_something_else_by_that_name_that_is_nothing_gives_nothing():
    task = Task()
    task.prompt = None
    assert given_positions("own", task, 6) is None


def test_what_a_language_returned_stays_its_own(monkeypatch):
    mine = np.array([True, False, False])
    monkeypatch.setattr(Task, "said", staticmethod(lambda length: mine))
    before = given_positions("own", Task(), 3)
    mine[:] = [False, True, False]
    assert before.positions.tolist() == [True, False, False]


def test_a_model_of_ones_own_that_takes_prompts_is_asked_with_them_and_held_to_them(monkeypatch):
    assert mt.check_model(Own(), CHAIN).passed
    assert mt.ser(Own(), CHAIN, 6, count=200, prompt="every:stride=2").value == 0
    assert mt.ter_ratio(Own(), CHAIN, 6, count=200, prompt="every:stride=2").value == pytest.approx(1)
    monkeypatch.setattr(Own, "kept", False)
    with pytest.raises(ProtocolError, match="changed what the prompt gives"):
        mt.ser(Own(), CHAIN, 6, count=200, prompt="every:stride=2")


def test_a_model_from_before_there_were_prompts_goes_on_and_refuses_them():
    assert mt.ser(Old(), CHAIN, 6, count=100).value == 0
    assert mt.ser(Old(), Task(), 6, count=100, prompt=None).value == 0
    for act in (mt.ser, mt.ter, mt.distances):
        with pytest.raises(ValueError, match="old takes no prompt"):
            act(Old(), Task(), 6, count=100)
