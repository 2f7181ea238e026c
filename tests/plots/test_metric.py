from __future__ import annotations

import re
import warnings
from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import mdmtheory as mt
from mdmtheory.core.intervals import clopper_pearson
from mdmtheory.plots import looks, metric_figure, save_figure, sweep_figure
from mdmtheory.sweeps import read
from tests.plots.stores.make import STORE


def texts(figure: Figure) -> str:
    """Every word of a figure, as a reader sees it."""
    figure.draw_without_rendering()
    return "\n".join(
        [*(each.get_text() for each in figure.findobj(lambda each: hasattr(each, "get_text"))), figure.caption]
    )


def ticks(axes) -> list[str]:
    return [label.get_text() for label in axes.get_xticklabels() if label.get_text()]


def test_the_default_figure_names_axes_units_band_reference_and_bound(one_curve):
    figure = sweep_figure(one_curve)
    ter, ser = figure.axes
    assert "TER (perplexity per token)\nupper bound" in ter.get_ylabel()
    assert "probability that\na sequence is wrong" in ser.get_ylabel()
    assert {axes.get_xlabel() for axes in figure.axes} == {"sampling steps $N$"}
    words = texts(figure)
    assert "bars: 95 % interval" in words
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


def bars(axes):
    return [
        tuple(part[:, 1])
        for each in axes.collections
        if isinstance(each, LineCollection)
        for part in each.get_segments()
    ]


def test_bars_are_the_intervals_of_the_rows(one_curve):
    _, ser = sweep_figure(one_curve).axes
    rows = one_curve[one_curve["metric"] == "ser"]
    assert bars(ser) == [pytest.approx(ends) for ends in zip(rows["low"], rows["high"], strict=True)]


def test_ter_stands_above_its_reference_with_the_interval_of_the_ratio(one_curve):
    ter, _ = sweep_figure(one_curve).axes
    [curve] = [line for line in ter.lines if len(line.get_xdata()) == 6]
    assert curve.get_ydata() == pytest.approx([3.0512 * (1 + 0.36 / n) for n in (64, 128, 256, 512, 1024, 2048)])
    assert max(high for _, high in bars(ter)) == pytest.approx(3.0512 * (1 + 1.1 * 0.36 / 64))


def test_several_languages_are_compared_by_their_ratios(languages):
    figure = sweep_figure(languages)
    assert figure.axes[0].get_ylabel().startswith("TER($p$) / TER($q$)")
    said = "In place of TER its ratio to TER(q), which differs: HMM 3.05, 2-gram 4.4 (estimate)."
    assert said in figure.caption
    assert said in figure.chosen
    alone = metric_figure(languages, "steps", "ter", facet="lang")
    assert alone.axes[0].get_ylabel().startswith("TER (perplexity per token)")
    assert not alone.caption.count("In place of TER")


def test_cells_without_an_error_stand_in_the_strip_below_all_values(orders):
    figure = sweep_figure(orders)
    hmm = figure.axes[0]
    limit = orders["high"][orders["value"] == 0].min()
    strip = [line for line in hmm.lines if line.get_transform() != hmm.transData and len(line.get_xdata()) == 3]
    assert [list(line.get_xdata()) for line in strip] == [[16, 64, 256]]  # of stride; left to right is a level
    assert [ends for ends in bars(hmm) if ends[0] == 0] == [(0, pytest.approx(limit))] * 3
    assert "Level lines: no choice of what the axis shows." in figure.caption
    assert "pale bars end where the intervals do, at 0.0018 or below" in figure.caption


def test_a_level_has_no_mark_for_nothing_was_measured_there(orders):
    hmm = sweep_figure(orders).axes[0]
    levels = [line for line in hmm.lines if list(line.get_xdata()) == [0, 1]]
    assert len(levels) == 2
    assert {line.get_marker() for line in levels} == {"None"}


def test_languages_get_panels_when_samplers_have_the_colours(orders):
    figure = sweep_figure(orders)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["HMM", "2-gram"]
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


