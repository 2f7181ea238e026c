"""Loss profiles of real models: the fit, the interpolation, their errors, the card, and what is refused."""

from __future__ import annotations

import itertools
import math
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr
from scipy.stats import binom

import mdmtheory as mt
from mdmtheory.schedules import ancestral_gap, as_schedule, from_losses, optimal, plan_averaged_nll, read_losses

PROFILES = st.lists(
    st.tuples(st.integers(1, 100), st.floats(0, 3), st.floats(0.001, 0.1)),
    min_size=2,
    max_size=12,
    unique_by=lambda r: r[0],
).map(lambda rows: from_losses([r[0] / 100 for r in rows], [r[1] for r in rows], [r[2] for r in rows]))


@given(PROFILES, st.integers(2, 200))
def test_the_curve_never_rises_and_stays_within_the_losses(profile, length):
    curve = profile.curve(length)
    assert curve.shape == (length,)
    assert (np.diff(curve) <= 0).all()
    assert curve[0] >= profile.fitted[-1] - 1e-9
    assert optimal(curve, 5).sum() == length


@given(PROFILES)
def test_the_fit_is_the_weighted_isotonic_one(profile):
    """Against the textbook algorithm: pool neighbours that fall until none do."""
    pools = [[loss, weight, 1] for loss, weight in zip(profile.losses, profile.errors**-2, strict=True)]
    k = 0
    while k + 1 < len(pools):
        (a, wa, na), (b, wb, nb) = pools[k : k + 2]
        if a > b:
            pools[k : k + 2] = [[(wa * a + wb * b) / (wa + wb), wa + wb, na + nb]]
            k = max(k - 1, 0)
        else:
            k += 1
    expected = np.repeat([mean for mean, _, _ in pools], [count for _, _, count in pools])
    np.testing.assert_allclose(profile.fitted, expected, rtol=1e-9, atol=1e-12)


def losses_of(curve, ratios):
    """The exact loss at each ratio: others are revealed independently."""
    at = np.arange(len(curve))
    return [float(binom.pmf(at, len(curve) - 1, 1 - ratio) @ curve) for ratio in ratios]


# Steep where little is revealed, as languages are.
SHAPES = [lambda a: 0.3 + np.exp(-3 * a), lambda a: 0.5 + 0.5 * np.exp(-10 * a), lambda a: 1 / (1 + 9 * a) + 1 - a]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("length", [64, 500])
def test_exact_losses_at_many_ratios_give_the_curve_back(shape, length):
    curve = shape(np.arange(length) / length)
    profile = from_losses(np.arange(1, 401) / 400, losses_of(curve, np.arange(1, 401) / 400))
    assert profile.curve(length)[0] == pytest.approx(curve[0], abs=1e-12)
    np.testing.assert_allclose(profile.curve(length), curve, atol=0.008 * curve[0])
    assert profile.curve(length).sum() == pytest.approx(curve.sum(), rel=2e-4)
    for steps in (4, 16):
        sizes = as_schedule("cosine").sizes(length, steps)
        assert plan_averaged_nll(profile.curve(length), sizes) == pytest.approx(
            plan_averaged_nll(curve, sizes), rel=1e-3
        )
        fractions = as_schedule("cosine").revealed_fractions(steps)
        expected = ancestral_gap(curve, fractions) + curve.sum()
        drawn = length * np.diff(fractions) @ profile.priced(length).loss(fractions[:-1])
        assert drawn == pytest.approx(expected, rel=2e-4)


def test_losses_are_straight_between_held_below_and_rise_on_above():
    """Up to ratio 1 along the steepest chord to the last row, or to log V, which is no less."""
    profile = from_losses([0.75, 0.25], [2.0, 1.0])
    curve = profile.curve(2001)
    np.testing.assert_allclose(
        curve[[0, 250, 750, 1000, 1250, 1700, 2000]], [2.5, 2.25, 1.75, 1.5, 1.25, 1, 1], atol=2e-3
    )
    assert from_losses([0.75, 0.25], [2.0, 1.0], vocab_size=50).curve(2001)[0] == pytest.approx(math.log(50))
    assert from_losses([0.75, 0.25], [2.0, 1.0], vocab_size=2).curve(2001)[0] == pytest.approx(2.0, abs=1e-3)
    # Rows that were made level have no slope; those before them have.
    assert from_losses([0.2, 0.7, 0.8], [1.0, 2.1, 1.9]).curve(2001)[0] == pytest.approx(2 + 0.2 * 1 / 0.6)


