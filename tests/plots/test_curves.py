from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from mdmtheory.plots import metric_figure, sweep_figure


def texts(figure: Figure) -> str:
    """Every word of a figure, as a reader sees it."""
    figure.draw_without_rendering()
    return "\n".join(each.get_text() for each in figure.findobj(lambda each: hasattr(each, "get_text")))


def ticks(axes) -> list[str]:
    return [label.get_text() for label in axes.get_xticklabels() if label.get_text()]


def test_the_default_figure_names_axes_units_band_reference_and_bound(one_curve):
    figure = sweep_figure(one_curve)
    ter, ser = figure.axes
    assert "TER (perplexity per token)\nupper bound" in ter.get_ylabel()
    assert "probability that\na sequence is wrong" in ser.get_ylabel()
    assert {axes.get_xlabel() for axes in figure.axes} == {"sampling steps $N$"}
    words = texts(figure)
    assert "95 % interval" in words
    assert "autoregressive, TER($q$) = 3.0512 (estimate)" in words
    assert "autoregressive: SER = 0" in words
    assert "2,000 sequences" in words


def test_the_caption_counts_the_sequences_of_what_is_drawn(one_curve):
    rows = one_curve.assign(count=one_curve["metric"].map({"ser": 2000, "ter": 900, "ter_ratio": 900}))
    assert "2,000 sequences" in texts(metric_figure(rows, y="ser"))
    assert "900 to" not in texts(metric_figure(rows, y="ser"))
    assert "900 to 2,000 sequences" in texts(metric_figure(rows, y=["ter", "ser"]))


def test_steps_are_ticks_on_a_log_axis(one_curve):
    figure = sweep_figure(one_curve)
    figure.draw_without_rendering()
    for axes in figure.axes:
        assert axes.get_xscale() == "log"
        assert ticks(axes) == ["64", "128", "256", "512", "1024", "2048"]


def test_bands_are_the_intervals_of_the_rows(one_curve):
    _, ser = sweep_figure(one_curve).axes
    [band] = [each for each in ser.collections if isinstance(each, PolyCollection)]
    edges = band.get_paths()[0].vertices
    rows = one_curve[one_curve["metric"] == "ser"]
    for _, row in rows.iterrows():
        here = edges[np.isclose(edges[:, 0], row["steps"]), 1]
        assert here.min() == pytest.approx(row["low"])
        assert here.max() == pytest.approx(row["high"])


def test_ter_stands_above_its_reference_with_the_interval_of_the_ratio(one_curve):
    ter, _ = sweep_figure(one_curve).axes
    [curve] = [line for line in ter.lines if len(line.get_xdata()) == 6]
    assert curve.get_ydata() == pytest.approx([3.0512 * (1 + 0.36 / n) for n in (64, 128, 256, 512, 1024, 2048)])
    edges = next(each for each in ter.collections if isinstance(each, PolyCollection)).get_paths()[0].vertices
    assert edges[:, 1].max() == pytest.approx(3.0512 * (1 + 1.1 * 0.36 / 64))


def test_several_languages_are_compared_by_their_ratios(languages):
    figure = sweep_figure(languages)
    assert figure.axes[0].get_ylabel().startswith("TER($p$) / TER($q$)")
    assert "TER(q), estimate: hmm 3.05, ngram:order=2 4.4." in texts(figure).replace("\n", " ")


def test_cells_without_an_error_are_upper_limits_on_a_log_axis(orders):
    figure = sweep_figure(orders)
    hmm = figure.axes[0]
    assert hmm.get_yscale() == "log"
    limit = orders["high"][orders["value"] == 0].min()
    hollow = [line for line in hmm.lines if line.get_markerfacecolor() == "white"]
    assert len(hollow) == 4  # three of stride, one of left to right
    assert all(line.get_ydata()[0] == pytest.approx(limit) for line in hollow)
    assert hmm.get_ylim()[0] < limit
    assert "no error seen" in texts(figure).replace("\n", " ")
    assert "Level lines: no choice of steps." in texts(figure).replace("\n", " ")


def test_languages_get_panels_when_samplers_have_the_colours(orders):
    figure = sweep_figure(orders)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["hmm", "ngram:order=2"]
    assert len({axes.get_ylim() for axes in figure.axes}) == 1


def test_panels_of_ter_have_limits_of_their_own(make_frame, make_cell):
    ters = {"hmm": 3.0, "ngram:order=2": 4.0}
    cells = [
        make_cell(name, sampler, n, ter_of_language=ter, excess=1 / n)
        for name, ter in ters.items()
        for sampler in ("ancestral", "stride")
        for n in (64, 128)
    ]
    figure = sweep_figure(make_frame(cells))
    first, second, *ser = figure.axes
    assert first.get_ylim()[1] < 4.0 - 0.1 < second.get_ylim()[0]
    assert ser[0].get_ylim() == ser[1].get_ylim()
    assert [bool(axes.get_ylabel()) for axes in figure.axes] == [True, False, True, False]


