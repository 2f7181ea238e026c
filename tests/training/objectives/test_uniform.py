"""The objective of uniform diffusion against the enumerated bound, all sequences, levels and noisy sequences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chi2

import mdmtheory as mt
from mdmtheory.exact.noised import elbo
from mdmtheory.models.uniform import UniformDiffusion
from mdmtheory.training.objectives.registry import as_objective
from tests import brute_force
from tests.training.objectives.enumerating import LANGUAGES, support

SMALL = {name: (language, min(length, 3)) for name, (language, length) in LANGUAGES.items()}
OPTIONS = ["steps=1", "steps=3", "steps=4,schedule=cosine"]


def every_batch(name, options):
    """Every sequence at every level as every noisy sequence, with probabilities."""
    language, length = SMALL[name]
    objective = as_objective(f"uniform:{options}", language.vocab_size)
    sequences, probabilities = support(language, length)
    every = brute_force.sequences(language.vocab_size, length)
    clean, seen, step, chances = [], [], [], []
    for row, probability in zip(sequences, probabilities, strict=True):
        for level in range(1, objective.steps + 1):
            kept = objective.kept[level]
            reach = (kept * (every == row) + (1 - kept) / language.vocab_size).prod(axis=1)
            for noisy, chance in zip(every[reach > 0], reach[reach > 0], strict=True):
                clean.append(row)
                seen.append(noisy)
                step.append(level)
                chances.append(probability * chance / objective.steps)
    noised = objective.at_step(np.array(clean), np.array(seen), np.array(step))
    return objective, language, length, noised, np.array(chances)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ["bigram", "parity"])
def test_targets_are_bayes_rule_at_the_level_of_each_row(name, options):
    objective, language, length, noised, _ = every_batch(name, options)
    every = brute_force.sequences(language.vocab_size, length)
    joint = np.exp(language.log_prob(every))
    targets = objective.targets(language.oracle(), noised)
    for seen, level, found in zip(noised.seen, noised.step, targets, strict=True):
        kept = objective.kept[level]
        weights = joint * (kept * (every == seen) + (1 - kept) / language.vocab_size).prod(axis=1)
        for position in range(length):
            expected = np.bincount(every[:, position], weights=weights, minlength=language.vocab_size) / weights.sum()
            np.testing.assert_allclose(found[position], expected, atol=1e-13)


@pytest.mark.parametrize("against", ["laws", "tokens"])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", SMALL)
def test_the_exact_posterior_loses_the_enumerated_bound_of_the_model(name, options, against):
    objective, language, length, noised, chances = every_batch(name, options)
    exact = torch.as_tensor(objective.targets(language.oracle(), noised))
    tensors = noised.tensors(dtype=torch.float64)
    loss = objective.loss(exact.log(), tensors, exact if against == "laws" else None).numpy()
    model = UniformDiffusion(mt.Oracle(language), steps=objective.steps, schedule=objective.schedule)
    q = np.exp(language.log_prob(brute_force.sequences(language.vocab_size, length)))
    bounds = elbo(model, language, length).reshape(-1)
    assert abs(chances @ loss + q[q > 0] @ bounds[q > 0]) < 1e-12
    assert abs(chances @ (loss - objective.floor(noised, exact.numpy()))) < 1e-12


def test_the_bound_of_other_steps_or_another_schedule_is_another():
    objective, language, length, noised, chances = every_batch("bigram", "steps=3")
    floor = chances @ objective.floor(noised, objective.targets(language.oracle(), noised))
    q = np.exp(language.log_prob(brute_force.sequences(language.vocab_size, length)))
    for steps, schedule in ((4, "linear"), (3, "cosine")):
        model = UniformDiffusion(mt.Oracle(language), steps=steps, schedule=schedule)
        bounds = elbo(model, language, length).reshape(-1)
        assert abs(floor + q[q > 0] @ bounds[q > 0]) > 1e-3


@pytest.mark.parametrize("options", OPTIONS)
def test_costs_are_the_divergences_of_the_steps_whatever_the_network_says(options):
    objective, language, length, noised, _ = every_batch("bigram", options)
    vocab_size = language.vocab_size
    said = np.random.default_rng(0).dirichlet(np.ones(vocab_size), noised.clean.shape)
    costs = objective.costs(torch.as_tensor(said).log(), noised.tensors(dtype=torch.float64)).numpy()

    def between(now, level, clean):
        """q(x_s | x_t = now, x_0 = clean), by the definition."""
        stay, kept = objective.kept[level] / objective.kept[level - 1], objective.kept[level - 1]
        z = np.arange(vocab_size)
        weights = (stay * (z == now) + (1 - stay) / vocab_size) * (kept * (z == clean) + (1 - kept) / vocab_size)
        return weights / weights.sum()

    for row in range(0, len(said), 7):
        for position in range(length):
            steps = [between(noised.seen[row, position], noised.step[row], v) for v in range(vocab_size)]
            mixed = said[row, position] @ np.array(steps)
            expected = [(each[each > 0] * np.log(each[each > 0] / mixed[each > 0])).sum() for each in steps]
            np.testing.assert_allclose(costs[row, position], expected, atol=1e-12)


def test_gradients_at_single_precision_are_finite_and_those_of_tokens_on_average():
    objective, language, _, noised, chances = every_batch("parity", "steps=2")
    exact = torch.as_tensor(objective.targets(language.oracle(), noised))
    noisy = np.unique(np.column_stack([noised.seen, noised.step]), axis=0, return_inverse=True)[1].reshape(-1)
    table = torch.randn(noisy.max() + 1, *exact.shape[1:], generator=torch.Generator().manual_seed(0))
    table[0, :, 0] = 120.0
    table.requires_grad_(True)
    means, variances = [], []
    for dtype, targets in ((torch.float64, exact), (torch.float64, None), (torch.float32, exact.float())):
        log_probs = table.to(dtype)[torch.as_tensor(noisy)].log_softmax(dim=2)
        losses = objective.loss(log_probs, noised.tensors(dtype=dtype), targets)
        each = torch.stack([torch.autograd.grad(own, table, retain_graph=True)[0].reshape(-1) for own in losses])
        gradients = each.double().numpy()
        assert np.isfinite(gradients).all()
        means.append(chances @ gradients)
        variances.append(chances @ ((gradients - means[-1]) ** 2).sum(axis=1))
    np.testing.assert_allclose(means[1], means[0], atol=1e-5)
    np.testing.assert_allclose(means[2], means[0], atol=1e-4)
    assert variances[0] < variances[1]


def test_noise_keeps_tokens_with_the_probability_of_their_level_and_draws_others_from_all():
    objective = as_objective("uniform:steps=4", 3)
    rows = 20_000
    noised = objective.noised(np.full((rows, 2), 1, dtype=np.uint8), np.random.default_rng(0))
    np.testing.assert_array_equal(np.bincount(noised.step)[1:], rows // 4)
    np.testing.assert_array_equal(noised.level, 1 - objective.kept[noised.step])
    for level in range(1, 5):
        seen = np.bincount(noised.seen[noised.step == level].reshape(-1), minlength=3)
        kept = objective.kept[level]
        expected = seen.sum() * (kept * np.eye(3)[1] + (1 - kept) / 3)
        assert 2 * (seen * np.log(seen / expected)).sum() < chi2.isf(1e-4, 2)


def test_an_oracle_without_other_likelihoods_answers_row_by_row():
    language = mt.Permutation(items=13)
    objective = as_objective("uniform:steps=2", 13)
    noised = objective.noised(language.sample(3, 4, 0), np.random.default_rng(0))
    targets = objective.targets(language.oracle(), noised)
    assert targets.shape == (3, 4, 13)
    np.testing.assert_allclose(targets.sum(axis=2), 1)


def test_options_that_fit_nothing_are_refused():
    with pytest.raises(ValueError, match="steps is 0"):
        as_objective("uniform:steps=0", 3)
    with pytest.raises(ValueError, match="unknown schedule 'linea'"):
        as_objective("uniform:schedule=linea", 3)
