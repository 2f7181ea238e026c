"""What all objectives share."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import mdmtheory as mt
from mdmtheory.core.spec import Spec
from mdmtheory.networks.architecture import as_size
from mdmtheory.networks.transformer import Transformer
from mdmtheory.training.objectives.mdm import MaskedObjective
from mdmtheory.training.objectives.registry import OBJECTIVES, as_objective


def test_what_weighs_nothing_costs_nothing_also_where_the_network_excludes_it():
    objective = MaskedObjective(2)
    noised = objective.masked(np.array([[0, 1]], dtype=np.uint8), np.array([[True, False]])).tensors()
    # At the second position, which is revealed, the network excludes the token, and the target says nothing at all.
    log_probs = torch.tensor([[[0.25, 0.75], [1.0, 0.0]]]).log()
    assert objective.loss(log_probs, noised).item() == pytest.approx(2 * np.log(4))
    targets = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    assert objective.loss(log_probs, noised, targets).item() == pytest.approx(2 * np.log(4))


def test_a_token_that_is_asked_for_and_excluded_costs_infinitely_much():
    objective = MaskedObjective(2)
    noised = objective.masked(np.array([[0, 1]], dtype=np.uint8), np.array([[True, False]])).tensors()
    assert objective.loss(torch.tensor([[[0.0, 1.0], [0.5, 0.5]]]).log(), noised).item() == np.inf


def test_gradients_are_finite_where_probabilities_are_zero():
    objective = MaskedObjective(2)
    noised = objective.masked(np.array([[0, 1]], dtype=np.uint8), np.array([[True, True]])).tensors()
    answers = torch.tensor([[[0.0, 200.0], [0.0, -200.0]]], requires_grad=True)
    targets = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    objective.loss(answers.log_softmax(dim=2), noised, targets).sum().backward()
    assert torch.isfinite(answers.grad).all()


def test_tensors_are_of_the_precision_asked_for_and_tokens_are_indices():
    noised = MaskedObjective(2).noised(np.zeros((2, 3), dtype=np.uint8), np.random.default_rng(0))
    single, double = noised.tensors(), noised.tensors(dtype=torch.float64)
    assert single.weights.dtype == single.level.dtype == torch.float32
    assert double.weights.dtype == torch.float64
    assert single.clean.dtype == single.seen.dtype == torch.int64
    assert single.step is None


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_a_spec_names_the_objective_with_all_its_options(name):
    about = OBJECTIVES.about(name)
    for options in about.examples:
        objective = as_objective(f"{name}:{options}" if options else name, 5)
        assert as_objective(objective.spec, 5) == objective
        assert as_objective(str(objective.spec), 5) == objective
        assert objective.spec.name == name == about.name
        assert as_objective(objective, 5) is objective


def test_an_unknown_objective_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match=r"unknown objective 'mdn' \(did you mean 'mdm'\?\); known: .*ar"):
        as_objective("mdn", 5)
    with pytest.raises(ValueError, match="'mdm' has no option 'size'; it takes none"):
        as_objective(Spec.of("mdm", size=3), 5)


@pytest.mark.parametrize(
    "spec",
    [
        "ar",
        "mdm",
        "mgdm",
        "block:size=3",
        "uniform",
        "gaussian",
        "gaussian:embedding=random,dim=4",
        "vdm:dim=4",
        "ssd:size=3",
    ],
)
def test_a_network_of_the_objectives_architecture_learns_from_it(spec):
    language = mt.as_language("ngram:order=2")
    objective = as_objective(spec, language.vocab_size)
    architecture = objective.architecture(6, as_size("layers=1,width=16,heads=2"), level=objective.told_level)
    assert architecture.block == (3 if "size=3" in spec else None)
    assert (architecture.evidence or architecture.simplex is not None) is (objective.noise != "masked")
    network = Transformer(architecture, seed=0)
    noised = objective.noised(language.sample(4, 6, 0), np.random.default_rng(0))
    tensors = noised.tensors()
    targets = None
    if objective.known_targets:
        targets = torch.as_tensor(objective.targets(language.oracle(), noised), dtype=torch.float32)
    losses = []
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-3)
    for _ in range(3):
        seen = objective.through(network, tensors)
        loss = objective.loss(objective.logits(network, seen).log_softmax(dim=2), seen, targets).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] > losses[1] > losses[2] > 0


@pytest.mark.parametrize("spec", ["uniform:steps=16", "gaussian", "gaussian:embedding=random,dim=4"])
def test_an_untrained_network_is_exact_at_every_level_where_positions_say_nothing_of_each_other(spec):
    # The hidden state is always the same and says nothing either: tokens are independent, and all as probable.
    language = mt.HMM([1.0], [[1.0]], [[1 / 3] * 3])
    objective = as_objective(spec, 3)
    level = objective.told_level
    network = Transformer(objective.architecture(5, as_size("layers=1,width=8,heads=2"), level=level), seed=0)
    noised = objective.noised(language.sample(64, 5, 0), np.random.default_rng(0))
    with torch.no_grad():
        said = objective.logits(network, noised.tensors()).double().softmax(dim=2).numpy()
    np.testing.assert_allclose(said, objective.targets(language.oracle(), noised), atol=1e-5)
