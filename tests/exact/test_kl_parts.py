"""The two parts of a divergence against sums over sequences, and where they end."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.exact.kl_parts import kl_parts


@st.composite
def pairs(draw, size=6):
    """A law q with zeros, and one that is positive on it."""
    q = np.array(draw(st.lists(st.sampled_from([0, 1, 2, 7]), min_size=size, max_size=size).filter(any)), float)
    p = np.array(draw(st.lists(st.sampled_from([0.1, 1, 3, 9]), min_size=size, max_size=size)))
    return p / p.sum() * draw(st.sampled_from([1.0, 0.8])), q / q.sum()


@given(pairs())
def test_the_parts_make_the_whole(laws):
    p, q = laws
    parts = kl_parts(p, q)
    whole = sum(b * math.log(b / a) for a, b in zip(p, q, strict=True) if b)
    assert parts.kl == pytest.approx(whole, abs=1e-12)
    assert parts.wrong == pytest.approx(-math.log(p[q > 0].sum()), abs=1e-12)
    assert parts.unfaithful >= 0


def test_each_part_alone():
    q = np.array([0.5, 0.5, 0.0])
    assert kl_parts(np.array([0.25, 0.25, 0.5]), q) == (pytest.approx(math.log(2)), 0.0)
    assert kl_parts(np.array([0.9, 0.1, 0.0]), q) == (0.0, pytest.approx(-0.5 * math.log(0.36)))


def test_what_is_missed_costs_without_end():
    q = np.array([0.5, 0.5, 0.0])
    assert kl_parts(np.array([0.0, 0.0, 1.0]), q) == (math.inf, math.inf)
    assert kl_parts(np.array([1.0, 0.0, 0.0]), q).unfaithful == math.inf


def test_uniform_languages_are_faithful_where_they_are_right():
    for name in ("equal_pairs:vocab_size=2", "permutation:items=4"):
        model = mt.MaskedDiffusion(mt.Oracle(name), sampler="ancestral", steps=2)
        assert mt.exact.kl_parts(mt.exact.law(model, name, 4), mt.exact.joint(name, 4)).unfaithful < 1e-12
