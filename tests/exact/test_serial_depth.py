"""The fewest rounds that are exact, against languages of which they are known and against a search of another kind."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory import EqualPairs, NGram, Parity, Permutation, Repetition
from mdmtheory.exact.enumeration import factorisation_gap, joint
from mdmtheory.exact.serial_depth import independent_given, serial_depth
from mdmtheory.languages.walk import walk
from mdmtheory.theory.instances import bigram3, full_support, hmm2x3, independent, trigram2


@pytest.mark.parametrize(
    ("language", "length", "rounds"),
    [
        (independent(), 4, 1),
        (EqualPairs(vocab_size=2), 5, 2),
        (Parity(), 5, 2),
        (Repetition(vocab_size=3), 4, 2),
        (Permutation(items=4), 4, 4),
        (full_support(), 3, 2),
    ],
)
@pytest.mark.parametrize("adaptive", [True, False])
def test_known_depths(language, length, rounds, adaptive):
    found = serial_depth(language, length, adaptive=adaptive)
    assert found.kind == "exact"
    assert found.value == pytest.approx(rounds, abs=1e-12)


@pytest.mark.parametrize(("length", "rounds"), [(1, 1), (2, 2), (3, 2), (4, 2.75), (5, 2.875), (6, 3)])
def test_the_walk_takes_what_the_paper_says(length, rounds):
    """2608.25505, section V."""
    assert serial_depth(walk(vocab_size=7), length).value == pytest.approx(rounds, abs=1e-12)


def test_looking_helps_the_walk():
    assert serial_depth(walk(vocab_size=5), 4, adaptive=False).value == 3


@pytest.mark.parametrize("language", [bigram3(), trigram2(), hmm2x3(), walk(vocab_size=5)], ids=str)
def test_the_best_plan_is_the_shortest_that_costs_nothing(language):
    q = joint(language, 4)
    plans = itertools.product(range(1, 5), repeat=4)
    free = [
        max(plan) for plan in plans if set(plan) == set(range(1, max(plan) + 1)) and factorisation_gap(q, plan) < 1e-12
    ]
    found = serial_depth(language, 4, adaptive=False).value
    assert found == min(free)
    assert serial_depth(language, 4).value <= found


@pytest.mark.parametrize("seed", range(3))
def test_almost_every_law_has_no_two_tokens_to_draw_together(seed):
    """2608.25505, remark 10: of full support, its depth is its length."""
    law = np.random.default_rng(seed).dirichlet(np.ones(16)).reshape((2,) * 4)
    first = law.sum(axis=-1)
    assert serial_depth(NGram(first, law / first[..., None]), 4).value == pytest.approx(4, abs=1e-12)


def test_what_is_nearly_independent_is_dependent():
    nearly = NGram([0.5, 0.5], [[0.5 + 1e-6, 0.5 - 1e-6], [0.5, 0.5]])
    assert serial_depth(nearly, 2).value == 2
    assert not independent_given(joint(nearly, 2), (), (0, 1))
    assert independent_given(np.full((2, 2), 0.25), (), (0, 1))


def test_what_is_too_large_is_refused_in_one_line():
    with pytest.raises(ValueError, match="sequences in contexts of 14 positions"):
        serial_depth("parity", 14)
    assert mt.exact.serial_depth is serial_depth
