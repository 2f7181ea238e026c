"""The objective of block diffusion against all sequences and all masked sets of every block."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from mdmtheory.samplers.by_block import block_lengths
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


def every_batch(name, options):
    """All that can be made of a language's sequences in one batch, with probabilities."""
    language, length = LANGUAGES[name]
    objective = as_objective(f"block:{options}", language.vocab_size)
    blocks = [mask_sets(size, objective.masks_of(size)) for size in block_lengths(length, objective.size)]
    sets = np.array([np.concatenate(each) for each in itertools.product(*(sets for sets, _ in blocks))])
    set_chances = np.array([np.prod(each) for each in itertools.product(*(chances for _, chances in blocks))])
    clean, hidden, chances = with_every_set(*support(language, length), sets, set_chances)
    return objective, language, length, objective.masked(clean, hidden), chances


def marginal_entropy(language, length, positions):
    """H of the tokens at some positions, in nats."""
    sequences, probabilities = support(language, length)
    own = np.unique(sequences[:, list(positions)], axis=0, return_inverse=True)[1].reshape(-1)
    law = np.bincount(own, weights=probabilities)
    return -(law[law > 0] * np.log(law[law > 0])).sum()


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("name", LANGUAGES)
def test_targets_are_bayes_rule_given_clean_blocks_before(name, size):
    objective, language, length, noised, _ = every_batch(name, f"size={size}")
    joint, mask = np.exp(language.log_prob(brute_force.sequences(language.vocab_size, length))), language.vocab_size
    targets = objective.targets(language.oracle(), noised)
    for row, found in enumerate(targets):
        for start in range(0, length, size):
            at = np.arange(length)
            shown = np.where(at < start, noised.clean[row], np.where(at < start + size, noised.seen[row], mask))
            own = slice(start, start + size)
            np.testing.assert_allclose(found[own], brute_force.conditionals(joint, mask, shown)[own], atol=1e-13)


@pytest.mark.parametrize("against", ["laws", "tokens"])
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("name", LANGUAGES)
def test_the_exact_posterior_loses_the_entropy_of_the_language(name, size, against):
    objective, language, length, noised, chances = every_batch(name, f"size={size}")
    losses_of_exact_laws(objective, language, length, noised, chances, against)


@pytest.mark.parametrize("name", ["bigram", "trigram", "parity"])
def test_clipped_rates_have_the_floor_of_the_numbers_of_masks_that_they_allow(name):
    objective, language, length, noised, chances = every_batch(name, "size=4,low=0.5,high=0.75")
    assert list(objective.masks_of(4)) == [2, 3]
    expected = 0.0
    for masks in (2, 3):
        sets = list(itertools.combinations(range(length), masks))
        for hidden, position in ((each, i) for each in sets for i in each):
            known = [i for i in range(length) if i not in hidden]
            gained = marginal_entropy(language, length, [*known, position]) - marginal_entropy(language, length, known)
            expected += length / masks * gained / len(sets) / 2
    targets = objective.targets(language.oracle(), noised)
    assert abs(chances @ objective.floor(noised, targets) - expected) < 1e-12
    assert abs(expected - entropy(language, length)) > 1e-3


def test_laws_that_see_their_own_block_alone_lose_more_than_the_entropy():
    objective, language, length, noised, chances = every_batch("bigram", "size=2")
    exact = objective.targets(language.oracle(), noised)
    blind = np.array(noised.seen)
    blind[:, :2] = language.vocab_size
    other = exact.copy()
    other[:, 2:] = language.oracle().conditionals(blind)[:, 2:]
    tensors = noised.tensors(dtype=torch.float64)
    lost = objective.loss(torch.as_tensor(other).log(), tensors, torch.as_tensor(exact)).numpy()
    assert chances @ lost - entropy(language, length) > 0.01


def test_numbers_of_masks_are_uniform_in_every_block_and_spread_over_the_batch():
    objective = as_objective("block:size=4", 2)
    noised = objective.noised(np.zeros((8, 10), dtype=np.uint8), np.random.default_rng(0))
    hidden = noised.weights > 0
    for start, size in ((0, 4), (4, 4), (8, 2)):
        own = slice(start, start + size)
        assert sorted(hidden[:, own].sum(axis=1)) == sorted([*range(1, size + 1)] * (8 // size))
        np.testing.assert_allclose(noised.weights[:, own].sum(axis=1), size)


def test_a_network_answers_at_its_noisy_half():
    class Halves:
        def two_halves(self, clean, noisy, level):
            return clean, noisy, level

    objective = as_objective("block:size=2", 2)
    tensors = objective.noised(np.zeros((2, 4), dtype=np.uint8), np.random.default_rng(0)).tensors()
    assert objective.logits(Halves(), tensors) == (tensors.clean, tensors.seen, None)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("block", "needs size"),
        ("block:size=0", "size is 0"),
        ("block:size=2,low=0.6,high=0.4", "low=0.6 and high=0.4; pass 0 <= low < high <= 1"),
        ("block:size=9", "blocks of 9 are longer than sequences of 8; write block:size=8 or less"),
        ("block:size=2,low=0.6,high=0.9", "no number of masks in a block of 2 has a rate between low=0.6 and high=0.9"),
    ],
)
def test_options_that_fit_nothing_are_refused(spec, message):
    with pytest.raises(ValueError, match=message):
        as_objective(spec, 3).validate_length(8)
