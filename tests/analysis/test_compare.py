"""Models compared: pairs, common random numbers, equal calls, and rows of a store."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import ndtri

import mdmtheory as mt
from mdmtheory.analysis.calls import EVERY, mean_calls, steps_at_calls
from mdmtheory.analysis.common_draws import common_errors, plans_at
from mdmtheory.analysis.compare import labels
from mdmtheory.analysis.differences import BOUNDS, Contrast, tabled
from mdmtheory.analysis.stored_differences import calls_differences, stored_differences
from mdmtheory.core.differences import difference_of_shares
from mdmtheory.core.spec import Spec
from tests.analysis.rows import of_counts, of_means

BIGRAM = mt.NGram([0.5, 0.25, 0.25], [[0.5, 0.5, 0.0], [0.25, 0.25, 0.5], [0.5, 0.0, 0.5]])
LENGTH = 6


def model(**options):
    return mt.MaskedDiffusion(mt.Oracle(BIGRAM), **({"steps": 4} | options))


def truth(*models):
    """The exact SER of each."""
    q = mt.exact.joint(BIGRAM, LENGTH)
    return [mt.exact.error_rate(mt.exact.law(each, BIGRAM, LENGTH), q) for each in models]


def test_a_difference_is_that_of_the_models_by_themselves():
    first, second = model(), model(steps=12)
    found = mt.compare(first, second, BIGRAM, length=LENGTH, count=400, seed=3)
    errors, nats = (found.frame.iloc[i] for i in range(2))
    sers = [mt.ser(each, BIGRAM, LENGTH, count=400, seed=3) for each in (first, second)]
    assert errors["difference"] == pytest.approx(sers[0].value - sers[1].value)
    assert (errors["low"], errors["high"]) == pytest.approx(
        difference_of_shares(*(n for each in sers for n in (round(each.value * 400), 400)), 0.975)[1:]
    )
    ratios = [mt.ter_ratio(each, BIGRAM, LENGTH, count=400, seed=3).value for each in (first, second)]
    assert nats["ratio"] == pytest.approx(ratios[0] / ratios[1])
    assert nats["difference"] == pytest.approx(LENGTH * math.log(nats["ratio"]))
    assert nats["kind"] == BOUNDS
    assert nats["gain"] > 10
    assert found.frame["level"].tolist() == [0.975, 0.975]
    assert errors["pairing"].startswith("no: ")
    assert nats["pairing"] == "yes: the same sequences of q"


def test_paired_scores_have_the_interval_of_their_differences():
    first, second = model(sampler="stride"), model(sampler="blocks")
    found = mt.compare(first, second, BIGRAM, length=LENGTH, count=300, metrics="nats").frame.iloc[0]
    tokens = BIGRAM.sample(300, LENGTH, 0)
    away = second.log_prob(tokens).values - first.log_prob(tokens).values
    assert found["difference"] == pytest.approx(away.mean())
    assert found["kind"] == "estimate"
    half = 1.96 * away.std() / np.sqrt(300)
    assert (found["high"] - found["low"]) / 2 == pytest.approx(half, rel=0.1)


PLANNED = [
    ({}, {"steps": 7}),
    ({"schedule": "cosine"}, {"sampler": "fixed", "steps": 3}),
    ({"sampler": "first_hitting", "temperature": 0.7}, {"sampler": "stride"}),
]


@pytest.mark.parametrize(("first", "second"), PLANNED)
def test_draws_of_common_uniforms_have_each_models_own_law(first, second):
    def built(sampler="ancestral", temperature=None, **options):
        return model(sampler=sampler if temperature is None else f"{sampler}:temperature={temperature}", **options)

    models = [built(**first), built(**second)]
    wrong = common_errors(models, BIGRAM, LENGTH, 4000, 1, None)
    expected = truth(*models)
    for found, share in zip(wrong.mean(axis=1), expected, strict=True):
        assert abs(found - share) < 4 * math.sqrt(share * (1 - share) / 4000) + 1e-12


def test_plans_from_times_have_the_law_of_the_plans():
    times = np.random.default_rng(0).random((20_000, 4))
    for options in ({"schedule": "cosine", "steps": 3}, {"sampler": "fixed", "steps": 3}, {"sampler": "first_hitting"}):
        own = model(**options)
        plans = plans_at(own, times)
        drawn = own.draw_plans(np.random.default_rng(1).integers(1, 2**63, (20_000, 4)).astype(np.uint64), 4)
        for statistic in (lambda p: p == 1, lambda p: p[:, :2].sum(axis=1) == 3, lambda p: p.max(axis=1) == p[:, 0]):
            assert abs(statistic(plans).mean() - statistic(drawn).mean()) < 0.03
        # The smaller the time the earlier.
        assert (np.diff(np.take_along_axis(plans, times.argsort(axis=1), axis=1), axis=1) >= 0).all()


def test_common_uniforms_make_the_interval_of_a_difference_narrower_and_keep_it_right():
    models = (model(), model(schedule="cosine"))
    [a, b] = truth(*models)
    options = {"length": LENGTH, "count": 500, "metrics": "ser"}
    apart = mt.compare(*models, BIGRAM, **options).frame.iloc[0]
    held = 0
    for seed in range(30):
        found = mt.compare(*models, BIGRAM, **options, common=True, seed=seed).frame.iloc[0]
        held += found["low"] <= a - b <= found["high"]
        assert found["gain"] > 1.3
        assert found["high"] - found["low"] < 0.9 * (apart["high"] - apart["low"])
        assert found["pairing"] == "yes: common uniforms for plans and tokens"
    assert held >= 27


def test_intervals_of_a_family_hold_together():
    """Three numbers less a fourth, with normal errors of 1: their differences depend on one another."""

    def contrast(away):
        def interval(level):
            half = math.sqrt(2) * ndtri((1 + level) / 2)
            return away, away - half, away + half

        return Contrast("ser", "a", "b", (0.0, 0.0), interval, "estimate", "no: ", math.nan, 60, 0, {})

    random = np.random.default_rng(0)
    held, found = 0, 0
    for numbers in random.normal(size=(150, 4)):
        frame = tabled([contrast(float(each - numbers[0])) for each in numbers[1:]], 0.9, {}).frame
        held += int(((frame["low"] <= 0) & (frame["high"] >= 0)).all())
        found += int((frame["p_holm"] < 0.1).any())
    # Of 150 at 0.9 or more: above 123 but for one run in a thousand. At 0.9 each, 118 hold together.
    assert held > 123
    assert found >= 150 - held


def test_calls_are_what_sequences_cost_that_are_drawn_to_their_end():
    for options in ({}, {"schedule": "cosine", "steps": 9}, {"sampler": "fixed"}, {"sampler": "stride"}):
        own = model(**options)
        calls, of = mean_calls(own, LENGTH)
        drawn = own.sample(2000, LENGTH, 0, finish=True).calls
        assert calls.kind == "exact"
        assert of == EVERY
        assert abs(drawn.mean() - calls.value) < 4 * drawn.std() / np.sqrt(2000) + 1e-9
    looking, of = mean_calls(model(sampler="entropy_bound:gamma=1.5"), LENGTH, count=400)
    assert (looking.kind, of) == ("estimate", EVERY)
    assert looking.low < looking.value < looking.high
    block = mt.BlockDiffusion(mt.Oracle(BIGRAM), block=4, steps=3)
    found, _ = mean_calls(block, LENGTH, count=2000)
    assert found.low <= 3 * (2 - (2 / 3) ** 4 - (2 / 3) ** 2) <= found.high


@pytest.mark.parametrize(("wanted", "steps"), [(0.1, 1), (1.0, 1), (7.4, 7), (7.6, 8), (500.0, 100)])
def test_steps_at_calls_are_the_nearest(wanted, steps):
    assert steps_at_calls(float, wanted, 100) == steps


def test_equal_calls_are_solved_for():
    reference = model(steps=6)
    found = mt.compare(
        reference,
        model(sampler="stride", steps=2),
        model(schedule="cosine"),
        BIGRAM,
        length=LENGTH,
        count=100,
        at="calls",
    )
    wanted = 6 * (1 - (5 / 6) ** LENGTH)
    by_name = found.frame.set_index("second")
    assert by_name.loc["stride", "first_calls"].iloc[0] == pytest.approx(wanted)
    assert by_name.loc["stride", "second_steps"].iloc[0] == round(wanted)
    cosine = found.frame[found.frame["second"].str.contains("cosine")].iloc[0]
    costs = [mean_calls(model(schedule="cosine", steps=n), LENGTH)[0].value for n in range(1, 40)]
    assert cosine["second_steps"] == 1 + int(np.abs(np.array(costs) - wanted).argmin())
    assert f"{round(wanted) - wanted:+.3g}" in found.about["calls"]


def test_what_cannot_be_scored_is_told_and_its_errors_are_compared():
    remasking = mt.MaskedDiffusion(mt.Oracle(BIGRAM, trust=0.999), sampler="remdm-cap", steps=4)
    found = mt.compare(model(), remasking, BIGRAM, length=LENGTH, count=60)
    assert found.frame["metric"].tolist() == ["ser"]
    assert "may change tokens" in found.about["nats"]


def test_models_are_called_by_what_tells_them_apart():
    assert labels([model(), model(sampler="stride")]) == ["ancestral", "stride"]
    assert labels([model(), model(schedule="cosine")]) == ["linear", "cosine"]
    assert labels([model(), model(steps=9)]) == ["N=4", "N=9"]
    assert labels([model(), model()]) == ["#1", "#2"]
    runs = [
        SimpleNamespace(spec=Spec.of("masked", denoiser=f"network:run={path}", steps=4)) for path in ("runs/a", "b")
    ]
    assert labels(runs) == ["runs/a", "./b"]
    assert labels([model(), model(schedule="cosine"), model(sampler="fixed")]) == [
        "ancestral linear", "ancestral cosine", "fixed linear",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("models", "options", "reason"),
    [
        ([model()], {}, "give two models or more and then the language"),
        ([model(), model()], {"metrics": "ter"}, "metric 'ter' is not compared; use one of ser, nats"),
        ([model(), model()], {"at": "cost"}, "at is 'cost'; use steps or calls"),
        (
            [model(), model(sampler="confidence")],
            {"common": True},
            "common random numbers are for masked diffusion over",
        ),
        ([model(), mt.UniformDiffusion(mt.Oracle(BIGRAM), steps=3)], {"at": "calls"}, "is given no other steps here"),
    ],
)
def test_what_cannot_be_compared_is_refused(models, options, reason):
    with pytest.raises(ValueError, match=reason):
        mt.compare(*models, BIGRAM, **({"length": LENGTH, "count": 60} | options))


def test_differences_can_be_read():
    found = mt.compare(model(), model(sampler="stride"), BIGRAM, length=LENGTH, count=60)
    assert repr(found) == "<Differences of 2 pairs; see its frame and about>"
    assert str(found).startswith("metric ser, first ancestral 0.")
    assert "not paired: draws of their own" in str(found)
    assert "<th>first less second</th>" in found._repr_html_()


STORE = of_counts(
    [150, 60, 120, 10], 200, sampler=["ancestral", "ancestral", "stride", "stride"], steps=[8, 32, 8, 16],
    schedule=["linear", "linear", None, None], calls=[7.9, 15.9, 8.0, 16.0],
)  # fmt: skip


def test_rows_of_a_store_are_compared_where_nothing_else_differs():
    [row] = stored_differences(STORE, "sampler", ["ser"], 0.95).frame.to_dict("records")
    assert (row["first"], row["second"], row["first_steps"], row["count"]) == ("ancestral", "stride", 8, 200)
    assert (row["difference"], row["low"], row["high"]) == pytest.approx(difference_of_shares(150, 200, 120, 200, 0.95))


def test_rows_of_a_store_at_equal_calls_are_those_of_other_steps():
    found, missing = calls_differences(STORE, "sampler", ["ser"], 0.95)
    assert missing == []
    assert found is not None
    assert found.frame[["first_steps", "second_steps"]].to_numpy().tolist() == [[8, 8], [32, 16]]
    found, missing = calls_differences(STORE[STORE["steps"] != 16], "sampler", ["ser"], 0.95)
    assert len(missing) == 1
    assert missing[0].startswith("ancestral at N = 32 costs 15.9 calls, and stride 8 at")


def test_means_of_a_store_are_compared_as_if_they_were_of_other_sequences():
    frame = of_means("ter_ratio", [1.2, 1.1], [0.01, 0.02], sampler=["ancestral", "stride"])
    [row] = stored_differences(frame.assign(calls=1.0), "sampler", ["ter_ratio"], 0.9).frame.to_dict("records")
    half = 1.6448536 * math.hypot(0.01, 0.02)
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((0.1, 0.1 - half, 0.1 + half))
    assert row["pairing"].startswith("no: of the same sequences the store has sums alone")


@pytest.mark.parametrize(
    ("frame", "between", "reason"),
    [
        (STORE, "length", "length is 64 in all of these rows"),
        (STORE, "calls", "rows are not compared by calls; name one of model"),
        (STORE[STORE["steps"] > 8], "sampler", "no two rows differ in sampler alone; with --at calls"),
        (STORE.assign(high=STORE["high"] + 0.01), "sampler", "was drawn until so many errors were seen"),
    ],
)
def test_rows_that_cannot_be_compared_are_refused(frame, between, reason):
    with pytest.raises(ValueError, match=reason):
        stored_differences(frame, between, ["ser"], 0.95)


@pytest.mark.parametrize(
    ("values", "kind", "said"),
    [
        ((math.inf, math.inf), BOUNDS, "withheld (both are infinite)"),
        ((math.nan, 2.0), "withheld (10 sequences)", "withheld (10 sequences)"),
    ],
)
def test_a_difference_that_is_no_number_has_no_p_value_and_corrects_no_other(values, kind, said):
    def less(level):
        return (values[0] - values[1],) * 3

    known = Contrast("ser", "a", "b", (0.3, 0.2), lambda level: (0.1, -level, level), "estimate", "no", 1.0, 9, 0, {})
    none = Contrast("ter", "a", "b", values, less, kind, "no", math.nan, 9, 0, {})
    found = tabled([known, none], 0.95, {})
    assert found.frame["kind"].tolist() == ["estimate", said]
    assert math.isnan(found.frame["p_value"][1])
    assert found.frame["p_holm"][0] == found.frame["p_value"][0]
    assert "p" not in found.about
