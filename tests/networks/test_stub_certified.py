"""Stub networks are certified as any denoiser is, and answers that are not those of their laws are refuted."""

import numpy as np
import pytest
import torch

import mdmtheory as mt
from mdmtheory.networks.answers import TensorAnswers
from mdmtheory.networks.canvas import NetworkCanvas
from tests.networks.stub import Stub


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_stub_passes_what_denoisers_are_tried_for(dtype):
    report = mt.check_denoiser(Stub(3, 16, dtype=dtype))
    failed = [f"{each.name}: {each.seen}" for each in report.checks if each.passed is False]
    assert not failed
    assert next(each for each in report.checks if each.name == "answers").passed is True


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
