from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection

from mdmtheory.core.estimate import Estimate
from mdmtheory.models import MODELS
from mdmtheory.plots import sampler_figures, save_figure
from mdmtheory.plots.correction import correction_figure
from mdmtheory.plots.cost import cost_figure, long_cost_figure
from mdmtheory.plots.entropy import entropy_figure
from mdmtheory.plots.lengths import collapse_figure, first_order_rates
from mdmtheory.plots.plane import plane_figure
from mdmtheory.plots.rounds import rounds_figure
from mdmtheory.plots.style import family_looks
from mdmtheory.samplers import SAMPLERS


def words(figure) -> str:
    figure.draw_without_rendering()
    every = figure.findobj(lambda each: hasattr(each, "get_text"))
    return "\n".join([*(each.get_text() for each in every), figure.caption]).replace("\n", " ")


def panel(figure, title):
    [axes] = [axes for axes in figure.axes if axes.get_title(loc="left") == title]
    return axes


def look_of(method):
    return family_looks()[method]


def marks(axes, method):
    """The points of a method that have a mark, in the order in which they were drawn: (x, y, hollow, in the strip)."""
    look = look_of(method)
    found = []
    for line in axes.lines:
        if line.get_marker() == look.marker and line.get_color() == look.colour:
            hollow = line.get_markerfacecolor() == "white"
            strip = line.get_transform() != axes.transData
            found += [(x, y, hollow, strip) for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)]
    return found


def test_what_is_drawn_against_calls_are_the_rows(board):
    figure = cost_figure(board)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["HMM", "2-gram"]
    found = marks(panel(figure, "HMM"), "ancestral")
    assert found == [(8, 0.9, False, False), (16, 0.7, False, False), (32, 0.4, False, False)]
    bars = [line for line in panel(figure, "HMM").collections if isinstance(line, LineCollection)]
    ends = [tuple(segment[:, 1]) for each in bars for segment in each.get_segments()]
    assert (0.9 - 0.02, 0.9 + 0.02) in ends


def test_no_error_seen_is_a_mark_in_the_strip_with_the_end_of_its_interval_in_words(board):
    figure = cost_figure(board)
    found = marks(panel(figure, "HMM"), "stride")
    assert [x for x, *_ in found] == [8, 16, 32]
    assert all(strip and 0 < y < 0.2 for _, y, _, strip in found)
    assert "not told apart from 0; pale bars end where the intervals do, at 0.002 or below" in words(figure)
    rows = {marks(panel(figure, "HMM"), method)[0][1] for method in ("stride", "verify", "left_to_right")}
    assert len(rows) == 3  # a row each


def test_the_axis_is_0_where_the_strip_begins(board):
    axes = panel(cost_figure(board), "HMM")
    [[_, height]] = axes.transAxes.inverted().transform(axes.transData.transform([[8, 0.0]]))
    assert 0.1 <= height <= 0.2
    assert axes.get_ylim()[1] >= 1.0


def test_the_divergence_tells_bounds_from_estimates(board):
    figure = cost_figure(board, "kl")
    found = marks(panel(figure, "HMM"), "ancestral")
    assert [y for _, y, *_ in found] == pytest.approx(64 * np.log([1.09, 1.07, 1.04]))
    assert all(hollow for *_, hollow, _ in found)
    assert not any(hollow for *_, hollow, _ in marks(panel(figure, "HMM"), "entropy_bound"))
    said = words(figure)
    assert "KL: hollow marks are upper bounds (means over plans), filled ones estimates." in said
    assert "KL($q$‖$p$) (nats per sequence)" in said
    assert not marks(panel(figure, "HMM"), "draw_confidence")  # it has no log p


def test_points_without_calls_are_placed_and_said(board):
    figure = cost_figure(board)
    assert marks(panel(figure, "HMM"), "blocks") == [(64, 1.0, False, False)]
    assert "Where no sequence was drawn to its end" in words(figure)
    assert "drawn to its end" not in words(cost_figure(board[board["sampler"] != "blocks"]))


