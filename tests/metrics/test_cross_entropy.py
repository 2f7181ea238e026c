"""The cross-entropy of what is right, against the exact law of the model."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.exact.enumeration import joint

LANGUAGE = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0.0], [0.0, 0.6, 0.4], [0.5, 0.0, 0.5]])
LENGTH = 5


@pytest.mark.parametrize("sampler", ["ancestral", "draw_confidence", "confidence"])
def test_it_is_that_of_the_exact_law_given_the_support(sampler):
    model = mt.MaskedDiffusion(mt.Oracle(LANGUAGE), sampler=sampler, steps=2)
    p, q = mt.exact.law(model, LANGUAGE, LENGTH), joint(LANGUAGE, LENGTH)
    inside = q > 0
    exact = -(p[inside] * np.log(q[inside])).sum() / p[inside].sum() / LENGTH
    found = mt.cross_entropy(model, LANGUAGE, LENGTH, count=4000, seed=1, level=0.999)
    assert found.low < exact < found.high
    assert found.high - found.low < 0.05


def test_it_bounds_the_entropy_of_what_is_right():
    """Gibbs: H(p given the support) <= L times it, and drawn confidence falls below H(q)."""
    model = mt.MaskedDiffusion(mt.Oracle(LANGUAGE), sampler="draw_confidence", steps=LENGTH)
    p, q = mt.exact.law(model, LANGUAGE, LENGTH), joint(LANGUAGE, LENGTH)
    given = p[q > 0] / p[q > 0].sum()
    entropy = -(given[given > 0] * np.log(given[given > 0])).sum()
    found = mt.cross_entropy(model, LANGUAGE, LENGTH, count=2000, seed=2)
    assert entropy < LENGTH * found.high
    assert LENGTH * found.high < LANGUAGE.entropy(LENGTH).value


def test_too_few_right_sequences_are_refused():
    language = mt.Permutation(items=32)
    model = mt.MaskedDiffusion(mt.Oracle(language), steps=4)
    with pytest.raises(ValueError, match="of 40 sequences are in the language; draw more, 20 right"):
        mt.cross_entropy(model, language, 32, count=40)
    with pytest.raises(ValueError, match="count is 19; pass 20 or more"):
        mt.cross_entropy(model, language, 32, count=19)
