"""SER as a mean along walks that stay possible, with twins that average z first, walk by q, or forget their step."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from mdmtheory.theory.instances import bigram3
from mdmtheory.theory.ser_of_walks import STATEMENT, walks
from mdmtheory.theory.statement import HypothesisError
from tests.theory.property import any_language, enumerable, stands, twins_refuted

SAMPLERS = ["ancestral", "first_hitting", "fixed", "stride", "confidence:ties=lowest", "entropy:ties=lowest"]
INSTANCES = enumerable(
    STATEMENT,
    languages=any_language(),
    most_length=4,
    most_sequences=30,
    sampler=st.sampled_from(SAMPLERS),
    denoiser=st.sampled_from(["perturbed:epsilon=0.1", "perturbed:epsilon=1.0", "window:width=0", "window:width=1"]),
)


def test_what_is_right_is_the_mean_of_the_products():
    stands(STATEMENT, INSTANCES, max_examples=30)


def test_the_walks_are_a_law_over_the_support():
    for denoiser in ("perturbed:epsilon=0.1", "oracle"):
        for steps in (1, 2, 4):
            setting = STATEMENT.setting(bigram3(), 4, steps, denoiser=denoiser, sampler="ancestral")
            assert walks(setting)[0].sum() == pytest.approx(1, abs=1e-12)


def test_what_looks_at_its_draws_has_no_such_walk():
    with pytest.raises(HypothesisError, match="looks at what it draws"):
        STATEMENT.check(bigram3(), 3, 3, sampler="draw_confidence")
    with pytest.raises(HypothesisError, match="ties"):
        STATEMENT.check(bigram3(), 3, 3, sampler="confidence")


def test_each_twin_is_refuted():
    twins_refuted(STATEMENT, INSTANCES)
