"""What a row says that its sequences cost is what those sequences cost."""

from __future__ import annotations

import pytest

from mdmtheory.sweeps import cells, collect, read
from mdmtheory.sweeps.stored import stored
from tests.sweeps.versions import raise_version

GIVEN = {"lang": "parity", "length": 16, "steps": 4, "metrics": "ser,ter", "samples": 5000}


def costs(frame, metric):
    return frame[frame["metric"] == metric]["calls"].tolist()


@pytest.mark.refutes("1.5")
def test_costs_are_those_of_the_version_that_drew(tmp_path, monkeypatch):
    out = tmp_path / "store.sqlite"
    raise_version(monkeypatch, "sampler ancestral", 2)
    asked = cells(**GIVEN)
    measured = collect(asked, out=out)
    assert measured["calls"].notna().all()
    raise_version(monkeypatch, "sampler ancestral", 3)
    # Only scored by this version: what was drawn by another says nothing of what it costs.
    scored = cells(**{**GIVEN, "metrics": "ter"})
    assert collect(scored, out=out)["calls"].isna().all()
    shown = read(out)
    assert costs(shown, "ser") == costs(measured, "ser")
    assert shown[shown["metric"] == "ter"]["calls"].isna().all()
    assert stored(scored, out)["calls"].isna().all()


@pytest.mark.refutes("1.5")
def test_scores_have_no_costs_of_draws_that_errors_stopped(tmp_path):
    out = tmp_path / "store.sqlite"
    stopped = collect(cells(**GIVEN, max_errors=5), out=out)
    [own] = costs(stopped, "ser")
    assert own > 0
    assert stopped[stopped["metric"] != "ser"]["calls"].isna().all()
    collect(cells(**GIVEN), out=out)
    frame = read(out)
    drawn = frame[frame["metric"] == "ser"].sort_values("count")
    # Each row of draws shows its own; that of all, not stopped, stands beside the scores.
    assert drawn["calls"].tolist()[0] == own
    assert set(costs(frame, "ter")) == {drawn["calls"].tolist()[1]} != {own}


@pytest.mark.refutes("1.5")
def test_a_leaderboard_calls_nothing_given_up_that_was_never_drawn(tmp_path):
    from mdmtheory.report.entries import entries

    frame = collect(cells(**{**GIVEN, "metrics": "ter"}), out=tmp_path / "store.sqlite")
    assert not entries(frame)["given_up"].any()
