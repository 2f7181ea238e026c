"""SER by plans with a shared step, with twins that count a plan once for each of its pairs, or let the denoiser err."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory.theory.instances import bigram3
from mdmtheory.theory.shared_steps import BOUND, TILTED, none_shared, tilted_terms
from mdmtheory.theory.statement import HypothesisError
from tests.theory.property import any_language, enumerable, refuted, stands


def instances(statement, denoiser="oracle"):
    return enumerable(
        statement,
        languages=any_language(),
        most_length=4,
        most_sequences=30,
        denoiser=st.just(denoiser),
    )


@pytest.mark.parametrize("statement", [TILTED, BOUND])
def test_plans_with_a_shared_step_tell_all_errors(statement):
    stands(statement, instances(statement), max_examples=12)


def test_drawn_plans_have_a_law():
    for steps, schedule in ((2, "linear"), (5, "cosine")):
        assert tilted_terms(TILTED.setting(bigram3(), 4, steps, schedule))[0].sum() == pytest.approx(1, abs=1e-12)


def test_no_shared_step_by_enumeration():
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    for length in (1, 2, 3, 4, 5):
        plans = itertools.product(range(4), repeat=length)
        known = sum(weights[list(plan)].prod() for plan in plans if len(set(plan)) == length)
        assert none_shared(weights, length) == pytest.approx(known, abs=1e-15)


def test_what_it_is_not_said_of():
    with pytest.raises(HypothesisError, match="is not exact"):
        TILTED.check(bigram3(), 3, 3, denoiser="perturbed:epsilon=0.1")
    with pytest.raises(HypothesisError, match="no two of 1 position"):
        TILTED.check(bigram3(), 1, 3)


@pytest.mark.parametrize("statement", [TILTED, BOUND])
def test_each_twin_is_refuted(statement):
    """The first is of a denoiser that errs by itself."""
    by_itself, plans = statement.twins
    refuted(by_itself.breaks(statement), instances(statement, "perturbed:epsilon=1.0"))
    refuted(plans.breaks(statement), instances(statement))
