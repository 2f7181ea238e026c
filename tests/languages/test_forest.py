"""Forests against enumeration, chains against bigrams, and what messages do where something is impossible."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.conformance.bayes import all_contexts, bayes, possible
from mdmtheory.exact.enumeration import entropy_nats, joint
from mdmtheory.languages.forest import Forest
from tests.languages.small import laws


@st.composite
def forests(draw, most_nodes=5, most_tokens=3):
    tokens, nodes = draw(st.integers(2, most_tokens)), draw(st.integers(1, most_nodes))
    parents = [draw(st.integers(-1, node - 1)) for node in range(nodes)]
    return Forest(draw(laws(tokens)), [draw(laws(tokens)) for _ in range(tokens)], parents)


@given(forests(most_nodes=4), st.integers(1, 4))
def test_posteriors_are_bayes_rule(language, length):
    law, contexts = joint(language, length), all_contexts(language.vocab_size, length)
    assert law.sum() == pytest.approx(1, abs=1e-12)
    assert language.entropy(length).value == pytest.approx(entropy_nats(law), abs=1e-9)
    masked, can_be = contexts == language.vocab_size, possible(law, contexts)
    expected = np.where(can_be[:, None, None], bayes(law, contexts), 0.0)
    np.testing.assert_allclose(mt.Oracle(language).conditionals(contexts)[masked], expected[masked], atol=1e-11)
    soft = mt.Oracle(language, trust=0.6).conditionals(contexts)
    np.testing.assert_allclose(soft, bayes(law, contexts, 0.6), atol=1e-11)


def test_a_tree_with_one_child_each_is_a_bigram():
    chain, bigram = mt.as_language("tree:arity=1,nodes=9,vocab_size=3"), mt.as_language("ngram:vocab_size=3,prune=1.0")
    np.testing.assert_allclose(joint(chain, 5), joint(bigram, 5), rtol=1e-12)
    tokens = bigram.sample(20, 9, 0)
    tokens[:, 2:7] = 3
    ours, theirs = mt.Oracle(chain).conditionals(tokens), mt.Oracle(bigram).conditionals(tokens)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_beyond_its_nodes_it_begins_anew():
    language = Forest([0.3, 0.7], [[0.9, 0.1], [0.2, 0.8]], [-1, 0])
    law = joint(language, 4).reshape(4, 4)
    np.testing.assert_allclose(law, np.outer(law.sum(axis=1), law.sum(axis=0)), atol=1e-15)
    assert language.entropy(7).value == pytest.approx(3 * language.entropy(2).value + language.entropy(1).value)
    assert language.entropy_rate().value == pytest.approx(language.entropy(2).value / 2)


def test_a_contradiction_in_one_tree_leaves_nothing_of_the_others():
    language = Forest([0.5, 0.5], np.eye(2), [-1, 0, 0])
    found = mt.Oracle(language).conditionals([[0, 1, 2, 2, 2, 2], [0, 0, 2, 2, 2, 2]])
    assert not found[0, 2:].any()
    np.testing.assert_allclose(found[1, 2:], [[1, 0], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])


def test_what_is_far_less_probable_than_a_float_is_not_lost():
    """Sixty children that all say 1, from a parent that hardly ever has such."""
    rare = 1e-12
    language = Forest([1 - rare, rare], [[1 - 1e-300, 1e-300], [0.5, 0.5]], [-1, *[0] * 60])
    shown = np.full((1, 61), 1)
    shown[0, 0] = 2
    np.testing.assert_allclose(mt.Oracle(language).conditionals(shown)[0, 0], [0, 1], atol=1e-12)


@pytest.mark.parametrize(("nodes", "arity"), [(1, 1), (7, 1), (8, 1), (7, 2), (40, 3), (31, 30)])
def test_centroids_leave_halves(nodes, arity):
    language = mt.as_language(f"tree:arity={arity},nodes={nodes},vocab_size=2,prune=0.0")
    plan, parents = language.by_centroids(nodes), language.shape(nodes).parents
    assert plan.max() <= nodes.bit_length()
    for turn in range(1, plan.max() + 1):
        part = np.where(plan > turn, np.arange(nodes), -1)
        for node in np.flatnonzero((plan > turn) & (parents >= 0)):
            if plan[parents[node]] > turn:
                part[node] = part[parents[node]]
        # A part's nodes lead to its own topmost node, and are half of what was left at most.
        assert np.bincount(part[part >= 0], minlength=1).max() <= nodes / 2**turn


def test_it_goes_through_a_pickle_and_a_file(tmp_path):
    language = Forest([0.5, 0.5], [[0.9, 0.1], [0.0, 1.0]], [-1, 0, 0])
    assert pickle.loads(pickle.dumps(language)) == language
    language.save(tmp_path / "tree.npz")
    assert mt.load_language(tmp_path / "tree.npz") == language


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (([1.0], [[1.0]], []), "parents must be"),
        (([1.0], [[1.0]], [0]), "before its own"),
        (([1.0], [[1.0]], [-1, 0.5]), "parents must be"),
        (([0.5, 0.5], [[1.0]], [-1]), "pass .V,. and .V, V."),
    ],
)
def test_what_is_no_forest_is_refused(arrays, message):
    with pytest.raises(ValueError, match=message):
        Forest(*arrays)
