"""Nothing is lost, wrong, unclear or hung: a few cases of every group, each time; `make faults` tries them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.groups import ALL, FEW, Bench
from tests.faults.host import Host, Line
from tests.faults.judging import Tally, Whole, judge_rows, judge_shown


def tried(name: str, host: Host, whole: Whole, shim: Path, folder: Path) -> Tally:
    cases = folder / "cases"
    cases.mkdir()
    return FEW[name](Bench(host, lambda: Host(shim, folder / "cold", compiled=False), whole, cases))


def test_every_group_is_tried_here_and_in_full():
    assert list(FEW) == list(ALL)


UNHARMED = [
    "kill -9",
    "power cuts of sweeps",
    "limits",
    "a read-only folder",
    "sweeps at once",
    "corruption of version 1",
]
"""What the store stood before too."""


@pytest.mark.parametrize("name", [name for name in FEW if name in UNHARMED])
def test_nothing_comes_of(name, host, whole, shim, tmp_path):
    tally = tried(name, host, whole, shim, tmp_path)
    assert tally.tried
    assert tally.troubles == []


@pytest.mark.refutes("6")
@pytest.mark.parametrize("name", [name for name in FEW if name not in UNHARMED])
def test_nothing_comes_any_more_of(name, host, whole, shim, tmp_path):
    tally = tried(name, host, whole, shim, tmp_path)
    assert tally.tried
    assert tally.troubles == []


# ---------------------------------------------------------------------------------------- and what would be found out


def test_rows_that_are_lost_wrong_or_leave_gaps_are_counted(whole):
    rows = sorted(whole.rows)
    tally = Tally("")
    acknowledged = {rows[0][0]: 3}
    judge_rows(tally, "all", rows, whole, acknowledged)
    assert tally.troubles == []
    judge_rows(tally, "one less", rows[:2], whole, acknowledged)
    assert [len(tally.lost), len(tally.wrong)] == [1, 0]
    judge_rows(tally, "unreadable", None, whole, acknowledged)
    assert [len(tally.lost), len(tally.wrong)] == [2, 0]
    judge_rows(tally, "a gap", [rows[1]], whole, {})
    judge_rows(tally, "another", [(*rows[0][:-1], -1)], whole, {})
    assert [len(tally.lost), len(tally.wrong)] == [2, 2]


def test_a_wrong_number_on_a_page_is_counted(host, whole):
    from tests.faults.judging import show

    line = host.run(show(whole.path)).lines[0]
    tally = Tally("")
    judge_shown(tally, "as it is", line, whole.shown)
    assert tally.troubles == []
    value = whole.shown[1]["value"]
    judge_shown(tally, "changed", Line(0, line.out.replace(value, value[:-1]), ""), whole.shown)
    assert len(tally.wrong) == 1


@pytest.mark.parametrize(
    ("code", "err", "clear"),
    [
        (0, "store: a.sqlite\n", True),
        (2, "mdmtheory: error: there is no store a.sqlite\n", True),
        (0, "mdmtheory: error: there is no store a.sqlite\n", False),
        (2, "", False),
        (1, "mdmtheory: error: a fault of the program, KeyError\n", False),
        (2, "mdmtheory: error: one\nmdmtheory: error: two\n", False),
        (2, "Traceback (most recent call last):\n", False),
        (0, "a.py:1: RuntimeWarning: divide by zero\n", False),
        (None, "", False),
    ],
)
def test_what_is_clear(code, err, clear):
    assert Line(code, "", err).is_clear == clear


def test_a_child_that_does_not_end_is_found_by_its_processor_time(host):
    endless = ["language", "sample", "parity", "--length", "4096", "--count", "1000000000"]
    ended = host.run(endless, limits={"RLIMIT_CPU": 1})
    assert ended.hung


def test_the_host_has_no_limits_of_its_own(host):
    # It would be ended by its processor time in the midst of some thousand cases.
    assert all(soft == hard for soft, hard in host.limits.values()), host.limits