def test_the_order_of_the_rows_does_not_matter():
    profile = from_losses([0.5, 1.0, 0.1], [1.0, 2.0, 0.5], [0.1, 0.2, 0.3])
    assert profile.ratios.tolist() == [0.1, 0.5, 1.0]
    assert profile.losses.tolist() == [0.5, 1.0, 2.0]
    assert profile.errors.tolist() == [0.3, 0.1, 0.2]


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_so_many_standard_errors_are_kept_by_all_rows_of_independent_ones_at_the_level(level):
    """Where errors are correlated more often: Šidák's inequality, which is equality here."""
    profile = from_losses([0.2, 0.6, 0.8, 1.0], [1.0, 1.4, 1.5, 2.0], [0.1] * 4)
    within = 2 * ndtr(profile.deviations(level)) - 1
    assert within**4 == pytest.approx(level, rel=1e-12)


def test_losses_lie_within_their_error_and_never_closer_than_files_round():
    curves = from_losses([0.2, 0.6, 1.0], [0.01, 1.4, 2.0], [0.1, 0.0, 1e-9]).falling_curves(16)
    half = from_losses([0.2, 0.6, 1.0], [0.01, 1.4, 2.0], [0.1] * 3).deviations() * 0.1
    np.testing.assert_allclose(curves.most, [0.01 + half, 1.4 + 1e-6, 2 + 1e-6], rtol=1e-12)
    np.testing.assert_allclose(curves.least, [0.0, 1.4 - 1e-6, 2 - 1e-6], rtol=1e-12)


def test_no_errors_means_no_interval_and_equal_weights():
    profile = from_losses([0.2, 0.6, 1.0], [1.0, 0.4, 2.0])
    np.testing.assert_allclose(profile.fitted, [0.7, 0.7, 2.0])
    assert profile.card(8)["interval"] == "none"
    assert "within 1e-06 nats, there being no stderr" in from_losses([0.5, 1.0], [1.0, 2.0]).card(8)["interval"]


def test_a_loss_without_error_is_believed():
    profile = from_losses([0.2, 0.6, 1.0], [1.0, 0.4, 2.0], [0.01, 0.01, 0.0])
    assert profile.fitted[2] == 2.0
    np.testing.assert_allclose(from_losses([0.5, 1.0], [1.0, 0.5], [0.0, 0.1]).fitted, [1.0, 1.0], atol=1e-5)
    np.testing.assert_allclose(from_losses([0.5, 1.0], [1.0, 0.5], [0.0, 0.0]).fitted, [0.75, 0.75])


def test_falls_that_error_explains_are_not_reported_and_others_are():
    ratios, losses = [0.1, 0.3, 0.5, 0.7, 0.9], [0.5, 1.0, 0.9, 1.5, 1.6]
    assert from_losses(ratios, losses, [0.05] * 5).falls() == []
    assert (
        from_losses(ratios, losses, [0.05] * 5).card(100)["monotone"]
        == "yes, within error; 2 of 5 rows were made level"
    )
    [fall] = from_losses(ratios, losses, [0.01] * 5).falls()
    assert (fall.low_ratio, fall.high_ratio) == (0.3, 0.5)
    assert fall.nats == pytest.approx(0.1)
    assert fall.standard_errors == pytest.approx(0.1 / math.hypot(0.01, 0.01))
    card = from_losses(ratios, losses, [0.01] * 5).card(100)
    assert "NO: losses fall beyond their error" in card["monotone"]
    assert "by 0.1 nats, 7.1 standard errors from mask ratio 0.3 to 0.5" in card["monotone"]
    [unknown] = from_losses(ratios, losses).falls()
    assert math.isnan(unknown.standard_errors)
    assert from_losses([0.1, 0.9], [1.0, 1.2], [0.1, 0.1]).card(100)["monotone"] == "yes"


def test_falls_are_rarely_reported_where_there_are_none():
    """Level 95 %, all pairs together: a flat profile is called falling in at most 5 % of the cases."""
    generator = np.random.default_rng(0)
    ratios = np.arange(1, 21) / 20
    reported = [
        bool(from_losses(ratios, 1 + generator.normal(0, 0.01, 20), np.full(20, 0.01)).falls()) for _ in range(400)
    ]
    assert np.mean(reported) < 0.06


