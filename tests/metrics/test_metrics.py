"""Metrics: unbiased, of the kind they say, and with intervals that cover."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.estimate import WithheldError
from mdmtheory.core.plugins import ProtocolError
from mdmtheory.metrics.measure import Sequences
from mdmtheory.metrics.metric import Measured
from mdmtheory.metrics.pricing import curve_weights, reveal_costs
from mdmtheory.metrics.score import Score, ScorePlans
from mdmtheory.metrics.ser import Ser
from mdmtheory.metrics.ser_scored import EffectiveSize, SerScored
from mdmtheory.metrics.sums import Sums
from mdmtheory.metrics.ter import TerRatio

BIGRAM = mt.NGram([0.5, 0.3, 0.2], [[0.7, 0.3, 0.0], [0.0, 0.6, 0.4], [0.5, 0.0, 0.5]])
# From reference.json (brute force), bigram3/linear-2 and linear-3 at length 5.
SER = {2: 0.457592277741002, 3: 0.31719781870270325}
PLAN_AVERAGED = {2: 4.440824273117294, 3: 4.162809881667887}
MIXTURE = {2: 4.2608862517402795, 3: 4.018976272930441}
ENTROPY = 3.62868654057109


@pytest.mark.parametrize("steps", [2, 3])
def test_ser_and_ter_cover_the_enumerated_values(steps):
    p = mt.MaskedDiffusion(mt.Oracle(BIGRAM), steps=steps)
    ser = mt.ser(p, BIGRAM, 5, count=20_000, level=0.999)
    assert ser.kind == "estimate"
    assert ser.low < SER[steps] < ser.high
    bound = mt.ter(p, BIGRAM, 5, count=20_000, level=0.999)
    assert bound.kind == "upper bound"
    assert bound.low < np.exp(PLAN_AVERAGED[steps] / 5) < bound.high
    ratio = mt.ter_ratio(p, BIGRAM, 5, count=20_000, level=0.999)
    assert ratio.low < np.exp((PLAN_AVERAGED[steps] - ENTROPY) / 5) < ratio.high
    many = mt.ter(p, BIGRAM, 5, count=4_000, plans=64)
    assert np.exp(MIXTURE[steps] / 5) < many.high
    assert many.low < np.exp(PLAN_AVERAGED[steps] / 5) - 0.01


@pytest.mark.parametrize("sampler", ["ancestral", "fixed"])
@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_information_curve_prices_what_plan_scoring_measures(sampler, schedule):
    q = mt.as_language("hmm")
    p = mt.MaskedDiffusion(mt.Oracle(q), sampler=sampler, steps=6, schedule=schedule)
    x = q.sample(4000, 32, seed=0)
    gap = reveal_costs(p.denoiser, x, 0, 0, threads=None) @ curve_weights(p, 32) + q.log_prob(x)
    priced = Sums(sequences=4000, gap=float(gap.sum()), gap_squared=float((gap**2).sum()))
    [scored] = ScorePlans().count([p], Sequences(q, 32, 1, 0, 4000), None)
    a, b = (TerRatio().estimate(Measured(sums, 32), 0.999) for sums in (priced, scored))
    assert a.low < b.high
    assert b.low < a.high


@pytest.mark.parametrize("sampler", ["ancestral", "fixed"])
def test_curve_weights_are_a_law_over_what_is_revealed(sampler):
    q = mt.as_language("hmm")
    for steps in (1, 3, 64, 3000):
        p = mt.MaskedDiffusion(mt.Oracle(q), sampler=sampler, steps=steps, schedule="cosine")
        weights = curve_weights(p, 48)
        assert weights.sum() == pytest.approx(48)
        assert (weights >= 0).all()
    one = curve_weights(mt.MaskedDiffusion(mt.Oracle(q), steps=1), 48)
    assert one.tolist() == [48] + [0] * 47


def test_pricing_many_models_at_once_changes_nothing():
    q = mt.as_language("hmm")
    models = [mt.MaskedDiffusion(mt.Oracle(q), steps=n) for n in (2, 9)] + [
        mt.MaskedDiffusion(mt.Oracle(q), sampler="stride", steps=4)
    ]
    some = Sequences(q, 40, 7, 3, 20)
    together = Score().count(models, some)
    alone = [Score().count([model], some)[0] for model in models]
    assert together == alone


def test_ser_by_scoring_agrees_with_ser_by_drawing_and_is_withheld_when_heavy_tailed():
    q = mt.EqualPairs(vocab_size=4)
    p = mt.MaskedDiffusion(mt.Oracle(q), steps=8)
    [sums] = ScorePlans().count([p], Sequences(q, 8, 0, 0, 20_000), None)
    scored = SerScored().estimate(Measured(sums, 8), level=0.999)
    effective = EffectiveSize().estimate(Measured(sums, 8)).value
    truth = 1 - (1 - (1 - 1 / 4) / 8) ** 4
    assert scored.low < truth < scored.high
    assert effective > 1000
    [sums] = ScorePlans().count([p], Sequences(q, 512, 0, 0, 300), None)
    with pytest.raises(WithheldError, match=r"effective size \d+\.\d < 100"):
        SerScored().estimate(Measured(sums, 512))
    assert EffectiveSize().estimate(Measured(sums, 512)).value < 100


def test_overflowing_ratios_are_withheld():
    measured = Measured(Sums(sequences=10, ratio=np.inf, ratio_squared=np.inf), 8)
    assert EffectiveSize().estimate(measured).value == 0
    with pytest.raises(WithheldError, match="effective size 0.0 < 100"):
        SerScored().estimate(measured)


def test_one_fixed_plan_gives_an_estimate_and_the_reference_is_exact():
    q = mt.as_language("ngram:order=2")
    stride = mt.MaskedDiffusion(mt.Oracle(q), sampler="stride", steps=2)
    assert mt.ter(stride, q, 20, count=100).kind == "estimate"
    reference = mt.ter(mt.Autoregressive(q), q, 20)
    assert reference.kind == "exact"
    assert float(reference) == pytest.approx(np.exp(float(q.entropy(20)) / 20))
    assert mt.ter(mt.Autoregressive(mt.as_language("hmm")), mt.as_language("hmm"), 20, count=100).kind == "estimate"
    first = mt.MaskedDiffusion(mt.Perturbed(mt.Oracle(q), epsilon=0.01), sampler="first_hitting")
    assert mt.ter(first, q, 20, count=100).kind == "upper bound"


def test_learning_error_raises_ter_by_epsilon_a_token_in_one_at_a_time_order():
    q = mt.as_language("hmm:prune_transition=0.0,prune_emission=0.0")
    p = mt.MaskedDiffusion(mt.Perturbed(mt.Oracle(q), epsilon=0.01), sampler="left_to_right")
    ratio = mt.ter_ratio(p, q, 64, count=2000, level=0.999)
    assert ratio.low < np.exp(0.01) < ratio.high
    assert ratio.high < np.exp(0.012)


def test_stopping_at_errors_uses_the_anytime_interval():
    q = mt.as_language("hmm")
    p = mt.MaskedDiffusion(mt.Oracle(q), steps=64)
    stopped = mt.ser(p, q, 512, count=5_000, max_errors=50)
    assert 50 < stopped.count < 5_000
    assert stopped.count % 64 == 0
    sums = Sums(sequences=stopped.count, errors=round(stopped.value * stopped.count))
    plain = Ser().estimate(Measured(sums, 512))
    assert stopped.low < plain.low < plain.high < stopped.high


def test_bad_counts_are_refused():
    q = mt.as_language("hmm")
    with pytest.raises(ValueError, match="count is 0"):
        mt.ser(mt.Autoregressive(q), q, 8, count=0)
    with pytest.raises(ValueError, match="plans is 0"):
        mt.ter(mt.MaskedDiffusion(mt.Oracle(q), steps=3, sampler="stride"), q, 8, plans=0)


def test_sequences_of_another_length_are_refused():
    """A model of somebody else's that forgets the last token would look better than it is."""

    class Shorter(mt.Autoregressive):
        def sample(self, count, length, seed, *, first=0, threads=None):
            return super().sample(count, length - 1, seed, first=first, threads=threads)

    with pytest.raises(
        ProtocolError, match=r"model ar: `sample` returned uint8 of shape \(50, 4\); return integers of"
    ):
        mt.ser(Shorter(BIGRAM), BIGRAM, 5, count=50)
