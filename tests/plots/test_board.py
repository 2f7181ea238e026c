from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mdmtheory.models import MODELS
from mdmtheory.plots.board import (
    at_length,
    curves,
    languages_of,
    leaderboard,
    methods_of,
    usual,
    various,
)
from mdmtheory.plots.drawn import drawn_metric, metric_rows
from mdmtheory.plots.style import FAMILIES, family_looks, looks
from mdmtheory.samplers.registry import SAMPLERS


def curve_of(frame, method, metric="ser", language="hmm"):
    rows = metric_rows(leaderboard(frame), metric)
    look = methods_of(rows).get(method)
    found = curves(rows[rows["language"] == language], drawn_metric(metric), methods_of(rows))
    return [each for each in found if each.look == look]


def test_every_built_in_sampler_and_model_belongs_to_one_family():
    found = family_looks()
    assert sorted(found) == sorted([*SAMPLERS.built_in, *(name for name in MODELS.built_in if name != "masked")])
    assert len({look.colour for look in found.values()}) == len(found)
    for family in FAMILIES:
        marks = [look.marker for look in found.values() if look.family == family.title]
        assert "".join(marks).startswith(family.marks)
        assert len(set(marks)) == len(marks)


def test_methods_are_named_by_the_sampler_or_by_another_model(make_frame, measure):
    block, inner = measure("x", model="block:size=16"), measure("x", model="block:size=16")
    for row, sampler in ((block, "ancestral"), (inner, "stride")):
        for each in row:
            each["sampler"] = sampler
    cells = [measure("redraw:sweeps=8,tau=0.1"), measure("x", model="uniform"), block, inner]
    rows = leaderboard(make_frame(cells)).drop_duplicates("method")
    assert list(rows["method"]) == ["redraw", "uniform", "block", "block stride"]
    assert list(rows["options"]) == ["sweeps=8,tau=0.1", "", "size=16", "size=16"]


def test_a_rule_without_a_budget_is_one_curve_over_its_options(board):
    [curve] = curve_of(board, "entropy_bound")
    assert list(curve.x) == [5.0, 20.0, 40.0]


def test_a_sampler_with_a_budget_has_a_curve_for_each_of_its_options(make_frame, measure):
    cells = [measure(f"redraw:sweeps={k}", steps=n) for k in (8, 24) for n in (16, 32)]
    found = curve_of(make_frame(cells), "redraw")
    assert [list(each.x) for each in found] == [[16, 32], [16, 32]]


def test_without_calls_a_point_stands_at_the_steps_or_at_the_length_if_that_is_less(board, make_frame, measure):
    [curve] = curve_of(board, "blocks")
    assert list(curve.x) == [64.0]  # 128 steps, 64 tokens
    rows = (
        measure("x", model="block:size=30", steps=10)
        + measure("blocks", steps=8)
        + measure("bisection")
        + measure("plugged_in")
    )
    for row in rows:
        row["calls"] = None
    places = leaderboard(make_frame([rows])).drop_duplicates("method").set_index("method")["place"]
    assert places.dropna().to_dict() == {"block": 24.0, "blocks": 8.0, "bisection": 7.0}  # 10 + 10 + 4; ceil(log2(65))
    assert np.isnan(places["plugged_in"])


def test_kl_is_the_length_times_the_log_of_the_ratio(board):
    [curve] = curve_of(board, "ancestral", "kl")
    assert curve.value == pytest.approx(64 * np.log([1.09, 1.07, 1.04]))
    assert curve.low == pytest.approx(64 * np.log([1.08, 1.06, 1.03]))
    assert curve.bound
    assert not curve_of(board, "entropy_bound", "kl")[0].bound


def test_what_is_not_told_apart_from_0_is_known(board, make_frame, measure):
    assert not curve_of(board, "stride")[0].told.any()  # no error seen
    assert not curve_of(board, "stride", "kl")[0].told.any()  # the interval holds 0
    assert curve_of(board, "ancestral", "kl")[0].told.all()
    noise = make_frame([measure("stride", steps=8, ratio=(1.01, 0.99, 1.03))])
    assert not curve_of(noise, "stride", "kl")[0].told.any()  # above 0, as noise is
    tiny = make_frame([measure("stride", steps=8, ratio=(1 + 1e-9, 1 + 0.9e-9, 1 + 1.1e-9))])
    assert not curve_of(tiny, "stride", "kl")[0].told.any()  # a rounding error, however sure


