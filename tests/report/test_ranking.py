from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdmtheory.report.ranking import (
    against_random_order,
    frontier,
    ranks,
    separated_best,
    standings,
    whole_calls,
    within_budget,
)
from tests.report.frames import entries_at

# Few values, so that ties, touching intervals and equal calls are common.
CALLS = st.sampled_from([3.2, 4.0, 8.0, 15.7, 16.0, 32.0])
ENDS = st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.9])


@st.composite
def rows(draw: st.DrawFn) -> list[tuple[str, str, float, float, float]]:
    """Cells of three samplers, one of them random order, in two languages."""
    found = []
    for _ in range(draw(st.integers(1, 12))):
        low, high = sorted((draw(ENDS), draw(ENDS)))
        who, where = draw(st.sampled_from(["ancestral", "a", "b"])), draw(st.sampled_from(["hmm", "parity"]))
        found.append((who, where, draw(CALLS), low, high))
    return found


def beats(one: pd.Series, other: pd.Series) -> bool:
    """The definition, cell by cell."""
    same = one["language"] == other["language"]
    return same and np.ceil(one["calls"]) <= np.ceil(other["calls"]) and one["ser_high"] < other["ser_low"]


def plain_frontier(entries: pd.DataFrame) -> list[int]:
    """Straight from the rule: nobody beats it, and all with fewer calls lie wholly above."""
    kept = []
    for index, cell in entries.iterrows():
        mine = entries[entries["language"] == cell["language"]]
        cheaper = mine[np.ceil(mine["calls"]) < np.ceil(cell["calls"])]
        if (
            not any(beats(other, cell) for _, other in mine.iterrows())
            and (cheaper["ser_low"] > cell["ser_high"]).all()
        ):
            kept.append(index)
    return kept


def names(found: pd.DataFrame) -> list[tuple[str, float]]:
    return list(zip(found["entrant"], found["calls"], strict=True))


@given(rows())
def test_the_frontier_is_what_its_rule_says(cells):
    entries = entries_at(cells)
    assert list(frontier(entries, "ser").index) == plain_frontier(entries)


@given(rows())
def test_nobody_beats_who_stands_on_the_frontier_and_each_language_has_one(cells):
    entries = entries_at(cells)
    on_it = frontier(entries, "ser")
    assert not any(beats(other, cell) for _, cell in on_it.iterrows() for _, other in entries.iterrows())
    assert set(on_it["language"]) == set(entries["language"])


@given(rows(), st.data())
def test_a_beaten_cell_more_changes_nothing(cells, data):
    entries = entries_at(cells)
    who, where, calls, _, high = data.draw(st.sampled_from(cells))
    beaten = (
        data.draw(st.sampled_from(["c", who])),
        where,
        calls + data.draw(st.sampled_from([0.0, 3.0])),
        high + 0.05,
        0.99,
    )
    more = entries_at([*cells, beaten])
    assert list(frontier(more, "ser").index) == list(frontier(entries, "ser").index)