def test_the_card_names_what_lies_beyond_the_ratios():
    card = from_losses([0.1, 0.9], [1.0, 1.2], [0.1, 0.1], name="mine.csv").card(1001, 0.9)
    assert "the loss above mask ratio 0.9, where the first steps reveal" in card["UNKNOWN"]
    assert "the steepest chord to the last row, 1.225 nats, which is no bound" in card["UNKNOWN"]
    assert "log 7 = 1.946" in from_losses([0.1, 0.9], [1.0, 1.2], vocab_size=7).card(8)["UNKNOWN"]
    assert "bound" not in card
    assert "none: the losses end at mask ratio 0.9" in from_losses([0.1, 0.9], [1, 1.2]).card(8, bound=True)["bound"]
    assert "below mask ratio 0.1 held at its loss, which is too high" in card["interpolation"]
    assert "UNKNOWN" not in from_losses([0.1, 1.0], [1.0, 1.2]).card(1001)
    assert "never rises with what is revealed" in from_losses([0.1, 1.0], [1.0, 1.2]).card(1001)["bound"]
    assert card["profile"] == "mine.csv, 2 mask ratios from 0.1 to 0.9"
    assert "at 90 % all keep together" in card["interval"]
    assert "random order" in card["order"]
    assert "temperature 1" in card["prices"]
    assert "1001 tokens" in card["text"]
    assert "stride" in card


def test_the_card_says_what_straight_lines_may_cost():
    """Losses on a parabola: straight lines are a sixth of the squared spacing too high on average."""
    ratios = np.array([0.0001, 0.25, 0.5, 0.75, 1.0])
    words = from_losses(ratios, ratios**2).card(10)["interpolation"]
    lower = float(words.split("monotone cubics would be ")[1].split(" nats")[0])
    assert lower == pytest.approx(0.25**2 / 6, rel=0.4)


def test_files(tmp_path):
    path = tmp_path / "losses.csv"
    path.write_text("# a comment\nmask_ratio, loss, tokens, stderr\n0.5, 1.0, 77, 0.1\n\n# another\n1.0, 2e0, 78, 0\n")
    profile = read_losses(path)
    assert (profile.ratios.tolist(), profile.losses.tolist(), profile.errors.tolist()) == ([0.5, 1], [1, 2], [0.1, 0])
    assert profile.ignored == ("tokens",)
    assert profile.card(10)["profile"].endswith("; columns ignored: tokens")
    path.write_bytes("\ufeffloss,mask_ratio\r\n1,0.5\r\n2,1\r\n".encode())
    assert read_losses(path).losses.tolist() == [1, 2]
    assert read_losses(path).errors is None


