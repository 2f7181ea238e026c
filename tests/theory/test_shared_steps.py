"""SER by plans with a shared step, with twins that count a plan once for each of its pairs, or let the denoiser err."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory.core.estimate import Estimate
from mdmtheory.theory.instances import bigram3
from mdmtheory.theory.shared_steps import BOUND, TILTED, none_shared, tilted_terms
from mdmtheory.theory.statement import HypothesisError
from tests.theory.property import any_language, enumerable, refuted, stands, twin


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


@pytest.mark.parametrize("statement", [TILTED, BOUND])
def test_a_denoiser_that_errs_by_itself_refutes_it(statement):
    def with_any(setting):
        if setting.length < 2:
            raise HypothesisError("no pair")

    refuted(replace(statement, requires=with_any), instances(statement, "perturbed:epsilon=1.0"))


def test_drawn_plans_have_a_law():
    for steps, schedule in ((2, "linear"), (5, "cosine")):
        assert tilted_terms(TILTED.setting(bigram3(), 4, steps, schedule))[0].sum() == pytest.approx(1, abs=1e-12)


def test_a_plan_counts_once_whatever_the_number_of_its_pairs():
    """T/A in place of T/(what the pair that was drawn weighs): the sum over events, not their union."""

    def broken(setting, sides):
        chances, ratios, wrong = tilted_terms(setting)
        largest = ratios[chances > 0].max()
        return replace(sides, bound=Estimate.exact(float(chances @ wrong) * largest))

    refuted(twin(TILTED, broken), instances(TILTED))


def test_pairs_that_share_a_step_are_no_rarer_than_that():
    refuted(twin(BOUND, lambda setting, sides: replace(sides, bound=_of_one_less(setting))), instances(BOUND))


def _of_one_less(setting):
    """The probability for one position less."""
    weights = np.diff(setting.schedule.revealed_fractions(setting.steps))
    return Estimate.exact(1 - none_shared(weights, setting.length - 1))


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
