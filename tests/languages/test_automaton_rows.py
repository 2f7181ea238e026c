"""Tokens of a step drawn together, on condition that they can be completed, against enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.conformance.goodness import follows
from mdmtheory.exact.enumeration import all_sequences, joint
from mdmtheory.languages import automaton_rows
from mdmtheory.models.completable import completable_rows

LANGUAGES = {
    "bigram": lambda seed: mt.NGram.random(order=2, vocab_size=3, seed=seed, prune=1.2),
    "trigram": lambda seed: mt.NGram.random(order=3, vocab_size=2, seed=seed, prune=0.8),
    "hmm": lambda seed: mt.HMM.random(states=5, vocab_size=3, seed=seed, prune_transition=1.5, prune_emission=1.2),
    "brackets": lambda seed: mt.as_language("dyck:kinds=1,depth=2"),
    "pairs": lambda seed: mt.as_language("equal_pairs:vocab_size=2"),
    "copies": lambda seed: mt.as_language("copy:distance=3,vocab_size=2"),
    "parity": lambda seed: mt.as_language("parity"),
    "repetition": lambda seed: mt.as_language("repetition:vocab_size=3"),
    "affine": lambda seed: mt.as_language(f"affine:checks=2,period=4,seed={seed}"),
    "tree": lambda seed: mt.as_language(f"tree:arity=2,nodes=5,vocab_size=3,seed={seed},prune=1.2"),
}


def step_of(language, shown, positions, laws):
    """The product's mass on each assignment that can be completed, and what it puts on others, by enumeration."""
    q = joint(language, len(shown)).reshape(-1)
    inside = all_sequences(language.vocab_size, len(shown))[q > 0]
    others = np.array([i for i in range(len(shown)) if i not in positions and shown[i] < language.vocab_size], int)
    inside = inside[(inside[:, others] == shown[others]).all(axis=1)]
    possible = {tuple(each) for each in inside[:, positions].tolist()}
    masses = {}
    for tokens in itertools.product(range(language.vocab_size), repeat=len(positions)):
        masses[tokens] = float(np.prod([law[v] for law, v in zip(laws, tokens, strict=True)]))
    return {tokens: mass if tokens in possible else 0.0 for tokens, mass in masses.items()}


def some_step(language, length, seed):
    """A partly revealed sequence of the language, some of its masked positions, and laws there that know nothing."""
    rng = np.random.default_rng(seed)
    tokens = language.sample(1, length, seed)[0].astype(np.int64)
    shown = np.where(rng.random(length) < 0.4, tokens, language.vocab_size)
    masked = np.flatnonzero(shown == language.vocab_size)
    if not len(masked):
        shown[0], masked = language.vocab_size, np.array([0])
    positions = np.sort(rng.choice(masked, size=rng.integers(1, len(masked) + 1), replace=False))
    laws = rng.dirichlet(np.ones(language.vocab_size), size=len(positions))
    return shown, positions, laws


@pytest.mark.parametrize("name", LANGUAGES)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), length=st.integers(1, 6))
def test_what_is_left_of_a_step_is_the_enumerated_mass(name, seed, length):
    language = LANGUAGES[name](seed % 17)
    shown, positions, laws = some_step(language, length, seed)
    masses = step_of(language, shown, positions, laws)
    rows = completable_rows(language, shown[None])
    _, log_kept = rows.draw(np.zeros(len(positions), int), positions, laws, np.full(len(positions), 0.5))
    assert np.exp(log_kept.sum()) == pytest.approx(sum(masses.values()), abs=1e-14)


@pytest.mark.parametrize("name", LANGUAGES)
def test_tokens_of_a_step_have_the_conditioned_law(name):
    language = LANGUAGES[name](3)
    shown, positions = np.full(6, language.vocab_size), np.array([0, 1, 2, 3, 5])  # nothing is decided beforehand
    laws = np.random.default_rng(12).dirichlet(np.ones(language.vocab_size), size=len(positions))
    masses = step_of(language, shown, positions, laws)
    count = 3000
    rows = completable_rows(language, np.tile(shown, (count, 1)))
    uniforms = np.random.default_rng(0).random(count * len(positions))
    where = np.repeat(np.arange(count), len(positions)), np.tile(positions, count)
    drawn, _ = rows.draw(*where, np.tile(laws, (count, 1)), uniforms)
    law = np.zeros((language.vocab_size,) * len(positions))
    for tokens, mass in masses.items():
        law[tokens] = mass
    assert follows(drawn.reshape(count, -1), law / law.sum())


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), name=st.sampled_from(sorted(LANGUAGES)))
def test_the_best_tokens_of_a_step_have_the_largest_enumerated_mass(seed, name):
    language = LANGUAGES[name](seed % 17)
    shown, positions, laws = some_step(language, 6, seed)
    masses = step_of(language, shown, positions, laws)
    found, _ = completable_rows(language, shown[None]).best(np.zeros(len(positions), int), positions, laws)
    assert masses[tuple(found.tolist())] == pytest.approx(max(masses.values()), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), name=st.sampled_from(sorted(LANGUAGES)))
