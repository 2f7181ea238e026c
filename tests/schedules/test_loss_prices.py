"""Prices from a loss profile against the curve behind it: bounds are bounds, and intervals hold what they should."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

import mdmtheory as mt
from mdmtheory.exact import information_curve
from mdmtheory.metrics.compare_schedules import compare_schedules
from mdmtheory.schedules import (
    ancestral_weights,
    as_schedule,
    fixed_weights,
    from_losses,
    plan_averaged_gap,
    plan_averaged_nll,
)

FINE = np.arange(1, 121) / 120
COARSE = np.array([0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 1.0])
FAMILIES = ("linear", "cosine", "geometric")


def losses_of(curve, ratios):
    return binom.pmf(np.arange(len(curve))[None], len(curve) - 1, 1 - np.asarray(ratios)[:, None]) @ curve


def truth(row, curve):
    """What the row's plan costs on the curve, in the row's units."""
    if row.sampler == "fixed":
        weights = fixed_weights(list(map(int, row.sizes.split())))
    else:
        weights = ancestral_weights(row.fractions, len(curve))
    nats = float((weights - (row.metric == "gap")) @ curve)
    return math.exp(nats / len(curve)) if row.metric == "ter" else nats


def priced_rows(profile, length, steps, **options):
    """Rows of prices, each with the revealed fractions of its schedule."""
    compared = compare_schedules(profile, length, steps, **options)
    frame = compared.frame[compared.frame["metric"] != "gap_continuum"].copy()
    frame["fractions"] = [
        np.cumsum([0, *compared.best[row.steps]]) / length
        if row.schedule == "optimal"
        else as_schedule(row.schedule).revealed_fractions(row.steps)
        for row in frame.itertuples()
    ]
    return list(frame.itertuples())


def assert_true(rows, curve):
    """Every ≤ is at least the truth, every ≈ has it in its interval, no divergence is negative."""
    for row in rows:
        value = truth(row, curve)
        rounding = 1e-7 * (1 + abs(value))
        if row.kind == "upper bound":
            assert row.value >= value - rounding, row
        else:
            assert row.kind == "estimate"
            assert row.low - rounding <= value <= row.high + rounding, row
            assert row.low <= row.value <= row.high
        assert row.metric != "gap" or not min(row.value, row.low) < 0


PARITY = np.append(np.full(15, math.log(2)), 0.0)
DROP = np.where(np.arange(48) < 24, 2.0, 0.5)


@pytest.mark.parametrize("bound", [False, True])
def test_parity_of_16_at_4_steps_has_no_gap_below_0(bound):
    """Its curve falls at the last token alone; the corrected curve dips before, and optimal sizes were put there."""
    profile = from_losses(FINE, losses_of(PARITY, FINE))
    rows = priced_rows(profile, 16, [4], bound=bound)
    assert_true(rows, PARITY)
    [gap] = [row for row in rows if (row.schedule, row.sampler, row.metric) == ("optimal", "fixed", "gap")]
    assert gap.sizes == "13 1 1 1"
    assert 0 <= gap.value < 1e-3
    assert (gap.kind == "upper bound") == bound


@pytest.mark.parametrize("bound", [False, True])
def test_a_drop_of_2_to_a_half_at_half_of_48_is_not_called_cheaper_than_it_is(bound):
    """Geometric steps of 23, 24 and 1 reveal 24 tokens just before the drop: 7.162, which was said to be ≤ 5.208."""
    profile = from_losses(FINE, losses_of(DROP, FINE))
    rows = priced_rows(profile, 48, [3, 4], bound=bound)
    assert_true(rows, DROP)
    [row] = [row for row in rows if row.sizes == "23 24 1" and row.metric == "ter"]
    assert math.exp(plan_averaged_nll(DROP, [23, 24, 1]) / 48) == pytest.approx(7.1617, abs=1e-4)
    assert row.value == pytest.approx(7.1617, abs=1e-3)


def test_what_is_called_optimal_is_priced_no_higher_than_any_schedule_beside_it():
    """Two steps of 24 are the best there are for the drop, and the fitted curve does not find them."""
    for bound in (False, True):
        compared = compare_schedules(from_losses(FINE, losses_of(DROP, FINE)), 48, [2], bound=bound)
        ter = compared.frame.query("metric == 'ter' and sampler == 'fixed'")
        for _, rows in ter.groupby("steps"):
            assert rows["value"].min() == rows.set_index("schedule")["value"]["optimal"]
        assert compared.best[2].tolist() == [24, 24]


def ends_at_95():
    """A model that learned much of the first few tokens: its curve, and its losses from .05 to .95 as of a BERT."""
    curve = 3.2 + 2.0 * np.exp(-np.arange(512) / 12) + 1.5 * np.exp(-np.arange(512) / 200)
    ratios = np.arange(1, 20) / 20
    return curve, ratios, losses_of(curve, ratios)


@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize("vocab_size", [None, 1000])
def test_a_profile_that_ends_at_95_has_estimates_alone_and_no_bold_first_step(vocab_size, bound):
    """Held flat above .95 it gave a first step of 38, and said perplexity ≤ 44.4 of sizes that cost 51.2."""
    curve, ratios, losses = ends_at_95()
    profile = from_losses(ratios, losses, np.full(19, 1e-4), vocab_size=vocab_size)
    compared = compare_schedules(profile, 512, [16], bound=bound)
    assert set(compared.frame["kind"]) == {"estimate"}
    assert "measure at ratio 1" in compared.about["UNKNOWN"]
    assert ("bound" in compared.about) == bound
    assert compared.best[16][0] <= 13
    assert plan_averaged_gap(curve, compared.best[16]) < 45 < plan_averaged_gap(curve, [38, *[32] * 14, 26])
    if vocab_size is not None:
        assert_true(priced_rows(profile, 512, [16], bound=bound), curve)
        assert set(compared.frame["level"].dropna()) == {0.95}
    else:
        # Nothing is known above the last row, so no level is said.
        assert compared.frame["level"].isna().all()


def test_one_row_more_at_ratio_1_makes_bounds_of_them():
    curve, ratios, losses = ends_at_95()
    whole = from_losses(np.append(ratios, 1.0), np.append(losses, curve[0]))
    frame = compare_schedules(whole, 512, [16], bound=True).frame.query("metric != 'gap_continuum'")
    assert set(frame["kind"]) == {"upper bound"}
    assert "UNKNOWN" not in whole.card(512)


LENGTH = 24
FALLING = st.tuples(
    st.lists(st.floats(0, 1), min_size=LENGTH, max_size=LENGTH),
    st.sampled_from([1, 4, 12]),
).map(lambda made: np.cumsum(np.array(made[0])[::-1] ** made[1])[::-1].copy())


@given(FALLING, st.sampled_from([COARSE, FINE[11::12], np.array([0.3, 1.0])]), st.integers(1, LENGTH), st.booleans())
def test_every_bound_is_one_and_every_interval_holds_for_any_falling_curve(curve, ratios, steps, bound):
    assert_true(priced_rows(from_losses(ratios, losses_of(curve, ratios)), LENGTH, [steps], bound=bound), curve)


@cache
def known_curves():
    return {
        "brackets": (information_curve(mt.as_language("dyck:kinds=1,depth=2"), 12).values, 12),
        "n-gram": (information_curve(mt.as_language("ngram:order=2,vocab_size=8"), 96).values, 96),
        "permutation": (information_curve(mt.Permutation(items=24), 24).values, 24),
        "parity": (PARITY, 16),
        "drop": (DROP, 48),
        "equal pairs": (information_curve(mt.EqualPairs(vocab_size=8), 64).values, 64),
        "enumerated hmm": (information_curve(mt.as_language("hmm:states=3,vocab_size=2"), 10).values, 10),
        "learning error": (0.4 + 1.5 * np.exp(-np.arange(96) / 30) + 0.3 * (1 - np.arange(96) / 96), 96),
    }


@pytest.mark.parametrize("count", [5, 40])
@pytest.mark.parametrize("name", list(known_curves()))
def test_exact_losses_of_known_curves_give_bounds_and_intervals_that_hold(name, count):
    curve, length = known_curves()[name]
    ratios = np.arange(1, count + 1) / count
    profile = from_losses(ratios, losses_of(curve, ratios))
    for bound in (False, True):
        assert_true(priced_rows(profile, length, [2, 7], schedules=["linear", "cosine"], bound=bound), curve)


@pytest.mark.parametrize("level", [0.5, 0.95])
@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_all_intervals_hold_together_at_their_level_whatever_the_correlation(level, shared):
    """All numbers of a comparison, those of the optimal sizes among them; runs without a curve count as misses."""
    generator = np.random.default_rng(0)
    curve = 0.3 + 1.5 * np.exp(-np.arange(48) / 16)
    exact, errors = losses_of(curve, COARSE), np.full(len(COARSE), 0.02)
    runs, held = 24, 0
    for _ in range(runs):
        noise = math.sqrt(shared) * generator.normal() + math.sqrt(1 - shared) * generator.normal(size=len(COARSE))
        rows = priced_rows(
            from_losses(COARSE, exact + errors * noise, errors), 48, [6], level=level, schedules=["linear"]
        )
        assert {row.level for row in rows} <= {level} or all(math.isnan(row.level) for row in rows)
        held += all(
            row.value >= truth(row, curve) if row.kind == "upper bound" else row.low <= truth(row, curve) <= row.high
            for row in rows
        )
    # Three standard errors of the share below the level.
    assert held / runs >= level - 3 * math.sqrt(level * (1 - level) / runs)


def test_the_bound_doubles_about_what_the_estimate_says_of_the_readme_profile():
    profile = mt.schedules.read_losses("docs/losses.csv")
    found = {}
    for bound in (False, True):
        frame = compare_schedules(profile, 512, [16], bound=bound, schedules=["linear"]).frame
        [found[bound]] = frame.query("schedule == 'linear' and sampler == 'fixed' and metric == 'gap'").itertuples()
    assert found[False].value == pytest.approx(23.15, abs=0.05)
    assert found[True].value == found[False].high == pytest.approx(47.32, abs=0.05)
    assert (found[False].kind, found[True].kind) == ("estimate", "upper bound")


def test_straight_lines_between_losses_are_no_bound_and_the_programme_is():
    """Of Parity the loss is concave in what is revealed: between rows it lies above the line through them."""
    ratios = np.array([0.05, 0.25, 0.5, 0.75, 1.0])
    profile = from_losses(ratios, losses_of(PARITY, ratios))
    fractions = as_schedule("linear").revealed_fractions(6)
    drawn = 16 * float(np.diff(fractions) @ np.interp(1 - fractions[:-1], ratios, profile.losses))
    cost = float(ancestral_weights(fractions, 16) @ PARITY)
    assert drawn < cost - 0.1
    total, _ = profile.priced(16).of_fractions(fractions, 0.95)
    assert total.kind == "upper bound"
    assert total.value >= cost


def test_losses_that_no_falling_curve_has_give_no_bound_and_say_why():
    profile = from_losses([0.2, 0.6, 1.0], [1.0, 0.4, 2.0])
    withheld = compare_schedules(profile, 16, [4], bound=True)
    prices = withheld.frame.query("metric != 'gap_continuum'")
    assert prices["value"].isna().all()
    assert prices["kind"].str.startswith("withheld (no falling curve has these losses").all()
    assert withheld.about["bound"].startswith("none: no falling curve")
    plain = compare_schedules(profile, 16, [4])
    assert set(plain.frame["kind"]) == {"estimate"}
    assert plain.frame["low"].isna().all()
    assert not (plain.frame["value"] < 0).any()
    assert plain.about["interval"] == "none"


def test_one_token_a_step_costs_nothing_above_itself_and_all_else_has_a_width():
    profile = from_losses(COARSE, losses_of(DROP, COARSE))
    for row in priced_rows(profile, 48, [1, 4, 48], schedules=["linear"]):
        if row.sampler == "fixed" and row.kind == "estimate":
            known = row.metric == "gap" and set(row.sizes.split()) == {"1"}
            assert (row.low == row.high) == known
            assert row.value == 0 or not known


LATE = np.where(np.arange(16) < 4, 2.0, 0.3)


@pytest.mark.parametrize("bound", [False, True])
def test_exact_losses_that_end_before_a_late_drop_have_curves_and_intervals_that_hold(bound):
    """The steepest chord to .5 says .33 nats at ratio 1, where every falling curve with these losses has 2 or more."""
    ratios = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5])
    profile = from_losses(ratios, losses_of(LATE, ratios))
    assert_true(priced_rows(profile, 16, [2, 4], bound=bound), LATE)
    card = profile.card(16, bound=bound)
    assert "twice the least rise that a falling curve needs, 3.667 nats, which is no bound" in card["UNKNOWN"]
    assert profile.curve(16)[0] == pytest.approx(3.667, abs=1e-3)
    assert profile.falling_curves(16).most[-1] == pytest.approx(3.667, abs=1e-3)


@pytest.mark.parametrize(("count", "length"), [(24, 64), (48, 64), (95, 40), (95, 128)])
@pytest.mark.parametrize("shape", ["power", "steep"])
def test_exact_losses_that_end_at_95_have_curves_however_steep(shape, count, length):
    """HiGHS gave up (status 4) on programmes whose guess at ratio 1 was just too low."""
    at, ratios = np.arange(length), 0.95 * np.arange(1, count + 1) / count
    curve = {"power": 2 / np.sqrt(1 + at), "steep": 0.5 + 3 * np.exp(-at / 2)}[shape]
    curves = from_losses(ratios, losses_of(curve, ratios)).falling_curves(length)
    assert curves.trouble is None
    assert curves.most[-1] >= curves.cheapest(np.eye(length)[0]) - 1e-6


def test_a_vocabulary_that_is_too_small_for_the_losses_is_the_reason_given():
    profile = from_losses([0.1, 0.5, 0.95], [1.0, 2.0, 3.0], [0.01] * 3, vocab_size=10)
    frame = compare_schedules(profile, 64, [8], bound=True).frame.query("metric != 'gap_continuum'")
    assert frame["kind"].str.startswith("withheld (log 10 = 2.303 nats is below the 2.976").all()
    card = profile.card(64)
    assert "the last loss, 3 nats, more than log 10 = 2.303 nats" in card["UNKNOWN"]
    assert profile.falling_curves(64).most[-1] == 3
    assert profile.curve(64)[0] == pytest.approx(3, abs=0.01)
    # Within its error the last loss may be what the vocabulary allows.
    assert from_losses([0.1, 0.95], [1.0, 2.31], [0.01] * 2, vocab_size=10).falling_curves(64).trouble is None


def test_what_is_called_optimal_has_no_higher_gap_than_any_schedule_beside_it():
    """Of two losses little is known: the geometric sizes had the lowest total and 52.7 nats of gap beside 21.0."""
    profile = from_losses([0.1, 1.0], [1.0, 3.0], [0.0, 0.0])
    for bound in (False, True):
        frame = compare_schedules(profile, 64, [8], bound=bound).frame
        gaps = frame.query("metric == 'gap' and sampler == 'fixed'").set_index("schedule")["value"]
        assert gaps["optimal"] == gaps.min()


@pytest.mark.parametrize(("ratios", "bound"), [((0.1, 1.0), False), ((0.1, 1.0), True), ((0.1, 0.95), True)])
def test_only_rows_that_are_bounds_are_called_bounds(ratios, bound):
    frame = compare_schedules(from_losses(ratios, [1.0, 3.0]), 64, [8], bound=bound).frame
    called = frame["note"].str.contains("upper bound")
    assert (called == (frame["kind"] == "upper bound")).all()


def test_errors_of_0_are_no_errors_and_have_no_level():
    profile = from_losses([0.1, 1.0], [1.0, 3.0], [0.0, 0.0])
    assert "within 1e-06 nats, there being no stderr but 0" in profile.card(64)["interval"]
    assert compare_schedules(profile, 64, [8]).frame["level"].isna().all()
    some = from_losses([0.1, 1.0], [1.0, 3.0], [0.0, 0.1]).card(64)["interval"]
    assert "within 2.24 standard errors, which at 95 % all keep together" in some
    assert "(Šidák), or 1e-06 nats where that is more" in some