def test_the_greatest_length_has_a_figure_of_its_own(board, make_frame, measure):
    names = ("ancestral", "stride", "fixed", "confidence", "margin")
    long = make_frame([measure(name, steps=64, length=512) for name in names])
    figure = long_cost_figure(pd.concat([board, long]))
    assert "Length 512." in words(figure)
    assert marks(figure.axes[0], "stride") == [(64, 0.5, False, False)]
    with pytest.raises(ValueError, match="no length but the main one"):
        long_cost_figure(pd.concat([board, long[long["sampler"] != "margin"]]))


def test_a_rule_that_never_came_to_an_end_has_no_place_among_calls_but_one_on_the_plane(board, make_frame, measure):
    rows = measure("entropy_bound:gamma=90", "hmm", ser=(1.0, 0.998, 1.0))
    figure = cost_figure(pd.concat([board, make_frame([rows])]))
    assert len(marks(panel(figure, "HMM"), "entropy_bound")) == 3
    assert "no sequence was drawn to its end: entropy bound gamma=90." in words(figure)
    on_plane = marks(panel(plane_figure(pd.concat([board, make_frame([rows])])), "HMM"), "entropy_bound")
    assert [y for _, y, *_ in on_plane] == [1.0, 0.5, 0.5, 0.5]


def test_a_language_in_which_nothing_is_ever_wrong_has_no_panel(board, make_frame, measure):
    right = [measure(each, "ngram:order=1", 8, ser=(0, 0, 0.002)) for each in ("ancestral", "stride")]
    figure = cost_figure(pd.concat([board, make_frame(right)]))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["HMM", "2-gram"]
    assert "No panel, all is 0 or not told apart from it: 1-gram." in words(figure)
    with pytest.raises(ValueError, match="ser is nowhere told apart from 0: 1-gram"):
        cost_figure(make_frame(right))


def all_at_once(measure, *languages):
    models = ["block:size=16" if name == "block" else name for name in MODELS.built_in if name not in ("masked", "ar")]
    names = SAMPLERS.built_in
    cells = [measure(name, language, 8) for language in languages for name in (*names, "stroll")]
    cells += [measure("x", language, 8, model=model) for language in languages for model in models]
    return cells + [measure("x", language, model="ar", calls=64.0) for language in languages]


@pytest.mark.parametrize("languages", [["hmm"], ["hmm", "dyck", "parity"]])
def test_of_many_methods_plug_ins_and_one_of_each_family_are_drawn(make_frame, measure, languages):
    figure = cost_figure(make_frame(all_at_once(measure, *languages)))
    figure.fit()
    [legend] = figure.legends
    entries = [text.get_text() for text in legend.get_texts()]
    assert entries[:4] == ["stroll", "ancestral", "stride", "confidence"]
    assert len(entries) == 8 + 1
    assert "not drawn: fixed sizes" in figure.caption
    assert legend.get_window_extent().width <= figure.bbox.width
    for axes in figure.axes:
        assert not legend.get_window_extent().overlaps(axes.get_window_extent())


def test_the_plane_has_a_mark_for_each_cell_with_both_metrics(board):
    figure = plane_figure(board)
    axes = panel(figure, "HMM")
    found = marks(axes, "ancestral")
    assert [x for x, *_ in found] == pytest.approx([0.09, 0.07, 0.04])
    assert [y for _, y, *_ in found] == [0.9, 0.7, 0.4]
    assert all(hollow for *_, hollow, _ in found)
    assert not marks(axes, "draw_confidence")
    [(x, y, *_), *_] = marks(axes, "stride")  # neither error is told apart from 0
    assert 0 < x == y < 0.2
    marked = [
        line for line in axes.lines if line.get_color() == look_of("ancestral").colour and line.get_marker() == "o"
    ]
    sizes = [line.get_markersize() for line in marked]
    assert sorted(sizes) == sizes
    assert "Marks grow with calls, from 5 to 64." in words(figure)