HEADER = "mask_ratio,loss,stderr\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no table; pass a CSV file with the header mask_ratio,loss"),
        ("# nothing\n\n", "holds no table"),
        ("\x00\x01\x02", "holds no table"),
        (HEADER, "has 0 rows; measure the loss at 2 mask ratios or more"),
        (HEADER + "0.5,1,0.1\n", "has 1 rows"),
        ("ratio,loss\n0.5,1\n", "has no column mask_ratio, but ratio, loss; name them"),
        ("0.5,1\n0.6,2\n", "has no column mask_ratio and no loss, but 0.5, 1"),
        ("mask_ratio,nats\n0.5,1\n", "has no column loss"),
        (HEADER + "0.5,1,0.1\n0.6,nan,0.1\n", "has loss nan in row 2; it must be finite nats"),
        (HEADER + "0.5,1,0.1\n0.6,,0.1\n", "has loss '', which is no number"),
        (HEADER + "0.5,1,0.1\n0.6,inf,0.1\n", "has loss inf in row 2"),
        (HEADER + "0.5,one,0.1\n0.6,1,0.1\n", "has loss 'one', which is no number"),
        (HEADER + "0.5,-1,0.1\n0.6,1,0.1\n", "has loss -1 in row 1; it must be finite nats, 0 or more"),
        (HEADER + "0,1,0.1\n0.6,1,0.1\n", "has mask_ratio 0 in row 1; it must be above 0 and at most 1"),
        (HEADER + "0.5,1,0.1\n1.5,1,0.1\n", "has mask_ratio 1.5 in row 2"),
        (HEADER + "0.5,1,0.1\n0.6,1,-0.1\n", "has stderr -0.1 in row 2"),
        (HEADER + "0.5,1,0.1\n0.6,1,\n", "has stderr '', which is no number"),
        (HEADER + "0.5,1,0.1\n0.6,1,0.1\n0.5,2,0.1\n", "has mask ratio 0.5 in rows 1 and 3; average them"),
        (HEADER + "0.5,1,0.1,7\n0.6,1,0.1,8,9\n", "is no CSV table: row 1 has 4 values, and the header 3 names"),
        (HEADER + "0.5,1,0.1\n0.6,1\n", "is no CSV table: row 2 has 2 values, and the header 3 names"),
        ("mask_ratio,loss\n0.5,1,0.1\n0.6,1,0.1\n", "row 1 has 3 values, and the header 2 names; name every column"),
        ("mask_ratio,loss,\n0.5,1,0.1\n0.6,1,0.1\n", "has a column without a name"),
        ("mask_ratio,loss,loss\n0.5,1,0.1\n0.6,1,0.1\n", "has 2 columns called loss"),
        ("0,1;1,0\n0,1;1,0;2,0\n", "is no CSV table|has no column"),
        ('mask_ratio,loss\n0.5,"1\n', "is no CSV table: unexpected end of data"),
    ],
)
def test_bad_files(tmp_path, text, message):
    path = tmp_path / "losses.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_losses(path)
    assert "losses.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "binary").write_bytes(bytes(range(128, 256)))
    for name, reason in (("none.csv", "No such file"), (".", "Is a directory"), ("binary", "it is not a text file")):
        with pytest.raises(ValueError, match=f"cannot read .*{reason}"):
            read_losses(tmp_path / name)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: from_losses([0.5, 1.0], [1.0]), "mask_ratio of shape \\(2,\\), loss of shape \\(1,\\)"),
        (lambda: from_losses([0.5, 1.0], [1.0, 2.0], [0.1]), "stderr of shape \\(1,\\)"),
        (lambda: from_losses([0.5, 1.0], [1.0, 2.0]).curve(1), "length is 1; pass 2 or more"),
        (lambda: from_losses([0.5, 1.0], [1.0, 2.0]).falls(1.0), "level is 1.0"),
    ],
)
def test_bad_calls(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# The README's profile, and what each convention makes of its mean losses g(t): the sum over masked tokens is t g(t) of
# all, and divided by t it is g(t) again. Bits are nats over log 2.
README_LOSSES = Path(__file__).parents[2] / "docs" / "losses.csv"
CONVENTIONS = list(itertools.product(("nats", "bits"), ("masked", "all", "weighted")))


def given_as(profile, unit, per):
    scale = (profile.ratios if per == "all" else 1.0) / (math.log(2) if unit == "bits" else 1.0)
    return profile.ratios, profile.losses * scale, profile.errors * scale


def priced(profile):
    return mt.compare_schedules(profile, 512, [16]).frame.drop(columns="source")


@pytest.fixture(scope="module")
def prices_of_readme():
    return priced(read_losses(README_LOSSES))


@pytest.mark.refutes("2.2")
@pytest.mark.parametrize(("unit", "per"), CONVENTIONS)
def test_one_profile_in_every_convention_has_the_same_prices(unit, per, prices_of_readme):
    profile = read_losses(README_LOSSES)
    other = from_losses(*given_as(profile, unit, per), unit=unit, per=per)
    pd.testing.assert_frame_equal(priced(other), prices_of_readme, rtol=1e-12)
    assert other.doubts == ()
    assert ("given as" in other.card(512)) == ((unit, per) != ("nats", "masked"))


@pytest.mark.refutes("2.2")
def test_an_average_over_all_tokens_is_noticed_and_priced_right_when_it_is_named():
    profile = read_losses(README_LOSSES)
    given = given_as(profile, "nats", "all")
    wrong = from_losses(*given)
    [doubt] = wrong.doubts
    assert "could be --per all" in doubt
    assert doubt in wrong.card(512)["convention"]
    ters = [
        mt.compare_schedules(each, 512, [64], schedules=["linear"]).frame.query("metric == 'ter'")["value"].iloc[0]
        for each in (wrong, from_losses(*given, per="all"), profile)
    ]
    assert ters[0] < 2.02
    assert ters[1] == pytest.approx(ters[2], rel=1e-12)
    assert ters[2] > 3


@pytest.mark.refutes("2.2")
@pytest.mark.parametrize(
    ("unit", "per", "read_as", "doubt"),
    [
        ("nats", "all", {}, "could be --per all"),
        ("nats", "all", {"per": "weighted"}, "could be --per all"),
        ("bits", "all", {"unit": "bits"}, "could be --per all"),
        ("nats", "masked", {"per": "all"}, "could be --per masked"),
        ("nats", "weighted", {"per": "all"}, "could be --per masked"),
        ("bits", "masked", {"vocab_size": 8}, "could be --unit bits"),
        ("bits", "all", {"vocab_size": 8, "per": "all"}, "could be --unit bits"),
    ],
)
def test_the_wrong_convention_is_noticed(unit, per, read_as, doubt):
    given = given_as(read_losses(README_LOSSES), unit, per)
    wrong = from_losses(*given, **read_as)
    assert any(doubt in each for each in wrong.doubts)
    right = from_losses(*given, unit=unit, per=per, vocab_size=read_as.get("vocab_size"))
    assert right.doubts == ()
    assert "convention" not in right.card(512)


@pytest.mark.refutes("2.2")
def test_losses_that_were_divided_twice_or_summed_are_noticed():
    profile = read_losses(README_LOSSES)
    assert "divided by mask_ratio" in from_losses(profile.ratios, profile.losses / profile.ratios).doubts[0]
    assert "could be sums" in from_losses(profile.ratios, 512 * profile.losses, vocab_size=8).doubts[0]


@pytest.mark.refutes("2.2")
def test_a_law_whose_losses_look_like_another_convention_is_noticed_and_priced():
    """Of equal pairs a token costs log V unless its partner is known: t log V, in the right convention."""
    ratios = np.array([0.05, 0.1, 0.2, 0.5, 1.0])
    pairs = from_losses(ratios, ratios * math.log(8), vocab_size=8)
    assert "could be" in pairs.doubts[0]
    exact = mt.compare_schedules(mt.EqualPairs(vocab_size=8), 64, [8]).frame.query("sampler != 'stride'")
    found = mt.compare_schedules(pairs, 64, [8]).frame
    linear = "metric == 'ter' and schedule == 'linear' and sampler == "
    assert found.query(linear + "'ancestral'")["value"].iloc[0] >= exact.query(linear + "'ancestral'")["value"].iloc[0]
    priced = found.query(linear + "'fixed'")["value"].iloc[0]
    assert priced == pytest.approx(exact.query(linear + "'fixed'")["value"].iloc[0], rel=0.01)


@pytest.mark.refutes("2.2")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": "bit"}, "unit is 'bit'; pass nats, bits"),
        ({"per": "token"}, "per is 'token'; pass masked, all, weighted"),
        ({"vocab_size": 1}, "vocab_size is 1; pass 2 or more"),
    ],
)
def test_conventions_that_are_none_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        from_losses([0.5, 1.0], [1.0, 2.0], **options)


@pytest.mark.refutes("2.4")
@pytest.mark.parametrize(
    "text",
    [
        "mask_ratio,loss\n0.5,1,0.1\n0.6,1,0.1\n",
        "0,1;1,0\n0,1;1,0;2,0,1\n",
        "0,1;1,0\n0,1;1,0;2,0,1\n0,1,2,3\n",
        "mask_ratio,loss,loss\n0.5,1,0.1\n0.6,1,0.1\n",
    ],
)
def test_a_value_that_no_name_stands_over_is_refused_and_nothing_else_is_said(tmp_path, text):
    path = tmp_path / "losses.csv"
    path.write_text(text)
    loudly = warnings.catch_warnings(record=True, action="always")
    with loudly as said, pytest.raises(ValueError, match="name") as caught:
        read_losses(path)
    assert not said
    assert "\n" not in str(caught.value)


def test_a_comma_at_the_end_of_a_line_is_nothing(tmp_path):
    path = tmp_path / "losses.csv"
    for header in ("mask_ratio,loss", "mask_ratio,loss,"):
        path.write_text(f"{header}\n0.5,1,\n1,2,\n")
        assert read_losses(path).losses.tolist() == [1, 2]
        assert read_losses(path).ignored == ()
