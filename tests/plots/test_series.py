from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from mdmtheory.plots.drawn import Reference, metric_rows, reference_ter
from mdmtheory.plots.metric import default_x
from mdmtheory.plots.series import Scale, Series, draw, scale_x
from mdmtheory.plots.style import Look
from mdmtheory.plots.words import by_rule, said_of, without_options, without_reference, words_of


def series(values, low, high, x=None):
    places = np.arange(1.0, 1 + len(values)) if x is None else np.asarray(x, float)
    return Series("one", Look("#0173b2"), places, *(np.asarray(each, float) for each in (values, low, high)))


def ticks(axis):
    return [float(each) for each in axis.get_majorticklocs()]


def test_what_is_not_told_apart_from_0_stands_in_the_strip_with_its_interval(one_curve):
    scale = Scale.of([series([0.5, 0.01, 0], [0.4, 0.005, 0], [0.6, 0.02, 0.004])], from_zero=True)
    assert scale.kind == "zero"
    axes = Figure().subplots()
    scale.on(axes)
    draw(axes, series([0.5, 0.01, 0], [0.4, 0.005, 0], [0.6, 0.02, 0.004]), scale, row=0.1)
    [strip] = [line for line in axes.lines if line.get_transform() != axes.transData]
    assert strip.get_xydata().tolist() == [[3, 0.1]]
    ends = [tuple(part[:, 1]) for each in axes.collections for part in getattr(each, "get_segments", list)()]
    assert (0, 0.004) in ends
    measured = next(line for line in axes.lines if line.get_marker() == "o" and line is not strip)
    assert measured.get_ydata().tolist() == [0.5, 0.01]


def test_a_range_of_decades_is_read_in_decades_and_a_small_one_is_not():
    wide, narrow = series([0.9, 0.01], [0.8, 0.008], [1, 0.02]), series([0.9, 0.5], [0.8, 0.4], [1, 0.6])
    assert Scale.of([wide], from_zero=True).kind == "log"
    assert Scale.of([narrow], from_zero=True).kind == "linear"
    assert Scale.of([wide], from_zero=False).kind == "linear"
    assert Scale.of([narrow], from_zero=True, log=True).kind == "log"
    assert Scale.of([wide], from_zero=True, log=False).kind == "linear"
    with pytest.raises(ValueError, match="leave out --logy"):
        Scale.of([series([0.1, -0.1], [0, -0.2], [0.2, 0])], from_zero=False, log=True)


def test_no_error_anywhere_is_drawn_without_complaint():
    nothing = series([0, 0], [0, 0], [0.002, 0.002])
    for log in (None, True):
        axes = Figure().subplots()
        scale = Scale.of([nothing], from_zero=True, log=log, probability=True)
        scale.on(axes)
        draw(axes, nothing, scale)
        assert axes.get_ylim()[0] < 0 < axes.get_ylim()[1]


def test_ticks_are_what_was_measured_as_many_as_there_is_room_for():
    axes = Figure().subplots()
    assert scale_x(axes, [16, 24, 64, 100, 512])
    assert ticks(axes.xaxis) == [16, 24, 64, 100, 512]
    axes = Figure().subplots()
    assert not scale_x(axes, [10, 20, 30])
    assert ticks(axes.xaxis) == [10, 20, 30]
    axes = Figure().subplots()
    scale_x(axes, range(1, 200), inches=1.0)
    assert 3 <= len(ticks(axes.xaxis)) <= 6
    assert ticks(axes.xaxis)[-1] == 199
    axes = Figure().subplots()
    scale_x(axes, [61.2, 130.7], log=True, means=True)
    assert ticks(axes.xaxis) == [64, 128]
    with pytest.raises(ValueError, match="leave out --logx"):
        scale_x(Figure().subplots(), [0, 1], log=True)


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


def test_rules_of_steps_are_written_as_they_are(lengths, make_frame, make_cell):
    assert set(by_rule(lengths)["rule of steps"]) == {"$N$ = $L$/4"}
    cells = [make_cell(length=n, steps=steps, metrics=["ser"]) for n in (128, 256, 512) for steps in {n // 4, 64}]
    both = by_rule(make_frame(cells))
    assert len(both) == 6  # 64 steps at length 256 belong to both
    assert set(both["rule of steps"]) == {"$N$ = $L$/4", "$N$ = 64"}
    grid = by_rule(
        make_frame(make_cell(length=n, steps=k, metrics=["ser"]) for n in (64, 128, 256) for k in (16, 32, 64))
    )
    assert set(grid["rule of steps"]) == {"$N$ = 16", "$N$ = 32", "$N$ = 64"}
    given = by_rule(make_frame(make_cell(length=n, steps=2 * n) for n in (8, 16)).assign(rule="2L"))
    assert set(given["rule of steps"]) == {"$N$ = 2$L$"}


def test_things_are_called_what_they_say(make_frame, measure):
    words = words_of(
        make_frame([measure("entropy_bound:gamma=0.5", "hmm:sticky=0.9"), measure("x:My:pace=2", "parity")])
    )
    assert list(dict.fromkeys(words["sampler"])) == ["entropy bound (γ = 0.5)", "My (pace 2)"]
    assert list(dict.fromkeys(words["language"])) == ["HMM (sticky 0.9)", "parity"]
    assert said_of("sampler.gamma", 0.5) == "γ = 0.5"
    assert said_of("prompt", None) == ""


def test_an_option_that_is_drawn_is_left_out_of_its_spec(make_frame, measure):
    rows = make_frame([measure("entropy_bound:gamma=0.5,temperature=0.9"), measure("stride")])
    left = without_options(rows, ["sampler.gamma", "length"])
    assert set(left["sampler"]) == {"entropy_bound:temperature=0.9", "stride"}
