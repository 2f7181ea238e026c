"""What was asked for when cells were measured stands beside them, and changes nothing of what they are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mdmtheory.core.notices import Notice
from mdmtheory.sweeps import Cell, cells, cells_of, collect, merge, read
from mdmtheory.sweeps.store import load
from tests.sweeps.forged import Forger


def parity(**changed: Any) -> list[Cell]:
    return cells("parity", **{"length": "8,16", "steps": "L/4", "samples": 64, "metrics": "ser", **changed})


def rules(path: Path, **where: Any) -> list[Any]:
    return read(path, **where).sort_values("length")["rule"].tolist()


def test_the_rule_that_made_the_steps_is_kept_and_several_of_them(tmp_path):
    out = tmp_path / "s.sqlite"
    first = collect(parity(), out=out)
    names = set(load(out).tasks)
    assert first["rule"].tolist() == rules(out) == ["L/4", "L/4"]
    collect(parity(steps="4"), out=out)
    assert rules(out, where="rule == 'L/4'") == ["L/4", "L/4,4"]
    assert rules(out, where="rule == '4'") == ["4", "L/4,4"]
    assert set(load(out).tasks) > names, "another rule for a number is the same task"
    assert len(load(out).tasks) == len(names) + 1


def test_rules_of_one_number_are_one_cell_with_both():
    assert [(each.length, each.steps, each.rule) for each in parity(steps="4,L/4,2L/4")] == [
        *((8, 4, "4,2L/4"), (8, 2, "L/4")),
        *((16, 4, "4,L/4"), (16, 8, "2L/4")),
    ]
    tables = {"lang": "parity", "length": 16, "sweep": [{"steps": "L/4"}, {"steps": 4}]}
    [cell] = cells_of(tables)
    assert cell.rule == "L/4,4"
    assert cell == cells("parity", length=16, steps=4)[0]
    assert cells("parity", length=16, model="ar")[0].rule is None


def test_what_is_rounded_is_said():
    with pytest.warns(Notice, match=re.escape("steps are rounded down: 3L/4 at length 10 is 7, from 7.5")):
        assert [each.steps for each in parity(length="10,16", steps="3L/4,2L")] == [7, 20, 12, 32]


def test_tags_add_up(tmp_path):
    out = tmp_path / "s.sqlite"
    collect(parity(), out=out, tag="paper1, draft")
    before = out.read_bytes()
    collect(parity(), out=out, tag=["draft"])
    assert out.read_bytes() == before, "nothing new was said"
    frame = collect(parity(length=8), out=out, tag="final")
    assert frame["tag"].tolist() == ["paper1,draft,final"]
    assert read(out)["tag"].tolist() == ["paper1,draft,final", "paper1,draft"]
    assert read(out, where="tag == 'final'")["length"].tolist() == [8]
    for wrong in ("a,,b", "", "a\x1b", ["a", ""]):
        with pytest.raises(ValueError, match="give words, as paper1"):
            collect(parity(), out=out, tag=wrong)


def test_metrics_that_were_asked_for_are_shown_and_all_are_there_when_named(tmp_path):
    out = tmp_path / "s.sqlite"
    collect(parity(samples=2000), out=out)
    assert set(read(out)["metric"]) == {"ser"}
    assert set(read(out, metrics="ser,cross_entropy")["metric"]) == {"ser", "cross_entropy"}
    collect(parity(samples=2000, length=8, metrics="cross_entropy"), out=out)
    found = read(out).groupby("length")["metric"].agg(list).to_dict()
    assert found == {8: ["ser", "cross_entropy"], 16: ["ser"]}


def test_when_it_was_measured_is_the_newest_of_its_chunks(tmp_path):
    out = tmp_path / "s.sqlite"
    collect(parity(length=512, steps=4, samples=130), out=out)
    [stored] = load(out).tasks.values()
    assert len(stored.chunks) == 3
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", each.date) for each in stored.chunks)
    [date] = read(out)["date"]
    assert date == max(each.date for each in stored.chunks)
    assert pd.Timestamp(date) <= pd.Timestamp.now("UTC")


def test_merging_keeps_what_was_asked_of_both(tmp_path):
    collect(parity(), out=tmp_path / "a", tag="a")
    collect(parity(steps="2,4", metrics="ser,cross_entropy", samples=2000), out=tmp_path / "b", tag="b")
    merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    found = read(tmp_path / "c", metrics="ser").set_index(["length", "steps"])[["rule", "tag"]]
    assert found.loc[(8, 2)].tolist() == ["L/4,2", "a,b"]
    assert found.loc[(16, 2)].tolist() == ["2", "b"]
    assert set(read(tmp_path / "c")["metric"]) == {"ser", "cross_entropy"}


@pytest.mark.parametrize("asked", [[], {"metrics": "ser"}, {"tags": [1]}, {"rules": [""]}, {"more": ["a"]}, None])
def test_a_label_that_says_what_nobody_asks_is_left_out_by_name(tmp_path, asked):
    out = tmp_path / "s.sqlite"
    collect(parity(length=8), out=out)
    with Forger(out) as forger:
        forged = forger.like(names={"asked": asked})
    assert "was asked for what is none" in load(out).left_out[forged.sha]
    assert json.loads(forged.label)["asked"] == asked
