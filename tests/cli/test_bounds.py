"""`mdmtheory bounds`: its table in every format, its exit code, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from mdmtheory.theory import registry
from mdmtheory.theory.instances import bigram3
from mdmtheory.theory.jensen import STATEMENT
from mdmtheory.theory.table import COLUMNS, TWINS, rounded
from mdmtheory.theory.twins import scaled

WRONG = scaled(0.9, lambda it: it.setting(bigram3(), 3, 2), "nothing").breaks(STATEMENT)


def test_the_columns_are_those_that_scripts_rely_on(run):
    found = run("bounds", "jensen", "--format", "csv")
    assert found.code == 0
    rows = list(csv.DictReader(io.StringIO(found.out)))
    assert list(rows[0]) == list(COLUMNS)
    assert ",".join(COLUMNS) == (
        "id,statement,language,length,steps,schedule,measured,bound,direction,slack,tight,holds,source,vacuous"
    )
    for row in rows:
        assert float(row["measured"]) <= float(row["bound"]) + 1e-9
        assert row["holds"] == "yes"


def test_every_format_has_the_same_rows(run):
    rows = json.loads(run("bounds", "jensen", "--format", "json").out)
    table = run("bounds", "jensen").out.strip().splitlines()
    latex = run("bounds", "jensen", "--format", "latex").out.strip().splitlines()
    assert len(rows) == len(table) - 1 == len(latex) - 7
    assert latex[1].startswith(r"\begin{tabular}")
    assert all(line.endswith(r" \\") for line in latex[5:-2])


def test_a_summary_has_a_line_a_statement_and_parameters_are_columns_of_csv(run):
    words = ("bounds", "accurate_budget", "ter_length_free", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(run(*words).out)))
    summed = list(csv.DictReader(io.StringIO(run(*words, "--summary").out)))
    assert [each["id"] for each in summed] == ["accurate_budget", "ter_length_free"]
    for each in summed:
        own = [row for row in rows if row["id"] == each["id"]]
        assert int(each["instances"]) == len(own)
        assert int(each["yes"]) == sum(row["holds"] == "yes" for row in own)
        assert int(each["vacuous"]) == sum(row["vacuous"] == "yes" for row in own)
        assert float(each["least slack"]) <= min(float(row["slack"]) for row in own)
    assert all(row["parameter.epsilon"] for row in rows)


def test_a_bound_beyond_what_is_known_anyhow_is_vacuous():
    check = next(iter(registry.chosen_statements(["accurate_budget"], conjectures=False)))
    found = check.check_setting(next(iter(check.settings())))
    assert not found.vacuous
    assert replace(found, bound=replace(found.bound, value=1.0, low=1.0, high=1.0)).vacuous


def test_a_statement_is_found_by_its_number_too(run):
    assert run("bounds", "5").out == run("bounds", "jensen").out


def with_statement(monkeypatch, statement):
    monkeypatch.setattr(registry, "statements", lambda: {statement.id: statement})


def test_a_theorem_that_fails_sets_the_exit_code_and_is_named(run, monkeypatch):
    with_statement(monkeypatch, WRONG)
    found = run("bounds")
    assert found.code == 1
    assert "these theorems fail: jensen" in found.err


def test_a_conjecture_that_fails_is_shown_if_asked_for_and_sets_no_exit_code(run, monkeypatch):
    with_statement(monkeypatch, replace(WRONG, conjecture=True))
    found = run("bounds", "--conjectures")
    assert found.code == 0
    assert " no" in found.out
    hidden = run("bounds")
    assert hidden.code == 2


def test_a_language_of_ones_own_is_put_in_place_of_the_statements_own(run):
    found = run("bounds", "jensen", "--lang", "parity", "--length", "4", "--steps", "2", "--format", "csv")
    [row] = csv.DictReader(io.StringIO(found.out))
    assert (row["language"], row["length"], row["steps"]) == ("parity", "4", "2")


def test_what_says_nothing_about_a_language_is_told_with_the_reason(run):
    found = run("bounds", "jensen", "ser_lower_bound", "--lang", "parity")
    assert found.code == 0
    assert "ser_lower_bound says nothing here: " in found.err


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["nope"], "there is no statement 'nope'; mdmtheory list statements says what they are; known: "),
        (["jensn"], "there is no statement 'jensn' (did you mean 'jensen'?)"),
        (["--lang", "nope"], "unknown language"),
        (["--length", "4"], "go with --lang"),
        (["--lang", "parity", "--length", "0"], "--length"),
        (["--lang", "parity", "--schedule", "nope"], "unknown schedule"),
        (["--format", "yaml"], "--format"),
        (["ser_lower_bound", "--lang", "parity"], "none of the statements"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(run, words, wanted):
    found = run("bounds", *words)
    assert found.code == 2
    [line] = [each for each in found.err.splitlines() if each.startswith("mdmtheory: error: ")]
    assert wanted in line
    assert found.out == ""


def test_numbers_are_rounded_so_that_no_claim_looks_stronger_than_it_is():
    assert rounded(0.1234561, "<=", 6) == "0.123457"
    assert rounded(0.1234569, ">=", 6) == "0.123456"
    assert rounded(-0.1234561, ">=", 6) == "-0.123457"
    assert rounded(0.5, "<=", 6) == rounded(0.5 + 1e-16, "<=", 6) == "0.5"
    assert rounded(2 / 3, "<=", None) == repr(2 / 3)


def test_what_is_ours_is_listed_with_the_search_that_found_nothing_of_it(run):
    from mdmtheory.theory import statements

    rows = json.loads(run("bounds", "--ours", "--conjectures", "--format", "json").out)
    expected = [each for each in statements().values() if each.ours is not None]
    assert [row["id"] for row in rows] == [each.id for each in expected]
    assert [(row["searched"], row["query"]) for row in rows] == [(each.ours.date, each.ours.query) for each in expected]
    row = next(each for each in rows if each["id"] == "no_order_helps")
    assert row["published"] == "wen2026"
    lines = run("bounds", "--ours").out.splitlines()
    assert lines[0].split() == ["id", "published", "searched", "query"]
    assert [line.split()[0] for line in lines[1:]] == [each.id for each in expected if not each.conjecture]


def test_no_statement_of_ours_among_those_named_is_refused(run):
    found = run("bounds", "--ours", "replay", "jensen")
    assert (found.code, found.out) == (2, "")
    assert "none of replay, jensen is ours" in found.err


def test_a_statement_is_found_by_the_name_that_its_paper_has(run):
    from mdmtheory.theory.registry import chosen_statements

    assert [each.id for each in chosen_statements(["duel"])] == ["replay"]


def test_twins_are_listed_with_where_and_by_how_much_they_are_refuted(run):
    found = run("bounds", "jensen", "--twins", "--format", "csv")
    assert found.code == 0
    rows = list(csv.DictReader(io.StringIO(found.out)))
    assert list(rows[0]) == list(TWINS)
    assert [row["broken"] for row in rows] == [each.broken for each in STATEMENT.twins]
    for row in rows:
        assert row["refuted"] == row["itself"] == "yes"
        assert float(row["violation"]) > 0
    table = run("bounds", "jensen", "--twins").out.splitlines()
    assert len(table) == len(rows) + 1


def test_a_twin_that_holds_sets_the_exit_code_and_is_named(run, monkeypatch):
    blind = replace(STATEMENT, twins=(scaled(1.01, lambda it: it.setting(bigram3(), 3, 2), "nothing"),))
    monkeypatch.setattr(registry, "statements", lambda: {"jensen": blind})
    found = run("bounds", "jensen", "--twins")
    assert found.code == 1
    assert "these twins are not refuted: jensen (the bound times 1.01)" in found.err


@pytest.mark.parametrize("other", [("--lang", "copy"), ("--summary",), ("--ours",)], ids=lambda words: words[0])
def test_twins_stand_alone(run, other):
    found = run("bounds", "jensen", "--twins", *other)
    assert found.code == 2
    assert "--twins stands alone" in found.err
