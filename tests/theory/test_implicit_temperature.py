"""The implicit temperature, against draws and a sum over all of them; twins of another power and of a faster rate."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.stats import power_divergence

from mdmtheory import NGram
from mdmtheory.theory.implicit_temperature import STATEMENT, kept_law, limit_law, rest
from mdmtheory.theory.instances import bigram3, independent
from mdmtheory.theory.statement import HypothesisError
from tests.languages.small import laws
from tests.theory.property import stands, twins_refuted


@st.composite
def tokens(draw, most=40):
    size = draw(st.integers(2, 3))
    law = draw(laws(size).filter(lambda each: each[each > 0].min() > 1e-3))
    temperature = draw(st.sampled_from([0.5, 1.0, 2.0, 10.0]))
    return STATEMENT.setting(NGram(1.0, law), draw(st.integers(1, most)), temperature=temperature)


def test_the_law_of_the_token_kept_is_a_sum_over_all_draws():
    p, temperature = np.array([0.5, 0.3, 0.2]), 0.7
    expected = np.zeros(3)
    for drawn in itertools.product(range(3), repeat=4):
        weights = p[list(drawn)] ** (1 / temperature)
        np.add.at(expected, list(drawn), p[list(drawn)].prod() * weights / weights.sum())
    np.testing.assert_allclose(kept_law(p, 4, temperature), expected, rtol=1e-12)


def test_it_is_what_gumbel_noise_on_the_confidence_does():
    rng, p, temperature = np.random.default_rng(0), np.array([0.6, 0.3, 0.1]), 1.5
    drawn = rng.choice(3, size=(40_000, 12), p=p)
    chosen = (np.log(p[drawn]) + temperature * rng.gumbel(size=drawn.shape)).argmax(axis=1)
    counts = np.bincount(drawn[np.arange(len(drawn)), chosen], minlength=3)
    assert power_divergence(counts, len(drawn) * kept_law(p, 12, temperature), lambda_=0).pvalue > 1e-6
    assert power_divergence(counts, len(drawn) * p, lambda_=0).pvalue < 1e-6


def test_the_limit_is_a_lower_temperature():
    stands(STATEMENT, tokens())
    assert STATEMENT.check(independent(0.7), 100).measured.value < 0.002
    np.testing.assert_allclose(limit_law(np.array([0.6, 0.3, 0.1]), 1.0), [0.782609, 0.195652, 0.0217391], rtol=1e-5)


def test_the_distance_falls_as_one_over_the_positions():
    p = np.array([0.5, 0.3, 0.2])
    distances = [float(np.abs(kept_law(p, n, 1.0) - limit_law(p, 1.0)).sum()) / 2 for n in (25, 50, 100, 200)]
    ratios = np.array(distances[:-1]) / distances[1:]
    assert (np.abs(ratios - 2) < 0.1).all()


def test_what_the_hypotheses_exclude():
    with pytest.raises(HypothesisError, match="independent tokens"):
        STATEMENT.check(bigram3(), 3)
    with pytest.raises(HypothesisError, match="positive"):
        STATEMENT.check(independent(), 3, temperature=0.0)
    with pytest.raises(ValueError, match="counts of"):
        kept_law(np.full(8, 0.125), 400, 1.0)
    assert rest(np.array([0.5, 0.5]), 3, 1.0) == pytest.approx(0, abs=1e-15)


def test_each_twin_is_refuted():
    twins_refuted(STATEMENT, st.one_of(tokens(), tokens().map(lambda setting: replace(setting, length=150))))