@given(rows(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_decides_nothing(cells, random):
    entries = entries_at(cells)
    shuffled = list(range(len(entries)))
    random.shuffle(shuffled)
    other = entries.loc[shuffled]
    assert set(frontier(other, "ser").index) == set(frontier(entries, "ser").index)
    pd.testing.assert_series_equal(ranks(other, "ser").sort_index(), ranks(entries, "ser"))
    pd.testing.assert_frame_equal(standings(other, "ser", [8, 16]), standings(entries, "ser", [8, 16]))
    verdicts = [against_random_order(each).sort_values(["language", "entrant"]) for each in (entries, other)]
    pd.testing.assert_frame_equal(*(each.reset_index(drop=True) for each in verdicts))


@given(rows())
def test_a_cell_is_never_worse_and_better_than_random_order(cells):
    entries = entries_at(cells)
    verdicts = against_random_order(entries)
    totals = entries[entries["entrant"] != "ancestral"].groupby(["language", "entrant"]).size()
    for _, row in verdicts.iterrows():
        counts = [row[name] for name in ("worse", "better", "undecided")]
        assert min(counts) >= 0
        assert sum(counts) == totals[row["language"], row["entrant"]]


@given(rows())
def test_worse_is_to_be_beaten_by_random_order(cells):
    entries = entries_at(cells)
    order = entries[entries["entrant"] == "ancestral"]
    for _, row in against_random_order(entries).iterrows():
        mine = entries[(entries["entrant"] == row["entrant"]) & (entries["language"] == row["language"])]
        beaten = [any(beats(each, cell) for _, each in order.iterrows()) for _, cell in mine.iterrows()]
        assert row["worse"] == sum(beaten)


def test_calls_count_as_whole_ones():
    assert list(whole_calls(pd.Series([15.7, 16.0, 16.0000000001, 16.2]))) == [16, 16, 16, 17]
    equal = entries_at([("ancestral", "hmm", 15.7, 0.5, 0.6), ("a", "hmm", 16.0, 0.1, 0.2)])
    assert names(frontier(equal, "ser")) == [("a", 16.0)]


def test_calls_that_buy_nothing_do_not_stand_on_the_frontier():
    entries = entries_at([("a", "hmm", 8, 0.0, 0.004), ("b", "hmm", 64, 0.0, 0.004), ("c", "hmm", 4, 0.3, 0.4)])
    assert names(frontier(entries, "ser")) == [("a", 8), ("c", 4)]


def test_who_was_hardly_ever_right_stands_nowhere():
    """One right sequence of a thousand is luck, and few calls are then no merit."""
    entries = entries_at([("a", "hmm", 4, 0.998, 1.0), ("b", "hmm", 8, 0.5, 0.6)])
    assert names(frontier(entries, "ser")) == [("b", 8)]
    assert names(frontier(entries.assign(count=100_000), "ser")) == [("a", 4), ("b", 8)]


def test_rounds_are_another_price():
    entries = entries_at([("a", "hmm", 64, 0.0, 0.01), ("b", "hmm", 16, 0.2, 0.3)]).assign(rounds=[4.0, 16.0])
    assert names(frontier(entries, "ser")) == [("a", 64), ("b", 16)]
    assert names(frontier(entries, "ser", "rounds")) == [("a", 64)]


def test_a_budget_takes_the_most_calls_that_fit():
    cells = [
        ("a", "hmm", 8, 0.5, 0.6),
        ("a", "hmm", 15.7, 0.3, 0.4),
        ("a", "hmm", 16.2, 0.1, 0.2),
        ("b", "hmm", 17, 0, 0.1),
    ]
    assert names(within_budget(entries_at(cells), 16)) == [("a", 15.7)]
    assert names(within_budget(entries_at(cells), 17)) == [("a", 16.2), ("b", 17)]


def test_ranks_count_those_wholly_below():
    entries = entries_at([("a", "hmm", 8, 0.1, 0.2), ("b", "hmm", 8, 0.15, 0.3), ("c", "hmm", 8, 0.25, 0.4)])
    assert list(ranks(entries, "ser")) == [1.0, 1.0, 2.0]
    assert list(separated_best(entries, "ser")) == [False, False, False]
    assert list(separated_best(entries[entries["entrant"] != "b"], "ser")) == [True, False]


def test_one_alone_is_not_called_the_best():
    assert not separated_best(entries_at([("a", "hmm", 8, 0.1, 0.2)]), "ser").any()


def test_standings_go_by_frontiers_then_by_ranks_and_what_does_not_fit_is_last():
    entries = entries_at(
        [
            ("a", "hmm", 8, 0.1, 0.2),
            ("b", "hmm", 8, 0.5, 0.6),
            ("c", "hmm", 32, 0.5, 0.6),
            ("a", "parity", 8, 0.5, 0.6),
            ("b", "parity", 8, 0.1, 0.2),
            ("a", "dyck", 8, 0.1, 0.2),
        ]
    )
    table = standings(entries, "ser", [8, 32])
    assert list(table["entrant"]) == ["a", "b", "c"]
    assert list(table["frontiers"]) == [2, 1, 0]
    assert list(table["languages"]) == [3, 2, 1]
    # a: 1, 2, 1; b: 2 and 1, for it was not measured on dyck; c, on hmm alone: nothing fits into 8, so third; second.
    assert list(table["rank 8"]) == pytest.approx([4 / 3, 3 / 2, 3])
    assert list(table["rank 32"]) == pytest.approx([4 / 3, 3 / 2, 2])


def test_random_order_decides_at_equal_calls_only():
    entries = entries_at(
        [
            ("ancestral", "hmm", 16, 0.5, 0.6),
            ("ancestral", "hmm", 32, 0.2, 0.3),
            ("a", "hmm", 16, 0.7, 0.8),  # worse
            ("a", "hmm", 8, 0.7, 0.8),  # cheaper and worse: undecided
            ("a", "hmm", 32, 0.05, 0.1),  # better
            ("a", "hmm", 64, 0.05, 0.1),  # dearer and better: undecided
            ("a", "hmm", 32, 0.25, 0.4),  # overlaps: undecided
            ("b", "parity", 32, 0.25, 0.4),  # no random order to compare with
        ]
    )
    [row] = against_random_order(entries).to_dict(orient="records")
    assert row == {"language": "hmm", "length": 64, "entrant": "a", "worse": 1, "better": 1, "undecided": 3}