def test_the_caption_speaks_of_a_strip_where_one_is_drawn(make_frame, make_cell):
    none = [make_cell(sampler="stride", steps=steps, errors=0) for steps in (16, 64)]
    some = [make_cell(steps=steps, errors=20) for steps in (16, 64)]
    for cells, scale in ((none, "symlog"), ([*none, *some], "linear")):
        figure = metric_figure(make_frame(cells), "steps", "ser")
        assert figure.axes[0].get_yscale() == scale
        assert ("Shaded: not told apart from 0" in figure.caption) == (scale == "symlog")


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
    assert "TER: hollow marks are upper bounds (means over plans), filled ones estimates." in words


def test_the_excess_over_the_reference_is_on_log_axes(languages):
    [axes] = metric_figure(languages, "steps", "ter_excess", "lang").axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_a_model_without_excess_is_drawn_without_complaint(make_frame, make_cell):
    frame = make_frame(make_cell(steps=n, excess=0.0) for n in (4, 8))
    [axes] = metric_figure(frame, "steps", "ter_excess").axes
    assert axes.get_yscale() == "symlog"
    assert axes.get_ylim()[0] < 0 < axes.get_ylim()[1]


def test_a_figure_against_rounds_gives_each_sampler_its_place(orders):
    figure = metric_figure(orders, "rounds", "ser")
    figure.draw_without_rendering()
    assert not any(label.count(".") for label in ticks(figure.axes[0]))


def test_legends_cover_no_data(orders, languages):
    for figure in (sweep_figure(orders), sweep_figure(languages)):
        figure.fit()
        [legend] = figure.legends
        for axes in figure.axes:
            assert not legend.get_window_extent().overlaps(axes.get_window_extent())


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"x": "colour"}, "cannot draw against 'colour'; draw against one of steps, length, calls, rounds"),
        ({"y": "loss"}, "cannot draw 'loss'; draw one of ser"),
        ({"y": "effective_size"}, "cannot draw 'effective_size'; draw one of ser"),
        ({"hue": "colour"}, "there is no column 'colour'.*; known: language, "),
        ({"hue": "metric"}, "cannot colour by 'metric'; colours, dashes and panels go by one of language, "),
        ({"facet": "language,steps"}, "panels are those of one column"),
        ({"order": ["b"]}, "nothing here is called 'b'; order some of"),
        ({"labels": {"b": "c"}}, "nothing here is called 'b'; --label one of steps, ser, "),
        ({"palette": "none such"}, "there is no palette 'none such'"),
        ({"width": "wide"}, "width is wide; give column, page or inches"),
        ({"style": "loud"}, "there is no style 'loud'; choose screen or paper"),
        ({"pool": "length"}, "cannot pool 'length'; what is pooled is seed"),
        ({"pool": "seed"}, "there is one seed"),
        (
            {"y": "ser_scored"},
            "no values of 'ser_scored' to draw; the metrics here: ser, ter, ter_ratio, .*kl",
        ),
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
    assert "Not drawn: 2 infinite TER" in figure.caption
    assert len(figure.axes[0].get_lines()) >= 1
    with pytest.raises(ValueError, match="every TER is infinite"):
        metric_figure(lost, "steps", "ter")
    others = frame[frame["metric"] == "ser"].assign(sampler="stride:nucleus=0.9")
    [axes] = sweep_figure(pd.concat([lost, others], ignore_index=True)).axes
    assert axes.get_ylabel().startswith("SER")


def test_withheld_numbers_are_counted_with_the_reason(make_frame, make_cell):
    frame = make_frame(make_cell(steps=n, metrics=["ser"]) for n in (8, 16, 32))
    frame.loc[0, ["value", "low", "high"]] = np.nan
    frame.loc[0, "kind"] = "withheld (3 sequences, draw 50 or more)"
    figure = metric_figure(frame)
    assert "Not drawn: 1 SER withheld (3 sequences, draw 50 or more)." in figure.caption
    assert len(figure.axes[0].lines[0].get_xdata()) == 2


