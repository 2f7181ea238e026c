"""Block diffusion on bigrams, exactly: spans inside blocks, against enumeration, drawing, and both its ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.intervals import clopper_pearson
from mdmtheory.exact import scores
from mdmtheory.models.block import BlockDiffusion
from tests.exact.bigrams import CHAINS, GROWTH_CHAIN, fractions, recursion_languages


def enumerated(language, length, block, schedule, steps=None):
    model = BlockDiffusion(mt.Oracle(language), block=block, steps=steps, schedule=schedule)
    return mt.exact.law(model, language, length, threads=1)


@given(language=recursion_languages(), length=st.integers(1, 5), block=st.integers(1, 3), edges=fractions())
def test_every_sequence_has_its_enumerated_probability(language, length, block, edges):
    p = enumerated(language, length, block, edges).reshape(-1)
    sequences = mt.exact.all_sequences(language.vocab_size, length)
    values = mt.exact.log_prob(language, sequences, schedule=edges, block=block)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(values, np.log(p), rtol=0, atol=1e-11)


@given(language=recursion_languages(), length=st.integers(1, 5), block=st.integers(1, 3), edges=fractions())
def test_every_length_has_its_enumerated_error_rate(language, length, block, edges):
    curve = mt.exact.ser_curve(language, length, schedule=edges, block=block)
    expected = [
        mt.exact.error_rate(enumerated(language, each, block, edges), mt.exact.joint(language, each))
        for each in range(1, length + 1)
    ]
    np.testing.assert_allclose(curve, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("block", [2, 3])
@pytest.mark.parametrize("name", CHAINS)
def test_chains_of_every_kind(name, block):
    language = CHAINS[name]
    p = enumerated(language, 5, block, "cosine", 3)
    sequences = mt.exact.all_sequences(language.vocab_size, 5)
    with np.errstate(divide="ignore"):
        expected = np.log(p).reshape(-1)
    values = mt.exact.log_prob(language, sequences, steps=3, schedule="cosine", block=block)
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-11)
    rate = mt.exact.ser(language, 5, steps=3, schedule="cosine", block=block)
    assert rate.kind == "exact"
    expected = mt.exact.error_rate(p, mt.exact.joint(language, 5))
    assert float(rate) == pytest.approx(expected, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", CHAINS)
def test_one_token_is_exact_and_all_are_masked_diffusion(name):
    language = CHAINS[name]
    tokens = language.sample(4, 30, seed=0)
    ones = mt.exact.log_prob(language, tokens, steps=3, block=1)
    np.testing.assert_allclose(ones, language.log_prob(tokens), rtol=1e-12)
    assert np.abs(mt.exact.ser_curve(language, 30, steps=3, block=1)).max() < 1e-12
    for block in (30, 99):
        np.testing.assert_array_equal(
            mt.exact.log_prob(language, tokens, steps=3, block=block), mt.exact.log_prob(language, tokens, steps=3)
        )
        np.testing.assert_array_equal(
            mt.exact.ser_curve(language, 30, steps=3, block=block), mt.exact.ser_curve(language, 30, steps=3)
        )


def test_a_block_longer_than_the_rest_is_the_rest():
    # Up to the end of the first block nothing is known to be blocks.
    curve = mt.exact.ser_curve(GROWTH_CHAIN, 60, steps=4, block=24)
    np.testing.assert_allclose(curve[:24], mt.exact.ser_curve(GROWTH_CHAIN, 24, steps=4), rtol=1e-12)
    # The last token of a block is known when the next begins, so errors are not those of independent blocks.
    apart = 1 - (1 - curve[23]) ** 2
    assert abs(curve[47] - apart) > 1e-4


def test_long_sequences_agree_with_drawing_and_with_plans():
    model = BlockDiffusion(mt.Oracle(GROWTH_CHAIN), block=16, steps=8)
    errors = (~GROWTH_CHAIN.in_support(model.sample(2000, 90, seed=0).tokens)).sum()
    low, high = clopper_pearson(int(errors), 2000, 0.9999)
    exact = float(mt.exact.ser(GROWTH_CHAIN, 90, steps=8, block=16))
    assert low < exact < high
    # The twin that must fail: the steps of all blocks together for the whole.
    assert not low < float(mt.exact.ser(GROWTH_CHAIN, 90, steps=6 * 8)) < high
    x = GROWTH_CHAIN.sample(2, 40, seed=2)
    plans = model.log_prob(x, 0, plans=400)
    assert plans.kind == "lower bound"
    np.testing.assert_allclose(plans.values, mt.exact.log_prob(GROWTH_CHAIN, x, steps=8, block=16), atol=0.5)


def test_steps_are_worth_as_much_in_a_block_as_in_the_whole():
    # kappa of the growth chain: docs/theory.md, section 5; that of blocks is near kappa (1 - 1 / B), measured.
    for block, share in ((4, 0.748), (16, 0.937), (64, 0.984)):
        rate = float(mt.exact.ser(GROWTH_CHAIN, 512, steps=256, block=block))
        assert -math.log(1 - rate) * 256 / 512 / 0.147610962642 == pytest.approx(share, abs=1e-3)
    # So at equal calls the whole is better by far.
    whole, blocks = (
        float(mt.exact.ser(GROWTH_CHAIN, 512, steps=steps, block=n)) for steps, n in ((128, None), (16, 64))
    )
    assert (whole, blocks) == pytest.approx((0.44554527, 0.99068761), abs=1e-7)


def test_small_error_rates_keep_their_digits():
    rare = mt.NGram([1 - 1e-13, 1e-13], [[1 - 1e-13, 1e-13], [1.0, 0.0]])
    value = float(mt.exact.ser(rare, 4, steps=1, block=2))
    # Two rare tokens side by side in one of the two blocks, which the other end of a block forbids as well.
    law = enumerated(rare, 4, 2, "linear", 1)
    wrong = law[mt.exact.joint(rare, 4) == 0].sum()
    assert 0 < value < 1e-25
    assert value == pytest.approx(wrong, rel=1e-10)


def test_distances_and_ter_of_the_mixture_itself():
    model = BlockDiffusion(mt.Oracle(GROWTH_CHAIN), block=8, steps=4)
    bound = mt.ter_ratio(model, GROWTH_CHAIN, 24, count=400)
    mixture = mt.ter_ratio(model, GROWTH_CHAIN, 24, count=400, method="mixture")
    assert bound.kind == "upper bound"
    assert mixture.kind == "estimate"
    assert mixture.high < bound.low
    tokens = GROWTH_CHAIN.sample(4000, 24, seed=9)
    gaps = GROWTH_CHAIN.log_prob(tokens) - mt.exact.log_prob(GROWTH_CHAIN, tokens, steps=4, block=8)
    # Without the low-noise form the mean is ten times less sharp, and the same.
    assert abs(24 * math.log(mixture.value) - gaps.mean()) < 4.5 * gaps.std() / math.sqrt(4000)
    found = mt.distances(model, GROWTH_CHAIN, 24, count=100, method="mixture")
    assert found.ser == mt.exact.ser(GROWTH_CHAIN, 24, steps=4, block=8)
    with pytest.raises(ValueError, match="has no exact log p"):
        mt.ter(
            BlockDiffusion(mt.Oracle(GROWTH_CHAIN), block=8, steps=4, sampler="fixed"),
            GROWTH_CHAIN,
            24,
            method="mixture",
        )


def test_other_languages_are_enumerated_while_that_is_feasible():
    hmm = mt.HMM([0.3, 0.7], [[0.5, 0.5], [0.0, 1.0]], [[0.5, 0.5, 0.0], [0.1, 0.0, 0.9]])
    p = enumerated(hmm, 4, 3, "linear", 2)
    assert float(mt.exact.ser(hmm, 4, steps=2, block=3)) == mt.exact.error_rate(p, mt.exact.joint(hmm, 4))
    sequences = mt.exact.all_sequences(3, 4)
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(mt.exact.log_prob(hmm, sequences, steps=2, block=3), np.log(p).reshape(-1))
    # EqualPairs: blocks of two hold whole pairs, those of three cut every other pair, which then cannot go wrong.
    pairs = mt.EqualPairs(vocab_size=2)
    assert float(mt.exact.ser(pairs, 6, steps=2, block=2)) == pytest.approx(1 - (1 - 0.5 * 0.5) ** 3, rel=1e-12)
    assert float(mt.exact.ser(pairs, 6, steps=2, block=3)) == pytest.approx(1 - (1 - 0.5 * 0.5) ** 2, rel=1e-12)


def test_ends_out_of_sight_and_threads_change_nothing(monkeypatch):
    tokens = GROWTH_CHAIN.sample(3, 150, seed=0)
    fast = mt.exact.log_prob(GROWTH_CHAIN, tokens, steps=3, block=110, threads=1)
    np.testing.assert_array_equal(mt.exact.log_prob(GROWTH_CHAIN, tokens, steps=3, block=110, threads=2), fast)
    monkeypatch.setattr(scores, "SIGHT", -1.0)
    np.testing.assert_allclose(mt.exact.log_prob(GROWTH_CHAIN, tokens, steps=3, block=110), fast, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mt.exact.ser(GROWTH_CHAIN, 8, steps=2, block=0), "block is 0; pass 1 or more"),
        (lambda: mt.exact.log_prob(GROWTH_CHAIN, [[0, 1]], steps=2, block=-1), "block is -1"),
        (lambda: mt.exact.ser(mt.as_language("hmm"), 64, steps=2, block=8), "no bigram, so that its law is enumerated"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
