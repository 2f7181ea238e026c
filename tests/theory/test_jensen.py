"""Jensen's inequality over plans, with a twin that claims strictness by a constant factor."""

from __future__ import annotations

from dataclasses import replace

from mdmtheory.theory.jensen import STATEMENT
from tests.theory.property import enumerable, refuted, reversed_twin, scaled_twin, stands


def test_the_mixture_is_at_most_the_plan_average():
    stands(STATEMENT, enumerable(STATEMENT))


def test_the_reversed_direction_is_refuted():
    refuted(reversed_twin(STATEMENT), enumerable(STATEMENT))


def test_a_bound_a_hundredth_smaller_is_refuted():
    refuted(scaled_twin(STATEMENT, 0.99), enumerable(STATEMENT))


def test_equality_claimed_for_two_steps_is_refuted():
    refuted(replace(STATEMENT, tight=lambda setting: setting.steps <= 2), enumerable(STATEMENT))
