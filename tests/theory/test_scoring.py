"""SER by two routes and the ranges of the distances, with twins that average too early or drop a term."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from mdmtheory.theory.instances import hmm2x3
from mdmtheory.theory.scoring import (
    DISTANCE_ABOVE_HELLINGER,
    DISTANCE_ABOVE_SER,
    DISTANCE_BELOW_HELLINGER,
    SAMPLED_SCORING,
    SCORING,
)
from tests.theory.property import any_language, assert_stands, enumerable, stands, twins_refuted

RANGES = [DISTANCE_ABOVE_SER, DISTANCE_ABOVE_HELLINGER, DISTANCE_BELOW_HELLINGER]


def instances(statement, most_length=4):
    options = {"sampler": st.sampled_from(["ancestral", "fixed"]), "epsilon": st.sampled_from([0.0, 0.02, 1.0])}
    return enumerable(statement, languages=any_language(), most_length=most_length, most_sequences=100, **options)


def test_scoring_and_drawing_give_one_rate():
    stands(SCORING, instances(SCORING, most_length=3))


@pytest.mark.parametrize("setting", SAMPLED_SCORING.settings(), ids=lambda setting: setting.language.spec.name)
def test_sampled_rates_agree(setting):
    assert_stands(SAMPLED_SCORING.check_setting(setting))


def test_scoring_is_withheld_where_few_sequences_carry_the_weight():
    with pytest.raises(ValueError, match="effective size"):
        SAMPLED_SCORING.check(hmm2x3(), 200, 2, count=200)


@pytest.mark.parametrize("statement", RANGES, ids=lambda statement: statement.id)
def test_the_range_stands(statement):
    stands(statement, instances(statement))


@pytest.mark.parametrize("statement", [SCORING, *RANGES], ids=lambda statement: statement.id)
def test_each_twin_is_refuted(statement):
    twins_refuted(statement, instances(statement, most_length=3 if statement is SCORING else 4))
