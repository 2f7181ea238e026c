"""The objective of autoregression against all sequences."""

from __future__ import annotations

import numpy as np
import pytest

from mdmtheory.training.objectives.ar import NextTokens
from tests import brute_force
from tests.training.objectives.enumerating import LANGUAGES, entropy, losses_of_exact_laws, support


def every_batch(name):
    """All sequences of a language, with probabilities."""
    language, length = LANGUAGES[name]
    objective = NextTokens(language.vocab_size)
    clean, chances = support(language, length)
    return objective, language, length, objective.noised(clean, np.random.default_rng(0)), chances


@pytest.mark.parametrize("name", LANGUAGES)
def test_targets_are_the_next_token_laws_by_bayes_rule(name):
    objective, language, length, noised, _ = every_batch(name)
    joint = np.exp(language.log_prob(brute_force.sequences(language.vocab_size, length)))
    targets = objective.targets(language.oracle(), noised)
    for row, found in zip(noised.clean, targets, strict=True):
        for position in range(length):
            prefix = np.where(np.arange(length) < position, row, language.vocab_size)
            expected = brute_force.conditionals(joint, language.vocab_size, prefix)[position]
            np.testing.assert_allclose(found[position], expected, atol=1e-13)


@pytest.mark.parametrize("against", ["laws", "tokens"])
@pytest.mark.parametrize("name", LANGUAGES)
def test_the_exact_laws_lose_the_entropy_of_the_language(name, against):
    objective, language, length, noised, chances = every_batch(name)
    loss = losses_of_exact_laws(objective, language, length, noised, chances, against)
    if against == "tokens":
        np.testing.assert_allclose(loss, -language.log_prob(noised.clean), atol=1e-12)


def test_laws_that_look_at_the_token_itself_lose_less_than_the_entropy():
    objective, language, length, noised, chances = every_batch("bigram")
    exact = objective.targets(language.oracle(), noised)
    shifted = np.concatenate([exact[:, 1:], exact[:, -1:]], axis=1)
    assert abs(chances @ objective.floor(noised, shifted) - entropy(language, length)) > 0.01
