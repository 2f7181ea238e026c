"""The automata that read languages, against what is in the language, sequence by sequence."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.exact.enumeration import all_sequences
from mdmtheory.languages.presets import LANGUAGES
from mdmtheory.languages.support import Support

SMALL = [
    ("affine:checks=2,period=3", 5),
    ("affine:checks=3,period=7", 7),
    ("affine:checks=3,period=5", 2),
    ("tree:arity=2,nodes=6,vocab_size=3,seed=1", 6),
    ("tree:arity=3,nodes=4,vocab_size=2,seed=3", 7),
    ("tree:arity=1,nodes=3,vocab_size=3", 5),
    ("walk:vocab_size=3", 5),
    ("one_hot:block=3", 7),
    ("finite", 3),
    ("ctree:depth=2,vocab_size=3", 5),
    ("ctree:depth=2,given=none,vocab_size=3", 4),
    ("ctree:depth=1,branching=3,vocab_size=3,synonyms=4", 4),
    ("ctree:depth=3,vocab_size=2,synonyms=1,given=none", 8),
    ("rotation:turns=1", 3),
]


def read(support: Support, tokens):
    """Whether the automaton reads each sequence, state by state."""

    def members(words):
        return np.unpackbits(words.view(np.uint8), axis=-1, bitorder="little")[..., : support.states].astype(float)

    sets = support.sets
    alive = np.tile(members(sets.start), (len(tokens), 1))
    emitters, successors = members(sets.emitters), members(sets.successors)
    for t, position in enumerate(support.order):
        alive = (alive > 0) * emitters[tokens[:, position]]
        if t < len(support.order) - 1:
            alive = alive @ successors
    return (alive * members(sets.ends) > 0).any(axis=1)


@pytest.mark.parametrize(("spec", "length"), SMALL)
def test_an_automaton_reads_what_is_in_the_language(spec, length):
    language = mt.as_language(spec)
    every = all_sequences(language.vocab_size, length)
    right = language.in_support(every)
    assert (read(language.support(length), every) == right).all()
    assert right.any()
    assert not right.all()


@pytest.mark.parametrize(
    "spec", ["addition", "addition:given=joint", "arithmetic:operations=2", "rotation", "ctree", "tree", "affine"]
)
def test_long_ones_read_their_samples_and_nothing_that_differs_in_a_token(spec):
    language = mt.as_language(spec)
    length = getattr(language, "length", 40)
    tokens = language.sample(40, length, 0).astype(np.int64)
    other = tokens.copy()
    other[np.arange(40), np.arange(40) % length] += 1
    other %= language.vocab_size
    support = language.support(length)
    assert read(support, tokens).all()
    assert (read(support, other) == language.in_support(other)).all()


def test_a_list_is_read_by_as_few_states_as_there_are_ways_to_go_on():
    every = np.array(list(itertools.product(range(3), repeat=5)))
    assert Support.of_list(every, 3).states == 5 * 3
    assert Support.of_list(every[[0, -1]], 3).states == 2 * 5 - 1 + 1


def test_too_many_states_are_refused_by_name():
    with pytest.raises(ValueError, match="MOST_SUPPORT_STATES") as refused:
        mt.as_language("affine:checks=16,period=64").support(64)
    assert "\n" not in str(refused.value)
    with pytest.raises(ValueError, match="63 parity checks"):
        mt.Affine(np.eye(63)).support(70)


@pytest.mark.parametrize("name", LANGUAGES.built_in)
def test_a_language_says_whether_its_steps_can_be_completed(name):
    """One whose default has too many states has an automaton all the same."""
    language = mt.as_language(name)
    try:
        found = language.support(getattr(language, "length", 8)) is not None
    except ValueError as refused:
        found = "MOST_SUPPORT_STATES" in str(refused)
    assert found == LANGUAGES.about(name).completable
