"""Samplers whose steps are completed to the language: not ranked by SER, and told apart by their laws."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from mdmtheory.plots.board import leaderboard
from mdmtheory.report.budgets import budget_section
from mdmtheory.report.entries import entries
from mdmtheory.report.held import held_section
from mdmtheory.report.ranking import frontier, ranks, standings
from mdmtheory.sweeps.choices import is_held
from tests.report.frames import around, cell, frame_of

HELD = "ancestral:constrained=true"
NAMES = {"parity": "parity"}


@pytest.fixture(scope="module")
def frame():
    bound = {"ancestral": (1.02, 1.019, 1.021, "upper bound"), HELD: (1.01, 1.009, 1.011, "upper bound")}
    cells = [
        cell("parity", sampler, steps, calls=steps, ser=ser, ter_ratio=bound[sampler])
        for sampler, ser in (("ancestral", around(0.5)), (HELD, (0.0, 0.0, 0.0018)))
        for steps in (4, 16)
    ]
    return frame_of(cells)


def test_they_are_ranked_by_kl_and_not_by_ser(frame):
    found = entries(frame)
    assert found["held"].tolist() == [is_held(each) for each in found["sampler"]]
    assert found["held"].sum() == 2
    assert set(standings(found, "ser", [16])["entrant"]) == set(frontier(found, "ser")["entrant"]) == {"ancestral"}
    assert ranks(found, "ser")[found["held"]].isna().all()
    assert set(frontier(found, "kl")["entrant"]) == {HELD}
    assert f"0 by construction, and not ranked: `{HELD}`." in budget_section(found, 16, NAMES)


def test_their_section_has_what_is_right_of_the_plain_sampler(frame):
    section = held_section(entries(frame), NAMES)
    lines = [line for line in section.splitlines() if line.startswith("| ") and "| 16 |" in line]
    assert [line.split(" | ")[0] for line in lines] == ["| `ancestral`", "| `ancestral` if right", f"| `{HELD}`"]
    length = int(frame["length"].iloc[0])
    left = length * math.log(1.02) + math.log(0.5)
    assert f"≤ {left:.3f} ± " in lines[1]
    assert lines[1].endswith("(32) |")
    assert held_section(entries(frame[frame["sampler"] != HELD]), NAMES) == ""


def test_figures_leave_them_out(frame):
    assert set(leaderboard(frame)["sampler"]) == {"ancestral"}
    with pytest.raises(ValueError, match="there are no rows"):
        leaderboard(frame[frame["sampler"] == HELD])


def test_only_what_is_built_in_is_held():
    said = [HELD, "stride:constrained=true,temperature=0.5", "ancestral", "ancestral:constrained=false", None]
    assert [is_held(each) for each in [*said, "mine:Own:constrained=true", "not a name at all"]] == [
        True, True, False, False, False, False, False,
    ]  # fmt: skip
    assert not pd.isna(is_held(float("nan")))
