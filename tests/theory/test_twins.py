"""Every twin of a statement is refuted at its witness, where the statement holds; and what is said of one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mdmtheory.core.estimate import Estimate
from mdmtheory.theory import HypothesisError, Setting, Sides, check_twins, statements
from mdmtheory.theory import twins as make
from mdmtheory.theory.instances import bigram3
from mdmtheory.theory.jensen import STATEMENT as JENSEN
from mdmtheory.theory.table import TWINS, twins_frame


def test_every_statement_has_a_twin():
    assert not [name for name, each in statements().items() if not each.twins]


@pytest.mark.parametrize("name", statements())
def test_each_twin_is_refuted_where_the_statement_holds(name):
    for found in check_twins(statements()[name]):
        assert found.check.verdict == "no", found.twin
        assert found.whole is None or found.whole.verdict != "no", found.twin
        assert found.refuted
        assert found.violation.value > 0


def test_twins_say_different_things_in_words():
    for statement in statements().values():
        said = [each.broken for each in statement.twins]
        assert len({*said}) == len(said), statement.id
        assert all(each.teaches and each.broken for each in statement.twins)


def here(it):
    return it.setting(bigram3(), 3, 2)


def test_a_twin_that_holds_is_not_refuted():
    [found] = check_twins(replace(JENSEN, twins=(make.scaled(1.5, here, "nothing"),)))
    assert not found.refuted
    assert found.violation.value < 0


def test_nor_is_one_where_the_statement_itself_fails():
    """Such a witness shows nothing of the twin."""
    wrong = replace(JENSEN, sides=lambda setting: Sides(Estimate.exact(2.0), Estimate.exact(1.0)))
    [found] = check_twins(replace(wrong, twins=(make.scaled(0.99, here, "nothing"),)))
    assert found.check.verdict == found.whole.verdict == "no"
    assert not found.refuted


def test_a_dropped_hypothesis_is_refuted_where_the_statement_says_nothing():
    def short(setting: Setting) -> None:
        if setting.length > 2:
            raise HypothesisError("too long")

    def sides(setting: Setting) -> Sides:
        return Sides(Estimate.exact(float(setting.length)), Estimate.exact(2.0))

    about = replace(JENSEN, sides=sides, requires=short)
    [found] = check_twins(replace(about, twins=(make.beyond("long too", make.anywhere, here, "short alone"),)))
    assert found.whole is None
    assert found.refuted
    assert found.violation == Estimate.exact(1.0)
    assert twins_frame([found])["itself"].tolist() == ["says nothing"]


def test_a_violation_of_sampled_sides_is_what_their_intervals_leave_open():
    def sides(setting: Setting) -> Sides:
        return Sides(
            Estimate(3.0, 2.5, 3.5, level=0.99, kind="estimate", count=10),
            Estimate(1.0, 0.75, 1.25, level=0.99, kind="estimate", count=20),
        )

    [found] = check_twins(replace(JENSEN, twins=(make.claiming("sampled", sides, here, "intervals"),)))
    assert found.violation == Estimate(2.0, 1.25, 2.75, level=0.98, kind="estimate", count=20)

    def one_sided(setting: Setting) -> Sides:
        return Sides(Estimate(3.0, 3.0, 3.0, level=1.0, kind="lower bound", count=0), Estimate.exact(1.0))

    [found] = check_twins(replace(JENSEN, twins=(make.claiming("one-sided", one_sided, here, "at least"),)))
    assert found.violation.kind == "lower bound"


def test_the_table_has_a_row_a_twin():
    found = check_twins(JENSEN)
    table = twins_frame(found)
    assert tuple(table.columns) == TWINS
    assert table["broken"].tolist() == [str(each) for each in JENSEN.twins]
    assert set(table["refuted"]) == {"yes"}
    assert set(table["kind"]) == {"exact"}
    full = twins_frame(found, digits=None)
    assert float(full["violation"][0]) == found[0].violation.value
    assert "refuted: yes" in found[0]._repr_html_()
