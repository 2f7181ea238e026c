"""The plan-averaged identity, with twins that read the curve one place off."""

from __future__ import annotations

from hypothesis import strategies as st

from mdmtheory.theory.plan_average import STATEMENT
from tests.theory.property import any_language, enumerable, stands, twins_refuted

INSTANCES = enumerable(
    STATEMENT, languages=any_language(), most_length=4, sampler=st.sampled_from(["ancestral", "fixed"])
)


def test_the_average_over_plans_is_the_sum_over_the_curve():
    stands(STATEMENT, INSTANCES)


def test_each_twin_is_refuted():
    twins_refuted(STATEMENT, INSTANCES)
