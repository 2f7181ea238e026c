"""Schedules compared on languages and on loss profiles, against what scoring measures."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.core.streams import stream_states
from mdmtheory.exact import information_curve, kappa
from mdmtheory.metrics.compare_schedules import compare_schedules
from mdmtheory.schedules import Schedule, ancestral_gap, as_schedule, from_losses, optimal, plan_averaged_gap, smoothed

HMM = "hmm:states=6,vocab_size=4,prune_emission=1"


def number(frame, steps, schedule, sampler, metric):
    rows = frame[(frame["steps"] == steps) & (frame["schedule"] == schedule)]
    [row] = rows[(rows["sampler"] == sampler) & (rows["metric"] == metric)].itertuples()
    return row


@pytest.fixture(scope="module")
def bigram():
    language = mt.as_language("ngram:order=2,vocab_size=4,seed=2")
    return language, compare_schedules(language, 40, [4, 10], count=300)


@pytest.fixture(scope="module")
def hmm():
    language = mt.as_language(HMM)
    return language, compare_schedules(language, 40, [4, 10], count=300)


def test_a_bigram_is_priced_exactly(bigram):
    language, compared = bigram
    curve = information_curve(language, 40)
    assert compared.about["curve"] == "exact"
    for steps in (4, 10):
        sizes = optimal(curve, steps)
        best = number(compared.frame, steps, "optimal", "fixed", "gap")
        assert compared.best[steps].tolist() == sizes.tolist() == list(map(int, best.sizes.split()))
        assert best.value == pytest.approx(plan_averaged_gap(curve, sizes), abs=1e-9)
        assert best.low == best.high
        linear = number(compared.frame, steps, "linear", "fixed", "ter")
        assert linear.kind == "upper bound"
        model = mt.MaskedDiffusion(mt.Oracle(language), sampler="fixed", steps=steps)
        measured = mt.ter_ratio(model, language, 40, count=1000, seed=1, level=0.999)
        assert measured.low <= linear.value / math.exp(curve.values.sum() / 40) <= measured.high


def test_the_square_root_row_is_the_schedule_of_least_kappa(bigram):
    language, compared = bigram
    rows = compared.frame[compared.frame["schedule"] == "sqrt_c"]
    assert set(rows["metric"]) == {"ter", "gap", "ser"}
    sizes = list(map(int, number(compared.frame, 10, "sqrt_c", "fixed", "gap").sizes.split()))
    assert kappa(language, schedule=Schedule.from_sizes(sizes)).value <= 1.05 * kappa(language).value


@pytest.mark.parametrize(
    ("name", "reason"),
    [("ngram:order=2,vocab_size=4,prune=2", "period 2"), ("ngram:order=2,vocab_size=5,prune=1", "0 everywhere")],
)
def test_a_bigram_without_a_square_root_rule_says_why(name, reason):
    compared = compare_schedules(mt.as_language(name), 12, [3], count=50)
    assert reason in compared.about["sqrt_c"]
    assert "sqrt_c" not in set(compared.frame["schedule"])


def test_every_schedule_of_a_bigram_has_its_ser(bigram):
    language, compared = bigram
    for name in ("linear", "cosine", "optimal"):
        row = number(compared.frame, 10, name, "ancestral", "ser")
        sizes = Schedule.from_sizes(compared.best[10]).revealed_fractions() if name == "optimal" else name
        model = mt.MaskedDiffusion(mt.Oracle(language), sampler="ancestral", steps=10, schedule=sizes)
        measured = mt.ser(model, language, 40, count=2000, seed=5, level=0.999)
        assert measured.low <= row.high
        assert row.low <= measured.high


def test_an_estimated_curve_gives_intervals_that_agree_with_scoring(hmm):
    language, compared = hmm
    assert "estimated" in compared.about["curve"]
    assert "hmm" in compared.about["sqrt_c"]
    for steps in (4, 10):
        for sampler in ("fixed", "ancestral"):
            row = number(compared.frame, steps, "cosine", sampler, "gap")
            model = mt.MaskedDiffusion(mt.Oracle(language), sampler=sampler, steps=steps, schedule="cosine")
            measured = mt.ter_ratio(model, language, 40, count=1000, seed=3, level=0.999)
            low, high = (40 * math.log(end) for end in (measured.low, measured.high))
            assert row.low <= high
            assert low <= row.high
            assert row.low < row.value < row.high


def test_the_draws_that_choose_the_sizes_do_not_price_them(hmm):
    language, compared = hmm
    first, second = (information_curve(language, 40, count=300, seed=seed) for seed in (0, 1))
    row = number(compared.frame, 10, "linear", "ancestral", "gap")
    fractions = as_schedule("linear").revealed_fractions(10)
    assert row.value == pytest.approx(ancestral_gap(second, fractions), abs=1e-9)
    assert row.value != pytest.approx(ancestral_gap(first, fractions), abs=1e-6)
    weights = 1 / np.maximum(first.high - first.low, 1e-9) ** 2
    assert compared.best[10].tolist() == optimal(smoothed(first, weights), 10).tolist()


def test_stride_stands_beside_it_and_is_an_estimate(hmm):
    language, compared = hmm
    model = mt.MaskedDiffusion(mt.Oracle(language), sampler="stride", steps=10)
    for metric, measured in (
        ("ter", mt.ter(model, language, 40, count=300)),
        ("ser", mt.ser(model, language, 40, count=300)),
    ):
        row = number(compared.frame, 10, "", "stride", metric)
        assert (row.value, row.low, row.high) == (measured.value, measured.low, measured.high)
        assert (row.kind, row.count) == ("estimate", 300)
    assert "chosen order" in number(compared.frame, 10, "", "stride", "gap").note


def test_every_row_says_what_it_holds_for(bigram):
    _, compared = bigram
    random = compared.frame[compared.frame["sampler"] != "stride"]
    assert random["note"].str.startswith("random order, mean over plans").all()
    bounds = random["kind"].str.startswith("upper bound")
    assert set(random["metric"][bounds]) == {"ter", "gap"}
    assert (random["note"].str.contains("upper bound") == bounds).all()


def profile_of(denoiser, language, length, count):
    """As a validation run would: independent masks at each ratio, mean -log p of masked tokens, its standard error."""
    text = language.sample(count, length, 7)
    rows = []
    for ratio in (0.01, *np.arange(1, 32) / 32, 0.98, 0.99, 0.995, 1.0):
        from mdmtheory.kernels.random import fill_uniforms

        uniforms = np.empty(text.shape)
        fill_uniforms(stream_states(["masks", ratio], 0, count), uniforms)
        masked = uniforms < ratio
        marginals = denoiser.conditionals(np.where(masked, language.vocab_size, text))
        nats = -np.log(np.take_along_axis(marginals, text[:, :, None].astype(int), axis=2)[:, :, 0])
        total, tokens = (nats * masked).sum(axis=1), masked.sum(axis=1)
        loss = total.sum() / tokens.sum()
        rows.append((ratio, loss, np.sqrt(((total - loss * tokens) ** 2).sum()) / tokens.sum()))
    return from_losses(*np.array(rows).T)


def test_a_loss_profile_predicts_what_sampling_with_the_same_denoiser_costs():
    language = mt.as_language(HMM)
    denoiser = mt.Perturbed(mt.Oracle(language), epsilon=0.05)
    compared = compare_schedules(profile_of(denoiser, language, 128, 300), 128, [8, 32, 128])
    for steps in (8, 32, 128):
        for schedule in ("linear", "cosine"):
            row = number(compared.frame, steps, schedule, "fixed", "ter")
            model = mt.MaskedDiffusion(denoiser, sampler="fixed", steps=steps, schedule=schedule)
            measured = mt.ter(model, language, 128, count=500, seed=11, level=0.999)
            assert row.low <= measured.high
            assert measured.low <= row.high
            # Without the learning error it would not: that adds a factor of exp(0.05).
            assert row.low > measured.high * math.exp(-0.05)


def test_a_loss_profile_knows_nothing_of_stride():
    compared = compare_schedules(from_losses([0.1, 1.0], [1.0, 2.0]), 32, [4])
    assert "stride" not in set(compared.frame["sampler"])
    assert compared.about["stride"].startswith("cannot be known")
    assert compared.frame["level"].isna().all()


def test_a_language_has_no_bound_to_ask_for():
    with pytest.raises(ValueError, match="bound is for a loss profile; the prices of a language are upper bounds"):
        compare_schedules(mt.as_language(HMM), 16, [4], bound=True)


@pytest.mark.parametrize("count", [50, 100])
def test_no_divergence_of_a_language_is_negative(count):
    """Few contexts a point, many steps: the noise is as large as the gap."""
    frame = compare_schedules(mt.as_language(HMM), 40, [30, 40], count=count).frame
    gaps = frame[frame["metric"].isin(["gap", "gap_continuum"])]
    assert not (gaps[["value", "low"]] < 0).any(axis=None)
    assert gaps["kind"].str.contains("cut from -").any()


@pytest.mark.parametrize(
    ("steps", "options", "message"),
    [
        ([33], {}, "steps is 33; pass from 1 to 32"),
        ([0], {}, "steps is 0"),
        ([], {}, "there are no steps"),
        ([4], {"schedules": ["file:path=nothere"]}, "cannot read nothere"),
        ([4], {"schedules": ["sine"]}, "unknown schedule 'sine'"),
        ([4], {"level": 0.0}, "level is 0.0"),
    ],
)
def test_bad_calls(steps, options, message):
    with pytest.raises(ValueError, match=message):
        compare_schedules(from_losses([0.1, 1.0], [1.0, 2.0]), 32, steps, **options)
    with pytest.raises(ValueError, match="count is 1"):
        compare_schedules(mt.as_language(HMM), 32, [4], count=1)


def test_a_schedule_with_steps_of_its_own_is_refused(tmp_path):
    (tmp_path / "sizes.txt").write_text("16 16")
    with pytest.raises(ValueError, match="has a number of steps of its own; compare families"):
        compare_schedules(from_losses([0.1, 1.0], [1.0, 2.0]), 32, [2], schedules=[f"file:path={tmp_path}/sizes.txt"])
