"""The figure of compared schedules: what is drawn, where, and what the caption says."""

from __future__ import annotations

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.metrics.compare_schedules import compare_schedules
from mdmtheory.plots import save_figure, schedule_figure
from mdmtheory.plots.style import looks
from mdmtheory.schedules import from_losses


@pytest.fixture(scope="module")
def language():
    return compare_schedules(mt.as_language("ngram:order=2,vocab_size=4,seed=2"), 24, [3, 6, 12], count=60)


@pytest.fixture(scope="module")
def profile():
    ratios = np.arange(1, 11) / 10
    return compare_schedules(from_losses(ratios, 0.5 + ratios, 0.02 * ratios), 24, [3, 6, 12])


def lines(axes):
    return [line for line in axes.lines if len(line.get_xdata()) > 1 and line.get_linestyle() != "None"]


def test_every_schedule_is_drawn_twice_with_its_values(profile):
    figure = schedule_figure(profile.frame, profile.about)
    frame = profile.frame
    for axes, metric in zip(figure.axes, ("ter", "gap"), strict=True):
        drawn = {tuple(np.round(line.get_ydata(), 9)) for line in lines(axes)}
        for name in ("linear", "cosine", "geometric:min=0.001,max=20", "optimal"):
            for sampler in ("fixed", "ancestral"):
                rows = frame[(frame["schedule"] == name) & (frame["sampler"] == sampler) & (frame["metric"] == metric)]
                assert tuple(np.round(rows["value"], 9)) in drawn
    assert figure.axes[1].get_yscale() == "log"
    assert "perplexity" in figure.axes[0].get_ylabel()
    assert "nats" in figure.axes[1].get_ylabel()
    assert all("mean over plans" in axes.get_ylabel() for axes in figure.axes)
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"fixed sizes: estimate", "ancestral: upper bound", "bars: 95 % interval"} <= set(words)
    assert all(axes.get_xlabel() == "sampling steps $N$" for axes in figure.axes)


def test_bars_are_drawn_where_there_are_intervals(profile, language):
    assert schedule_figure(profile.frame, profile.about).axes[0].collections
    without = profile.frame.assign(low=np.nan, high=np.nan)
    figure = schedule_figure(without, profile.about)
    assert not figure.axes[0].collections
    assert not any("interval" in text.get_text() for text in figure.legends[0].get_texts())


def test_where_all_are_of_one_kind_the_axes_say_it(profile, language):
    for frame, about in (
        (language.frame, language.about),
        (profile.frame.assign(kind="upper bound", low=np.nan, high=np.nan), profile.about),
    ):
        assert all("upper bound (mean over plans)" in axes.get_ylabel() for axes in schedule_figure(frame, about).axes)


def test_a_profile_that_ends_below_1_is_drawn_as_an_estimate():
    ratios = np.arange(1, 10) / 10
    compared = compare_schedules(from_losses(ratios, 0.5 + ratios, 0.02 * ratios), 24, [3, 6], bound=True)
    figure = schedule_figure(compared.frame, compared.about)
    assert all("estimate (mean over plans)" in axes.get_ylabel() for axes in figure.axes)
    assert "the loss above mask ratio 0.9" in figure.caption
    assert "bars: least to most (no level)" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_numbers_that_are_withheld_are_not_drawn(tmp_path):
    compared = compare_schedules(from_losses([0.2, 0.6, 1.0], [1.0, 0.4, 2.0]), 16, [2, 4], bound=True)
    figure = schedule_figure(compared.frame, compared.about)
    assert not any(axes.lines for axes in figure.axes)
    for axes in figure.axes:
        assert "no falling curve has these losses" in " ".join(axes.texts[0].get_text().split())
    save_figure(figure, tmp_path / "a.png")


def test_stride_has_its_colour_and_gaps_that_may_be_0_stand_in_the_strip(language):
    figure = schedule_figure(language.frame, language.about)
    colour = looks("sampler", ["stride"])["stride"].colour
    [ter] = [line for line in figure.axes[0].lines if line.get_color() == colour]
    rows = language.frame[(language.frame["sampler"] == "stride") & (language.frame["metric"] == "ter")]
    np.testing.assert_allclose(ter.get_ydata(), rows["value"])
    gap = figure.axes[1]
    strip = [line for line in gap.lines if line.get_color() == colour and line.get_transform() != gap.transData]
    assert [len(line.get_xdata()) for line in strip] == [3]


@pytest.mark.parametrize("which", ["language", "profile"])
def test_the_caption_says_what_the_figure_holds_for(which, request):
    compared = request.getfixturevalue(which)
    caption = schedule_figure(compared.frame, compared.about).caption
    assert "Random order, mean over plans" in caption
    assert ("an upper bound of the sampler's" in caption) == (which == "language")
    assert "stride: " in caption
    if which == "profile":
        assert "including learning error" in caption
        assert "cannot be known from a loss profile" in caption


def test_equal_numbers_give_equal_files(profile, tmp_path):
    paths = [save_figure(schedule_figure(profile.frame, profile.about), tmp_path / f"{k}.svg") for k in range(2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_one_number_of_steps_and_gaps_of_zero_can_be_drawn(tmp_path):
    profile = from_losses([0.5, 1.0], [1.0, 1.0])
    compared = compare_schedules(profile, 8, [8])
    save_figure(schedule_figure(compared.frame, compared.about), tmp_path / "a.png")
