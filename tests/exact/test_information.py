"""The information curve in closed form, by enumeration and from drawn contexts: three ways to one number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.exact import information
from mdmtheory.oracles.chain import ChainOracle
from tests.exact.known import BIGRAM3, GOLDEN, HMM2X3, TRIGRAM2
from tests.languages.small import ngrams

exact = mt.exact

# docs/theory.md, section 2.
GOLDEN_AT_6 = [0.598269588585, 0.555327949721, 0.515592668532, 0.478494026754, 0.443605797820, 0.410592653635]


def enumerated(language, length):
    return exact.enumerated_information_curve(exact.joint(language, length))


def estimated(language, length, monkeypatch, count=1000, seed=0, **options):
    monkeypatch.setattr(information, "ENUMERATED_COST", 0.0)
    return exact.information_curve(language, length, count=count, seed=seed, **options)


def test_the_golden_chain():
    curve = exact.information_curve(GOLDEN, 6)
    np.testing.assert_allclose(curve, GOLDEN_AT_6, rtol=0, atol=6e-13)
    assert (curve.kind, curve.count, curve.level) == ("exact", 0, 1.0)
    np.testing.assert_array_equal(curve.low, curve.high)


@given(language=ngrams(orders=(1, 2)), length=st.integers(1, 6))
def test_the_closed_form_is_the_enumeration(language, length):
    curve = exact.information_curve(language, length)
    np.testing.assert_allclose(curve, enumerated(language, length), rtol=0, atol=1e-12)


def test_the_closed_form_takes_the_law_at_its_absolute_position():
    # The twin that must fail: the same bigram as if it had started long ago.
    law = np.linalg.matrix_power(BIGRAM3.conditional, 1000)[0]
    settled = exact.information_curve(mt.NGram(law, BIGRAM3.conditional), 5)
    assert np.abs(np.asarray(settled) - enumerated(BIGRAM3, 5)).max() > 1e-3


@pytest.mark.parametrize("spec", ["ngram", "ngram:vocab_size=3,seed=2"])
@pytest.mark.parametrize("length", [400, 1500])
def test_long_curves_stay_accurate(spec, length):
    language = mt.as_language(spec)
    curve = np.asarray(exact.information_curve(language, length))
    assert (np.diff(curve) <= 1e-13).all()
    assert curve.sum() == pytest.approx(language.entropy(length).value, rel=1e-12)
    hop = -(language.conditional * np.log(np.where(language.conditional > 0, language.conditional, 1))).sum(axis=1)
    two = language.conditional @ language.conditional
    far = -(two * np.log(np.where(two > 0, two, 1))).sum(axis=1)
    # All but one revealed: two neighbours, or one at the ends; the preset starts from its stationary law to 1e-9.
    law = language.initial
    alone = -(law * np.log(law)).sum()
    ends = 2 * law @ hop + (length - 2) * (2 * law @ hop - law @ far)
    assert curve[-1] == pytest.approx(ends / length, abs=1e-8)
    assert curve[0] == pytest.approx(alone, abs=1e-8)


def test_periodic_and_reducible_bigrams_have_curves_too():
    for rows in ([[0, 1], [1, 0]], [[1, 0], [0, 1]], [[0, 1, 0], [0.5, 0, 0.5], [0, 1, 0]]):
        language = mt.NGram(np.full(len(rows), 1 / len(rows)), rows)
        np.testing.assert_allclose(exact.information_curve(language, 6), enumerated(language, 6), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("language", "lengths"),
    [
        (mt.EqualPairs(vocab_size=2), range(1, 7)),
        (mt.EqualPairs(vocab_size=3), [5]),
        (mt.Copy(distance=2, vocab_size=2), range(1, 9)),
        (mt.Parity(), range(1, 7)),
        (mt.Permutation(items=5), range(1, 6)),
        (mt.Repetition(vocab_size=3), range(1, 6)),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_uniform_languages(language, lengths):
    for length in lengths:
        curve = exact.information_curve(language, length)
        assert curve.kind == "exact"
        np.testing.assert_allclose(curve, enumerated(language, length), rtol=0, atol=1e-12)


def test_small_languages_are_enumerated():
    for language, length in ((HMM2X3, 4), (TRIGRAM2, 6)):
        curve = exact.information_curve(language, length)
        assert curve.kind == "exact"
        np.testing.assert_array_equal(np.asarray(curve), enumerated(language, length))


SAMPLED = [(HMM2X3, 5), (TRIGRAM2, 6), (mt.HMM.random(states=4, vocab_size=3, seed=1, prune_transition=1.0), 7)]


@pytest.mark.parametrize(("language", "length"), SAMPLED, ids=["hmm", "trigram", "random"])
def test_drawn_contexts_cover_the_enumeration(language, length, monkeypatch):
    truth = enumerated(language, length)
    curve = estimated(language, length, monkeypatch, count=20_000, level=0.9999)
    assert curve.kind == "estimate"
    assert curve.values[0] == pytest.approx(truth[0], abs=1e-12)
    assert curve.low[0] == curve.high[0]
    assert ((curve.low - 1e-12 <= truth) & (truth <= curve.high + 1e-12)).all()
    # The twin that must fail: one token more revealed.
    assert not (curve.low[1:-1] <= truth[2:]).all() or not (truth[2:] <= curve.high[1:-1]).all()


MANY_CONTEXTS = mt.NGram.random(order=3, vocab_size=26, seed=0, prune=1.0)


def test_an_ngram_of_many_contexts_has_its_enumerated_curve():
    assert MANY_CONTEXTS.chain is None
    expected = mt.exact.enumerated_information_curve(mt.exact.joint(MANY_CONTEXTS, 3))
    found = information.estimated_curve(MANY_CONTEXTS, 3, 900, 0, 0.999, 1)
    assert found.values[0] == pytest.approx(expected[0], rel=1e-12)
    assert (found.low - 1e-12 <= expected).all()
    assert (expected <= found.high + 1e-12).all()


@pytest.mark.parametrize("prune", [None, 0.5])
def test_contexts_have_the_curve_of_the_dense_chain(prune, monkeypatch):
    options = {} if prune is None else {"prune": prune}
    language = mt.NGram.random(order=3, vocab_size=5, seed=0, **options)
    sparse = information.estimated_curve(language, 30, 200, 0, 0.95, 1)
    monkeypatch.setattr(mt.NGram, "oracle", lambda self: ChainOracle(self))
    dense = information.estimated_curve(language, 30, 200, 0, 0.95, 1)
    np.testing.assert_allclose(sparse.values, dense.values, rtol=1e-12)
    assert (sparse.values != dense.values).any(), "the same oracle twice"


def test_a_curve_in_little_memory_is_the_same_to_the_bit(monkeypatch):
    whole = information.estimated_curve(MANY_CONTEXTS, 11, 64, 0, 0.95, 1)
    monkeypatch.setattr("mdmtheory.oracles.ngram.MESSAGE_BYTES", 0)
    kept = information.estimated_curve(MANY_CONTEXTS, 11, 64, 0, 0.95, 1)
    assert kept.values.tolist() == whole.values.tolist()


def test_intervals_cover_as_often_as_they_say(monkeypatch):
    truth = enumerated(HMM2X3, 5)
    runs = 300
    covered = np.zeros(5)
    for seed in range(runs):
        curve = estimated(HMM2X3, 5, monkeypatch, count=1, seed=seed, level=0.9, threads=1)
        covered += (curve.low <= truth + 1e-12) & (truth - 1e-12 <= curve.high)
    # Three standard errors of a share of 0.9.
    assert (covered / runs >= 0.9 - 3 * np.sqrt(0.09 / runs)).all()
    assert (covered[1:] / runs <= 0.9 + 4 * np.sqrt(0.09 / runs)).all()


def test_every_point_has_the_entropies_that_were_asked_for(monkeypatch):
    curve = estimated(HMM2X3, 5, monkeypatch, count=1000)
    assert curve.count == 1 + sum(-(-1000 // (5 - m)) for m in range(1, 5))
    assert estimated(HMM2X3, 5, monkeypatch, count=1).count == 1 + 4 * information.LEAST_CONTEXTS


def test_numbers_do_not_depend_on_threads_but_on_the_seed(monkeypatch):
    monkeypatch.setattr("mdmtheory.exact.contexts.CHUNK_ENTRIES", 1000)
    one = estimated(HMM2X3, 5, monkeypatch, count=100, threads=1)
    three = estimated(HMM2X3, 5, monkeypatch, count=100, threads=3)
    other = estimated(HMM2X3, 5, monkeypatch, count=100, seed=1)
    np.testing.assert_array_equal(one.values, three.values)
    np.testing.assert_array_equal(one.high, three.high)
    assert (one.values[1:] != other.values[1:]).any()
    monkeypatch.undo()
    np.testing.assert_array_equal(one.values, estimated(HMM2X3, 5, monkeypatch, count=100).values)


def test_at_length():
    language = mt.as_language("hmm")
    curve = exact.information_curve(language, 96, count=100)
    entropy = language.entropy(96, count=4000)
    spread = (curve.high - curve.low) / 2
    assert curve.values.sum() == pytest.approx(entropy.value, abs=2 * np.sqrt((spread**2).sum()) + 1)
    assert curve.values[0] > curve.values[48] > curve.values[-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "count is 0; pass how many posterior entropies"),
        ({"level": 1.0}, "level is 1.0; pass a number above 0 and below 1"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_bad_requests_are_refused(options, message, monkeypatch):
    with pytest.raises(ValueError, match=message):
        estimated(HMM2X3, 5, monkeypatch, **options)


def test_lengths_are_the_languages():
    with pytest.raises(ValueError, match="length is 6, and there are 5 items"):
        exact.information_curve(mt.Permutation(items=5), 6)
