"""The objective of masked diffusion against all sequences and all masked sets."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import chi2

from mdmtheory.training.objectives.mdm import MaskedObjective
from mdmtheory.training.objectives.registry import as_objective
from tests import brute_force
from tests.training.objectives.enumerating import (
    LANGUAGES,
    entropy,
    losses_of_exact_laws,
    mask_sets,
    support,
    with_every_set,
)


def every_batch(name):
    """All that can be made of a language's sequences in one batch, with probabilities."""
    language, length = LANGUAGES[name]
    objective = MaskedObjective(language.vocab_size)
    clean, hidden, chances = with_every_set(*support(language, length), *mask_sets(length))
    return objective, language, length, objective.masked(clean, hidden), chances


@pytest.mark.parametrize("name", LANGUAGES)
def test_targets_are_the_posterior_by_bayes_rule(name):
    objective, language, length, noised, _ = every_batch(name)
    joint = np.exp(language.log_prob(brute_force.sequences(language.vocab_size, length)))
    targets = objective.targets(language.oracle(), noised)
    for row, found in zip(noised.seen, targets, strict=True):
        np.testing.assert_allclose(found, brute_force.conditionals(joint, language.vocab_size, row), atol=1e-13)


@pytest.mark.parametrize("against", ["laws", "tokens"])
@pytest.mark.parametrize("name", LANGUAGES)
def test_the_exact_posterior_loses_the_entropy_of_the_language(name, against):
    objective, language, length, noised, chances = every_batch(name)
    losses_of_exact_laws(objective, language, length, noised, chances, against)


@pytest.mark.parametrize("wrong", ["1/n without L", "all rates alike", "independent masks"])
def test_another_weight_has_another_floor(wrong):
    objective, language, length, noised, chances = every_batch("bigram")
    masks = (noised.weights > 0).sum(axis=1)
    if wrong == "independent masks":
        # Binomial at every rate, the number of masks is uniform on 0..L over all rates, and none loses nothing.
        chances = chances * length / (length + 1)
    else:
        noised.weights[noised.weights > 0] = 1.0
        noised.weights[:] /= masks[:, None] if wrong == "1/n without L" else 1.0
    targets = objective.targets(language.oracle(), noised)
    assert abs(chances @ objective.floor(noised, targets) - entropy(language, length)) > 0.01


def test_numbers_of_masks_are_uniform_and_spread_over_the_batch():
    class Fixed(np.random.Generator):
        """One that starts where it is told."""

        start = 0

        def integers(self, low, high=None, *args, **kwargs):
            assert self.start < low
            return self.start

    rows, length = 3, 4
    clean = np.zeros((rows, length), dtype=np.uint8)
    found = np.zeros((rows, length))
    for start in range(rows * length):
        generator = Fixed(np.random.PCG64(start))
        generator.start = start
        counts = (MaskedObjective(2).noised(clean, generator).weights > 0).sum(axis=1)
        found[np.arange(rows), counts - 1] += 1
        assert len(set(counts)) == rows
    assert (found == rows).all()


def test_a_batch_of_as_many_rows_as_positions_has_every_number_of_masks():
    clean = np.zeros((12, 6), dtype=np.uint8)
    noised = MaskedObjective(2).noised(clean, np.random.default_rng(0))
    assert sorted((noised.weights > 0).sum(axis=1)) == sorted([1, 2, 3, 4, 5, 6] * 2)


def test_masked_sets_of_a_size_are_equally_probable():
    rows, length = 20_000, 4
    noised = MaskedObjective(2).noised(np.zeros((rows, length), dtype=np.uint8), np.random.default_rng(1))
    sets, chances = mask_sets(length)
    numbers = (noised.weights > 0) @ (1 << np.arange(length))
    seen = np.array([(numbers == own).sum() for own in sets @ (1 << np.arange(length))])
    assert seen.sum() == rows
    g = 2 * (seen * np.log(seen / (rows * chances))).sum()
    assert g < chi2.isf(1e-4, len(sets) - 1)


def test_what_is_seen_is_the_sequence_with_masks():
    clean = np.random.default_rng(0).integers(0, 3, (5, 7)).astype(np.uint8)
    noised = as_objective("mdm", 3).noised(clean, np.random.default_rng(2))
    hidden = noised.weights > 0
    assert (noised.seen[hidden] == 3).all()
    assert (noised.seen[~hidden] == clean[~hidden]).all()
    np.testing.assert_array_equal(noised.level, hidden.mean(axis=1))
    np.testing.assert_allclose(noised.weights.sum(axis=1), 7)


def moments(gradients, chances):
    """The mean of vectors, and the sum of their entries' variances."""
    mean = chances @ gradients
    return mean, chances @ ((gradients - mean) ** 2).sum(axis=1)


@pytest.mark.parametrize("name", ["bigram", "hmm", "permutation"])
@pytest.mark.parametrize("near", [0.0, 1.0], ids=["anywhere", "at the posterior"])
def test_laws_and_tokens_have_one_mean_gradient_and_laws_the_smaller_variance(name, near):
    objective, language, _, noised, chances = every_batch(name)
    exact = torch.as_tensor(objective.targets(language.oracle(), noised))
    # A network is a table here: an answer of its own for every context and position.
    contexts = np.unique(noised.seen, axis=0, return_inverse=True)[1].reshape(-1)
    table = torch.randn(contexts.max() + 1, *exact.shape[1:], generator=torch.Generator().manual_seed(0)).double()
    if near:
        table[torch.as_tensor(contexts)] = exact.clamp_min(1e-30).log()
    table.requires_grad_(True)
    tensors = noised.tensors(dtype=torch.float64)
    gradients = {}
    for kind, targets in (("tokens", None), ("laws", exact)):
        losses = objective.loss(table[torch.as_tensor(contexts)].log_softmax(dim=2), tensors, targets)
        each = [torch.autograd.grad(loss, table, retain_graph=True)[0].reshape(-1) for loss in losses]
        gradients[kind] = moments(torch.stack(each).numpy(), chances)
    np.testing.assert_allclose(gradients["laws"][0], gradients["tokens"][0], atol=1e-12)
    assert gradients["laws"][1] < gradients["tokens"][1]
    if near:
        assert gradients["laws"][1] < 1e-25


def test_a_network_that_errs_loses_more_by_its_divergence():
    objective, language, length, noised, chances = every_batch("bigram")
    exact = objective.targets(language.oracle(), noised)
    other = np.random.default_rng(0).dirichlet(np.ones(language.vocab_size), exact.shape[:2])
    tensors = noised.tensors(dtype=torch.float64)
    more = objective.loss(torch.as_tensor(other).log(), tensors, torch.as_tensor(exact)).numpy()
    inside = np.where(exact > 0, exact, 1.0)
    divergence = (exact * np.log(inside / other)).sum(axis=2)
    expected = chances @ (noised.weights * divergence).sum(axis=1)
    assert abs(chances @ more - entropy(language, length) - expected) < 1e-12
    assert expected > 0.1


def test_the_generator_decides_all():
    clean = np.zeros((4, 5), dtype=np.uint8)
    first, again = (MaskedObjective(2).noised(clean, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.seen, again.seen)
    others = [MaskedObjective(2).noised(clean, np.random.default_rng(seed)).seen for seed in range(5)]
    assert any((a != b).any() for a, b in itertools.pairwise(others))
