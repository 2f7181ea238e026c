"""Binomial probabilities, however they are come by."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy.stats import binom

from mdmtheory.schedules.binomial import binomial_pmf

CHANCES = np.array([0.0, 1e-300, 1e-12, 0.1, 1 / 3, 0.5, 0.999, 1.0])[:, None]


@pytest.mark.parametrize("trials", [0, 1, 7, 511, 8191])
@pytest.mark.parametrize("hidden", [False, True])
def test_probabilities_are_those_of_scipy_to_the_bit(trials, hidden, monkeypatch):
    if hidden:
        monkeypatch.setitem(sys.modules, "scipy.special._ufuncs", None)
    successes = np.arange(trials + 1)[None]
    np.testing.assert_array_equal(binomial_pmf(successes, trials, CHANCES), binom.pmf(successes, trials, CHANCES))


def test_sums_are_one():
    assert binomial_pmf(np.arange(512)[None], 511, CHANCES).sum(axis=1) == pytest.approx(1.0)
