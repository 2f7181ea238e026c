"""Balanced bits and rules that look, with twins that take a plan's rounds for a rule's, or forget a run."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.stats import hypergeom

from mdmtheory import Balanced, Parity
from mdmtheory.exact.adaptive_rounds import mean_rounds
from mdmtheory.exact.rounds_of_bits import balanced_rules
from mdmtheory.theory.balanced_adaptive import ABOVE, BELOW, DEPTH, plan_steps, rounds_below
from mdmtheory.theory.statement import HypothesisError
from tests.theory.property import stands, twins_refuted

ERRORS = st.sampled_from([0.02, 0.1, 0.5, 2.0])


@st.composite
def with_error(draw, statement, errors=ERRORS):
    return statement.setting(Balanced(), draw(st.integers(2, 16)), eps=draw(errors))


@st.composite
def lengths(draw):
    return DEPTH.setting(Balanced(), draw(st.integers(2, 5)))


@pytest.mark.parametrize("left", [2, 5, 12])
def test_a_round_costs_what_unequal_bits_say_at_least(left):
    """TC of s of n bits, r of them ones, is at least P(two of them differ) (h_n - h_(n-s) - s/n)."""
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, left + 1))])
    for ones in range(1, left):
        share = ones / left
        differ = 2 * ones * (left - ones) / (left * (left - 1))
        bit = -share * math.log(share) - (1 - share) * math.log1p(-share)
        for size in range(1, left + 1):
            law = hypergeom.pmf(np.arange(size + 1), left, ones, size)
            # Bits with k ones are equally likely: -log of the probability of each is -log law + log C(s, k).
            ways = np.array([math.comb(size, k) for k in range(size + 1)])
            together = -sum(p * math.log(p / w) for p, w in zip(law, ways, strict=True) if p > 0)
            least = differ * (harmonic[left] - harmonic[left - size] - size / left)
            assert size * bit - together >= least - 1e-12


def test_looking_is_worth_little_here():
    """About two rounds, of any number: a plan's steps, a rule's, and what no rule is below."""
    for length, error in ((16, 0.02), (48, 0.1)):
        least = mean_rounds(balanced_rules(length // 2, length // 2), error).least
        plan = plan_steps(BELOW.setting(Balanced(), length, eps=error))
        assert rounds_below(length, length // 2, error) < least < plan < rounds_below(length, length // 2, error) + 5


def test_what_the_hypotheses_exclude():
    with pytest.raises(HypothesisError, match="about balanced"):
        BELOW.check(Parity(), 4)
    with pytest.raises(HypothesisError, match="several bits"):
        DEPTH.check(Balanced(), 1)
    with pytest.raises(HypothesisError, match="error of 0 or more"):
        BELOW.check(Balanced(), 4, eps=-0.1)
    with pytest.raises(HypothesisError, match="error of 0 or more"):
        BELOW.check(Balanced(), 4, eps=math.nan)
    with pytest.raises(HypothesisError, match="error above 0"):
        ABOVE.check(Balanced(), 4, eps=0.0)


def test_they_stand():
    stands(DEPTH, lengths(), max_examples=5)
    stands(ABOVE, with_error(ABOVE), max_examples=15)
    stands(BELOW, with_error(BELOW, st.one_of(st.just(0.0), ERRORS)), max_examples=15)


def test_each_twin_is_refuted():
    twins_refuted(DEPTH, lengths())
    twins_refuted(BELOW, with_error(BELOW))
    # A fifth of the steps are enough for short strings.
    long = st.just(ABOVE.setting(Balanced(), 64, eps=0.02))
    twins_refuted(ABOVE, st.one_of(long, with_error(ABOVE)))
