"""SER as a mean along walks of whole steps, with twins that add up what dies, walk by q, or forget the condition."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from mdmtheory.languages.permutation import Permutation
from mdmtheory.theory.instances import bigram3
from mdmtheory.theory.ser_of_steps import STATEMENT, walks
from mdmtheory.theory.statement import HypothesisError
from tests.theory.property import any_language, enumerable, stands, twins_refuted

INSTANCES = enumerable(
    STATEMENT,
    languages=any_language(),
    most_length=4,
    most_sequences=30,
    sampler=st.sampled_from(["ancestral", "first_hitting", "fixed", "stride", "blocks"]),
    denoiser=st.sampled_from(["oracle", "perturbed:epsilon=0.1", "perturbed:epsilon=1.0", "window:width=0"]),
)


def test_what_is_right_is_the_mean_of_the_products():
    stands(STATEMENT, INSTANCES, max_examples=30)


def test_the_walks_are_a_law_over_the_support():
    for denoiser in ("perturbed:epsilon=0.1", "oracle"):
        for steps in (1, 2, 4):
            setting = STATEMENT.setting(bigram3(), 4, steps, denoiser=denoiser, sampler="ancestral")
            assert walks(setting)[0].sum() == pytest.approx(1, abs=1e-12)


def test_what_looks_and_what_no_automaton_reads_have_no_such_walk():
    with pytest.raises(HypothesisError, match="looks at the sequence"):
        STATEMENT.check(bigram3(), 3, 3, sampler="confidence:ties=lowest")
    with pytest.raises(HypothesisError, match="exact denoiser alone"):
        STATEMENT.check(Permutation(items=3), 3, 3)
    assert STATEMENT.check(Permutation(items=3), 3, 2, denoiser="oracle").tight


def test_each_twin_is_refuted():
    twins_refuted(STATEMENT, INSTANCES)
