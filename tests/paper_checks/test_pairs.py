"""The law of adjacent tokens against the enumerated law of whole sequences, and what is measured from samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.languages.book import corpus
from mdmtheory.languages.laws import stationary_law
from mdmtheory.schedules import as_schedule
from paper_checks.pairs import pair_law
from paper_checks.text import character_bigram, pair_counts
from paper_checks.transitions import counts_of_rows, measured_kl, noise_floor, transition_kl

ROWS = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.3, 0.1, 0.6]])


@st.composite
def positive_chains(draw, most_tokens=3):
    size = draw(st.integers(2, most_tokens))
    weights = st.lists(st.sampled_from([0.001, 0.1, 1.0, 3.0]), min_size=size, max_size=size)
    rows = np.array([draw(weights) for _ in range(size)])
    rows /= rows.sum(axis=1, keepdims=True)
    return mt.NGram(stationary_law(rows, np.ones(size, dtype=bool)), rows)


def enumerated_pair_law(language, fractions, reach):
    """The marginal of the two middle positions of the law of sequences of 2 * reach + 2 tokens."""
    length = 2 * reach + 2
    law = mt.exact.law(mt.MaskedDiffusion(mt.Oracle(language), schedule=fractions), language, length)
    return law.sum(axis=tuple(k for k in range(length) if k not in (reach, reach + 1)))


@given(
    positive_chains(),
    st.integers(0, 2),
    st.sampled_from([("linear", 1), ("linear", 4), ("cosine", 3), ("geometric", 5)]),
)
def test_the_recursion_is_the_marginal_of_the_enumerated_law(language, reach, schedule):
    name, steps = schedule
    fractions = as_schedule(name).revealed_fractions(steps)
    found = pair_law(language.conditional, language.initial, fractions, reach)
    np.testing.assert_allclose(found, enumerated_pair_law(language, fractions, reach), rtol=1e-11, atol=1e-15)


def test_the_comparison_refutes_another_number_of_steps_and_a_shorter_reach():
    language = mt.NGram(stationary_law(ROWS, np.ones(3, dtype=bool)), ROWS)
    truth = enumerated_pair_law(language, np.arange(4) / 3, 2)
    for steps, reach in ((4, 2), (3, 0)):
        other = pair_law(ROWS, language.initial, np.arange(steps + 1) / steps, reach)
        assert np.abs(other - truth).max() > 1e-6


def test_many_steps_leave_the_true_pairs_and_one_step_leaves_independent_ones():
    start = stationary_law(ROWS, np.ones(3, dtype=bool))
    np.testing.assert_allclose(pair_law(ROWS, start, np.array([0.0, 1.0]), 2), np.outer(start, start), atol=1e-15)
    errors = [np.abs(pair_law(ROWS, start, np.arange(n + 1) / n, 3) - start[:, None] * ROWS).max() for n in (32, 64)]
    assert errors[1] == pytest.approx(errors[0] / 2, rel=0.05)


def test_a_chain_that_forbids_pairs_is_refused():
    with pytest.raises(ValueError, match="the chain forbids a pair of tokens"):
        pair_law(np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([2 / 3, 1 / 3]), np.array([0.0, 1.0]), 1)


def test_transition_kl_is_the_weighted_divergence_of_rows():
    pairs = np.array([[2.0, 2.0], [0.0, 4.0]])
    transition = np.array([[0.5, 0.5], [0.25, 0.75]])
    assert transition_kl(pairs, transition) == pytest.approx(0.5 * np.log(4 / 3), rel=1e-14)
    assert transition_kl(transition, transition) == pytest.approx(0, abs=1e-15)
    assert transition_kl(np.ones((2, 2)), np.array([[0.5, 0.5], [1.0, 0.0]])) == np.inf


def test_exact_sequences_show_the_noise_floor_and_wrong_ones_more():
    language = mt.NGram(stationary_law(ROWS, np.ones(3, dtype=bool)), ROWS)
    floor = noise_floor(200 * 63, 3)
    shown = [measured_kl(language.sample(200, 64, seed), ROWS).value for seed in range(100)]
    # The mean of 100 chi-squared variables of 6 degrees of freedom, over 6: its standard deviation is 0.058.
    assert np.mean(shown) / floor == pytest.approx(1, abs=0.25)
    wrong = mt.MaskedDiffusion(mt.Oracle(language), steps=2).sample(200, 64, 0).tokens
    found = measured_kl(wrong, ROWS)
    exact = transition_kl(pair_law(ROWS, language.initial, np.arange(3) / 2, 6), ROWS)
    assert found.low <= exact + floor <= found.high
    assert found.low > 5 * floor


def test_pairs_are_counted_within_rows_only():
    tokens = np.array([[0, 1, 1], [2, 0, 1]])
    assert counts_of_rows(tokens, 3).tolist() == [[0, 1, 0, 0, 1, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 1, 0, 0]]
    np.testing.assert_array_equal(counts_of_rows(tokens, 3).sum(axis=0).reshape(3, 3), pair_counts(tokens, 3))


def test_the_text_is_words_of_small_letters():
    assert len(corpus()) > 10_000
    assert set(corpus().tolist()) == set(range(27))
    assert not ((corpus()[1:] == 0) & (corpus()[:-1] == 0)).any()


def test_the_character_bigram_is_stationary_and_forbids_nothing():
    language = character_bigram()
    np.testing.assert_allclose(language.initial @ language.conditional, language.initial, atol=1e-12)
    assert language.conditional.min() > 0
    # After q comes u.
    assert language.conditional[17].argmax() == 21
