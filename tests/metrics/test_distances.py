"""Distances: their definitions where laws can be enumerated, and intervals that cover them where they are sampled."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.exact.kl_parts import kl_parts
from mdmtheory.metrics import distances as module
from mdmtheory.metrics.distances import Distances, distances

BIGRAM = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0.0], [0.0, 0.6, 0.4], [0.5, 0.0, 0.5]])
MEASURES = ("total_variation", "squared_hellinger", "kl", "kl_on_support", "ser")


def model_of(sampler, steps=2, **options):
    return mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler=sampler, steps=steps, **options)


def by_definition(model, length):
    """From the laws as lists, with a last outcome for what the model gave up."""
    p, q = mt.exact.law(model, BIGRAM, length).reshape(-1), mt.exact.joint(BIGRAM, length).reshape(-1)
    p, q = np.append(p, 1 - p.sum()), np.append(q, 0.0)
    inside = q > 0
    given = p[inside] / p[inside].sum()
    return {
        "total_variation": abs(p - q).sum() / 2,
        "squared_hellinger": ((np.sqrt(np.maximum(p, 0)) - np.sqrt(q)) ** 2).sum() / 2,
        "kl": (q[inside] * np.log(q[inside] / p[inside])).sum(),
        "kl_on_support": (given * np.log(given / q[inside])).sum(),
        "ser": p[~inside].sum(),
    }


@pytest.fixture
def sampled(monkeypatch):
    """Nothing is cheap enough to enumerate."""
    monkeypatch.setattr(module, "CHEAP", -1.0)


@pytest.mark.parametrize("sampler", ["ancestral", "stride", "entropy", "draw_confidence", "entropy_bound:gamma=0.5"])
def test_small_ones_are_enumerated(sampler):
    model = model_of(sampler)
    found = distances(model, BIGRAM, 4)
    for name, value in by_definition(model, 4).items():
        assert getattr(found, name).kind == "exact"
        assert getattr(found, name).value == pytest.approx(value, rel=1e-9, abs=1e-12)
    assert found.total_variation.value >= found.ser.value - 1e-12
    assert found.squared_hellinger.value <= found.total_variation.value + 1e-12
    parts = kl_parts(mt.exact.law(model, BIGRAM, 4), mt.exact.joint(BIGRAM, 4))
    assert (found.wrong.value, found.unfaithful.value) == pytest.approx(parts, abs=1e-12)


def test_the_language_itself_is_at_no_distance():
    found = distances(mt.Autoregressive(BIGRAM), BIGRAM, 4)
    for name in MEASURES:
        assert getattr(found, name).value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("sampler", ["margin:ties=lowest", "blocks"])
def test_sampled_ones_cover_where_log_p_is_exact(sampler, sampled):
    model, length, level = model_of(sampler, 2), 4, 0.9
    truth = by_definition(model, length)
    runs = [distances(model, BIGRAM, length, count=150, seed=seed, level=level) for seed in range(100)]
    for name in MEASURES:
        found = [getattr(run, name) for run in runs]
        assert {each.kind for each in found} == {"estimate"}
        covered = sum(each.low - 1e-12 <= truth[name] <= each.high + 1e-12 for each in found)
        # 100 intervals of 90 % cover 90 times, give or take 3; those of the bounded ones nearly always.
        assert covered >= (98 if name in ("total_variation", "squared_hellinger") else 80)
    for name in ("total_variation", "squared_hellinger", "kl", "ser"):
        values = np.array([getattr(run, name).value for run in runs])
        assert abs(values.mean() - truth[name]) < 4 * values.std() / 10


def test_one_plan_a_sequence_gives_upper_bounds(sampled):
    model = model_of("ancestral", 3)
    truth, found = by_definition(model, 5), distances(model, BIGRAM, 5, count=4000)
    for name in ("total_variation", "squared_hellinger", "kl"):
        assert getattr(found, name).kind == "upper bound"
        assert getattr(found, name).value > truth[name]
    assert found.kl.low > truth["kl"]
    assert found.kl_on_support is None
    assert found.ser.low < truth["ser"] < found.ser.high


def test_the_mixture_gives_estimates_with_little_noise(sampled):
    model = model_of("ancestral", 16)
    truth, found = by_definition(model, 5), distances(model, BIGRAM, 5, count=2000, method="mixture", level=0.999)
    for name in MEASURES:
        assert getattr(found, name).low - 1e-12 <= truth[name] <= getattr(found, name).high + 1e-12
    assert found.ser.kind == "exact"
    assert found.kl.kind == "estimate"
    assert found.kl.high - found.kl.low < 1e-3 < truth["kl"]
    assert found.kl_on_support.high < 5e-4


def test_a_model_that_misses_part_of_the_language_is_infinitely_far(sampled):
    found = distances(model_of("confidence:temperature=0,ties=lowest", 4), BIGRAM, 4, count=500)
    truth = mt.exact.law(model_of("confidence:temperature=0,ties=lowest", 4), BIGRAM, 4)
    q = mt.exact.joint(BIGRAM, 4)
    assert found.kl.value == found.kl.high == math.inf
    assert found.total_variation.low <= np.maximum(q - truth, 0).sum() <= found.total_variation.high
    # The one sequence it knows: KL is -log q of it.
    assert found.kl_on_support.value == pytest.approx(-math.log(q[truth > 0][0]))


def test_no_valid_draw_leaves_the_support_unknown(sampled):
    model = mt.MaskedDiffusion(mt.Oracle(mt.Permutation(items=9)), sampler="stride", steps=1)
    found = distances(model, mt.Permutation(items=9), 9, count=100)
    assert found.kl_on_support is None
    assert found.ser.value == 1
    assert found.kl.kind == "estimate"


@pytest.mark.parametrize("heavy", [20, 1000])
def test_the_interval_of_hellinger_holds_under_a_heavy_tail(heavy):
    # r is `heavy` with probability 1/heavy and else 0: most samples see nothing of sum sqrt(p q).
    generator, truth, covered = np.random.default_rng(0), 1 - heavy**-0.5, 0
    for _ in range(300):
        ratios = np.where(generator.random(100) < 1 / heavy, float(heavy), 0.0)
        with np.errstate(divide="ignore"):
            found = module.squared_hellinger(np.log(ratios), 0.95, "estimate")
        covered += found.low <= truth <= found.high
    assert covered >= 0.95 * 300


def test_the_interval_of_hellinger_allows_for_what_a_sample_may_not_show():
    count, tail = 10_000, math.log(4 / 0.05)
    found = module.squared_hellinger(np.full(count, -2.0), 0.95, "estimate")
    cut = math.sqrt(3 * count / (28 * tail))
    half = 7 * cut * tail / (3 * (count - 1))
    assert found.value == pytest.approx(1 - math.exp(-1), rel=1e-12)
    # Unseen ratios of 4 cut^2, one in 4 cut^2, would add 1/(4 cut) to the mean of the root.
    assert found.low == pytest.approx(found.value - half - 1 / (4 * cut), rel=1e-9)
    assert found.high == pytest.approx(found.value + half, rel=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: distances(model_of("draw_confidence"), BIGRAM, 30), "chooses by tokens that it draws"),
        (lambda: distances(model_of("fixed"), BIGRAM, 30, method="mixture"), "no exact log p"),
        (lambda: distances(model_of("stride"), BIGRAM, 3, method="exact"), "method is 'exact'"),
        (lambda: distances(model_of("entropy"), BIGRAM, 30, count=1), "count is 1; pass 50 or more"),
    ],
)
def test_what_is_not_known_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_distances_are_a_value():
    found = distances(model_of("stride"), BIGRAM, 3)
    assert isinstance(found, Distances)
    assert found == distances(model_of("stride"), BIGRAM, 3)
