"""The unmasking gap, with twins of another shift, an index off by one, a reading that fails, and no interval."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import strategies as st

from mdmtheory import EqualPairs, Parity, Repetition, schedules
from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.enumeration import enumerated_information_curve
from mdmtheory.languages.affine import preset
from mdmtheory.schedules.certificates import cardinal_gap, odds_of, unmasking_gap, weighted_drops
from mdmtheory.theory.statement import HypothesisError
from mdmtheory.theory.unmasking_gap import (
    ABOVE,
    ANCESTRAL,
    BELOW,
    COVERAGE,
    IDENTITY,
    SIZES,
    by_cards,
    by_quadrature,
    certificates,
    entropy_weights,
    mean_learned,
    step_gap,
)
from tests.theory.property import any_language, enumerable, stands, twin, twins_refuted

CODES = st.integers(0, 30).map(lambda seed: preset(checks=1 + seed % 4, period=7, seed=seed))
LANGUAGES = st.one_of(any_language(), CODES)
ENDS = st.sampled_from([(0.01, 0.02), (0.1, 0.5), (0.3, 0.9), (0.5, 0.55), (0.02, 0.99)])


def between(statement):
    """Settings with ends that hypothesis chooses."""
    plain = enumerable(statement, languages=LANGUAGES, most_length=6, stepped=False)
    return st.tuples(plain, ENDS).map(
        lambda both: replace(both[0], options={**statement.options, "start": both[1][0], "stop": both[1][1]})
    )


def curve_of(setting):
    from mdmtheory.theory.unmasking_gap import _curve

    return _curve(setting)


def test_random_laws_of_five_positions():
    """The notes measured exact/bound from .215 to .667 over 200 of them, of schedules that they do not tell."""
    rng, seen = np.random.default_rng(0), []
    for _ in range(40):
        law = rng.dirichlet(np.full(32, 0.3)).reshape((2,) * 5)
        curve = np.minimum.accumulate(enumerated_information_curve(law))
        for sizes in ([2, 2, 1], [3, 1, 1], [1, 3, 1], [2, 3], [5]):
            gap, bound = schedules.plan_averaged_gap(curve, sizes), schedules.certified_gap(curve, sizes)
            assert gap <= bound + 1e-12
            seen.append(gap / bound)
    assert max(seen) == pytest.approx(1, abs=1e-9)  # the last step is priced exactly
    assert 0.2 < min(seen) < 0.7


def test_ancestral_plans_cost_at_most_what_is_certified():
    instances = enumerable(ANCESTRAL, languages=LANGUAGES, most_length=5)
    stands(ANCESTRAL, instances)
    twins_refuted(ANCESTRAL, instances)
    curve = np.array([1.0, 0.4, 0.3, 0.1, 0.0])
    fractions = np.array([0, 0.2, 0.5, 1.0])
    whole = sum(step_gap(curve, *each) for each in pairwise(fractions))
    assert schedules.ancestral_gap(curve, fractions) == pytest.approx(whole, abs=1e-12)


def test_the_three_ways_to_the_gap_agree():
    stands(IDENTITY, between(IDENTITY))
    curve = np.array([1.0, 0.6, 0.55, 0.2, 0.2, 0.0])
    for ends in ((0.1, 0.3), (0.0, 1.0), (0.5, 0.9)):
        assert unmasking_gap(curve, *ends) == pytest.approx(by_quadrature(curve, *ends), abs=1e-12)
        assert unmasking_gap(curve, *ends) == pytest.approx(by_cards(curve, *ends), abs=1e-12)


@pytest.mark.parametrize("length", [4, 8, 64])
def test_the_published_gap_of_repetition(length):
    """(L-1)/(L+1) log 2, as its notes checked by quadrature."""
    curve = np.zeros(length)
    curve[0] = np.log(2)
    assert unmasking_gap(curve, 0, 1) == pytest.approx((length - 1) / (length + 1) * np.log(2), rel=1e-12)
    assert cardinal_gap(curve, 0, length) == pytest.approx((1 - 1 / length) * np.log(2), rel=1e-12)


@pytest.mark.parametrize("statement", [BELOW, ABOVE], ids=["below", "above"])
def test_the_gap_lies_between(statement):
    stands(statement, between(statement))


def test_the_other_reading_fails_above_and_is_weaker_below():
    """The gap of the step from p to q, the integral of h(t) - h(p), in the place of D."""

    def of_step(setting, sides):
        start, stop = setting.options["start"], setting.options["stop"]
        growth = odds_of(stop) / odds_of(start) - 1
        return replace(sides, bound=Estimate.exact(step_gap(curve_of(setting), start, stop) / growth))

    stands(twin(BELOW, of_step), between(BELOW))
    # A curve that falls once, at the end of the step: all of H, and next to nothing of the integral.
    curve = np.where(np.arange(60) < 30, 1.0, 0.0)
    growth = odds_of(0.5) / odds_of(0.4) - 1
    assert unmasking_gap(curve, 0.4, 0.5) > 1.2 * (1 + growth) / growth * step_gap(curve, 0.4, 0.5)
    difference = 0.1 * (mean_learned(curve, 0.5) - mean_learned(curve, 0.4))
    assert unmasking_gap(curve, 0.4, 0.5) <= (1 + growth) / growth * difference


def test_weights_of_entropies_are_the_gap():
    curve = np.array([1.0, 0.6, 0.55, 0.2])
    assert entropy_weights(4, 0.2, 0.9) @ curve == pytest.approx(unmasking_gap(curve, 0.2, 0.9), abs=1e-12)


@pytest.mark.parametrize("language", [EqualPairs(vocab_size=4), Repetition(vocab_size=2), Parity()], ids=str)
def test_certificates_from_contexts_cover(language):
    check = COVERAGE.check(language, 8, contexts=80, repetitions=300)
    assert check.verdict == "yes"
    setting = COVERAGE.setting(language, 8)
    means, _ = certificates(setting, 300, 80, 0.1)
    truth = unmasking_gap(curve_of(setting), 0.2, 0.8)
    assert abs(means.mean() - truth) < 5 * means.std() / np.sqrt(len(means))


def test_what_the_hypotheses_exclude():
    with pytest.raises(HypothesisError, match="0 < start < stop < 1"):
        IDENTITY.check(Parity(), 4, start=0.0)
    with pytest.raises(HypothesisError, match="number of steps"):
        SIZES.check(Parity(), 4)
    with pytest.raises(HypothesisError, match="length is 1"):
        COVERAGE.check(Parity(), 1)
    with pytest.raises(ValueError, match="0 <= start <= stop"):
        unmasking_gap([1.0, 0.0], 0.5, 0.4)
    with pytest.raises(ValueError, match="after is 3"):
        cardinal_gap([1.0, 0.0], 0, 3)
    assert weighted_drops([1.0, 0.0]).tolist() == [0.0, 0.5, 0.0]


def test_fixed_sizes_cost_at_most_what_is_certified():
    instances = enumerable(SIZES, languages=LANGUAGES, most_length=6)
    stands(SIZES, instances)
    twins_refuted(SIZES, instances)


@pytest.mark.parametrize("statement", [IDENTITY, BELOW, ABOVE], ids=lambda each: each.id)
def test_each_twin_is_refuted(statement):
    close = between(statement).map(lambda setting: replace(setting, options={"start": 0.5, "stop": 0.501}))
    twins_refuted(statement, between(statement) if statement is IDENTITY else st.one_of(between(statement), close))
