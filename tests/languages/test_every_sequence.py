"""Languages that say that every sequence of tokens is in them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import mdmtheory as mt


def holds(language: mt.HMM | mt.NGram, length: int = 4) -> bool:
    tokens = np.array(list(product(range(language.vocab_size), repeat=length)))
    return bool(language.in_support(tokens).all())


@pytest.mark.parametrize("prune", [0.0, 1.0])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_an_ngram_says_so_exactly_where_no_probability_is_0(order, prune):
    language = mt.NGram.random(order=order, vocab_size=3, seed=4, prune=prune)
    assert language.has_every_sequence == holds(language) == (prune == 0)


def test_an_hmm_says_so_where_every_token_can_always_come_next():
    full = mt.HMM.random(states=3, vocab_size=3, seed=0)
    assert full.has_every_sequence
    assert holds(full)
    pruned = mt.HMM.random(states=4, vocab_size=3, seed=0, prune_transition=2.0, prune_emission=1.5)
    assert not pruned.has_every_sequence
    assert not holds(pruned)
    # Each token has a state of its own, and each state can follow each: zeros alone decide nothing.
    assert mt.HMM([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], [[1, 0], [0, 1]]).has_every_sequence
    # The start counts too.
    late = mt.HMM([1, 0], [[0.5, 0.5], [0.5, 0.5]], [[1, 0], [0, 1]])
    assert not late.has_every_sequence
    assert not holds(late)


@pytest.mark.parametrize("name", ["parity", "dyck", "copy:distance=2", "permutation:items=4", "repetition"])
def test_others_do_not(name):
    assert not mt.as_language(name).has_every_sequence
