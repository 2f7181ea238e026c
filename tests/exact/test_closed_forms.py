"""Closed forms of docs/theory.md, sections 6 and 7 (ours): exact where enumerable, by interval where not."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.intervals import clopper_pearson
from mdmtheory.core.streams import stream_states
from mdmtheory.schedules import Schedule, as_schedule

SCHEDULES = [("linear", 3), ("cosine", 4), ("polynomial:power=2", 2), ("linear", 1)]


def laws(language, length, sampler="ancestral", steps=None, schedule="linear"):
    model = mt.MaskedDiffusion(mt.Oracle(language), sampler=sampler, steps=steps, schedule=schedule)
    return mt.exact.law(model, language, length), mt.exact.joint(language, length)


def fractions_and_weights(schedule, steps):
    fractions = as_schedule(schedule).revealed_fractions(steps)
    return fractions, np.diff(fractions)


def pairs_error(length, collision, vocab_size):
    """1 - (1 - c(1 - 1/m))^(L/2), c the chance that two positions share a step."""
    return 1 - (1 - collision * (1 - 1 / vocab_size)) ** (length // 2)


@pytest.mark.parametrize(("schedule", "steps"), SCHEDULES)
@pytest.mark.parametrize(("vocab_size", "length"), [(2, 6), (2, 5), (3, 4)])
def test_equal_pairs_under_ancestral_plans(schedule, steps, vocab_size, length):
    p, q = laws(mt.EqualPairs(vocab_size=vocab_size), length, "ancestral", steps, schedule)
    collision = (fractions_and_weights(schedule, steps)[1] ** 2).sum()
    error = pairs_error(length, collision, vocab_size)
    assert mt.exact.error_rate(p, q) == pytest.approx(error, rel=1e-12)
    divergence = mt.exact.expected_nll(p, q) - mt.exact.entropy_nats(q)
    if length % 2 == 0:
        bits_a_token = -0.5 * math.log2(1 - collision * (1 - 1 / vocab_size))
        assert divergence / length / math.log(2) == pytest.approx(bits_a_token, rel=1e-12)
    # SER <= 1 - exp(-KL) with equality here.
    assert 1 - math.exp(-divergence) == pytest.approx(error, rel=1e-12)


@pytest.mark.parametrize(("length", "steps", "vocab_size", "listed"), [(64, 16, 2, 0.6379), (512, 512, 16, 0.3745)])
def test_equal_pairs_at_length(length, steps, vocab_size, listed):
    error = pairs_error(length, 1 / steps, vocab_size)
    assert error == pytest.approx(listed, abs=5e-5)
    language = mt.EqualPairs(vocab_size=vocab_size)
    count = 4000
    samples = mt.MaskedDiffusion(mt.Oracle(language), sampler="ancestral", steps=steps).sample(count, length, seed=0)
    wrong = int((~language.in_support(samples.tokens)).sum())
    low, high = clopper_pearson(wrong, count, 0.999)
    assert low <= error <= high
    # The twin that must fail: one step more or less in sixteen is outside.
    assert not low <= pairs_error(length, 1 / (steps * 0.8), vocab_size) <= high


def test_equal_pairs_need_two_rounds_in_the_right_order():
    p, q = laws(mt.EqualPairs(vocab_size=3), 6, "stride", 2)
    np.testing.assert_allclose(p, q, rtol=1e-12)
    p, q = laws(mt.EqualPairs(vocab_size=3), 6, "blocks", 3)
    assert mt.exact.error_rate(p, q) == pytest.approx(1 - 3.0**-3, rel=1e-12)


def test_copy_needs_two_rounds_when_the_stride_is_its_distance():
    copy = mt.Copy(distance=2, vocab_size=2)
    p, q = laws(copy, 8, "blocks", 4)
    np.testing.assert_allclose(p, q, rtol=1e-12)
    # Stride 2 opens each position together with its partner: every pair agrees by chance alone.
    p, q = laws(copy, 8, "stride", 2)
    assert mt.exact.error_rate(p, q) == pytest.approx(1 - 2.0**-4, rel=1e-12)


@pytest.mark.parametrize("length", [2, 5, 7])
def test_the_information_curve_of_parity(length):
    curve = mt.exact.enumerated_information_curve(mt.exact.joint(mt.Parity(), length))
    np.testing.assert_allclose(curve, [math.log(2)] * (length - 1) + [0], atol=1e-12)


@pytest.mark.parametrize(("schedule", "steps"), SCHEDULES)
@pytest.mark.parametrize("length", [2, 6])
def test_parity_under_ancestral_plans(schedule, steps, length):
    p, q = laws(mt.Parity(), length, "ancestral", steps, schedule)
    fractions, weights = fractions_and_weights(schedule, steps)
    error = 0.5 * (1 - length * (weights * fractions[:-1] ** (length - 1)).sum())
    assert mt.exact.error_rate(p, q) == pytest.approx(error, rel=1e-12)


@pytest.mark.parametrize(("sizes", "error"), [([1, 4], 0.5), ([3, 2], 0.5), ([4, 1], 0.0), ([1, 3, 1], 0.0)])
def test_parity_fails_half_the_time_unless_one_position_comes_last(sizes, error):
    p, q = laws(mt.Parity(), 5, "fixed", None, Schedule.from_sizes(sizes))
    assert mt.exact.error_rate(p, q) == pytest.approx(error, abs=1e-12)


@pytest.mark.parametrize(("schedule", "steps"), SCHEDULES)
@pytest.mark.parametrize(("vocab_size", "length"), [(2, 5), (3, 4), (1, 3)])
def test_repetition_under_ancestral_plans(schedule, steps, vocab_size, length):
    p, q = laws(mt.Repetition(vocab_size=vocab_size), length, "ancestral", steps, schedule)
    fractions, weights = fractions_and_weights(schedule, steps)
    masked = 1 - fractions[1:]
    correct = vocab_size * ((weights / vocab_size + masked) ** length - masked**length).sum()
    assert mt.exact.error_rate(p, q) == pytest.approx(1 - correct, rel=1e-12, abs=1e-12)


def orders_correct(items, sizes):
    """prod_k m_k! / ((m_k - s_k)! m_k^s_k), m_k items left before step k."""
    correct, left = 1.0, items
    for size in sizes:
        correct *= math.perm(left, size) / left**size
        left -= size
    return correct


@pytest.mark.parametrize(("items", "length"), [(4, 4), (5, 4), (5, 5)])
@pytest.mark.parametrize("sampler", ["fixed", "stride", "blocks", "bisection", "bit_reversed", "left_to_right"])
def test_no_order_helps_permutations(items, length, sampler):
    model = mt.MaskedDiffusion(mt.Oracle(mt.Permutation(items=items)), sampler=sampler, steps=2)
    plan = model.draw_plans(stream_states("sizes", 0, 1), length)[0]
    p, q = laws(mt.Permutation(items=items), length, sampler, 2)
    correct = orders_correct(items, np.bincount(plan)[1:].tolist())
    assert 1 - mt.exact.error_rate(p, q) == pytest.approx(correct, rel=1e-12)


@pytest.mark.parametrize("sampler", ["fixed", "stride", "blocks"])
def test_permutations_at_length(sampler):
    items, steps, count = 32, 24, 20_000
    language = mt.Permutation(items=items)
    model = mt.MaskedDiffusion(mt.Oracle(language), sampler=sampler, steps=steps)
    sizes = np.bincount(model.draw_plans(stream_states("sizes", 0, 1), items)[0])[1:].tolist()
    samples = model.sample(count, items, seed=1)
    wrong = int((~language.in_support(samples.tokens)).sum())
    low, high = clopper_pearson(wrong, count, 0.999)
    assert low <= 1 - orders_correct(items, sizes) <= high