def test_a_linear_axis_shows_zero_as_zero(make_frame, make_cell):
    frame = make_frame(make_cell(steps=n, errors=e, metrics=["ser"]) for n, e in ((64, 20), (128, 5), (256, 0)))
    [axes] = sweep_figure(frame).axes
    assert axes.get_yscale() == "linear"
    assert axes.get_ylim()[0] < 0
    [curve] = [line for line in axes.lines if len(line.get_xdata()) == 3]
    assert curve.get_ydata()[-1] == 0


def test_lengths_are_drawn_against_length_with_the_rule_of_steps_below(lengths):
    figure = sweep_figure(lengths)
    assert figure.axes[0].get_xlabel() == "sequence length $L$"
    assert "$N$ = $L$/4" in texts(figure)


def test_bounds_and_estimates_in_one_panel_are_told_apart_in_words(make_frame, make_cell):
    cells = [make_cell(steps=n) for n in (64, 128)]
    cells += [make_cell(sampler="stride", steps=n, kind="estimate", excess=0.001) for n in (64, 128)]
    words = texts(sweep_figure(make_frame(cells))).replace("\n", " ")
    assert "TER of ancestral: an upper bound (mean over plans); of the others an estimate." in words


def test_the_excess_over_the_reference_is_on_log_axes(languages):
    [axes] = metric_figure(languages, "steps", "ter_excess", "lang").axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_a_model_without_excess_is_drawn_without_complaint(make_frame, make_cell):
    frame = make_frame(make_cell(steps=n, excess=0.0) for n in (4, 8))
    [axes] = metric_figure(frame, "steps", "ter_excess").axes
    assert axes.get_ylim()[0] > 0


def test_a_figure_against_rounds_gives_each_sampler_its_place(orders):
    figure = metric_figure(orders, "rounds", "ser")
    figure.draw_without_rendering()
    assert not any(label.count(".") for label in ticks(figure.axes[0]))


def test_legends_and_captions_cover_no_data(orders, languages):
    for figure in (sweep_figure(orders), sweep_figure(languages)):
        figure.draw_without_rendering()
        [legend] = figure.legends
        for axes in figure.axes:
            assert not legend.get_window_extent().overlaps(axes.get_window_extent())
            assert not figure._supxlabel.get_window_extent().overlaps(axes.get_window_extent())


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"x": "colour"}, "cannot draw against 'colour'; draw against one of steps, length, calls, rounds"),
        ({"y": "loss"}, "cannot draw 'loss'; draw one of ser"),
        ({"y": "effective_size"}, "cannot draw 'effective_size'; draw one of ser"),
        ({"hue": "metric"}, "cannot colour by 'metric'; colour by one of sampler, language"),
        ({"y": "ser_scored"}, "no values of 'ser_scored' to draw; the metrics here: ser, ter, ter_ratio, ter_excess"),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_ones(one_curve, options, reason):
    with pytest.raises(ValueError, match=reason):
        metric_figure(one_curve, **options)


def test_a_store_without_metrics_says_what_to_do(one_curve):
    with pytest.raises(ValueError, match="--metrics ser,ter"):
        sweep_figure(one_curve[:0])


def test_cells_without_steps_alone_cannot_be_drawn_against_steps(make_frame, make_cell):
    with pytest.raises(ValueError, match="no cell here has a number of steps"):
        metric_figure(make_frame([make_cell(sampler="bisection", steps=None)]), "steps", "ser")


def test_an_infinite_ter_is_left_out_and_counted(make_frame, make_cell):
    """A nucleus forbids tokens that the language has: TER is infinite, SER is not."""
    infinite = dict.fromkeys(("value", "low", "high"), np.inf)
    frame = make_frame([make_cell(sampler="stride", steps=n) for n in (4, 8)])
    lost = frame[frame["metric"].isin(["ter", "ter_ratio"])].assign(sampler="stride:nucleus=0.9", **infinite)
    figure = metric_figure(pd.concat([frame, lost], ignore_index=True), "steps", "ter")
    assert "Not drawn: 2 infinite TER" in figure.get_supxlabel()
    assert len(figure.axes[0].get_lines()) >= 1
    with pytest.raises(ValueError, match="every TER is infinite"):
        metric_figure(lost, "steps", "ter")
    others = frame[frame["metric"] == "ser"].assign(sampler="stride:nucleus=0.9")
    [axes] = sweep_figure(pd.concat([lost, others], ignore_index=True)).axes
    assert axes.get_ylabel().startswith("SER")
