"""Accurate generation with its constants, and twins with too few steps, too large an error, or half the budget."""

from __future__ import annotations

from hypothesis import strategies as st

from mdmtheory.theory.accurate_hmm import ACCURATE, BUDGET
from tests.languages.small import hmms
from tests.theory.property import any_language, enumerable, stands, twins_refuted

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


def test_as_many_steps_and_as_small_an_error_as_prescribed_keep_the_promise():
    stands(ACCURATE, PROMISED)


def test_errors_are_within_the_budget_of_both_causes():
    stands(BUDGET, BUDGETED)


def test_the_preset_language_is_generated_accurately():
    [loose, strict] = [setting for setting in ACCURATE.settings() if setting.options["count"]]
    for setting in (loose, strict):
        assert ACCURATE.check_setting(setting).verdict == "yes"


def test_each_twin_is_refuted():
    twins_refuted(ACCURATE, PROMISED)
    twins_refuted(BUDGET, BUDGETED)
