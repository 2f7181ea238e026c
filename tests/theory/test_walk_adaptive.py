"""The walk and rules that look and may err, with twins without the last round, and without a price for an error.

What the proof in docs/theory.md 6 takes from numbers, and each inequality that it chains, stands here by itself.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory.exact.rounds_of_walks import WalkSpans
from mdmtheory.languages.walk import walk
from mdmtheory.theory.instances import bigram3
from mdmtheory.theory.statement import HypothesisError
from mdmtheory.theory.walk_adaptive import SPREAD, STATEMENT
from tests.theory.property import stands, twins_refuted


def bits(shares):
    """The entropy of a partition in bits."""
    shares = np.asarray(shares)
    return -np.sum(shares * np.log2(shares, out=np.zeros_like(shares), where=shares > 0), axis=-1)


@st.composite
def with_error(draw):
    length = draw(st.sampled_from([2, 3, 4, 6]))
    eps = draw(st.sampled_from([0.0, 0.001, 0.01, 0.1, 0.5, 4.0]))
    return STATEMENT.setting(walk(vocab_size=length + 1), length, eps=eps)


def test_three_parts():
    """(h - 1)^2 <= 4 rho^2 (1 - sum p^2), by number: on a grid that is fine where parts are small."""
    outer = np.concatenate([np.geomspace(1e-9, 0.05, 150), np.linspace(0.05, 0.5, 400)])
    left, right = np.meshgrid(outer, outer)
    shares = np.stack([left, np.clip(1 - left - right, 0, None), right], axis=-1)
    rho = np.sqrt(left * right / ((1 - left) * (1 - right)))
    needed = (bits(shares) - 1) / (rho * np.sqrt(1 - (shares**2).sum(axis=-1)))
    worst = needed[left + right <= 1].max()
    assert 1.98 < worst < 2.0


@pytest.mark.parametrize("places", [1, 2, 3, 8, 40])
def test_any_partition(places):
    """h - 1 <= sqrt(12 (1 - sum p^2) sum rho^2), over partitions drawn at all scales."""
    rng = np.random.default_rng(places)
    for shape in (0.05, 0.3, 1.0, 5.0):
        shares = rng.dirichlet(np.full(places + 1, shape), size=300)
        shares = shares[(shares > 1e-12).all(axis=1)]
        cuts = np.cumsum(shares, axis=1)[:, :-1]
        rho2 = cuts[:, :-1] * (1 - cuts[:, 1:]) / (cuts[:, 1:] * (1 - cuts[:, :-1]))
        spread = 1 - (shares**2).sum(axis=1)
        assert (bits(shares) - 1 <= np.sqrt(SPREAD.value * spread * rho2.sum(axis=1)) + 1e-9).all()


@pytest.mark.parametrize("span", [2, 3, 6, 13])
def test_what_two_tokens_of_a_span_tell_of_each_other(span):
    """At least rho^2 Z/2 nats, Z the probability that two adjacent bits differ; in the span at the end, Z = 1/2."""
    spans = WalkSpans(span)
    ones = np.arange(span + 1)
    differ = 2 * ones * (span - ones) / (span * (span - 1))
    assert (differ <= span / (2 * (span - 1)) + 1e-12).all()
    for u in range(1, span):
        for v in range(u + 1, span + 1):
            rho2 = u * (span - v) / (v * (span - u))
            assert (spans._told[span][u, v] >= rho2 * differ / 2 - 1e-12).all()
            assert spans._free_told[u, v, 0] >= rho2 / 4 - 1e-12


def test_the_potential_falls_by_no_more_than_a_round_pays():
    """By D h - 2j for j tokens, which is D - 2 + D max(h - 1, 0) at most: of P(D) = D log2 D - 2 (D - 1)."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        span, tokens = int(rng.integers(2, 60)), int(rng.integers(1, 8))
        cuts = np.unique(rng.integers(1, span, size=tokens))
        parts = np.diff([0, *cuts, span])
        fall = potential(span) - sum(potential(each) for each in parts)
        entropy = bits(parts / span)
        assert fall == pytest.approx(span * entropy - 2 * len(cuts), abs=1e-9)
        assert fall <= (span - 1) ** 2 / span + span * max(entropy - 1, 0) + 1e-9


def potential(span):
    return span * math.log2(span) - 2 * (span - 1)


@pytest.mark.parametrize("length", [2, 7, 12])
@pytest.mark.parametrize("error", [0.0, 0.003, 0.3])
def test_spans_are_never_below_the_bound(length, error):
    """What `WalkSpans` finds is counted over all positions, and the bound over all but the last: both hold."""
    check = STATEMENT.check(walk(vocab_size=length + 1), length, eps=error)
    assert check.verdict == "yes"
    assert check.measured.kind == ("exact" if length <= 6 else "lower bound")


def test_what_the_hypotheses_exclude():
    with pytest.raises(HypothesisError, match="about walk"):
        STATEMENT.check(bigram3(), 3)
    with pytest.raises(HypothesisError, match="several tokens"):
        STATEMENT.check(walk(vocab_size=4), 1)
    with pytest.raises(HypothesisError, match="error of 0 or more"):
        STATEMENT.check(walk(vocab_size=4), 3, eps=-0.5)


def test_it_stands():
    stands(STATEMENT, with_error(), max_examples=15)


def test_each_twin_is_refuted():
    twins_refuted(STATEMENT, with_error())
