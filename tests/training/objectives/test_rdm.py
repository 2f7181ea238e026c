"""RDM's weights by their formulas, and that what they weigh is proper."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mdmtheory.training.objectives.registry import as_objective
from tests.training.objectives.enumerating import LANGUAGES


@pytest.mark.parametrize(
    ("weights", "expected"),
    [("linear", [1, 0.75, 0.5, 0.25]), ("elbo", [4, 2, 4 / 3, 1]), ("none", [1, 1, 1, 1])],
)
def test_a_masked_token_weighs_what_its_step_does(weights, expected):
    objective = as_objective(f"rdm:steps=4,weights={weights}", 3)
    clean = np.zeros((4, 2), dtype=np.uint8)
    noised = objective.at_step(clean, np.array([[True, False]] * 4), np.arange(1, 5))
    np.testing.assert_allclose(noised.weights, np.column_stack([expected, np.zeros(4)]))
    assert noised.seen.tolist() == [[3, 0]] * 4


def test_with_the_weights_of_the_bound_it_is_d3pm_without_the_cross_entropy():
    for schedule in ("linear", "cosine"):
        ours = as_objective(f"rdm:steps=4,weights=elbo,schedule={schedule}", 3)
        theirs = as_objective(f"d3pm:steps=4,auxiliary=0,schedule={schedule}", 3)
        clean = np.random.default_rng(0).integers(0, 3, (8, 3)).astype(np.uint8)
        found, expected = (aim.noised(clean, np.random.default_rng(1)) for aim in (ours, theirs))
        np.testing.assert_array_equal(found.seen, expected.seen)
        np.testing.assert_array_equal(found.weights, expected.weights)


@pytest.mark.parametrize("weights", ["linear", "elbo", "none"])
def test_nothing_loses_less_than_the_posterior(weights):
    language, length = LANGUAGES["bigram"]
    objective = as_objective(f"rdm:steps=4,weights={weights}", language.vocab_size)
    assert objective.proper
    noised = objective.noised(language.sample(16, length, 0), np.random.default_rng(0))
    exact = objective.targets(language.oracle(), noised)
    tensors, laws, floor = noised.tensors(dtype=torch.float64), torch.as_tensor(exact), objective.floor(noised, exact)
    for seed in range(10):
        other = exact * np.random.default_rng(seed).uniform(0.5, 1.5, exact.shape)
        said = torch.as_tensor(other / other.sum(axis=2, keepdims=True)).log()
        lost = objective.loss(said, tensors, laws).numpy()
        assert (lost >= floor - 1e-12).all()
        assert lost.sum() > floor.sum() + 1e-3


def test_weights_that_there_are_not_are_refused():
    with pytest.raises(ValueError, match="unknown weights 'focal' of rdm; known: linear, elbo, none"):
        as_objective("rdm:weights=focal", 3)
