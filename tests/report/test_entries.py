from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import mdmtheory as mt
from mdmtheory.core.estimate import Estimate
from mdmtheory.report.entries import _above, at_level, entries, entropies_of
from mdmtheory.report.naming import entrants, language_groups, language_names
from tests.report.frames import around, cell, frame_of


def of(**changed: object) -> dict[str, object]:
    return {
        "model": "masked",
        "denoiser": "oracle",
        "sampler": "ancestral",
        "schedule": "linear",
        "steps": 16,
    } | changed


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (of(), ("ancestral", "16 steps")),
        (of(schedule="cosine"), ("ancestral, cosine", "16 steps")),
        (of(sampler="redraw", denoiser="oracle:trust=0.999"), ("redraw, δ=0.001", "16 steps")),
        (of(denoiser="window:width=4"), ("ancestral, window:width=4", "16 steps")),
        (of(sampler="confidence:temperature=0.0"), ("confidence:temperature=0.0", "16 steps")),
        (of(model="block:size=16"), ("block:size=16", "16 steps")),
        (of(model="block:size=16", sampler="confidence"), ("block:size=16, confidence", "16 steps")),
        (of(model="uniform", sampler=None), ("uniform", "16 steps")),
        (of(model="ar", denoiser=None, sampler=None, schedule=None, steps=None), ("ar", "")),
        (of(sampler="verify:k=4", schedule=None, steps=None), ("verify:k=4", "")),
        (of(sampler="bisection", schedule=None, steps=None), ("bisection", "")),
    ],
)
def test_entrants_are_named_by_what_is_theirs(row, expected):
    assert entrants(pd.DataFrame([row])) == [expected]


def test_a_rule_without_a_budget_runs_along_its_own_parameter():
    specs = [
        "verify:k=4",
        "verify:k=8",
        "verify:k=4,order=bit_reversed",
        "threshold:tau=0.5,temperature=0.0",
        "threshold:tau=0.9",
    ]
    rows = pd.DataFrame([of(sampler=spec, steps=None) for spec in specs])
    assert entrants(rows) == [
        ("verify:k", "k=4"),
        ("verify:k", "k=8"),
        ("verify:k=4,order=bit_reversed", ""),
        ("threshold:tau=0.5,temperature=0.0", ""),
        ("threshold:tau=0.9", ""),
    ]


def test_languages_have_short_names_and_tables_of_six():
    specs = ["hmm", "hmm:sticky=0.9", *(f"ngram:order={n}" for n in range(1, 5)), "dyck", "copy:distance=16", "parity"]
    names = language_names(specs)
    assert list(names.values()) == [
        "hmm",
        "hmm sticky=0.9",
        "1-gram",
        "2-gram",
        "3-gram",
        "4-gram",
        "dyck",
        "copy",
        "parity",
    ]
    assert language_groups(specs) == [specs[:6], specs[6:]]
    assert [len(each) for each in language_groups([f"ngram:order=2,seed={n}" for n in range(8)])] == [4, 4]
    assert len(set(language_names(["ngram:order=2", "ngram:order=2,seed=1"]).values())) == 2


def test_kl_is_the_length_times_the_log_of_the_ratio():
    [row] = entries(frame_of([cell(ser=around(0.3), ter_ratio=(1.1, 1.05, 1.2, "upper bound"))])).to_dict("records")
    assert [row[name] for name in ("kl", "kl_low", "kl_high")] == pytest.approx(
        [64 * math.log(r) for r in (1.1, 1.05, 1.2)]
    )
    assert row["kl_kind"] == "upper bound"
    assert math.isnan(row["excess"])


def test_a_divergence_is_two_numbers_that_need_no_rows_of_their_own():
    kl = 64 * math.log(1.02)
    cut = "upper bound, cut from 0.9 [0.8, 1.01]"
    rows = [
        cell(ser=around(0.5, 0.1), ter_ratio=(1.02, 1.01, 1.03, "upper bound")),
        cell(sampler="stride", ser=(0.0, 0.0, 0.1), ter_ratio=(1.0, 1.0, 1.01, cut)),
        cell(sampler="blocks", ser=(1.0, 0.99, 1.0), ter_ratio=(1.3, 1.2, 1.4)),
        cell(sampler="redraw", ser=around(0.5, 0.1)),
    ]
    random, stride, blocks, redraw = entries(frame_of(rows)).to_dict("records")
    assert [random[f"wrong{end}"] for end in ("", "_low", "_high")] == pytest.approx(
        [-math.log(1 - each) for each in (0.5, 0.4, 0.6)]
    )
    assert random["unfaithful"] == pytest.approx(kl - math.log(2))
    above = math.hypot(64 * math.log(1.03 / 1.02), math.log(0.6 / 0.5))
    assert random["unfaithful_high"] == pytest.approx(kl - math.log(2) + above)
    assert (random["unfaithful_low"], random["unfaithful_kind"][:25]) == (0, "upper bound, cut from 0.5")
    # From what was measured, not from what it was cut to.
    assert stride["unfaithful_kind"].startswith("upper bound, cut from -6.7")
    assert blocks["unfaithful_kind"] == blocks["wrong_kind"] == "withheld (no right sequence)"
    assert math.isnan(redraw["unfaithful"])
    assert redraw["unfaithful_kind"] == ""


