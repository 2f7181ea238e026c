"""Accurate generation with its constants, and twins with too few steps, too large an error, or half the budget."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import strategies as st

from mdmtheory.core.estimate import Estimate
from mdmtheory.theory.accurate_hmm import ACCURATE, BUDGET, _enumerated_ser, prescribed
from mdmtheory.theory.statement import Sides
from tests.languages.small import hmms
from tests.theory.property import any_language, enumerable, refuted, reversed_twin, scaled_twin, stands

LANGUAGES = st.one_of(any_language(), hmms())
PROMISED = enumerable(
    ACCURATE,
    languages=LANGUAGES,
    most_length=4,
    most_sequences=100,
    stepped=False,
    delta=st.sampled_from([0.02, 0.1, 0.5, 0.9]),
)
BUDGETED = enumerable(
    BUDGET,
    languages=LANGUAGES,
    most_length=4,
    most_sequences=100,
    epsilon=st.sampled_from([0.0, 1e-3, 0.05, 1.0]),
)


def prescribing(change):
    """The statement with other steps and learning error than those prescribed."""

    def sides(setting):
        steps, epsilon = change(*prescribed(setting))
        measured = _enumerated_ser(setting, max(1, round(steps)), epsilon)
        return Sides(Estimate.exact(measured), Estimate.exact(setting.options["delta"]))

    return replace(ACCURATE, sides=sides)


def test_as_many_steps_and_as_small_an_error_as_prescribed_keep_the_promise():
    stands(ACCURATE, PROMISED)


def test_errors_are_within_the_budget_of_both_causes():
    stands(BUDGET, BUDGETED)


def test_a_tenth_of_the_steps_is_refuted():
    refuted(prescribing(lambda steps, epsilon: (steps / 10, epsilon)), PROMISED)


def test_little_more_than_twice_the_learning_error_is_refuted():
    refuted(prescribing(lambda steps, epsilon: (steps, 2.1 * epsilon)), PROMISED)


def test_the_reversed_direction_is_refuted():
    refuted(reversed_twin(ACCURATE), PROMISED)


def test_a_hundredth_of_the_budget_less_is_refuted():
    refuted(scaled_twin(BUDGET, 0.99), BUDGETED)


@pytest.mark.parametrize("dropped", ["gap", "learning"])
def test_half_of_the_budget_is_refuted(dropped):
    def sides(setting):
        whole = BUDGET.sides(setting)
        if dropped == "learning":
            return replace(whole, bound=BUDGET.sides(replace(setting, options={"epsilon": 0.0})).bound)
        learning = setting.length * setting.options["epsilon"]
        return replace(whole, bound=Estimate.exact(-math.expm1(-learning)))

    refuted(replace(BUDGET, sides=sides, tight=lambda setting: False), BUDGETED)


def test_the_preset_language_is_generated_accurately():
    [loose, strict] = [setting for setting in ACCURATE.settings() if setting.options["count"]]
    for setting in (loose, strict):
        assert ACCURATE.check_setting(setting).verdict == "yes"