def test_labels_that_are_cut_keep_what_tells_them_apart(make_frame, make_cell):
    every = product(("hmm:states=6,vocab_size=4,prune_transition=1.2,prune_emission=1", "dyck"), (64, 256))
    cells = [make_cell(q, steps=n, length=length, metrics=["ser"]) for q, length in every for n in (8, 16)]
    figure = metric_figure(make_frame(cells), hue="lang", line="length", width="column")
    figure.fit()
    labels = [each.get_text() for each in figure.legends[0].get_texts()]
    assert len(set(labels)) == 5
    assert any("…" in each and each.endswith("$L$ = 64") for each in labels)


AWKWARD = {
    "one point": {"steps": [64]},
    "nothing wrong": {"errors": [0]},
    "all wrong": {"errors": [2000]},
    "eight samplers": {"sampler": [f"my:Sampler{n}" for n in range(8)]},
    "long names": {"sampler": [f"my:{letter * 70}" for letter in "abcdefgh"]},
    "three languages and five lengths": {"language": ["hmm", "dyck", "parity"], "length": [64, 128, 256, 512, 1024]},
    "nine lengths": {"length": [2**n for n in range(9)]},
    "many steps": {"steps": list(range(1, 400, 7))},
    "thousands and one": {"steps": [1, 10_000_000]},
}


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_frames_give_figures_that_can_be_read(make_frame, make_cell, name):
    given = {"steps": [16, 64, 256], **AWKWARD[name]}
    options = ({}, {"width": "column"}, {"logy": True, "logx": False})[list(AWKWARD).index(name) % 3]
    cells = [make_cell(metrics=["ser"], **dict(zip(given, each, strict=True))) for each in product(*given.values())]
    figure = metric_figure(make_frame(cells), **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.fit()
        figure.draw_without_rendering()
    [legend] = figure.legends
    box = legend.get_window_extent()
    assert box.height <= 0.25 * figure.bbox.height + 1
    assert box.width <= figure.bbox.width
    for axes in figure.axes:
        inner = axes.get_window_extent()
        assert not box.overlaps(inner)
        assert min(inner.width, inner.height) >= 0.95 * figure.dpi
        assert 1 <= len([line for line in axes.lines if line.get_marker() != "None"]) <= 8


def test_what_no_choice_of_panels_makes_readable_is_not_drawn(make_frame, make_cell):
    names = [f"my:Sampler{n}" for n in range(30)]
    frame = make_frame(make_cell(q, name, metrics=["ser"]) for name in names for q in ("hmm", "dyck", "parity"))
    with pytest.raises(ValueError, match=r"90 series.*--where by what varies: sampler \(30\), language \(3\)$"):
        metric_figure(frame)
    with pytest.raises(ValueError, match="30 series"):
        metric_figure(frame, facet="lang")
    assert len(metric_figure(frame[frame["sampler"].isin(names[:9])]).axes) == 9


def test_colours_tell_something_apart_also_where_all_is_of_one_colour(make_frame, make_cell):
    """What README's line draws of a store that several sweeps went into."""
    cells = [make_cell(length=n, steps=n // 4, metrics=["ser"]) for n in (64, 128, 256, 1024)]
    cells += [make_cell(length=512, steps=n, metrics=["ser"]) for n in (64, 128, 256)]
    figure = metric_figure(make_frame(cells), hue="lang")
    assert [each.get_label() for each in figure._handles][:5] == [f"$L$ = {n}" for n in (64, 128, 256, 512, 1024)]
    assert "all is of one language: colours tell something else apart" in figure.chosen


def test_dashes_and_marks_tell_apart_what_has_one_colour(make_frame, make_cell):
    cells = [
        make_cell("hmm", name, n, length=length)
        for name in ("stride", "ancestral")
        for n in (8, 16)
        for length in (64, 512)
    ]
    figure = metric_figure(make_frame(cells), hue="sampler", line="length")
    handles = {each.get_label(): each for each in figure._handles}
    one, other = handles["stride, $L$ = 64"], handles["stride, $L$ = 512"]
    assert one.get_color() == other.get_color() == looks("sampler", ["stride"])["stride"].colour
    assert one.get_marker() == looks("sampler", ["stride"])["stride"].marker
    assert len({each.get_marker() for each in handles.values()}) == 5


def test_an_option_is_an_axis(make_frame, measure):
    cells = [measure(f"entropy_bound:gamma={g}", ser=(g / 10, g / 11, g / 9)) for g in (0.5, 1, 4)] + [
        measure("stride", steps=8)
    ]
    frame = make_frame(cells).assign(**{"sampler.gamma": [0.5] * 4 + [1.0] * 4 + [4.0] * 4 + [np.nan] * 4})
    [axes] = metric_figure(frame, "gamma").axes
    assert axes.get_xlabel() == "γ of the sampler"
    [curve] = [line for line in axes.lines if len(line.get_xdata()) == 3]
    assert curve.get_ydata().tolist() == [0.05, 0.1, 0.4]
    with pytest.raises(ValueError, match=r"cannot draw against 'tau'; draw against one of .*rounds, sampler.gamma"):
        metric_figure(frame, "tau")


@pytest.mark.parametrize("channel", ["hue", "line", "facet"])
def test_the_rule_of_steps_is_said_once_against_length(make_frame, make_cell, channel):
    frame = make_frame(
        make_cell(q, steps=n // part, length=n, metrics=["ser"])
        for q in ("hmm", "dyck")
        for n in (64, 128)
        for part in (1, 4)
    )
    frame["rule"] = [f"L/{n // k}" for n, k in zip(frame["length"], frame["steps"], strict=True)]
    rest = {"hue": {"facet": "lang"}, "line": {"hue": "lang"}, "facet": {"hue": "lang"}}[channel]
    figure = metric_figure(frame, "length", **{channel: "rule"}, **rest)
    legend = [each.get_text() for each in figure.legends[0].get_texts()]
    said = ", ".join([*legend, *(axes.get_title(loc="left") for axes in figure.axes)]).split(", ")
    assert set(said) - {""} == {"HMM", "Dyck", "$N$ = $L$", "$N$ = $L$/4", "bars: 95 % interval"}
    assert len(legend) == {"hue": 2, "line": 4, "facet": 2}[channel] + 1


def test_numbers_have_shades_in_their_order(make_frame, make_cell):
    frame = make_frame(make_cell(length=n, steps=k, metrics=["ser"]) for n in (512, 64, 128) for k in (8, 16))
    figure = metric_figure(frame)
    colours = [to_rgb(each.get_color()) for each in figure._handles[:3]]
    assert [sum(each) for each in colours] == sorted((sum(each) for each in colours), reverse=True)
    bright = metric_figure(frame, palette="colorblind")
    assert bright._handles[0].get_color() == "#0173b2"


def test_order_and_labels_are_the_readers(orders):
    labels = {"stride": "ours", "ngram:order=2": "a bigram", "ser": "errors", "steps": "N"}
    figure = metric_figure(orders, order=["stride", "left to right"], labels=labels)
    assert [each.get_label() for each in figure._handles][:3] == ["ours", "left to right", "ancestral"]
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["HMM", "a bigram"]
    assert figure.axes[0].get_ylabel() == "errors"
    assert figure.axes[-1].get_xlabel() == "N"
    assert figure._handles[0].get_color() == looks("sampler", ["stride"])["stride"].colour


def test_seeds_are_pooled_by_counts_and_means(make_frame, make_cell):
    cells = [make_cell(steps=n, errors=wrong, excess=wrong / 1e5) for n in (8, 16) for wrong in (100, 300)]
    frame = make_frame(cells)
    frame["seed"] = np.repeat([0, 1, 0, 1], 3)
    figure = metric_figure(frame, y=["ser", "ter_ratio"], pool="seed")
    ser, ratio = figure.axes
    assert bars(ser)[0] == pytest.approx(clopper_pearson(400, 4000, 0.95))
    assert bars(ratio)[0] == pytest.approx((1.001, 1.003))
    assert "SER of 2 seeds together; others: means over 2 seeds, bars from the least to the most" in figure.caption
    assert "4,000 sequences a mark" in figure.caption
    frame.loc[frame["metric"] == "ser", "high"] = 0.9
    with pytest.raises(ValueError, match="up to a number of errors cannot be pooled"):
        metric_figure(frame, pool="seed")


def test_a_language_without_wrong_sequences_has_no_band_at_0(make_frame, make_cell):
    full, pruned = "ngram:order=2,prune=0", "ngram:order=2"
    cells = [
        make_cell(name, steps=n, errors=wrong, metrics=["ser"])
        for n in (8, 16)
        for name, wrong in ((full, 0), (pruned, 700))
    ]
    both = metric_figure(make_frame(cells), hue="lang")
    assert "No SER, for every sequence is in the language: 2-gram (prune 0)." in both.caption
    assert [each.get_label() for each in both._handles] == ["2-gram", "bars: 95 % interval"]
    alone = metric_figure(make_frame(cells[::2]))
    assert [each.get_text() for each in alone.axes[0].texts] == [
        "no incorrect sequences:\nevery sequence is in the language"
    ]
    # Never wrong is not the same as cannot be wrong.
    never = metric_figure(make_frame(make_cell(pruned, steps=n, errors=0, metrics=["ser"]) for n in (8, 16)))
    assert "No SER" not in never.caption


def test_a_notebook_shows_a_figure_and_a_store_can_be_drawn():
    with pytest.raises(ValueError, match="35 series"):
        metric_figure(STORE, x="length", facet="lang")
    figure = metric_figure(
        read(
            STORE, where='denoiser == "oracle" and length == 64 and seed == 0 and prompt is None and model == "masked"'
        )
    )
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_the_caption_stands_in_a_text_file_and_where_asked_in_the_picture(one_curve, tmp_path):
    figure = metric_figure(one_curve)
    save_figure(figure, tmp_path / "a.svg")
    assert (tmp_path / "a.txt").read_text().startswith("a.svg, drawn by mdmtheory\n\nancestral, HMM, masked diffusion")
    assert figure.get_supxlabel() == ""
    save_figure(figure, tmp_path / "a.svg", caption=True)
    assert "2,000 sequences a mark" in figure.get_supxlabel().replace("\n", " ")
    (tmp_path / "b.txt").write_text("mine")
    with pytest.warns(match=r"b\.txt is there and was not made by mdmtheory"):
        save_figure(figure, tmp_path / "b.svg")
    assert (tmp_path / "b.txt").read_text() == "mine"


def test_paper_keeps_text_as_text_in_vector_files(one_curve, tmp_path):
    for style, there in (("paper", True), ("screen", False)):
        save_figure(metric_figure(one_curve, style=style, width="column"), tmp_path / f"{style}.svg")
        content = (tmp_path / f"{style}.svg").read_text()
        assert ("STIXGeneral" in content) == there
        assert ("SER (probability" in re.sub("<!--.*?-->", "", content)) == there


def test_a_fitted_law_takes_the_place_of_the_line_and_its_exponent_stands_in_the_caption(one_curve):
    plain, fitted = metric_figure(one_curve, y="ser"), metric_figure(one_curve, y="ser", fit=True)
    law = mt.fit(one_curve[one_curve["sampler"].notna()], "ser", "steps")
    assert f"b = {law.exponent.value:.3f} [{law.exponent.low:.3f}, {law.exponent.high:.3f}]" in fitted.caption
    assert "b = " not in plain.caption
    [axes] = fitted.axes
    [curve] = [line for line in axes.lines if len(line.get_xdata()) == 100]
    assert np.allclose(curve.get_ydata(), law.curve(curve.get_xdata())["value"])
    ends = law.curve(law.frame["x"])
    band = next(each for each in axes.collections if isinstance(each, PolyCollection))
    assert band.get_paths()[0].get_extents().ymax == pytest.approx(ends["high"].max())
    with pytest.raises(ValueError, match="no law fits .*: 1 points of ser against steps"):
        metric_figure(one_curve[one_curve["steps"].isna() | (one_curve["steps"] == one_curve["steps"].min())], fit=True)