def test_two_exact_zeros_are_equal():
    """What float64 leaves of a sum does not make one better than the other."""
    found = entries(frame_of([cell(sampler=name, ter_ratio=(r, r, r)) for name, r in (("a", 1.0), ("b", 1 - 1e-15))]))
    assert list(found["kl"]) == [0.0, 0.0]


def test_kl_is_that_of_the_exact_law():
    """Checked by enumeration: the ratio of a cell against KL over all sequences of a small language."""
    q = mt.NGram.random(order=2, vocab_size=3, seed=1)
    p = mt.MaskedDiffusion(mt.Oracle(q), sampler="stride", steps=2)
    law = mt.exact.law(p, q, length=5)
    own = mt.exact.law(mt.Autoregressive(q), q, length=5)
    some = own > 0
    exact = float((own[some] * np.log(own[some] / law[some])).sum())
    ratio = mt.ter_ratio(p, q, length=5, count=4000, seed=0)
    [row] = entries(frame_of([cell(length=5, ter_ratio=(ratio.value, ratio.low, ratio.high))])).to_dict("records")
    assert row["kl_low"] < exact < row["kl_high"]


def test_excess_is_over_the_entropy_and_adds_its_error():
    frame = frame_of([cell("mine", ser=around(0.3), cross_entropy=(0.5, 0.47, 0.53))])
    exact = entries(frame, {("mine", 64): Estimate.exact(0.6 * 64)}).iloc[0]
    assert [exact[f"excess{end}"] for end in ("", "_low", "_high")] == pytest.approx([-0.1, -0.13, -0.07])
    rough = Estimate(0.6 * 64, 0.56 * 64, 0.64 * 64, 0.95, "estimate", 100)
    added = entries(frame, {("mine", 64): rough}).iloc[0]
    assert [added[f"excess{end}"] for end in ("", "_low", "_high")] == pytest.approx([-0.1, -0.15, -0.05])
    assert math.isnan(entries(frame).iloc[0]["excess"])


def test_a_loss_of_entropy_is_proven_only_where_all_can_be_right_at_once():
    """Of forty intervals at 95 % two end below 0 by chance; what is bold must not be one of them."""
    lucky = [cell("mine", f"s{n}", cross_entropy=(0.58, 0.5799 - 0.02, 0.5999)) for n in range(39)]
    frame = frame_of([*lucky, cell("mine", "collapsed", cross_entropy=(0.5, 0.48, 0.52))])
    found = entries(frame, {("mine", 64): Estimate.exact(0.6 * 64)}).set_index("entrant")
    assert (found["excess_high"] < 0).all()
    assert list(found.index[found["lost"]]) == ["collapsed"]
    alone = entries(frame[:1], {("mine", 64): Estimate.exact(0.6 * 64)})
    assert alone["lost"].all()


def test_rounding_proves_no_loss_of_entropy():
    """In a language that is uniform on its support every right sequence has the same probability."""
    frame = frame_of([cell("mine", cross_entropy=(0.6 - 1e-16, 0.6 - 1e-16, 0.6 - 1e-16))])
    [row] = entries(frame, {("mine", 64): Estimate.exact(0.6 * 64)}).to_dict("records")
    assert (row["excess"], row["lost"]) == (0.0, False)


def test_entropies_come_from_the_language_or_from_autoregression():
    frame = frame_of(
        [
            cell("parity", cross_entropy=around(0.5)),
            cell("saved", cross_entropy=around(0.5)),
            cell("saved", None, None, model="ar", denoiser=None, schedule=None, cross_entropy=around(0.7, 0.1)),
            cell("unknown", cross_entropy=around(0.5)),
        ]
    )
    found = entropies_of(frame)
    assert set(found) == {("parity", 64), ("saved", 64)}
    assert found["parity", 64] == Estimate.exact(63 * math.log(2))
    assert found["saved", 64].high == pytest.approx(64 * 0.8)


def test_an_interval_at_another_level_is_as_much_wider_as_the_normal_law_says():
    wide = at_level(Estimate(1.0, 1.0 - 1.959964, 1.0 + 1.959964, 0.95, "estimate", 9), 0.99)
    assert (wide.low, wide.high) == pytest.approx((1 - 2.575829, 1 + 2.575829), abs=1e-5)
    assert at_level(Estimate.exact(2.0), 0.5) == Estimate.exact(2.0)


