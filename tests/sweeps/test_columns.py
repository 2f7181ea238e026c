from __future__ import annotations

import re

import pandas as pd
import pytest

from mdmtheory.core.notices import Notice
from mdmtheory.sweeps import cells, collect, read
from mdmtheory.sweeps.columns import column_named, with_options

FRAME = pd.DataFrame(columns=["language", "steps", "length", "sampler", "sampler.gamma", "sampler.k", "model.k"])


@pytest.mark.parametrize(
    ("name", "column"),
    [("lang", "language"), ("N", "steps"), ("L", "length"), ("sampler", "sampler"), ("gamma", "sampler.gamma")],
)
def test_a_column_goes_by_its_name_a_short_one_or_its_option(name, column):
    assert column_named(name, FRAME) == column_named(column, FRAME) == column


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("k", "'k' is an option in several columns; write one of sampler.k, model.k"),
        ("gama", "no column 'gama' (did you mean 'gamma'?); known: language, steps, length, sampler, sampler.gamma"),
        ("", "no column ''; known: language"),
    ],
)
def test_a_column_that_is_not_there_or_not_one_is_told(name, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        column_named(name, FRAME)


def options(**texts: list[str | None]) -> pd.DataFrame:
    count = len(next(iter(texts.values())))
    return with_options(pd.DataFrame(index=range(count)), [{k: texts[k][row] for k in texts} for row in range(count)])


def test_options_are_columns_of_numbers_or_of_texts():
    found = options(
        language=["ngram:order=3,seed=1", "ngram", "hmm", "mine"],
        prompt=["prefix:size=8", "infill:size=L/2", None, "none"],
        sampler=["entropy_bound:gamma=1", "entropy_bound:gamma=0.5", "ancestral", "a_module:Mine:greedy=true"],
    )
    assert list(found.columns) == [
        *("language.order", "language.seed", "prompt.size", "sampler.gamma", "sampler.greedy")
    ]
    assert found["language.order"].dtype == pd.Int64Dtype()
    assert found["language.order"].tolist()[:2] == [3, 2]  # what is not typed has the default of what is built in
    assert found["language.order"].isna().tolist() == [False, False, True, True]
    assert found["language.seed"].tolist()[:3] == [1, 0, 0]
    assert found["prompt.size"].fillna("-").tolist() == ["8", "L/2", "-", "-"]
    assert found["sampler.gamma"].dtype == float
    assert found["sampler.greedy"].fillna("-").tolist() == ["-", "-", "-", "true"]


def test_options_that_no_column_could_hold_are_told_or_texts():
    assert options(sampler=[f"x:a={10**30}", "x:a=1"])["sampler.a"].tolist() == [str(10**30), "1"]
    with pytest.warns(Notice, match="205 options stand in the names of these results; the first 200 are columns"):
        assert options(sampler=["x:" + ",".join(f"a{number}=1" for number in range(205))]).shape == (1, 200)
    assert options(sampler=["x:=", None]).empty


def test_rows_are_read_by_their_options(tmp_path):
    chosen = cells("parity,repetition:vocab_size=4", length=8, steps="2,4", samples=64, metrics="ser")
    collect(chosen, out=tmp_path / "s.sqlite")
    frame = read(tmp_path / "s.sqlite", metrics="ser", where="vocab_size == 4 and N > 2")
    assert frame[["language", "steps"]].to_numpy().tolist() == [["repetition:vocab_size=4", 4]]
    assert frame.attrs["digests"].keys() == {"parity", "repetition:vocab_size=4"}
    with pytest.raises(ValueError, match="no row has steps > 4; steps here: 2, 4"):
        read(tmp_path / "s.sqlite", where="steps > 4")
