"""MGDM's weights by their formulas, and what minimises them on two tokens."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from mdmtheory.training.objectives.registry import as_objective
from tests.training.objectives.enumerating import LANGUAGES, entropy, mask_sets, support, with_every_set


@pytest.mark.parametrize("weights", ["linear", "elbo"])
@pytest.mark.parametrize(("alpha", "beta"), [(0.25, 1.0), (1.0, 1.0), (0.25, 2.0)])
def test_the_loss_is_the_sum_of_weights_of_sequences_times_weights_of_tokens_times_nats(alpha, beta, weights):
    objective = as_objective(f"mgdm:alpha={alpha},beta={beta},weights={weights}", 3)
    generator = np.random.default_rng(0)
    clean = generator.integers(0, 3, (6, 5)).astype(np.uint8)
    noised = objective.noised(clean, generator)
    laws = generator.dirichlet(np.ones(3), clean.shape)
    found = objective.loss(torch.as_tensor(laws).log(), noised.tensors(dtype=torch.float64)).numpy()
    for row in range(6):
        masked = np.flatnonzero(noised.seen[row] == 3)
        w = 1 - (len(masked) - 1) / 5 if weights == "linear" else 5 / len(masked)
        u = -np.log(laws[row, masked, clean[row, masked]])
        assert found[row] == pytest.approx((w * alpha * (1 - np.exp(-u)) ** beta * u).sum(), abs=1e-12)


def optimum(objective, share):
    """The probability of token 0 of two that loses least where it is right with probability `share`."""
    noised = objective.masked(np.zeros((1, 1), dtype=np.uint8), np.ones((1, 1), dtype=bool)).tensors(
        dtype=torch.float64
    )
    targets = torch.tensor([[[share, 1 - share]]], dtype=torch.float64)

    def lost(said):
        return objective.loss(torch.tensor([[[said, 1 - said]]], dtype=torch.float64).log(), noised, targets).item()

    return minimize_scalar(lost, bounds=(1e-6, 1 - 1e-6), method="bounded", options={"xatol": 1e-10}).x


@pytest.mark.parametrize("share", [0.1, 0.3, 0.8])
def test_focal_weights_are_not_proper_their_optimum_is_flatter_than_the_posterior(share):
    for beta in (1, 2):
        objective = as_objective(f"mgdm:beta={beta}", 2)
        assert not objective.proper
        found = optimum(objective, share)
        assert abs(found - 0.5) < abs(share - 0.5) - 0.02
    # Without focal weights, and with those of mdm, it is the posterior.
    for proper in ("mgdm:beta=0", "mdm"):
        assert optimum(as_objective(proper, 2), share) == pytest.approx(share, abs=1e-6)


def test_less_loss_than_the_exact_posteriors_is_possible():
    language, length = LANGUAGES["bigram"]
    objective = as_objective("mgdm", language.vocab_size)
    clean, hidden, chances = with_every_set(*support(language, length), *mask_sets(length))
    noised = objective.masked(clean, hidden)
    exact = objective.targets(language.oracle(), noised)
    flatter = exact**0.8 / (exact**0.8).sum(axis=2, keepdims=True)
    tensors = noised.tensors(dtype=torch.float64)
    lost = objective.loss(torch.as_tensor(flatter).log(), tensors, torch.as_tensor(exact)).numpy()
    assert chances @ lost < chances @ objective.floor(noised, exact) - 1e-3


def test_with_weights_of_one_and_no_focus_it_is_mdm():
    language, length = LANGUAGES["bigram"]
    objective = as_objective("mgdm:alpha=1,beta=0,weights=elbo", language.vocab_size)
    clean, hidden, chances = with_every_set(*support(language, length), *mask_sets(length))
    noised = objective.masked(clean, hidden)
    floor = chances @ objective.floor(noised, objective.targets(language.oracle(), noised))
    assert abs(floor - entropy(language, length)) < 1e-12


def test_without_weights_every_masked_token_weighs_the_same():
    hidden = np.array([[True, False, False], [True, True, True]])
    noised = as_objective("mgdm:weights=none", 2).masked(np.zeros((2, 3), dtype=np.uint8), hidden)
    assert noised.weights.tolist() == hidden.tolist()


def test_gradients_are_finite_where_tokens_are_certain():
    objective = as_objective("mgdm:beta=1", 2)
    noised = objective.masked(np.array([[0, 1]], dtype=np.uint8), np.ones((1, 2), dtype=bool)).tensors()
    answers = torch.tensor([[[200.0, 0.0], [200.0, 0.0]]], requires_grad=True)
    objective.loss(answers.log_softmax(dim=2), noised).sum().backward()
    assert torch.isfinite(answers.grad).all()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mgdm:alpha=0", "alpha is 0 and beta 2.0; pass alpha above 0"),
        ("mgdm:beta=-1", "alpha is 0.25 and beta -1"),
        ("mgdm:weights=half", "unknown weights 'half' of mgdm; known: linear, elbo, none"),
    ],
)
def test_options_that_fit_nothing_are_refused(spec, message):
    with pytest.raises(ValueError, match=message):
        as_objective(spec, 3)