def test_no_point_of_an_estimate_lies_above_the_line_of_the_plane(board):
    axes = panel(plane_figure(board), "HMM")
    x, y = next(line.get_data() for line in axes.lines if len(line.get_xdata()) == 300)
    assert y == pytest.approx(1 - (1 + np.asarray(x)) ** -64.0)


def test_lengths_lie_over_steps_per_token_beside_the_law(make_frame, measure):
    cells = [
        measure("ancestral", steps=length // 4, length=length, ser=(wrong, wrong - 0.02, wrong + 0.02))
        for length, wrong in ((64, 0.7), (256, 0.72))
    ]
    cells += [measure("stride", steps=n, length=length) for n in (8, 16) for length in (64, 256)]
    cells += [measure("confidence", steps=8), measure("ancestral", "dyck", 8)]  # another rule, and only one length
    figure = collapse_figure(make_frame(cells), {"hmm": Estimate.exact(0.3)})
    axes, stride = figure.axes
    assert stride.get_title(loc="left") == "HMM, stride"
    points = {(line.get_marker(), *xy) for line in axes.lines for xy in zip(*line.get_data(), strict=True)}
    assert ("o", 0.25, 0.7) in points
    assert ("s", 0.25, 0.72) in points
    x, y = next(line.get_data() for line in axes.lines if len(line.get_xdata()) == 200)
    assert y == pytest.approx(1 - np.exp(-0.3 / np.asarray(x)))
    assert "HMM 0.3 (exact)" in words(figure)
    assert "confidence" not in words(figure)


def test_rates_are_those_of_the_exact_layer_and_unknown_languages_have_none():
    rates = first_order_rates(["ngram:order=2", "equal_pairs:vocab_size=16", "mine"], 64)
    assert list(rates) == ["ngram:order=2", "equal_pairs:vocab_size=16"]
    # 1 - (1 - (1 - 1/m)/N)^(L/2) has the first-order constant (L/2)(1 - 1/m): docs/theory.md, section 7
    assert rates["equal_pairs:vocab_size=16"].value == pytest.approx((1 - 1 / 16) / 2)
    assert rates["ngram:order=2"].kind == "exact"


def test_lost_entropy_lies_below_the_line_of_the_language(board):
    figure = entropy_figure(board)
    axes = panel(figure, "HMM")
    assert [y for _, y, *_ in marks(axes, "draw_confidence")] == pytest.approx([-0.5] * 3)
    assert [y for _, y, *_ in marks(axes, "ancestral")] == pytest.approx([0.1] * 3)
    assert not marks(axes, "stride")
    assert axes.get_ylim()[0] < -0.5 < 0 < axes.get_ylim()[1]
    assert "what lies below has lost entropy" in words(figure)


def test_a_language_of_equally_likely_sequences_has_no_panel_of_entropies(board, make_frame, measure):
    same = np.log(2.2), np.log(2.2) - 1e-9, np.log(2.2) + 1e-9
    cells = [measure(each, "parity", 8, entropy=same) for each in ("ancestral", "draw_confidence")]
    flat = make_frame([*cells, measure("x", "parity", model="ar", calls=64.0)])  # TER(q) = 2 * 1.1
    figure = entropy_figure(pd.concat([board, flat]))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["HMM", "2-gram"]
    assert "all right sequences being equally likely: parity." in words(figure)
    with pytest.raises(ValueError, match="in parity all right sequences are equally likely"):
        entropy_figure(flat)


def test_correction_is_drawn_against_the_distrust(board, make_frame, measure):
    trusts = (0.9, 0.999, 0.99999)
    cells = [
        measure("redraw", steps=16, denoiser=f"oracle:trust={trust}", ser=(wrong, wrong / 2, 2 * wrong))
        for trust, wrong in zip(trusts, (0.1, 0.2, 0.3), strict=True)
    ]
    cells += [measure("redraw", steps=32, denoiser="oracle:trust=0.999"), measure("stride", steps=16)]
    cells += [measure("topk_remask", steps=16, denoiser="oracle:trust=0.999")]  # at one trust only
    alone = correction_figure(make_frame(cells))
    [ser] = alone.axes
    assert [x for x, *_ in marks(ser, "redraw")] == pytest.approx([1e-5, 1e-3, 0.1])
    assert [y for _, y, *_ in marks(ser, "redraw")] == [0.3, 0.2, 0.1]
    assert not marks(ser, "topk_remask")
    assert "No cross-entropy" in words(alone)
    reference = board[(board["model"] == "ar") & (board["language"] == "hmm")]
    ser, entropy = correction_figure(pd.concat([make_frame(cells), reference])).axes
    assert [y for _, y, *_ in marks(entropy, "redraw")] == pytest.approx([0.1] * 3)


def test_rounds_and_calls_stand_one_above_the_other(board):
    figure = rounds_figure(board)
    rounds, _, calls, _ = figure.axes
    assert [axes.get_xlabel() for axes in (rounds, calls)] == ["rounds per sequence", "denoiser calls per sequence"]
    assert [x for x, *_ in marks(rounds, "verify")] == [25, 30]
    assert [x for x, *_ in marks(calls, "verify")] == [400, 800]
    assert rounds.get_xlim() == calls.get_xlim()
    assert [axes.get_title(loc="left") for axes in rounds_figure(board, ["hmm"]).axes] == ["HMM", ""]


def test_all_figures_come_by_name_and_what_cannot_be_drawn_with_a_reason(board):
    said: list[str] = []
    figures = sampler_figures(board, said.append)
    assert list(figures) == ["cost", "cost_kl", "plane", "entropy", "rounds"]
    assert said == [
        "figure left out, cost_long: no length but the main one has SER of 5 methods or more",
        "figure left out, collapse: SER against N/L: ancestral is there at one length only; sweep several",
        "figure left out, correction: no sampler was measured at two values of trust; "
        "sweep --denoiser oracle:trust=0.9 and others",
    ]


def test_reasons_are_warnings_where_nobody_asks_for_them(board):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        sampler_figures(board)
    assert [str(each.message).partition(":")[0] for each in said] == [
        "figure left out, cost_long",
        "figure left out, collapse",
        "figure left out, correction",
    ]


def test_a_store_without_errors_and_entropies_has_no_figures(board):
    with pytest.raises(ValueError, match="none of the figures can be drawn; cost: no values of 'ser' to draw"):
        sampler_figures(board[board["metric"] == "ter"], print)


def test_the_same_rows_give_the_same_bytes(board, tmp_path):
    for ending in ("png", "svg"):
        first, second = (
            save_figure(cost_figure(board, "kl"), tmp_path / f"{name}.{ending}").read_bytes() for name in "ab"
        )
        assert first == second


@pytest.mark.parametrize(
    ("draw", "reason"),
    [
        (lambda rows: cost_figure(rows, "ter"), "cannot draw 'ter' against calls; choose ser or kl"),
        (lambda rows: cost_figure(rows, length=512), "no rows of length 512; the lengths here: 64"),
        (
            lambda rows: plane_figure(rows, ["dyck"]),
            "no rows of language 'dyck'; the languages here: hmm, ngram:order=2",
        ),
        (lambda rows: plane_figure(rows[rows["sampler"] == "draw_confidence"]), "no values of 'ter_excess'"),
        (lambda rows: entropy_figure(rows[rows["metric"] == "ser"]), "no values of 'lost_entropy' to draw"),
        (lambda rows: entropy_figure(rows[rows["model"] != "ar"]), "no rows of model ar with TER"),
        (lambda rows: rounds_figure(rows[rows["sampler"] == "stride"]), "there are no rows of verify"),
        (lambda rows: collapse_figure(rows[rows["sampler"] == "stride"]), "there are no rows of ancestral"),
    ],
)
def test_rows_without_what_is_needed_are_refused_with_the_reason(board, draw, reason):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=reason):
            draw(board)
