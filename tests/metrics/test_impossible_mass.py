"""z as a measure that adds up, against sums over every context; and that it stands beside the SER of a network."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.metrics.impossible_mass import AskedContexts, ImpossibleMass
from mdmtheory.metrics.learning_error import learning_error
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.metric import Measured
from mdmtheory.metrics.sums import Sums
from mdmtheory.sweeps.building import Builder
from mdmtheory.sweeps.tasks import tasks_of
from tests.metrics.test_learning_error import BIGRAM, LENGTH, Limited, any_sets, blocks, exact_means, prefixes
from tests.networks.runs import written_run

BLIND = mt.Window(BIGRAM, width=0)
LANGUAGE = "ngram:order=2,vocab_size=5"


def z_of(model, count=2000, level=0.9999, **of):
    [sums] = AskedContexts().count([model], Sequences(BIGRAM, LENGTH, 1, 0, count, **of))
    return ImpossibleMass().estimate(Measured(sums, LENGTH), level)


@pytest.mark.parametrize(
    ("model", "sets"),
    [
        (mt.MaskedDiffusion(BLIND, steps=1), any_sets),
        (mt.Autoregressive(Limited(BLIND, "left")), prefixes),
        (mt.BlockDiffusion(Limited(BLIND, "block", 2), block=2, steps=2), lambda: blocks(2)),
    ],
)
def test_it_is_the_enumerated_mean_of_the_contexts_that_a_denoiser_sees(model, sets):
    mass = exact_means(BIGRAM, BLIND, list(sets()))[1]
    found = z_of(model)
    assert found.low <= mass <= found.high
    assert found.high - found.low < mass / 5


@pytest.mark.parametrize("noise", ["uniform", "gaussian"])
def test_under_a_noise_it_is_that_of_its_levels(noise):
    model = {"uniform": mt.UniformDiffusion, "gaussian": mt.GaussianDiffusion}[noise]
    denoiser = mt.Perturbed(mt.Oracle(BIGRAM), epsilon=0.3)
    found = z_of(model(denoiser, steps=3), count=150)
    many = learning_error(denoiser, BIGRAM, LENGTH, count=800, noise=noise, level=0.9999).z
    assert found.low <= many.high
    assert many.low <= found.high


def test_models_that_are_measured_together_have_each_its_own():
    """One denoiser sees less through noise on vectors that are close to one another."""
    vectors = np.eye(BIGRAM.vocab_size)
    denoiser = mt.Perturbed(mt.Oracle(BIGRAM), epsilon=0.3)
    models = [mt.GaussianDiffusion(denoiser, steps=2, embedding=scale * vectors) for scale in (0.1, 5.0)]
    of = Sequences(BIGRAM, LENGTH, 1, 0, 40)
    alone = [AskedContexts().count([each], of)[0] for each in models]
    assert alone[0]["impossible"] != alone[1]["impossible"]
    assert [dict(each) for each in AskedContexts().count(models, of)] == [dict(each) for each in alone]


@pytest.mark.parametrize("model", [mt.MaskedDiffusion(BLIND, steps=2), mt.UniformDiffusion(mt.Oracle(BIGRAM), steps=2)])
def test_parts_add_up_whatever_they_are(model):
    def part(first, count):
        return AskedContexts().count([model], Sequences(BIGRAM, LENGTH, 0, first, count))[0]

    whole, parts = part(0, 30), Sums.over([part(0, 7), part(7, 20), part(27, 3)])
    assert dict(parts) == pytest.approx(dict(whole), rel=1e-12)


def test_models_of_one_denoiser_ask_it_once():
    denoiser = Limited(BLIND, batch=16)
    models = [mt.MaskedDiffusion(denoiser, steps=steps) for steps in (1, 2, 3)]
    sums = AskedContexts().count(models, Sequences(BIGRAM, LENGTH, 0, 0, 16))
    assert len(denoiser.opened) == 1
    assert sums[0] == sums[1] == sums[2]


def test_it_comes_with_the_ser_of_a_network_and_of_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written_run(tmp_path / "runs/x", language=LANGUAGE, length=6)

    def measures(**changed):
        [cell] = mt.cells(LANGUAGE, **{"length": 6, "steps": 2, "samples": 64, "metrics": "ser", **changed})
        return [task.measure for task in tasks_of(cell, *Builder().build(cell))]

    assert measures() == ["draw"]
    assert measures(denoiser="perturbed:epsilon=0.1") == ["draw"]
    assert measures(denoiser="perturbed:epsilon=0.1", metrics="ser,z") == ["draw", "contexts"]
    assert measures(denoiser="runs/x") == ["draw", "contexts"]
    assert measures(denoiser="runs/x", metrics="ter") == ["score"]
    assert measures(denoiser="runs/x", metrics="ser_walk") == ["walks", "contexts"]
    assert measures(denoiser="runs/x", prompt="prefix:size=2") == ["draw", "contexts"]
    with pytest.raises(ValueError, match="metric z is of one"):
        measures(model="ar", metrics="z")

    [cell] = mt.cells(LANGUAGE, length=6, steps=2, samples=64, metrics="ser", denoiser="runs/x")
    frame = mt.collect([cell], out=tmp_path / "s.sqlite", workers=1)
    assert list(frame["metric"]) == ["ser", "z"]
