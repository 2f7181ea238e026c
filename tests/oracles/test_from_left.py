"""Laws given what stands to the left, and what a block shows, against Bayes' rule in every context."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.defaults import DenoiserDefaults
from tests import brute_force
from tests.languages.closed import CASES, IDS, joint_of
from tests.languages.small import hmms, ngrams


def pairs_of_rows(vocab_size, length):
    """Every sequence beside every partly masked one."""
    clean, noisy = brute_force.sequences(vocab_size, length), brute_force.contexts(vocab_size, length)
    return np.repeat(clean, len(noisy), axis=0), np.tile(noisy, (len(clean), 1))


def context(clean, noisy, start, stop, mask):
    """What the block from `start` to `stop` is told."""
    position = np.arange(len(clean))
    return np.where(position < start, clean, np.where(position < stop, noisy, mask))


@given(language=st.one_of(hmms(), ngrams()), length=st.integers(1, 3), block=st.integers(1, 3))
def test_block_laws_are_bayes_rule_in_every_context(language, length, block):
    joint, mask = np.exp(language.log_prob(brute_force.sequences(language.vocab_size, length))), language.vocab_size
    clean, noisy = pairs_of_rows(mask, length)
    got = language.oracle().block_laws(clean, noisy, block=block)
    known = {}
    for row in range(len(clean)):
        for start in range(0, length, block):
            own = slice(start, start + block)
            shown = tuple(context(clean[row], noisy[row], start, start + block, mask))
            if shown not in known:
                known[shown] = brute_force.conditionals(joint, mask, shown)
            np.testing.assert_allclose(got[row, own], known[shown][own], atol=1e-11, err_msg=str(shown))


@given(language=st.one_of(hmms(), ngrams()), length=st.integers(1, 4), trust=st.sampled_from([1.0, 0.9]))
def test_next_laws_are_bayes_rule_after_every_prefix(language, length, trust):
    joint, mask = np.exp(language.log_prob(brute_force.sequences(language.vocab_size, length))), language.vocab_size
    clean = brute_force.sequences(mask, length)
    got = mt.Oracle(language, trust=trust).next_laws(clean)
    for row, found in zip(clean, got, strict=True):
        for position in range(length):
            shown = context(row, row, position, position, mask)
            expected = brute_force.conditionals(joint, mask, shown, trust)[position]
            np.testing.assert_allclose(found[position], expected, atol=1e-11, err_msg=str(shown))


@pytest.mark.parametrize(("language", "length"), CASES, ids=IDS)
def test_next_laws_of_closed_languages_are_bayes_rule_after_every_prefix(language, length):
    clean = brute_force.sequences(language.vocab_size, length)
    got = language.oracle().next_laws(clean)
    for row, found in zip(clean, got, strict=True):
        for position in range(length):
            shown = context(row, row, position, position, language.vocab_size)
            expected = brute_force.conditionals(joint_of(language, length), language.vocab_size, shown)[position]
            np.testing.assert_allclose(found[position], expected, atol=1e-13, err_msg=str(shown))


@pytest.mark.parametrize("name", ["hmm", "ngram:order=2", "ngram:order=3", "parity", "copy:distance=2"])
def test_quick_ways_say_what_a_context_for_every_block_says(name):
    language = mt.as_language(name)
    oracle, clean = language.oracle(), language.sample(70, 20, 0)
    hidden = np.random.default_rng(0).random(clean.shape) < 0.5
    noisy = np.where(hidden, language.vocab_size, clean)
    slow = DenoiserDefaults.block_laws(oracle, clean, noisy, block=6)
    np.testing.assert_allclose(oracle.block_laws(clean, noisy, block=6), slow, atol=1e-12)
    np.testing.assert_allclose(oracle.next_laws(clean), DenoiserDefaults.next_laws(oracle, clean), atol=1e-12)


@pytest.mark.parametrize("faint", [1e-120, 1e-200])
def test_rows_of_which_float64_may_have_lost_something_are_right(faint):
    # The second token is all but impossible, and the third tells that it was there.
    moves = np.array([[1 - faint, faint, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    emission = np.array([[1.0, 0.0, 0.0], [1 - faint, faint, 0.0], [0.0, 0.0, 1.0]])
    language = mt.HMM([1.0, 0.0, 0.0], moves, emission)
    clean = np.array([[0, 0, 2, 2], [0, 1, 2, 2]])
    np.testing.assert_allclose(language.oracle().next_laws(clean)[:, 3], [[0, 0, 1], [0, 0, 1]], atol=1e-12)
    noisy = np.array([[0, 3, 2, 3], [3, 1, 3, 3]])
    found = language.oracle().block_laws(clean, noisy, block=4)
    np.testing.assert_allclose(found[0, 1], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(found[1, 2], [0, 0, 1], atol=1e-12)


def test_clean_and_noisy_tokens_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match=r"clean tokens have shape \(1, 3\) and noisy ones \(1, 2\)"):
        mt.Parity().oracle().block_laws([[0, 0, 0]], [[0, 0]], block=1)


@pytest.mark.parametrize("name", ["hmm", "ngram:order=3", "parity"])
def test_what_is_given_is_not_asked_and_blocks_begin_after_it(name):
    language = mt.as_language(name)
    oracle, clean = language.oracle(), language.sample(20, 12, 0)
    noisy = np.where(np.random.default_rng(0).random(clean.shape) < 0.5, language.vocab_size, clean)
    for first in (4, 5):  # a whole number of blocks, and not
        found = oracle.block_laws(clean, noisy, block=4, first=first)
        for row, start in ((0, first), (3, min(first + 4, 11))):
            own = slice(start, start + 4)
            shown = context(clean[row], noisy[row], start, start + 4, language.vocab_size)
            np.testing.assert_allclose(found[row, own], oracle.conditionals(shown)[0, own], atol=1e-12)
        assert not found[:, :first].any()
        next_laws = oracle.next_laws(clean, first=first)
        np.testing.assert_allclose(next_laws[:, first:], oracle.next_laws(clean)[:, first:], atol=1e-12)
        assert not next_laws[:, :first].any()


def test_a_task_that_lists_nothing_but_answers_tells_the_laws_of_answers():
    task = mt.as_language("sudoku:size=4,clues=6")
    clean, first = task.sample(5, task.length, 0), int(task.given.sum())
    found = task.oracle().next_laws(clean, first=first)
    for row, laws in zip(clean, found, strict=True):
        answers = task.answers(row[task.given]).tokens
        for place in range(task.length - first):
            agreeing = answers[(answers[:, :place] == row[first : first + place]).all(axis=1)]
            shares = np.bincount(agreeing[:, place], minlength=task.vocab_size) / len(agreeing)
            np.testing.assert_allclose(laws[first + place], shares, atol=1e-12)
