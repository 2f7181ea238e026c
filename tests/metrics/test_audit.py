"""What an audit measures, against enumeration of the exact denoiser's laws, and against replays."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.estimate import Estimate
from mdmtheory.core.reveal_plans import in_single_steps
from mdmtheory.exact.enumeration import joint
from mdmtheory.exact.law import law
from mdmtheory.metrics.audit import Prediction, audit
from mdmtheory.metrics.collapse import variety
from mdmtheory.metrics.order_consistency import (
    AtDistance,
    at_distances,
    circulation,
    distances_of,
    gains,
    safe_stride,
    spread_over_orders,
)
from mdmtheory.metrics.rule_prices import cheapest, over_cheapest, rule_prices
from mdmtheory.metrics.step_divergence import step_divergence

LENGTH, COUNT = 4, 1500
RULES = ("stride", "confidence:ties=lowest")


@pytest.fixture(scope="module")
def q():
    return mt.NGram([0.5, 0.25, 0.25], [[0.7, 0.15, 0.15], [0.2, 0.6, 0.2], [0.25, 0.15, 0.6]])


def kl(p: np.ndarray, other: np.ndarray) -> float:
    return float((p * np.log(p / other)).sum())


@pytest.mark.parametrize("rule", RULES)
def test_divergences_along_the_chain_are_those_of_the_enumerated_laws(q, rule):
    """One by one the exact denoiser draws q itself, whatever the order: so both divergences are known exactly."""
    model = mt.MaskedDiffusion(mt.Oracle(q), sampler=rule, steps=2)
    together, single = law(model, q, LENGTH).reshape(-1), joint(q, LENGTH).reshape(-1)
    found = step_divergence(model, COUNT, LENGTH)
    reverse, forward = found.kl(0.999)
    exact = kl(together, single), kl(single, together)
    assert reverse.low < exact[0] < reverse.high
    assert forward.low < exact[1] < forward.high
    assert reverse.low > 0 < forward.low
    assert found.steps == 2
    drawn = np.bincount(found.one_by_one @ 3 ** np.arange(LENGTH)[::-1], minlength=81) / COUNT
    assert np.abs(drawn - single).sum() < 0.2 < np.abs(np.roll(drawn, 1) - single).sum()
    distance = np.abs(together - single).sum() / 2
    assert distance < found.accuracy_bound(0.95) < 1


def test_one_at_a_time_nothing_is_drawn_together(q):
    model = mt.MaskedDiffusion(mt.Oracle(q), sampler="confidence:ties=lowest", steps=LENGTH)
    found = step_divergence(model, 60, LENGTH)
    np.testing.assert_allclose([found.reverse, found.forward], 0, atol=1e-12)


def test_plans_are_refined_from_the_left():
    assert in_single_steps(np.array([[2, 1, 2, 1]])).tolist() == [[3, 1, 4, 2]]


def test_prices_are_those_of_replays_and_differences_are_of_the_same_sequences(q):
    tokens = q.sample(80, LENGTH, 0)
    denoiser = mt.Perturbed(mt.Oracle(q), epsilon=0.05)
    found = rule_prices(denoiser, tokens, RULES, [1, 2])
    for each in found:
        model = mt.MaskedDiffusion(denoiser, sampler=each.rule, steps=each.steps)
        np.testing.assert_allclose(-each.nats, model.log_prob(tokens).values, atol=1e-12)
        assert each.mean(0.95).value == pytest.approx(each.nats.mean() / LENGTH)
    best = cheapest(found, 2)
    assert best.nats.mean() == min(each.nats.mean() for each in found[2:])
    for each, over in zip(found[2:], over_cheapest(found, 0.95)[2:], strict=True):
        differences = (each.nats - best.nats) / LENGTH
        assert over.value == pytest.approx(differences.mean())
        spread = differences.std(ddof=1) / math.sqrt(80)
        assert over.high - over.low > 2 * 1.9 * spread  # all four together at 95 %
    [bound] = rule_prices(denoiser, tokens, ["ancestral"], [2])
    assert bound.mean(0.95).kind == "upper bound"
    exact = next(each for each in found if not each.bound)
    kinds = [first.over(second, 0.95).kind for first, second in ((bound, exact), (exact, bound), (bound, bound))]
    assert kinds == ["upper bound", "lower bound", "estimate"]


def test_one_law_has_no_circulation_and_no_spread_and_a_perturbed_one_has(q):
    tokens = q.sample(60, LENGTH, 0)
    for denoiser, is_one in ((mt.Oracle(q), True), (mt.Perturbed(mt.Oracle(q), epsilon=0.1), False)):
        pairs = at_distances(denoiser, tokens, [1, 2, 3])
        around = np.abs([each.circulation for each in pairs]).max()
        orders = spread_over_orders(denoiser, tokens)
        assert (around < 1e-9) == (orders.max() < 1e-9) == is_one
        if not is_one:
            assert circulation(pairs, 0.95).low > 0.01


def test_of_two_tokens_alone_the_gain_is_their_mutual_information(q):
    law = joint(q, 2)
    exact = kl(law, np.outer(law.sum(axis=1), law.sum(axis=0)))
    [gain] = gains(at_distances(mt.Oracle(q), q.sample(4000, 2, 1), [1]), 0.999)
    assert 0 < gain.low < exact < gain.high < 2 * exact


def test_a_stride_is_safe_where_every_distance_from_it_on_is():
    numbers = np.random.default_rng(0).normal(0, 1e-3, 60)
    found = [AtDistance(d, mean + numbers, numbers) for d, mean in ((1, 0.1), (2, 0.0), (4, 0.05), (8, 0.0), (16, 0.0))]
    assert safe_stride(found, 0.01, 0.95) == 8
    assert safe_stride(found, 0.06, 0.95) == 2
    assert safe_stride(found, 1e-5, 0.95) is None
    assert distances_of(20) == (1, 2, 3, 4, 6, 8, 12, 16)


def test_who_says_one_thing_again_and_again_is_seen():
    same = np.tile([0, 1, 2, 0, 1, 2, 0, 1, 2], (5, 1))
    other = np.random.default_rng(0).integers(0, 50, (5, 9))
    assert variety(same).repeated == 0.5
    assert variety(same).distinct == 0.2
    assert (variety(other).repeated, variety(other).distinct) == (0, 1)
    assert variety(np.arange(4)[None]).entropy == pytest.approx(math.log(4))


def test_a_check_predicts_and_measures_and_a_prediction_of_another_model_is_out(q):
    tokens = q.sample(300, 8, 0)
    found = audit(mt.Oracle(q), tokens, steps=[2], rules=["stride"], draws=60, check=True, language=q)
    assert [each.inside for each in found.predictions] == [True, True]
    price, accuracy = found.predictions
    assert price.what == "nats a token of fixed at 2 steps, by the losses of the other half"
    assert accuracy.measured.value == 0
    measured = Estimate(1.0, 0.9, 1.1, 0.95, "estimate", 60)
    assert Prediction("", 1.05, 2.0, measured).inside
    assert not Prediction("", 1.2, 2.0, measured).inside
    assert Prediction("", math.nan, math.nan, measured).inside is None


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"count": 49}, "there are 49 sequences and 60 draws; 50 and 50 are the fewest"),
        ({"draws": 10}, "10 draws"),
        ({"check": True}, "60 sequences and 60 draws; 100 and 50"),
        ({"steps": [9]}, "steps is 9; pass numbers from 1 to the length, 4"),
        ({"rules": ["confidence"]}, "breaks ties at random, so no replay gives its price; add ties=lowest"),
        ({"rules": ["stride:temperature=0.5"]}, "leave temperature out, prices are at 1"),
        ({"rules": ["draw_confidence"]}, "no replay"),
        ({"level": 1.0}, "level is 1"),
    ],
)
def test_what_cannot_be_audited_is_refused(q, options, reason):
    asked = {"steps": [2], "rules": ["stride"], "draws": 60, **options}
    count = asked.pop("count", 60)
    with pytest.raises(ValueError, match=reason):
        audit(mt.Oracle(q), q.sample(count, LENGTH, 0), **asked)
