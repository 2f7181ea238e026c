"""Stub networks are certified as any denoiser is, and answers that are not those of their laws are refuted."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import mdmtheory as mt
from mdmtheory.core.plugins import ProtocolError
from mdmtheory.networks.answers import TensorAnswers
from mdmtheory.networks.canvas import NetworkCanvas
from tests.networks.stub import Stub

[NETWORK] = re.findall(
    r"```python\n((?:(?!```).)*?class Mine.*?)```",
    (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(),
    re.DOTALL,
)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_stub_passes_what_denoisers_are_tried_for(dtype):
    report = mt.check_denoiser(Stub(3, 16, dtype=dtype))
    failed = [f"{each.name}: {each.seen}" for each in report.checks if each.passed is False]
    assert not failed
    assert next(each for each in report.checks if each.name == "answers").passed is True


def test_the_network_of_the_page_runs_and_passes_with_a_small_vocabulary():
    space = {}
    exec(NETWORK, space)  # the example of docs/plugins.md
    space["Mine"].vocab_size = 7
    report = mt.check_denoiser(space["Mine"]())
    assert report.passed, str(report)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("draw", lambda self, uniforms: TensorAnswers(self.tensor, options=self.options).draw(1 - uniforms)),
        ("draw", lambda self, uniforms: TensorAnswers(self.tensor).draw(uniforms)),
        ("entropy", lambda self: TensorAnswers(self.tensor).entropy()),
        ("margin", lambda self: self.confidence()),
        ("log_prob_of", lambda self, tokens: np.log(self.chance_of(tokens) / 2)),
        ("confidence", lambda self: TensorAnswers(self.tensor, options=self.options).confidence() + 1e-3),
    ],
)
def test_answers_that_are_not_those_of_their_laws_are_refuted(name, found, monkeypatch):
    made = type("Wrong", (TensorAnswers,), {name: found})
    ask = NetworkCanvas.ask
    monkeypatch.setattr(NetworkCanvas, "ask", lambda *arguments, **options: made(ask(*arguments, **options).tensor))
    report = mt.check_denoiser(Stub(3, 16, dtype=torch.float64))
    assert next(each for each in report.checks if each.name == "answers").passed is False


def test_a_causal_stub_is_certified_as_a_model_too():
    model = mt.Autoregressive(Stub(3, 64, sees="left", dtype=torch.float64))
    report = mt.check_model(model)
    assert not [f"{each.name}: {each.seen}" for each in report.checks if each.passed is False]


class Nonsense:
    """Answers that are wrong in one thing."""

    def __init__(self, inside, wrong):
        self.inside, self.wrong, self.vocab_size = inside, wrong, inside.vocab_size

    def __len__(self):
        return len(self.inside)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.inside)

    def take(self, which):
        return Nonsense(self.inside.take(which), self.wrong)

    def under(self, options):
        return Nonsense(self.inside.under(options), self.wrong)

    def __getattr__(self, name):
        if name in self.wrong:
            return lambda *arguments: self.wrong[name](getattr(self.inside, name)(*arguments))
        return getattr(self.inside, name)


@pytest.mark.parametrize(
    ("method", "change", "said"),
    [
        ("draw", lambda found: found - 10, "returned -.*return integers from 0 to 2"),
        ("draw", lambda found: found * 0 + 3, "returned 3; return integers from 0 to 2"),
        ("draw", lambda found: found + 0.7, "return integers of shape"),
        ("draw", lambda found: found[:1], "return integers of shape"),
        ("log_prob_of", lambda found: found + 5, "return numbers from -inf to 0"),
        ("log_prob_of", lambda found: found * np.nan, "returned NaN"),
        ("confidence", lambda found: found + 2, "return numbers from 0 to 1"),
        ("confidence", lambda found: found[:1], "return numbers of shape"),
    ],
)
def test_what_a_plug_in_answers_is_checked_whenever_it_is_asked(method, change, said, monkeypatch):
    ask = NetworkCanvas.ask
    wrong = {method: change}
    monkeypatch.setattr(NetworkCanvas, "ask", lambda *given, **told: Nonsense(ask(*given, **told), wrong))
    model = mt.MaskedDiffusion(Stub(3, 16), sampler="confidence", steps=2)
    with pytest.raises(ProtocolError, match=f"denoiser stub.*`{method}` of its answers.*{said}"):
        model.sample(4, 4, 0)
    monkeypatch.setattr(NetworkCanvas, "ask", lambda *given, **told: Nonsense(ask(*given, **told), {}))
    assert (model.sample(4, 4, 0).tokens < 3).all()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("device", None, "name where it computes"),
        ("device", 7, "name where it computes"),
        ("computed", {"precision": torch.bfloat16}, "is no JSON value"),
        ("tolerance", 2, "how far sums may be off"),
        ("sees", "right", "known: all, left"),
        ("reveals", 0, "reveals is 0"),
    ],
)
def test_what_a_denoiser_says_of_itself_is_checked_where_it_comes_in(name, value, said):
    stub = Stub(3, 4)
    setattr(stub, name, value)
    with pytest.raises(ProtocolError, match=f"`{name}`.*{said}"):
        mt.MaskedDiffusion(stub, steps=2)
