"""Steps that reach a target: against exact numbers, and intervals that hold."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.analysis.crossing import (
    MOST_TRIED,
    NotReachedError,
    exact_crossing,
    measured_crossing,
    priced_crossing,
)
from tests.analysis.rows import wrong_at

BIGRAM = mt.NGram.random(order=2, vocab_size=4, seed=0, prune=1.0)


def rate(value):
    return -math.log1p(-value) if value < 1 else math.inf


@pytest.mark.parametrize("guess", [1, 5, 44, 900, 1000])
@pytest.mark.parametrize("target", [0.9, 0.5, 0.01, 0.03])
def test_an_exact_crossing_is_the_first_number_of_steps_that_reaches_it(guess, target):
    asked = []

    def value_at(n):
        asked.append(n)
        return float(wrong_at(n + 0.3, 20.0 + 3 / n))

    found = exact_crossing(value_at, target, guess, 10_000, rate)
    assert found.steps == next(n for n in range(1, 10_000) if wrong_at(n + 0.3, 20.0 + 3 / n) <= target)
    assert found.steps - 1 <= found.crossing <= found.steps
    assert len(asked) < 12


def test_a_crossing_that_is_out_of_reach_is_refused():
    with pytest.raises(NotReachedError, match=r"0.1 is not reached: at 64 steps, the most that are tried, it is 0.5"):
        exact_crossing(lambda n: 0.5, 0.1, 8, 64, rate)
    with pytest.raises(NotReachedError):
        measured_crossing(lambda n: 50, 0.1, 8, 64, 100, 0.95)
    with pytest.raises(NotReachedError):
        priced_crossing(lambda n: (0.5, 0.4, 0.6), 0.1, 8, 64, 0.95, "estimate", 100)


@pytest.mark.parametrize(
    ("constant", "power", "target", "count"), [(30, -1, 0.5, 200), (30, -2, 0.1, 200), (9, -1, 0.3, 500)]
)
def test_the_interval_of_a_measured_crossing_holds(constant, power, target, count):
    random = np.random.default_rng(0)
    truth = math.ceil((constant / rate(target)) ** (-1 / power) - 1e-9)
    found, tries = [], 0

    def errors_at(n):
        nonlocal tries
        tries += 1
        return int(random.binomial(count, wrong_at(n, constant, power)))

    for _ in range(100):
        tries = 0
        found.append(measured_crossing(errors_at, target, 8, 100_000, count, 0.95))
        assert tries <= MOST_TRIED
    assert np.mean([each.low <= truth <= each.high for each in found]) >= 0.95
    assert abs(np.median([each.steps for each in found]) / truth - 1) < 0.1
    # And they say something.
    assert np.median([each.high / each.low for each in found]) < 3
    assert not any(each.low <= 3 * truth <= each.high for each in found[:20])


def test_a_measured_crossing_at_a_cliff_is_found_beside_it():
    """One position a step is exact: SER falls to 0 at once, by no power law."""
    random = np.random.default_rng(1)
    found = measured_crossing(
        lambda n: int(random.binomial(500, max(0.0, 0.8 * (1 - n / 64)))), 0.1, 8, 1000, 500, 0.95
    )
    assert 53 <= found.steps <= 58
    assert found.low <= 56 <= found.high


def test_the_interval_of_a_priced_crossing_has_the_numbers_of_steps_whose_intervals_hold_the_target():
    found = priced_crossing(lambda n: (10 / n, 9 / n, 12 / n), 0.1, 1, 1000, 0.95, "upper bound", 50)
    assert (found.low, found.steps, found.high) == (90, 100, 120)
    assert found.crossing == pytest.approx(100)


def test_steps_by_exact_numbers_are_the_least():
    found = mt.steps_for(BIGRAM, 12, ser=0.2, count=0)
    steps = int(found)
    assert found.frame["kind"].tolist() == ["exact"]
    assert mt.exact.ser(BIGRAM, 12, steps=steps).value <= 0.2 < mt.exact.ser(BIGRAM, 12, steps=steps - 1).value
    assert found.frame["reached"].iloc[0] == mt.exact.ser(BIGRAM, 12, steps=steps).value


def test_all_methods_agree_with_the_exact_one():
    exact = int(mt.steps_for(BIGRAM, 12, ser=0.1, count=0))
    [first] = mt.steps_for(BIGRAM, 12, ser=0.1, method="first-order", count=0).frame.itertuples()
    [measured] = mt.steps_for(BIGRAM, 12, ser=0.1, method="measured", count=1000).frame.itertuples()
    assert abs(first.steps / exact - 1) < 0.1
    assert first.kind == measured.kind == "estimate"
    assert measured.low <= exact <= measured.high
    assert measured.low > exact / 3
    assert measured.high < 3 * exact
    assert measured.reached_low < 0.1 < measured.reached_high


def test_a_first_order_number_is_the_constant_over_the_target():
    constant = mt.exact.first_order(BIGRAM, 12).value
    found = mt.steps_for(BIGRAM, 12, ser=0.1, method="first-order", count=0).frame.iloc[0]
    assert found["crossing"] == pytest.approx(constant / -math.log(0.9))
    other = mt.steps_for(BIGRAM, 12, gap=0.01, method="first-order", count=0).frame.iloc[0]
    assert other["crossing"] == pytest.approx(constant / 0.01)
    cosine = mt.steps_for(BIGRAM, 12, ser=0.1, schedule="cosine", method="first-order", count=0).frame.iloc[0]
    kappa = mt.exact.kappa(BIGRAM, schedule="cosine").value
    assert cosine["crossing"] == pytest.approx(12 * kappa / -math.log(0.9))


def test_targets_are_words_for_one_another():
    ser = 0.2
    same = {
        int(mt.steps_for(BIGRAM, 12, count=0, **target)) for target in ({"ser": ser}, {"rate": -math.log1p(-ser) / 12})
    }
    assert len(same) == 1
    gaps = [
        mt.steps_for(BIGRAM, 12, count=0, **target).frame.iloc[0]
        for target in ({"gap": 12 * math.log1p(0.02)}, {"excess": 0.02})
    ]
    assert gaps[0]["steps"] == gaps[1]["steps"]
    assert gaps[1]["reached"] == pytest.approx(math.expm1(gaps[0]["reached"] / 12))


def test_steps_for_a_gap_are_those_of_the_plan_average():
    found = mt.steps_for(BIGRAM, 12, excess=0.02, method="exact", count=0).frame.iloc[0]
    assert found["kind"] == "upper bound"
    for steps, enough in ((int(found["steps"]), True), (int(found["steps"]) - 1, False)):
        model = mt.MaskedDiffusion(mt.Oracle(BIGRAM), steps=steps)
        bound = mt.ter_ratio(model, BIGRAM, 12, count=40_000)
        assert (bound.value <= 1.02) == enough or bound.low < 1.02 < bound.high
    measured = mt.steps_for(BIGRAM, 12, excess=0.02, method="measured", count=4000).frame.iloc[0]
    assert measured["low"] <= found["steps"] <= measured["high"]
    assert measured["kind"] == "upper bound"


def test_several_lengths_have_a_row_each_and_an_exponent():
    found = mt.steps_for(BIGRAM, "16..64", ser=0.1, count=0)
    assert found.frame["length"].tolist() == [16, 32, 64]
    law = mt.fit(found, "steps", "length")
    # C is κ per token but for the ends of the sequence.
    assert 1.0 < law.exponent.value < 1.1
    with pytest.raises(ValueError, match="3 lengths have steps each"):
        int(found)


def test_a_sampler_that_looks_is_measured():
    found = mt.steps_for(BIGRAM, 12, ser=0.2, sampler="confidence", count=200).frame.iloc[0]
    assert found["method"].endswith("measured")
    assert 1 <= found["low"] <= found["steps"] <= found["high"] <= 13
    assert found["calls_of"] == "of every sequence"


def test_calls_of_random_order_are_exact_and_of_every_sequence():
    found = mt.steps_for(BIGRAM, 12, ser=0.2, count=0).frame.iloc[0]
    steps = int(found["steps"])
    assert found["calls"] == pytest.approx(steps * (1 - (1 - 1 / steps) ** 12))
    assert found["calls_of"] == "of every sequence"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "no target; give one of ser, rate, gap and excess"),
        ({"ser": 0.1, "gap": 1.0}, "ser and gap are given; give one"),
        ({"ser": 1.0}, "ser is 1.0; pass a number above 0 and below 1"),
        ({"gap": 0.0}, "gap is 0.0; pass a number above 0"),
        ({"ser": 0.1, "method": "guess"}, "method 'guess' is unknown; use one of auto, exact"),
        ({"ser": 0.1, "sampler": "bisection"}, "sampler bisection has no number of steps"),
        ({"ser": 0.1, "sampler": "stride", "method": "exact"}, "no exact numbers are known of sampler stride"),
        ({"ser": 0.1, "sampler": "stride", "method": "first-order"}, "no first-order constant above 0 is known"),
        ({"ser": 0.1, "method": "measured", "count": 0}, "count is 0, and nothing is known"),
        (
            {"ser": 0.001, "method": "measured", "count": 100},
            "count is 100, too few to see an SER of 0.001; pass 10000",
        ),
        ({"ser": 1e-9}, "steps are needed to first order, and 1,048,576 are the most"),
        ({"ser": 0.01, "denoiser": "perturbed:epsilon=0.2", "count": 200}, "0.01 is not reached: at 12,288 steps"),
    ],
)
def test_what_has_no_answer_is_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        mt.steps_for(BIGRAM, 12, **({"count": 0} | options))


def test_a_language_without_wrong_sequences_has_no_steps_to_find():
    full = mt.NGram.random(order=2, vocab_size=3, seed=0)
    with pytest.raises(ValueError, match="no sequence is wrong"):
        mt.steps_for(full, 8, ser=0.1)
    assert int(mt.steps_for(full, 8, excess=0.01, count=0)) > 1


def test_answers_can_be_read():
    one, two = mt.steps_for(BIGRAM, 12, ser=0.2, count=50), mt.steps_for(BIGRAM, [8, 12], ser=0.2, count=0)
    assert repr(one) == f"<StepsNeeded {int(one)} steps for ser 0.2 at length 12>"
    assert repr(two) == "<StepsNeeded of 2 lengths for ser 0.2; see its frame>"
    assert str(one).startswith(f"length 12, steps {int(one)}, SER there 0.")
    assert "as a rate a token, -log(1 - SER)/L: 0.0186 at length 12" in str(one)
    assert "<th>SER there</th>" in two._repr_html_()
