"""The objective of Gaussian diffusion against all sequences, at values that any of them may have led to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mdmtheory.models.embedding import as_embedding
from mdmtheory.training.objectives.base import Noised
from mdmtheory.training.objectives.registry import as_objective
from tests.training.objectives.enumerating import LANGUAGES, support

OPTIONS = ["embedding=onehot", "embedding=random,dim=2,seed=3"]


def values_and_posteriors(name, options):
    """Values, at levels of their own, and the law of the whole sequence given each by the densities alone."""
    language, length = LANGUAGES[name]
    objective = as_objective(f"gaussian:{options}", language.vocab_size)
    clean = language.sample(9, length, 0)
    noised = objective.noised(clean, np.random.default_rng(0))
    sequences, probabilities = support(language, length)
    kept = (1 - noised.level)[:, None, None, None]
    means = np.sqrt(kept) * objective.vectors[sequences]
    squares = ((noised.seen.astype(np.float64)[:, None] - means) ** 2).sum(axis=(2, 3))
    logs = np.log(probabilities) - squares / (2 * noised.level[:, None])
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    return objective, language, noised, sequences, weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", LANGUAGES)
def test_targets_are_bayes_rule_at_the_level_of_each_row(name, options):
    objective, language, noised, sequences, posterior = values_and_posteriors(name, options)
    targets = objective.targets(language.oracle(), noised)
    for v in range(language.vocab_size):
        np.testing.assert_allclose(targets[:, :, v], posterior @ (sequences == v), atol=1e-10)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", LANGUAGES)
def test_the_exact_posterior_loses_the_mean_of_its_own_negative_logarithm(name, options):
    objective, language, noised, sequences, posterior = values_and_posteriors(name, options)
    exact = torch.as_tensor(objective.targets(language.oracle(), noised))
    floor = objective.floor(noised, exact.numpy())
    for row in range(len(floor)):
        # Each sequence that may have led to these values, in turn as the clean one.
        again = np.full(len(sequences), row)
        batch = Noised(sequences, noised.seen[again], noised.level[again], noised.weights[again])
        tensors = batch.tensors(dtype=torch.float64)
        by_tokens = objective.loss(exact[again].log(), tensors).numpy()
        by_laws = objective.loss(exact[again].log(), tensors, exact[again]).numpy()
        possible = posterior[row] > 0
        assert abs(posterior[row][possible] @ by_tokens[possible] - floor[row]) < 1e-12
        np.testing.assert_allclose(by_laws, floor[row], atol=1e-12)
        other = exact[again] * 0.9 + 0.1 / language.vocab_size
        assert posterior[row] @ objective.loss(other.log(), tensors).numpy() > floor[row]


def test_laws_at_another_level_are_no_floor():
    objective, language, noised, _, _ = values_and_posteriors("bigram", OPTIONS[0])
    told = Noised(noised.clean, noised.seen, 0.5 * noised.level, noised.weights)
    right, wrong = (objective.targets(language.oracle(), each) for each in (noised, told))
    tensors = noised.tensors(dtype=torch.float64)
    lost = objective.loss(torch.as_tensor(wrong).log(), tensors, torch.as_tensor(right)).numpy()
    more = lost - objective.floor(noised, right)
    assert (more > 0).all()
    assert more.mean() > 0.1


@pytest.mark.parametrize("options", OPTIONS)
def test_values_are_those_of_the_model_at_levels_spread_over_the_batch(options):
    objective = as_objective(f"gaussian:{options}", 3)
    rows = 4_000
    clean = np.random.default_rng(1).integers(0, 3, (rows, 2)).astype(np.uint8)
    noised = objective.noised(clean, np.random.default_rng(0))
    kept = 1 - noised.level
    np.testing.assert_allclose(np.diff(np.sort(kept)), 1 / rows, atol=1e-9)
    assert (kept >= 0).all()
    assert (kept < 1).all()
    normals = (noised.seen - np.sqrt(kept)[:, None, None] * objective.vectors[clean]) / np.sqrt(1 - kept)[:, None, None]
    size = normals.size
    assert abs(normals.mean()) < 4 / np.sqrt(size)
    assert abs((normals**2).mean() - 1) < 4 * np.sqrt(2 / size)
    assert noised.seen.dtype == np.float32
    assert (noised.weights == 1).all()


def test_the_embedding_is_the_one_that_the_model_has():
    objective = as_objective("gaussian:embedding=random,dim=4,seed=2", 5)
    np.testing.assert_array_equal(objective.vectors, as_embedding("random:dim=4,seed=2", 5)[0])
    np.testing.assert_array_equal(as_objective("gaussian", 5).vectors, np.eye(5))


def test_the_tokens_posterior_by_densities_is_that_of_few_values_of_one_dimension():
    # By hand: two tokens at 0 and 1, one position, half of the signal kept.
    objective = as_objective("gaussian:embedding=random,dim=1", 2)
    language, _ = LANGUAGES["repetition"]
    noised = objective.at_level(np.array([[0]], dtype=np.uint8), np.zeros((1, 1, 1)), np.array([0.5]))
    low, high = objective.vectors[:, 0]
    value = float(noised.seen[0, 0, 0])
    odds = np.exp(-((value - np.sqrt(0.5) * np.array([low, high])) ** 2))
    np.testing.assert_allclose(objective.targets(language.oracle(), noised)[0, 0], odds / odds.sum(), atol=1e-12)


@pytest.mark.parametrize(
    ("spec", "message"),
    [("gaussian:embedding=onehot,dim=3", "no option 'dim'"), ("gaussian:embedding=none", "unknown embedding 'none'")],
)
def test_an_embedding_that_does_not_exist_is_refused_at_once(spec, message):
    with pytest.raises(ValueError, match=message):
        as_objective(spec, 3)
