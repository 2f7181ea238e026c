from __future__ import annotations

import pytest

from mdmtheory.plots.series import (
    Reference,
    default_x,
    identities,
    metric_rows,
    palette_of,
    reference_ter,
    series_of,
    varying,
    without_reference,
)


def test_one_curve_has_a_point_for_each_number_of_steps(one_curve):
    rows = metric_rows(one_curve, "ser").sample(frac=1, random_state=0)
    [curve] = series_of(rows, "steps", ["sampler"], ["sampler"], palette_of(rows, ["sampler"]))
    assert curve.label == "ancestral"
    assert list(curve.x) == [64, 128, 256, 512, 1024, 2048]
    assert (curve.low <= curve.value).all()
    assert (curve.value <= curve.high).all()
    assert curve.kind == "estimate"
    assert not curve.flat


def test_what_has_no_choice_of_steps_is_a_level(orders):
    rows = metric_rows(orders[orders["language"] == "hmm"], "ser")
    curves = {
        each.label: each for each in series_of(rows, "steps", ["sampler"], ["sampler"], palette_of(rows, ["sampler"]))
    }
    assert {label for label, each in curves.items() if each.flat} == {"bisection", "left to right"}
    assert len(curves["stride"].x) == 3


def test_the_excess_is_the_ratio_less_one(one_curve):
    excess = metric_rows(one_curve, "ter_excess")
    ratio = metric_rows(one_curve, "ter_ratio")
    assert (excess["high"].to_numpy() == ratio["high"].to_numpy() - 1).all()
    assert set(excess["kind"]) == {"upper bound"}


def test_a_metric_that_is_not_there_is_answered_with_those_that_are(lengths):
    with pytest.raises(ValueError, match=r"no values of 'ter' to draw; the metrics here: ser$"):
        metric_rows(lengths, "ter")


def test_the_reference_is_what_autoregression_scored(languages):
    expected = {("hmm", 512, ""): Reference(3.05, "estimate"), ("ngram:order=2", 512, ""): Reference(4.4, "estimate")}
    assert reference_ter(languages) == expected


def test_the_reference_without_autoregression_is_ter_over_its_ratio(one_curve):
    [reference] = reference_ter(one_curve).values()
    assert reference.value == pytest.approx(3.0512)
    assert reference.kind == "estimate"


def test_the_reference_is_no_curve_unless_it_is_alone(languages):
    assert set(without_reference(languages)["model"]) == {"masked"}
    alone = languages[languages["model"] == "ar"]
    assert len(without_reference(alone)) == len(alone)


def test_lengths_are_the_x_where_steps_follow_them(lengths, one_curve, languages):
    assert default_x(lengths) == "length"
    assert default_x(one_curve) == "steps"
    assert default_x(languages) == "steps"


def test_steps_in_proportion_to_the_length_are_written_so(lengths):
    assert set(identities(lengths)["steps"]) == {"$N$ = $L$/4"}
    assert varying(lengths, "length") == []


def test_what_varies_is_told_in_the_order_in_which_it_gets_a_colour(orders, languages):
    assert varying(orders, "steps") == ["sampler", "language"]
    assert varying(without_reference(languages), "steps") == ["language"]


def test_steps_are_no_difference_between_the_points_of_a_curve_against_rounds(orders):
    assert "steps" not in varying(orders, "rounds")


def test_two_values_at_one_x_are_refused(one_curve):
    rows = metric_rows(one_curve, "ser")
    with pytest.raises(ValueError, match="several values at one length"):
        series_of(rows, "length", ["sampler"], ["sampler"], palette_of(rows, ["sampler"]))
