"""What a notebook shows: a table of HTML in which every number has its kind and interval, and all is escaped."""

from xml.etree import ElementTree

import pytest

import mdmtheory as mt
from mdmtheory.core.html_tables import MOST_ROWS, html_table

BIGRAM = mt.NGram.random(order=2, vocab_size=3, seed=0)
ESTIMATE = mt.Estimate(0.96, 0.92, 1.01, level=0.95, kind="upper bound", count=1000)


def shown(value):
    """The rows of texts of the one table that a value is shown as, its headings first, and what stands around them."""
    root = ElementTree.fromstring(f"<div>{value._repr_html_()}</div>")
    [table] = root.findall("table")
    rows = [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]
    around = " ".join("".join(each.itertext()) for each in [*table.findall("caption"), *root.findall("p")])
    return rows, around


def test_an_estimate_is_a_row_with_kind_and_interval():
    rows, _ = shown(ESTIMATE)
    assert rows == [
        ["kind", "value", "interval", "level", "sequences"],
        ["upper bound", "0.96", "[0.92, 1.01]", "0.95", "1,000"],
    ]
    [_, cut], _ = shown(ESTIMATE.within(least=1))
    assert cut[:3] == ["upper bound, cut from 0.96 [0.92, 1.01]", "1", "[1, 1.01]"]
    [_, exact], _ = shown(mt.Estimate.exact(0.25))
    assert exact == ["exact", "0.25", "", "", "0"]


def test_distances_are_a_row_each_and_say_what_is_not_known():
    rows, _ = shown(mt.Distances(ESTIMATE, mt.Estimate.exact(0.5), None, ESTIMATE, ESTIMATE))
    names = ["total_variation", "squared_hellinger", "kl", "wrong", "unfaithful", "kl_on_support", "ser"]
    assert [row[0] for row in rows[1:]] == names
    assert rows[1][1:4] == ["upper bound", "0.96", "[0.92, 1.01]"]
    assert rows[3][1:] == ["not known"]


def test_a_comparison_shows_kind_and_ends_of_every_row_of_its_frame():
    comparison = mt.compare_schedules(BIGRAM, 8, [2, 4], count=50)
    rows, around = shown(comparison)
    assert rows[0] == ["steps", "schedule", "sampler", "metric", "kind", "value", "low", "high", "level"]
    assert [row[4] for row in rows[1:]] == comparison.frame["kind"].tolist()
    first = comparison.frame.iloc[0]
    assert rows[1][5:8] == [f"{first[name]:.6g}" for name in ("value", "low", "high")]
    assert all(key in around for key in comparison.about)
    assert repr(comparison).startswith("<Comparison of ")


def test_a_report_shows_every_check_and_the_outcome():
    check = mt.Check("law <1>", False, "p & q", "p = q", "draw from `law`")
    rows, around = shown(mt.Report("sampler", "<script>", (check,)))
    assert rows[1] == ["law <1>", "failed", "p & q", "p = q"]
    assert around == "sampler <script>: failed: law <1>"
    assert "<script>" not in mt.Report("sampler", "<script>", (check,))._repr_html_()


def test_a_held_statement_shows_both_sides_the_slack_and_the_verdict():
    held = mt.theory.statements()["jensen"].check(BIGRAM, 3, steps=2)
    rows, around = shown(held)
    assert rows[1] == ["measured", *held.measured.cells]
    assert rows[2] == [held.statement.direction, *held.bound.cells]
    assert f"slack {held.slack:.6g}" in around
    assert held.verdict in around
    assert held.statement.says in around


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (mt.as_language("hmm"), {"kind": "hmm", "tokens": "8", "transition": "array (32, 32)"}),
        (BIGRAM, {"kind": "ngram", "tokens": "3", "conditional": "array (3, 3)"}),
        (mt.Copy(distance=2, vocab_size=4), {"kind": "copy", "tokens": "4", "distance": "2"}),
    ],
    ids=["hmm", "bigram", "copy"],
)
def test_languages_show_what_they_are_made_of(language, expected):
    rows, around = shown(language)
    assert dict(rows).items() >= (expected | {"digest": language.digest[:12]}).items()
    assert around == str(language.spec)


def test_long_tables_say_what_they_leave_out():
    rows = html_table(["n"], [[n] for n in range(MOST_ROWS + 2)])
    assert rows.count("<tr>") == MOST_ROWS + 1
    assert "<p>2 more rows</p>" in rows
