"""Jensen's inequality over plans, with twins that claim more of it."""

from __future__ import annotations

from mdmtheory.theory.jensen import STATEMENT
from tests.theory.property import enumerable, stands, twins_refuted


def test_the_mixture_is_at_most_the_plan_average():
    stands(STATEMENT, enumerable(STATEMENT))


def test_each_twin_is_refuted():
    twins_refuted(STATEMENT, enumerable(STATEMENT))