def test_intervals_of_two_sides_are_stretched_and_added_side_by_side():
    wide = at_level(Estimate(10.0, 7.0, 11.0, 0.95, "estimate", 9), 0.99)
    assert (wide.value - wide.low) == pytest.approx(3 * (wide.high - wide.value))
    assert wide.low < 7
    assert wide.high > 11
    ends, _ = _above((1.0, 0.5, 1.1), "estimate", 0.95, Estimate(8.0, 4.0, 8.8, 0.95, "estimate", 9), 10)
    # From below comes what the entropy may be above its value, and the other way round.
    assert ends == pytest.approx((0.2, 0.2 - np.hypot(0.5, 0.08), 0.2 + np.hypot(0.1, 0.4)))


def test_calls_of_cells_that_were_given_up_are_at_most_the_steps():
    nan = math.nan
    found = entries(
        frame_of(
            [
                cell(steps=8, calls=nan, rounds=nan, ser=(1.0, 0.99, 1.0)),
                cell(steps=4, model="block:size=16", calls=nan, rounds=nan, ser=(1.0, 0.99, 1.0)),
                cell(sampler="threshold:tau=0.5", steps=None, calls=nan, rounds=nan, ser=(1.0, 0.99, 1.0)),
                cell(steps=32, calls=27.8, ser=around(0.5)),
                cell(sampler="bisection", steps=None, calls=nan, rounds=nan, ser=(1.0, 0.99, 1.0)),
                cell(steps=128, calls=nan, rounds=nan, ser=(1.0, 0.99, 1.0)),
                cell(denoiser="oracle:trust=0.999", calls=nan, rounds=nan, ser=(1.0, 0.99, 1.0)),
            ]
        )
    )
    assert list(found["calls"])[:2] == [8, 16]
    assert math.isnan(found["calls"][2])
    assert list(found["calls"])[4:6] == [7, 64]
    assert list(found["given_up"]) == [True, True, False, False, True, True, False]


@pytest.mark.refutes("1.4")
def test_a_saved_language_with_the_name_of_a_built_in_one_is_not_taken_for_it(tmp_path):
    from mdmtheory.languages.presets import as_language
    from mdmtheory.plots.lengths import first_order_rates
    from mdmtheory.sweeps import cells, collect

    as_language("ngram:vocab_size=3,seed=5").save(tmp_path / "ngram.npz")
    chosen = cells(
        str(tmp_path / "ngram.npz"), length=8, steps=4, model="masked,ar", samples=50, metrics="cross_entropy"
    )
    frame = collect(chosen, out=tmp_path / "store.sqlite", workers=1)
    assert set(frame["language"]) == {"ngram"}
    found = entropies_of(frame)["ngram", 8]
    assert found.kind == "estimate"  # from the autoregressive model's rows
    truth = as_language(tmp_path / "ngram.npz").entropy(8).value
    assert found.low <= truth <= found.high
    assert first_order_rates(["ngram"], 8, frame.attrs["digests"]) == {}


def test_where_drawing_saw_no_error_the_sharp_rate_stands_below_the_end_that_drawing_leaves():
    none, sharp = (0.0, 0.0, 0.0018), (2e-9, 1e-9, 0.03, "estimate (tail unseen)")
    few = (math.nan, math.nan, math.nan, "withheld (few)")
    other, unseen = ((rate, 0.0, 0.03, "estimate (tail unseen)") for rate in (3e-9, 0.0))

    def worth(walks):
        return (walks, walks, walks, "exact")

    cells = [
        cell(steps=4, ser=none, ser_sharp=sharp, sharp_size=worth(100)),
        cell(steps=8, ser=none, ser_sharp=few, sharp_size=worth(2)),
        cell(steps=16, ser=(0.01, 0.005, 0.02), ser_sharp=sharp, sharp_size=worth(100)),
        cell(steps=32, ser=none),
        cell(steps=64, ser=none, ser_sharp=few, sharp_size=worth(2), ser_tilted=sharp, tilted_size=worth(90)),
        cell(steps=128, ser=none, ser_sharp=unseen, sharp_size=worth(1000), ser_tilted=sharp, tilted_size=worth(90)),
        cell(steps=256, ser=none, ser_sharp=sharp, sharp_size=worth(100), ser_tilted=other, tilted_size=worth(90)),
        cell(steps=512, ser=none, ser_sharp=other, sharp_size=worth(100), ser_tilted=sharp, tilted_size=worth(200)),
        cell(steps=1024, ser=none, ser_sharp=unseen, sharp_size=worth(1000)),
    ]
    found = entries(frame_of(cells)).set_index("steps")[["ser", "ser_low", "ser_high", "ser_kind"]]
    assert found.loc[4].tolist() == [2e-9, 1e-9, 0.0018, "estimate (tail unseen)"]
    assert found.loc[8].tolist() == found.loc[32].tolist() == [*none, "estimate"]
    assert found.loc[16, "ser"] == 0.01
    for steps in (64, 128, 256, 512):
        assert found.loc[steps].tolist() == found.loc[4].tolist()
    assert found.loc[1024].tolist() == [0.0, 0.0, 0.0018, "estimate (tail unseen)"]