def test_the_loss_of_entropy_is_taken_from_the_reference_at_the_same_length(board):
    rows = metric_rows(leaderboard(board), "lost_entropy")
    lost = rows[rows["method"] == "draw_confidence"]
    assert lost["value"].to_numpy() == pytest.approx(0.4 - 0.9)
    assert lost["low"].to_numpy() == pytest.approx(0.39 - 0.9)
    assert lost["slack"].to_numpy() == pytest.approx(0.01)
    with pytest.raises(ValueError, match="no rows of model ar"):
        metric_rows(leaderboard(board[board["model"] != "ar"]), "lost_entropy")


def test_a_sampler_that_is_not_built_in_has_a_look_of_its_own_and_is_drawn_in_full(board, make_frame, measure):
    rows = leaderboard(make_frame([measure("ancestral"), measure("stroll:far=2"), measure("amble")]))
    palette = methods_of(rows)
    assert list(palette) == ["ancestral", "stroll", "amble"]
    assert len({look.marker for look in palette.values()}) == len({look.colour for look in palette.values()}) == 3
    assert palette["stroll"].lead
    assert family_looks()["stride"].lead
    assert not family_looks()["bisection"].lead


def test_plug_ins_of_a_family_leave_the_free_colours_to_those_of_none(board, make_frame, measure):
    of_a_family = {f"my:{name}": "most confident" for name in ("One", "Two", "Three")}
    frame = make_frame([measure("my:Own"), *map(measure, of_a_family)])
    rows = leaderboard(pd.concat([board, frame], ignore_index=True))
    rows.attrs["families"] = of_a_family
    found = methods_of(rows)
    assert {found[name].family for name in of_a_family} == {"most confident"}
    assert found["my:Own"].colour not in {colour for family in FAMILIES for colour in family.colours}


def test_a_sampler_looks_the_same_here_and_in_every_other_figure():
    other, here = looks("sampler", ["stride"])["stride"], family_looks()["stride"]
    assert (other.colour, other.marker) == (here.colour, here.marker)


def test_of_oracles_that_trust_less_only_the_usual_one_is_compared(make_frame, measure):
    cells = [measure("redraw", steps=16, denoiser=f"oracle:trust={trust}") for trust in (0.9, 0.999, 0.99999)]
    rows = usual(leaderboard(make_frame([*cells, measure("stride", steps=16)])))
    assert sorted(rows["delta"].unique()) == pytest.approx([0, 0.001])


def test_languages_stand_in_the_order_of_their_memory_and_those_that_tell_apart_first(make_frame, measure):
    names = ["mine", "parity", "ngram:order=3", "ngram:order=2", "dyck", "hmm"]
    rows = leaderboard(make_frame([measure("ancestral", each, 8) for each in names]))
    assert languages_of(rows) == ["hmm", "ngram:order=3", "ngram:order=2", "dyck", "parity", "mine"]
    assert various(rows) == ["hmm", "ngram:order=3", "dyck", "parity", "mine", "ngram:order=2"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"denoiser": "perturbed:epsilon=0.1"}, "rows of denoiser perturbed:epsilon=0.1; .* leave them out"),
        ({"schedule": "cosine"}, r"rows of several schedules \(cosine, linear\); choose those of one"),
        ({"seed": 1}, r"rows of several seeds \(0, 1\)"),
    ],
)
def test_what_is_no_leaderboard_is_refused(board, change, reason):
    [(column, value)] = change.items()
    board.loc[board.index[0], column] = value
    with pytest.raises(ValueError, match=reason):
        leaderboard(board)


def test_a_length_that_is_not_there_is_answered_with_those_that_are(board):
    rows = leaderboard(board)
    assert len(at_length(rows, None)) == len(rows)
    with pytest.raises(ValueError, match="no rows of length 512; the lengths here: 64"):
        at_length(rows, 512)


def test_no_rows_say_what_to_do(board):
    with pytest.raises(ValueError, match="there are no rows; run mdmtheory sweep"):
        leaderboard(board[:0])
