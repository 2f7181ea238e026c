"""One-hot blocks and rules that look, with twins that count every bit of a block, or one block alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.integrate import quad

from mdmtheory import Parity
from mdmtheory.exact.rounds_of_bits import opening_cost
from mdmtheory.languages.one_hot import one_hot
from mdmtheory.theory.one_hot_adaptive import DEPTH, STATEMENT, least_rounds, share_of_block
from mdmtheory.theory.statement import HypothesisError
from tests.theory.property import stands, twins_refuted


@st.composite
def blocks(draw, statement):
    block, count = draw(st.sampled_from([(2, 1), (2, 2), (2, 3), (3, 1), (3, 2), (4, 1), (5, 1)]))
    return statement.setting(one_hot(block=block), block * count)


@st.composite
def with_error(draw):
    block, count = draw(st.sampled_from([2, 3, 4, 12])), draw(st.integers(1, 3))
    return STATEMENT.setting(one_hot(block=block), block * count, eps=draw(st.sampled_from([0.0, 0.1, 0.5, 1.0, 4.0])))


@pytest.mark.parametrize("unread", [1, 2, 7, 30])
def test_a_round_costs_its_pairs_at_least(unread):
    for size in range(1, unread + 1):
        assert opening_cost(unread, size) >= size * (size - 1) / (2 * unread**2) - 1e-15


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("block", [1, 6, 40])
def test_a_round_and_its_nats_are_worth_the_bits_they_open(share, block):
    """n/m + 2 j^2 s (s-1)/(2 n m) >= sum f/m over the s bits, f rising, and these the integral of f."""
    price = share * block

    def worth(n):
        return n if n <= price else 2 * price - price**2 / n

    for left in range(1, block + 1):
        for size in range(1, left + 1):
            paid = left + price**2 * size * (size - 1) / left
            assert paid >= sum(worth(left - k) for k in range(size)) - 1e-9
    assert sum(map(worth, range(1, block + 1))) >= quad(worth, 0, block, points=[price])[0] - 1e-6


@pytest.mark.parametrize("error", [0.0, 0.01, 0.3, 1.0, 20.0, 1e6])
def test_the_share_of_a_block_is_the_best_price(error):
    """max over k of 2k - 3k^2/2 + k^2 log k - 2 k^2 x, by trying many; and its shape, 0.39/(1 + x)."""
    k = np.exp(np.linspace(-18, 0, 200_001))
    best = (2 * k - 1.5 * k**2 + k**2 * np.log(k) - 2 * k**2 * error).max()
    assert share_of_block(error) == pytest.approx(best, rel=1e-6)
    assert 0.39 / (1 + error) < share_of_block(error) <= 0.5


def test_no_larger_constant_than_the_one_of_the_shape_follows():
    errors = np.linspace(0, 3, 301)
    assert 0.39 < min(share_of_block(error) * (1 + error) for error in errors.tolist()) < 0.397


def test_one_block_bounds_many_from_below():
    for error in (0.0, 0.2, 1.0):
        exact = least_rounds(3, 3, error)
        alone = least_rounds(3, 1, error / 3)
        assert exact.kind == "exact"
        assert alone.value <= exact.value + 1e-9
    assert least_rounds(16, 16, 0.1).kind == "lower bound"


def test_what_the_hypotheses_exclude():
    for language, length, eps, message in (
        (Parity(), 4, 0.1, "about one_hot"),
        (one_hot(block=3), 4, 0.1, "whole blocks of 3"),
        (one_hot(block=3), 6, -1.0, "error of 0 or more"),
        (one_hot(block=3), 6, math.nan, "error of 0 or more"),
    ):
        with pytest.raises(HypothesisError, match=message):
            STATEMENT.check(language, length, eps=eps)
    with pytest.raises(HypothesisError, match="whole blocks of 3"):
        DEPTH.check(one_hot(block=3), 4)


def test_they_stand():
    stands(DEPTH, blocks(DEPTH), max_examples=8)
    stands(STATEMENT, with_error(), max_examples=15)


def test_each_twin_is_refuted():
    twins_refuted(DEPTH, blocks(DEPTH))
    twins_refuted(STATEMENT, with_error())
