"""No number is what it cannot be, and none is made so in silence."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.means import unseen_share
from mdmtheory.metrics.cross_entropy import CrossEntropy
from mdmtheory.metrics.metric import Measured
from mdmtheory.metrics.pricing import curve_priced
from mdmtheory.metrics.ser_scored import SerScored
from mdmtheory.metrics.sums import Sums
from mdmtheory.metrics.ter import Ter, TerRatio
from mdmtheory.sweeps import cells, collect
from tests.sweeps.test_results import rows

LAW = [0.55, 0.3, 0.1, 0.05]
INDEPENDENT = [
    mt.NGram(1.0, LAW),
    mt.NGram([0.1, 0.2, 0.3, 0.4], [LAW] * 4),
    mt.HMM([1.0, 0.0], [[0.5, 0.5], [0.9, 0.1]], [LAW, LAW]),
    mt.HMM([0.5, 0.5], [[0.7, 0.3], [0.7, 0.3]], [[1, 0], [0.25, 0.75]]),
]


@pytest.mark.refutes("2.3")
@pytest.mark.parametrize("language", INDEPENDENT)
@pytest.mark.parametrize("length", [16, 64])
def test_independent_tokens_cost_nothing_in_any_plan_and_without_noise(language, length):
    for model in (
        mt.MaskedDiffusion(mt.Oracle(language), sampler="ancestral", steps=4),
        mt.models.block.BlockDiffusion(mt.Oracle(language), block=5, steps=2),
    ):
        ratio = mt.ter_ratio(model, language, length, count=200)
        assert ratio.low == 1 <= ratio.value == pytest.approx(1, abs=1e-12)
        # Without noise is not without doubt: 200 sequences do not show what one in a hundred would.
        price = math.log(mt.ter(model, language, length, count=200).value) * length
        assert math.log(ratio.high) * length == pytest.approx(max(1, price) * unseen_share(200, 0.95), rel=1e-9)
    assert not curve_priced(mt.MaskedDiffusion(mt.Oracle(language), sampler="ancestral", steps=4), language)


@pytest.mark.refutes("2.3")
def test_independent_tokens_are_kept_apart_from_what_the_curve_priced(tmp_path):
    frame = collect(cells("ngram:order=1", length=64, steps=4, metrics="ter", samples=100), out=tmp_path / "s.sqlite")
    [ratio] = frame[frame["metric"] == "ter_ratio"].to_dict("records")
    assert (ratio["value"], ratio["low"]) == pytest.approx((1, 1), abs=1e-12)
    assert 1 < ratio["high"] < 1.1
    assert ratio["kind"].startswith("upper bound")


def test_tokens_that_say_something_of_one_another_are_priced_by_the_curve():
    for language in (
        mt.NGram.random(order=2, vocab_size=3, seed=0),
        mt.NGram.random(order=3, vocab_size=2, seed=0),
        mt.as_language("hmm:states=4"),
        mt.Parity(),
    ):
        assert curve_priced(mt.MaskedDiffusion(mt.Oracle(language), sampler="ancestral", steps=4), language)


@pytest.mark.refutes("2.3")
def test_value_and_interval_are_cut_where_the_quantity_ends_and_the_kind_says_so():
    gaps = Sums(sequences=600, tokens=4800, nats=6.0, nats_squared=540.0, gap=-18.0, gap_squared=240.0)
    ratio = TerRatio().estimate(Measured(gaps, 8, kind="upper bound"))
    assert ratio.low == ratio.value == 1 < ratio.high
    assert ratio.cut_from == pytest.approx((math.exp(-0.03 / 8), ratio.cut_from[1], ratio.high))
    assert ratio.said_kind.startswith("upper bound, cut from 0.99625")
    assert "cut from 0.99625" in str(ratio)
    assert Ter().estimate(Measured(gaps, 8)).low == 1
    right = Sums(sequences=600, errors=0, nats=1.0, nats_squared=1.0)
    assert CrossEntropy().estimate(Measured(right, 8)).low == 0
    weights = Sums(sequences=1000, ratio=1010.0, ratio_squared=1000 * (1.01**2 + 0.0005))
    wrong = SerScored().estimate(Measured(weights, 8))
    assert (wrong.value, wrong.low, wrong.cut_from[0]) == (0, 0, pytest.approx(-0.01))


@pytest.mark.refutes("2.3")
def test_rows_say_what_was_measured():
    gaps = Sums(sequences=600, tokens=4800, nats=144.0, nats_squared=876.0, gap=-18.0, gap_squared=240.0)
    row = rows("score", gaps)["ter_ratio"]
    assert row["low"] == row["value"] == 1
    assert row["kind"].startswith("upper bound, cut from 0.99625")


@pytest.mark.refutes("2.3")
def test_entropies_are_neither_negative_nor_more_than_their_alphabet_has():
    uniform = mt.HMM([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])
    nearly_none = mt.HMM([1, 0], [[1 - 1e-3, 1e-3], [0, 1]], [[1, 0], [0.5, 0.5]])
    for language in (uniform, nearly_none):
        for found in (language.entropy(32, 2000, 0), language.entropy(32, 2000, 7)):
            assert 0 <= found.low < found.high <= 32 * math.log(language.vocab_size)


def test_the_first_cut_is_the_one_that_is_told():
    measured = mt.Estimate(0.5, -0.1, 1.2, level=0.95, kind="estimate", count=10)
    assert measured.within(least=0).within(most=1).cut_from == (0.5, -0.1, 1.2)


def test_what_needs_no_cut_is_left_alone_and_rounding_is_none():
    plain = mt.Estimate(1.5, 1.4, 1.6, level=0.95, kind="estimate", count=10)
    assert plain.within(least=1) == plain
    assert plain.said_kind == "estimate"
    rounded = mt.Estimate.exact(-1e-16).within(least=0)
    assert (rounded.value, rounded.cut_from) == (0, None)
    assert eval(repr(plain.within(least=1.45)), {"Estimate": mt.Estimate}) == plain.within(least=1.45)


@pytest.mark.refutes("2.3")
def test_distances_are_not_negative():
    language = mt.NGram.random(order=2, vocab_size=3, seed=3)
    # All but q, so that noise decides the sign.
    model = mt.MaskedDiffusion(mt.Perturbed(mt.Oracle(language), epsilon=1e-6), sampler="left_to_right")
    below = 0
    for seed in range(6):
        found = mt.distances(model, language, 64, count=60, seed=seed)
        for each in (found.squared_hellinger, found.kl, found.kl_on_support):
            assert 0 <= each.low <= each.value <= each.high
            below += each.cut_from is not None
    assert below


def test_what_is_made_of_cut_numbers_is_made_of_those_measured():
    import pandas as pd

    from mdmtheory.plots.drawn import reference_ter
    from mdmtheory.report.closed_forms import closed_forms

    gaps = Sums(sequences=600, tokens=4800, nats=1800.0, nats_squared=6000.0, gap=-18.0, gap_squared=240.0)
    cell = {"language": "parity", "length": 8, "model": "masked", "denoiser": "oracle", "sampler": "ancestral"}
    cell |= {"schedule": "linear", "steps": 4, "seed": 0}
    frame = pd.DataFrame([{**cell, **row} for row in rows("score", gaps).values()])
    [reference] = reference_ter(frame).values()
    assert reference.value == pytest.approx(math.exp((300 + 3) / 100 / 8))
    [bound] = [each for each in closed_forms(frame) if each.form.metric == "kl_average"]
    assert bound.measured.value == pytest.approx(-0.03)
    assert np.isfinite(bound.measured.low)
