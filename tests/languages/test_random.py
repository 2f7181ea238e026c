"""Random languages and presets: what they promise about zeros, classes, grain and names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.languages import hmm
from mdmtheory.languages.laws import GRAIN, closed_classes, on_grain, stationary_law


def on_the_grain(array):
    return (array / GRAIN == np.round(array / GRAIN)).all()


@given(states=st.integers(1, 12), vocab_size=st.integers(1, 6), seed=st.integers(0, 99), prune=st.floats(0, 3))
def test_random_hmm_is_pruned_stationary_and_on_the_grain(states, vocab_size, seed, prune):
    q = mt.HMM.random(states=states, vocab_size=vocab_size, seed=seed, prune_transition=prune, prune_emission=prune)
    for rows, size in ((q.transition, states), (q.emission, vocab_size)):
        assert (rows.sum(axis=1) == 1).all()
        assert on_the_grain(rows)
        # What was kept was at least prune/size before the row was scaled up again, or the largest of its row.
        assert ((rows == 0) | (rows >= prune / size - 2 * GRAIN) | (rows == rows.max(axis=1, keepdims=True))).all()
    [only] = closed_classes(q.transition > 0)
    assert (q.initial[~only] == 0).all()
    assert (q.initial[only] > 0).all()
    assert q.initial.sum() == 1
    np.testing.assert_allclose(q.initial @ q.transition, q.initial, atol=states * GRAIN)


def test_states_are_drawn_some_at_a_time_without_a_change(monkeypatch):
    drawn = [mt.HMM.random(states=7, vocab_size=5, seed=1, prune_emission=1.0)]
    monkeypatch.setattr(hmm, "ENTRIES_AT_ONCE", 11)
    drawn.append(mt.HMM.random(states=7, vocab_size=5, seed=1, prune_emission=1.0))
    assert drawn[0] == drawn[1]


@given(
    order=st.integers(1, 4), vocab_size=st.integers(2, 4), seed=st.integers(0, 99), prune=st.sampled_from([0, 0.5, 1.2])
)
def test_random_ngram_is_stationary_on_its_one_closed_class(order, vocab_size, seed, prune):
    q = mt.NGram.random(order=order, vocab_size=vocab_size, seed=seed, prune=prune)
    assert q.order == order
    assert on_the_grain(q.conditional)
    joint = q.initial[..., None] * q.conditional
    np.testing.assert_allclose(joint.sum(axis=0), q.initial, atol=1e-7)


def test_entropy_rate_of_an_ngram_is_the_limit_of_its_entropy():
    q = mt.as_language("ngram:order=3")
    rate = q.entropy_rate()
    assert rate.kind == "exact"
    assert float(rate) == pytest.approx(float(q.entropy(2001)) - float(q.entropy(2000)), abs=1e-7)


def test_entropy_of_an_hmm_is_an_estimate_that_covers_the_enumerated_value():
    from tests import brute_force

    q = mt.HMM.random(states=3, vocab_size=3, seed=1, prune_emission=0.5)
    joint = brute_force.hmm_joint(q.initial, q.transition, q.emission, 4)
    truth = -(joint[joint > 0] * np.log(joint[joint > 0])).sum()
    entropy = q.entropy(4, count=20_000)
    assert entropy.kind == "estimate"
    assert entropy.low < truth < entropy.high
    rate = q.entropy_rate(count=200)
    assert rate.kind == "upper bound"
    assert 0 < float(rate) < truth / 4


def test_a_periodic_class_has_a_stationary_law():
    cycle = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(stationary_law(cycle, np.ones(3, dtype=bool)), 1 / 3, atol=1e-12)


def test_rounding_keeps_what_is_positive_positive():
    rounded = on_grain(np.array([[1e-15, 1 - 1e-15], [0.0, 1.0]]))
    assert rounded[0, 0] == GRAIN
    assert rounded[1, 0] == 0
    assert (rounded.sum(axis=1) == 1).all()


def test_the_preset_hmm_is_the_one_that_everybody_compares():
    q = mt.as_language("hmm")
    assert (len(q.initial), q.vocab_size) == (32, 8)
    assert str(q.spec) == "hmm"
    assert q.digest == mt.HMM.random(states=32, vocab_size=8, seed=0, prune_transition=2.5, prune_emission=2.0).digest
    # A golden value: whoever changes it changes every published number of the preset.
    assert q.digest.startswith("06cbf1c1304c7ef5")
    assert mt.as_language("ngram:order=2").digest.startswith("b5ed1cf6a03df95d")


def test_sticky_mixes_the_identity_in():
    loose, sticky = mt.as_language("hmm"), mt.as_language("hmm:sticky=0.99")
    expected = 0.99 * np.eye(32) + 0.01 * loose.transition
    np.testing.assert_allclose(sticky.transition, expected, atol=32 * GRAIN)
    assert (sticky.initial == loose.initial).all()


def test_dyck_sequences_are_the_prefixes_of_nested_brackets_of_bounded_depth():
    q = mt.as_language("dyck:kinds=2,depth=3")
    x = q.sample(200, 40, seed=0)
    deepest = 0
    for row in x:
        stack = []
        for token in row:
            if token < 2:
                stack.append(token)
            else:
                assert stack.pop() == token - 2
            deepest = max(deepest, len(stack))
            assert len(stack) <= 3
    assert deepest == 3
    assert not q.in_support([[0, 3]])[0]
    assert not q.in_support([[2]])[0]
    # Every allowed move is equally likely: 2 first moves, then 3 moves at depth 1, then 3 at depth 2.
    assert float(q.log_prob([[0, 1, 3]])[0]) == pytest.approx(-np.log(2 * 3 * 3))


@pytest.mark.parametrize("order", [2, 3, 4])
def test_ngram_presets_span_the_range_of_ser_that_figures_need(order):
    q = mt.as_language(f"ngram:order={order}")
    d = mt.Oracle(q)
    many, few = (mt.ser(mt.MaskedDiffusion(d, steps=steps), q, 512, count=64) for steps in (64, 2048))
    assert many.low > 0.9 - 0.05
    assert many.value > 0.9
    assert few.value < 0.2


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: mt.HMM([1.0], [[1.0]], [[0.5, 0.4]]), "emission row [0] sums to 0.9"),
        (lambda: mt.HMM([0.5, 0.5], [[1.0, 0.0], [0.5, 0.6]], np.eye(2)), "transition row [1] sums to 1.1"),
        (lambda: mt.HMM([0.5, 0.5], [[1.5, -0.5], [0.5, 0.5]], np.eye(2)), "transition[0, 1] is -0.5"),
        (lambda: mt.HMM([0.5, np.nan], np.eye(2), np.eye(2)), "initial[1] is nan"),
        (lambda: mt.HMM([0.5, 0.5], np.eye(3), np.eye(3)), "initial has shape (2,); expected (3,)"),
        (lambda: mt.HMM([0.5, 0.5], np.eye(2), np.eye(3)), "emission has shape (3, 3); expected (2, vocab_size)"),
        (lambda: mt.HMM([1.0], [[0.5, 0.5]], [[1.0]]), "must be square"),
        (lambda: mt.NGram([0.5, 0.5], [[0.5, 0.5], [0.2, 0.2]]), "conditional row [1] sums to 0.4"),
        (lambda: mt.NGram([0.5, 0.5], [[0.5, 0.5, 0.0], [0.2, 0.2, 0.6]]), "every axis must have one size"),
        (lambda: mt.NGram([0.5, 0.2, 0.3], [[0.5, 0.5], [0.2, 0.8]]), "initial has shape (3,); expected (2,)"),
        (lambda: mt.NGram(1.0, [0.5, 0.6]), "conditional sums to 1.1"),
        (lambda: mt.HMM.random(states=0), "states is 0"),
        (lambda: mt.as_language("dyck:depth=60"), "more than 4,000 stacks"),
        (lambda: mt.as_language("dyck:kinds=1,depth=1000000000"), "more than 4,000 stacks"),
        (lambda: mt.HMM.random(states=100_000_000), "MOST_TABLE_ENTRIES"),
        (lambda: mt.NGram.random(order=6, vocab_size=100), "MOST_TABLE_ENTRIES"),
        (lambda: mt.HMM.random(sticky=1.0), "sticky is 1.0"),
        (lambda: mt.HMM.random(prune_transition=-1.0), "prune_transition is -1.0"),
        (lambda: mt.NGram.random(order=7), "order is 7"),
        (lambda: mt.as_language("hnm"), "did you mean 'hmm'?"),
        (lambda: mt.as_language("hmm:state=3"), "has no option 'state'; known: states, vocab_size"),
        (lambda: mt.as_language("dyck:depth=0"), "depth is 0"),
        (lambda: mt.as_language("hmm").sample(3, 0, seed=0), "length is 0"),
        (lambda: mt.as_language("hmm").log_prob([[0, 8]]), "token 8 at row 0, position 1 is outside the vocabulary"),
        (lambda: mt.as_language("hmm").log_prob([[0.5, 1.0]]), "pass integers"),
    ],
)
def test_bad_languages_say_what_where_and_how_to_mend(build, message):
    with pytest.raises(ValueError, match=".") as error:
        build()
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("home", ["hmm", "ngram"])
def test_giving_up_on_one_closed_class_says_so(home, monkeypatch):
    monkeypatch.setattr(f"mdmtheory.languages.{home}.ATTEMPTS", 0)
    with pytest.raises(ValueError, match="prune less"):
        mt.as_language(home)


def test_languages_are_immutable_and_equal_by_value():
    q = mt.HMM.random(states=3, vocab_size=2, seed=5)
    with pytest.raises(AttributeError, match="immutable"):
        q.initial = np.ones(3) / 3
    with pytest.raises(ValueError, match="read-only"):
        q.initial[0] = 1.0
    assert q == mt.HMM.random(states=3, vocab_size=2, seed=5)
    assert q != mt.HMM.random(states=3, vocab_size=2, seed=6)
    assert len({q, mt.HMM(q.initial, q.transition, q.emission)}) == 1


def test_sequences_depend_on_their_number_alone():
    for lang in ("hmm", "ngram:order=3", "dyck"):
        q = mt.as_language(lang)
        whole = q.sample(11, 20, seed=4, threads=2)
        pieces = [q.sample(n, 20, seed=4, first=first, threads=1) for first, n in ((0, 3), (3, 7), (10, 1))]
        assert (np.vstack(pieces) == whole).all()
        assert (q.sample(11, 20, seed=5) != whole).any()