def test_steps_that_follow_know_what_was_written(seed, name):
    """What was drawn in one step and is seen in the next: as if the rows were opened with it."""
    language = LANGUAGES[name](seed % 17)
    shown, positions, laws = some_step(language, 6, seed)
    rows = completable_rows(language, shown[None])
    drawn, _ = rows.draw(np.zeros(len(positions), int), positions, laws, np.full(len(positions), 0.3))
    shown[positions] = drawn
    left = np.flatnonzero(shown == language.vocab_size)
    if not len(left):
        return
    laws = np.random.default_rng(seed).dirichlet(np.ones(language.vocab_size), size=len(left))
    zeros = np.zeros(len(left), int)
    _, kept = rows.draw(zeros, left, laws, np.full(len(left), 0.7))
    _, afresh = completable_rows(language, shown[None]).draw(zeros, left, laws, np.full(len(left), 0.7))
    assert kept.tolist() == pytest.approx(afresh.tolist(), abs=1e-14)


def test_rows_and_the_order_of_their_pairs_do_not_matter():
    language = LANGUAGES["hmm"](1)
    steps = [some_step(language, 6, seed) for seed in range(5)]
    shown = np.array([step[0] for step in steps])
    rows = np.repeat(np.arange(5), [len(step[1]) for step in steps])
    positions, laws = np.concatenate([step[1] for step in steps]), np.concatenate([step[2] for step in steps])
    uniforms = np.random.default_rng(2).random(len(rows))
    tokens, kept = completable_rows(language, shown).draw(rows, positions, laws, uniforms)
    mixed = np.random.default_rng(3).permutation(len(rows))
    again, left = completable_rows(language, shown).draw(rows[mixed], positions[mixed], laws[mixed], uniforms[mixed])
    assert np.array_equal(again, tokens[mixed])
    assert np.array_equal(left, kept[mixed])
    assert np.array_equal(completable_rows(language, shown).score(rows, positions, laws, tokens), kept)


def test_a_mass_far_below_rounding_keeps_its_digits():
    """Of two tokens of one step the second must repeat the first; each is all but certain of the same token."""
    language = mt.as_language("repetition:vocab_size=2")
    small = 1e-30
    laws = np.array([[1.0, small]] * 2)
    rows = completable_rows(language, np.full((1, 2), 2))
    _, kept = rows.draw(np.zeros(2, int), np.arange(2), laws, np.full(2, 0.5))
    assert -np.expm1(kept.sum()) == pytest.approx(2 * small, rel=1e-12, abs=0)


def test_a_long_step_is_likely_to_go_wrong_and_is_drawn_all_the_same():
    language = mt.as_language("hmm")
    laws = np.tile(np.full(8, 1 / 8), (2000, 1))
    rows = completable_rows(language, np.full((1, 2000), 8))
    drawn, kept = rows.draw(np.zeros(2000, int), np.arange(2000), laws, np.random.default_rng(0).random(2000))
    assert kept.sum() < -745  # no float64 has that probability
    assert language.in_support(drawn[None]).all()


def test_what_cannot_be_completed_is_marked():
    language = mt.as_language("repetition:vocab_size=2")
    rows = completable_rows(language, np.full((2, 3), 2))
    laws = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.5, 0.5]])
    drawn, kept = rows.draw(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), laws, np.full(4, 0.3))
    assert drawn.tolist() == [2, 2, 0, 0]
    assert np.exp(kept.reshape(2, 2).sum(axis=1)).tolist() == pytest.approx([0, 0.5])


def test_sets_beyond_the_limit_and_masses_too_small_are_refused(monkeypatch):
    language = mt.as_language("repetition:vocab_size=6")
    zeros, where = np.zeros(2, int), np.arange(2)
    laws = np.full((2, 6), 1 / 6)
    monkeypatch.setattr(automaton_rows, "MOST_STATE_SETS", 5)
    with pytest.raises(ValueError, match="more than MOST_STATE_SETS = 5 sets of states"):
        completable_rows(language, np.full((1, 2), 6)).draw(zeros, where, laws, np.full(2, 0.5))
    monkeypatch.setattr(automaton_rows, "MOST_STATE_SETS", 6)
    rows = completable_rows(language, np.full((1, 2), 6))
    rows.draw(zeros, where, laws, np.full(2, 0.5))
    assert rows.widest == 6
    sure = np.eye(6)[:2] + 1e-300
    with pytest.raises(FloatingPointError, match="too small for float64"):
        completable_rows(language, np.full((1, 2), 6)).draw(zeros, where, sure, np.full(2, 0.5))


def test_languages_that_do_not_say_how_steps_are_completed_are_refused():
    with pytest.raises(ValueError, match="has no automaton"):
        completable_rows(mt.as_language("latin"), np.full((1, 16), 4))


def test_sums_are_read_column_by_column():
    """Of a sum whose addends stand, the digits that are masked can be one number alone."""
    task = mt.as_language("addition:digits=1,addends=2,given=joint")
    tokens = task.sample(20, task.length, seed=0).astype(np.int64)
    shown = tokens.copy()
    shown[:, 2:] = 10
    rows, positions = np.nonzero(shown == 10)
    rows_of = completable_rows(task, shown)
    drawn, kept = rows_of.draw(rows, positions, np.full((len(rows), 10), 0.1), np.full(len(rows), 0.5))
    assert np.array_equal(drawn, tokens[rows, positions])
    assert np.exp(kept.reshape(20, -1).sum(axis=1)).tolist() == pytest.approx([0.01] * 20)
