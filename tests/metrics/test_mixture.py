"""TER of the mixture itself, against enumeration; the low-noise form; docs/theory.md, section 3."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.metrics.mixture import known_support, low_noise, mixture_log_prob
from mdmtheory.metrics.pricing import ter_kind

BIGRAM = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0.0], [0.0, 0.6, 0.4], [0.5, 0.0, 0.5]])
HMM = mt.HMM([0.3, 0.7], [[0.5, 0.5], [0.0, 1.0]], [[0.5, 0.5, 0.0], [0.1, 0.0, 0.9]])
# The chain of the growth rates (docs/theory.md, section 3).
CHAIN = [[0.5, 0.5, 0.0, 0.0], [0.2, 0.3, 0.3, 0.2], [0.25, 0.5, 0.25, 0.0], [0.4, 0.0, 0.35, 0.25]]


def truths(model, language, length):
    p, q = mt.exact.law(model, language, length), mt.exact.joint(language, length)
    nats = mt.exact.expected_nll(p, q)
    return np.exp(nats / length), np.exp((nats - mt.exact.entropy_nats(q)) / length)


@pytest.mark.parametrize("language", [BIGRAM, HMM], ids=["bigram", "hmm"])
@pytest.mark.parametrize(("steps", "schedule"), [(2, "linear"), (3, "cosine"), (16, "linear")])
def test_the_mixture_covers_the_enumerated_value(language, steps, schedule):
    p = mt.MaskedDiffusion(mt.Oracle(language), steps=steps, schedule=schedule)
    ter, ratio = truths(p, language, 5)
    found = mt.ter(p, language, 5, count=2000, method="mixture", level=0.999)
    relative = mt.ter_ratio(p, language, 5, count=2000, method="mixture", level=0.999)
    assert found.kind == relative.kind == "estimate"
    assert found.low < ter < found.high
    assert relative.low < ratio < relative.high
    # Jensen's gap is far outside.
    assert mt.ter_ratio(p, language, 5, count=2000).low > relative.high
    plain = mt.ter_ratio(
        mt.MaskedDiffusion(mt.Oracle(language), sampler="entropy:ties=lowest", steps=steps), language, 5, count=2000
    )
    assert plain.kind == "estimate"


def test_intervals_cover():
    p = mt.MaskedDiffusion(mt.Oracle(BIGRAM), steps=4)
    truth = truths(p, BIGRAM, 4)[1]
    found = [mt.ter_ratio(p, BIGRAM, 4, count=200, seed=seed, method="mixture", level=0.9) for seed in range(100)]
    # 100 intervals of 90 % cover 90 times, give or take 3.
    assert 80 <= sum(each.low <= truth <= each.high for each in found) <= 99


def test_the_low_noise_form_has_the_same_mean_and_second_order_noise():
    for steps, fold in ((8, 10), (32, 100)):
        p = mt.MaskedDiffusion(mt.Oracle(BIGRAM), steps=steps)
        x = BIGRAM.sample(1000, 6, seed=0)
        support = known_support(p, BIGRAM, 6)
        log_u = mixture_log_prob(p, BIGRAM, x) - BIGRAM.log_prob(x) - np.log(support)
        assert low_noise(log_u).min() >= 0
        assert low_noise(log_u).var() < (-log_u).var() / fold


def test_the_chain_of_the_growth_rates():
    language = mt.NGram(stationary(np.array(CHAIN)), CHAIN)
    p = mt.MaskedDiffusion(mt.Oracle(language), steps=16)
    ratio = mt.ter_ratio(p, language, 48, count=1000, method="mixture", level=0.999)
    # KL = .44570 +- .00054, from 500 sequences at N = 16.
    assert ratio.low - 1e-4 < np.exp(0.44570 / 48) < ratio.high + 1e-4
    assert 48 * np.log(ratio.high / ratio.low) < 0.01


def stationary(transition):
    values, vectors = np.linalg.eig(transition.T)
    law = np.real(vectors[:, np.argmax(np.real(values))])
    return law / law.sum()


def test_the_low_noise_form_is_left_where_its_interval_would_not_hold():
    even = 0.1 * np.random.default_rng(0).normal(size=1000)
    np.testing.assert_allclose(low_noise(even), np.exp(even) - 1 - even)
    few = even[:999]
    uneven = np.where(np.arange(1000) < 20, 4.0, 0.0)
    # One term in a thousand is all that there is to see.
    lopsided = np.where(np.arange(1000) < 1, 1.0, even / 1e3)
    for log_weights in (few, uneven, lopsided):
        np.testing.assert_array_equal(low_noise(log_weights), -log_weights)


def test_few_sequences_take_the_plain_form_and_many_the_low_noise_one():
    p = mt.MaskedDiffusion(mt.Oracle(BIGRAM), steps=8)
    few, many = (mt.ter_ratio(p, BIGRAM, 5, count=count, method="mixture") for count in (50, 1000))
    assert truths(p, BIGRAM, 5)[1] == pytest.approx(many.value, rel=1e-3)
    # Twenty times as many sequences make a plain interval 4.5 times as narrow.
    assert (few.high - few.low) / (many.high - many.low) > 30


@pytest.mark.parametrize("sampler", ["entropy:ties=lowest", "threshold:tau=0.5,ties=lowest", "stride", "first_hitting"])
def test_where_log_p_is_exact_both_methods_are_the_same(sampler):
    q = mt.as_language("hmm:states=6,vocab_size=4,prune_transition=1.2,prune_emission=1")
    p = mt.MaskedDiffusion(mt.Oracle(q), sampler=sampler, steps=4)
    assert ter_kind(p) == "estimate"
    assert mt.ter(p, q, 20, count=100, method="mixture") == mt.ter(p, q, 20, count=100)
    assert mt.ter_ratio(p, q, 20, count=100, method="mixture") == mt.ter_ratio(p, q, 20, count=100)


def test_replay_covers_the_enumerated_value():
    p = mt.MaskedDiffusion(mt.Oracle(HMM), sampler="margin:ties=lowest", steps=2)
    ter, ratio = truths(p, HMM, 5)
    found, relative = mt.ter(p, HMM, 5, count=2000, level=0.999), mt.ter_ratio(p, HMM, 5, count=2000, level=0.999)
    assert found.low < ter < found.high
    assert relative.low < ratio < relative.high


def test_the_reference_is_exact_by_either_method():
    reference = mt.Autoregressive(BIGRAM)
    assert mt.ter(reference, BIGRAM, 9, method="mixture") == mt.ter(reference, BIGRAM, 9)
    assert float(mt.ter_ratio(reference, BIGRAM, 9, count=60, method="mixture")) == pytest.approx(1)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (
            mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="fixed", steps=2),
            {},
            "no exact log p.x.; the mixture is known for",
        ),
        (mt.MaskedDiffusion(mt.Perturbed(mt.Oracle(BIGRAM), epsilon=0.1), steps=2), {}, "use those, or method='plans'"),
        (mt.MaskedDiffusion(mt.Oracle(HMM), steps=2), {}, "no exact log p"),
        (
            mt.MaskedDiffusion(mt.Oracle(BIGRAM), sampler="draw_confidence", steps=2),
            {},
            "chooses by tokens that it draws",
        ),
        (mt.MaskedDiffusion(mt.Oracle(BIGRAM), steps=2), {"method": "mean"}, "method is 'mean'; pass one of plans"),
    ],
)
def test_what_is_not_known_is_refused_in_one_line(model, options, message):
    for call in (mt.ter, mt.ter_ratio):
        with pytest.raises(ValueError, match=message) as caught:
            call(model, BIGRAM, 40, count=10, **{"method": "mixture", **options})
        assert "\n" not in str(caught.value)
