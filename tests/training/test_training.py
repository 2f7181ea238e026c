"""What a training says of itself, against closed forms: weights of zeros say the uniform law, which loses log V."""

import math

import pytest
import torch

import mdmtheory as mt
from mdmtheory.networks.architecture import Size
from mdmtheory.networks.transformer import Transformer
from mdmtheory.training.asked import Asked
from mdmtheory.training.parallel import joined
from mdmtheory.training.running import Place, begun
from mdmtheory.training.training import FINAL_BATCHES

LANGUAGE = mt.as_language("ngram:order=2,vocab_size=4")
LENGTH, ROWS, STEPS = 6, 4, 4
UNIFORM = math.log(LANGUAGE.vocab_size)


def training(seed=0):
    asked = Asked(
        objective="mdm",
        language=LANGUAGE,
        length=LENGTH,
        size=Size(layers=1, width=8, heads=2),
        tokens=STEPS * ROWS * LENGTH,
        batch=ROWS,
        minutes=None,
        data="fresh",
        targets="oracle",
        lr=0.1,
        level=None,
        seed=seed,
    )
    with joined("cpu") as processes:
        return begun(asked.settings(on_cuda=False), asked, Place("cpu", "float32", 1), processes)


@pytest.fixture(scope="module")
def learnt():
    """A training at its end, with its line of the history; its averaged weights are then zeros, and the others not."""
    found = training()
    losses = [found.progress().loss for _ in found.go_on()]
    found.learner.average.zero_()
    assert found.learner.weights.abs().max() > 0.1
    return found, losses, found.line()


def test_a_loss_is_in_nats_a_token(learnt):
    assert learnt[1][0] == pytest.approx(UNIFORM, rel=1e-6)  # a new network's outputs are zeros


def test_the_floor_of_a_line_is_the_mean_of_its_batches(learnt):
    found, _, line = learnt
    assert line.floor == pytest.approx(sum(found.batches.training(step).floor for step in range(STEPS)) / STEPS)


def test_a_line_has_the_rate_of_its_last_step(learnt):
    found, _, line = learnt
    assert line.learning_rate == found.optimising.rate(STEPS - 1, STEPS) > 0


def test_the_history_validates_the_averaged_weights_in_nats_a_token(learnt):
    found, _, line = learnt
    floor = found._validation(0).floor
    assert line.learning_error == pytest.approx(UNIFORM - floor, rel=1e-6)


def test_the_results_are_the_averaged_weights_on_other_sequences_than_the_historys(learnt):
    found, _, line = learnt
    results = found.results()
    floors = [found._validation(number).floor for number in range(1 + FINAL_BATCHES)]
    assert results["loss"] == pytest.approx(UNIFORM, rel=1e-6)
    assert results["floor"] == pytest.approx(sum(floors[1:]) / FINAL_BATCHES)
    assert results["learning_error"] == results["loss"] - results["floor"] != line.learning_error


def test_a_network_begins_with_the_weights_of_its_seed():
    found = training(seed=1)
    for name, weight in Transformer(found.network.architecture, seed=1).state_dict().items():
        torch.testing.assert_close(found.network.state_dict()[name], weight, rtol=0, atol=0)
    assert not torch.equal(found.learner.weights, training(seed=0).learner.weights)
