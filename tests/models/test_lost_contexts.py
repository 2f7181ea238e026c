"""The laws of contexts in which tokens of a step exclude one another: they sum to 1, and are drawn from."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.conformance.goodness import follows
from mdmtheory.exact.enumeration import all_sequences, joint
from mdmtheory.models import lost_contexts
from mdmtheory.models.lost_contexts import LostContexts
from mdmtheory.theory.instances import hmm2x3, trigram2

PLAN = np.array([1, 2, 3, 1, 2, 3, 1])
CASES = [(hmm2x3(), PLAN), (trigram2(), PLAN[:6]), (hmm2x3(), np.array([2, 1, 3, 2, 1, 3]))]


def some_targets(language, plan):
    """Targets whose contexts can be told apart and lose the second reader."""
    contexts = LostContexts(language.chain, plan)
    return contexts, [n for n, chance in enumerate(contexts.chances) if chance > 0]


def by_context(contexts, number, vocab_size):
    """What is known before a target's step, and the number of the context that each sequence shows."""
    known = np.flatnonzero(contexts.plan < contexts.plan[contexts.targets[number].position])
    every = all_sequences(vocab_size, len(contexts.plan)).astype(np.int64)
    return known, every, every[:, known] @ vocab_size ** np.arange(len(known))[::-1]


@pytest.mark.parametrize("case", range(len(CASES)))
@pytest.mark.parametrize("left", [0, 2, 8])
def test_the_law_of_each_target_sums_to_1_over_its_contexts(case, left, monkeypatch):
    monkeypatch.setattr(lost_contexts, "LEFT", left)
    language, plan = CASES[case]
    contexts, found = some_targets(language, plan)
    assert found
    for number in found:
        _, every, shown = by_context(contexts, number, language.vocab_size)
        _, one_each = np.unique(shown, return_index=True)
        law = np.exp(contexts.log_prob(number, every[one_each].astype(np.uint8)))
        assert law.sum() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("case", range(len(CASES)))
def test_contexts_are_drawn_by_their_law_and_are_the_language_s(case):
    language, plan = CASES[case]
    contexts, found = some_targets(language, plan)
    number, count = max(found, key=lambda each: plan[contexts.targets[each].position]), 2000
    uniforms = np.random.default_rng(0).random((count, len(plan), 3))
    drawn = contexts.draw(np.full(count, number), uniforms)
    assert language.in_support(drawn).all()
    known, every, shown = by_context(contexts, number, language.vocab_size)
    _, one_each = np.unique(shown, return_index=True)
    law = np.exp(contexts.log_prob(number, every[one_each].astype(np.uint8)))
    assert follows(drawn[:, known], law.reshape((language.vocab_size,) * len(known)))


def test_every_context_in_which_two_tokens_exclude_one_another_can_be_drawn(monkeypatch):
    """Where the second reader sees all, and every state may be the first."""
    monkeypatch.setattr(lost_contexts, "RIGHT", 8)
    language, plan = hmm2x3(), PLAN
    contexts, found = some_targets(language, plan)
    q = joint(language, len(plan)).reshape(-1)
    for number in found:
        _, every, shown = by_context(contexts, number, language.vocab_size)
        target = contexts.targets[number].position
        split = np.flatnonzero(plan[:target] == plan[target])[-1]
        masses = np.zeros((int(shown.max()) + 1, language.vocab_size, language.vocab_size))
        np.add.at(masses, (shown, every[:, split], every[:, target]), q)
        apart = masses.sum(axis=2, keepdims=True) * masses.sum(axis=1, keepdims=True)
        dying = np.where(masses == 0, apart, 0.0).sum(axis=(1, 2))
        _, one_each = np.unique(shown, return_index=True)
        law = np.exp(contexts.log_prob(number, every[one_each].astype(np.uint8)))
        assert (dying > 0).any()
        assert ((dying > 1e-18) <= (law > 0)).all()


def test_targets_are_the_positions_with_another_of_their_step_before_them():
    contexts = LostContexts(hmm2x3().chain, PLAN)
    assert [each.position for each in contexts.targets] == [3, 4, 5, 6]
    assert not LostContexts(hmm2x3().chain, np.arange(1, 6)).targets
    full = mt.NGram([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]])
    assert not LostContexts(full.chain, PLAN).chances.any()
