"""SER by two routes and the ranges of the distances, with twins that average too early or drop a term."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.enumeration import all_sequences, joint
from mdmtheory.exact.reveals import all_plans
from mdmtheory.theory.instances import growth_chain, hmm2x3
from mdmtheory.theory.scoring import (
    DISTANCE_ABOVE_HELLINGER,
    DISTANCE_ABOVE_SER,
    DISTANCE_BELOW_HELLINGER,
    SAMPLED_SCORING,
    SCORING,
    _laws,
    _model,
    hellinger_squared,
)
from tests.theory.property import (
    any_language,
    assert_stands,
    enumerable,
    refuted,
    reversed_twin,
    scaled_twin,
    stands,
    twin,
)

RANGES = [DISTANCE_ABOVE_SER, DISTANCE_ABOVE_HELLINGER, DISTANCE_BELOW_HELLINGER]


def instances(statement, most_length=4):
    options = {"sampler": st.sampled_from(["ancestral", "fixed"]), "epsilon": st.sampled_from([0.0, 0.02, 1.0])}
    return enumerable(statement, languages=any_language(), most_length=most_length, most_sequences=100, **options)


def distance_twin(statement, bound):
    return replace(
        twin(statement, lambda setting, sides: replace(sides, bound=Estimate.exact(float(bound(*_laws(setting)))))),
        tight=lambda setting: False,
    )


def test_scoring_and_drawing_give_one_rate():
    stands(SCORING, instances(SCORING, most_length=3))


def test_scoring_by_the_mean_of_logarithms_is_refuted():
    def broken(setting, sides):
        model = _model(setting)
        q = joint(setting.language, setting.length).reshape(-1)
        tokens = all_sequences(setting.language.vocab_size, setting.length)[q > 0]
        plans, probabilities = all_plans(model, setting.length)
        log_p = sum(
            probability * model.run(np.tile(plan, (len(tokens), 1)).astype(np.int32), tokens=tokens).log_probs.sum(1)
            for plan, probability in zip(plans, probabilities, strict=True)
        )
        return replace(sides, measured=Estimate.exact(float(1 - np.exp(log_p).sum())))

    refuted(twin(SCORING, broken), instances(SCORING, most_length=3))


@pytest.mark.parametrize("setting", SAMPLED_SCORING.settings(), ids=lambda setting: setting.language.spec.name)
def test_sampled_rates_agree(setting):
    assert_stands(SAMPLED_SCORING.check_setting(setting))


def test_sampled_scoring_tells_a_denoiser_that_is_slightly_wrong():
    def broken(setting, sides):
        wrong = SAMPLED_SCORING.setting(setting.language, setting.length, setting.steps, epsilon=0.02, count=20_000)
        return replace(sides, measured=SAMPLED_SCORING.sides(wrong).measured)

    check = twin(SAMPLED_SCORING, broken).check(growth_chain(), 24, 32, count=20_000)
    assert not check.holds


def test_scoring_is_withheld_where_few_sequences_carry_the_weight():
    with pytest.raises(ValueError, match="effective size"):
        SAMPLED_SCORING.check(hmm2x3(), 200, 2, count=200)


@pytest.mark.parametrize("statement", RANGES, ids=lambda statement: statement.id)
def test_the_range_stands(statement):
    stands(statement, instances(statement))


@pytest.mark.parametrize("statement", RANGES, ids=lambda statement: statement.id)
def test_the_reversed_direction_is_refuted(statement):
    refuted(reversed_twin(statement), instances(statement))


@pytest.mark.parametrize(
    ("statement", "bound"),
    [
        (DISTANCE_ABOVE_SER, lambda p, q: 1.01 * (1 - p.sum())),
        (DISTANCE_ABOVE_SER, lambda p, q: np.abs(q - p).sum()),
        (DISTANCE_ABOVE_HELLINGER, lambda p, q: 2 * hellinger_squared(p, q)),
        (DISTANCE_ABOVE_HELLINGER, lambda p, q: hellinger_squared(p, q) + (1 - p.sum()) / 2),
        (DISTANCE_BELOW_HELLINGER, lambda p, q: np.sqrt(hellinger_squared(p, q))),
    ],
    ids=["a hundredth more", "both signs", "the whole sum of squares", "lost mass twice", "H alone"],
)
def test_a_stronger_range_is_refuted(statement, bound):
    refuted(distance_twin(statement, bound), instances(statement))


def test_the_upper_range_is_refuted_when_a_tenth_smaller():
    refuted(scaled_twin(DISTANCE_BELOW_HELLINGER, 0.9), instances(DISTANCE_BELOW_HELLINGER))
