"""Languages that people write down: CSV tables, JSON, and .npz files of plain arrays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import mdmtheory as mt
from mdmtheory.languages.written import read_law

WEATHER = {
    "initial": [0.25, 0.75],
    "transition": [[0.5, 0.5], [0.125, 0.875]],
    "emission": [[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]],
}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (".5,.5\n1/8,7/8\n", ""),
        ("0.5 0.5\n0.125 0.875", ""),
        ("0,5;0,5\n0,125;0,875\n", ""),
        ("# rain, sun\n\n0.5\t0.5\n0.125\t0.875\n", ""),
        ("rain,sun\n.5,.5\n.125,.875\n", "the first line taken for names"),
        (",0,1\n0,.5,.5\n1,.125,.875\n", "the first line and the first column taken for names"),
        ("state,rain,sun\nrain,.5,.5\nsun,.125,.875\n", "the first line and the first column taken for names"),
        ('"a, b",.5,.5\nc,.125,.875\n', "the first column taken for names"),
    ],
)
def test_tables_are_read_with_any_separator_and_names_are_told(text, names):
    Path("t.csv").write_text(text)
    table, told = read_law("t.csv")
    assert table.tolist() == WEATHER["transition"]
    assert told == (names and f"t.csv: {names}")


def test_numbers_in_their_order_are_names():
    Path("t.csv").write_text("0,1,2\n1,0,0\n0,.5,.5\n")
    assert read_law("t.csv")[0].tolist() == [[1, 0, 0], [0, 0.5, 0.5]]
    Path("t.csv").write_text("1,.5,.5\n2,.25,.75\n3,0,1\n")
    assert read_law("t.csv")[0].tolist() == [[0.5, 0.5], [0.25, 0.75], [0, 1]]
    Path("t.csv").write_text("0,1\n1,0\n")
    assert read_law("t.csv")[0].tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b\n.5,.5\n.5,.25\n", "t.csv, line 3, sums to 0.75; it must sum to 1"),
        (".5,.5\n1.5,-.5\n", "t.csv, line 2,[1] is -0.5; probabilities must be 0 or more"),
        (".5,.5\nnan,.5\n", "line 2,[0] is nan"),
        (".5,.5\n.5\n", "t.csv, line 2 has 1 numbers, and line 1 has 2"),
        (".5,.5\n.5,half\n", "t.csv, line 2: 'half' is no number; write a probability, as 0.25 or 1/4"),
        (".5,.5\n.5,1/0\n", "'1/0' is no number"),
        ("\n# nothing\n", "t.csv is empty"),
        ("a,b\n", "t.csv has one line, of names"),
        (f".5,.5\n.{'5' * 200_000},.5\n", "t.csv, line 2 is no CSV: field larger than field limit"),
    ],
)
def test_a_table_that_is_none_is_refused_with_its_line(text, reason):
    Path("t.csv").write_text(text)
    with pytest.raises(ValueError, match=".") as error:
        read_law("t.csv")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_json_and_plain_arrays_are_the_language_of_the_same_numbers():
    q = mt.HMM(**WEATHER)
    Path("q.json").write_text(json.dumps({"kind": "hmm", **WEATHER}))
    Path("unsaid.json").write_text(json.dumps(WEATHER))
    np.savez("q.npz", **WEATHER)
    np.savez("single.npz", **{name: np.array(each, np.float32) for name, each in WEATHER.items()})
    np.savez("whole.npz", initial=[1, 0], transition=[[0, 1], [1, 0]], emission=[[1, 0], [0, 1]])
    for name in ("q.json", "unsaid.json", "q.npz", "single.npz"):
        assert mt.load_language(name) == mt.as_language(name) == q, name
    assert repr(mt.load_language("q.json")) == "load_language('q.json')"
    assert mt.load_language("whole.npz").sample(1, 4, seed=0).tolist() == [[0, 1, 0, 1]]
    Path("pairs.json").write_text('{"kind": "equal_pairs", "vocab_size": 3}')
    assert mt.load_language("pairs.json") == mt.EqualPairs(vocab_size=3)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_an_ngram_is_a_table_with_a_row_for_each_context(order):
    q = mt.NGram.random(order=order, vocab_size=3, seed=0)
    arrays = {"initial": q.initial.reshape(-1).tolist(), "conditional": q.conditional.reshape(-1, 3).tolist()}
    Path("q.json").write_text(json.dumps(arrays))
    assert mt.load_language("q.json") == q
    np.savez("q.npz", **q.parameters())
    assert mt.load_language("q.npz") == q


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({**WEATHER, "initial": [0.5, 0.25]}, "holds no language: initial sums to 0.75"),
        ({**WEATHER, "initial": ["0.5", "0.5"]}, "initial in q.json is no list of numbers"),
        ({**WEATHER, "initial": None}, "initial in q.json is no list of numbers"),
        ({**WEATHER, "emission": [[1.0], [0.5, 0.5]]}, "emission in q.json has rows of different lengths"),
        (
            {"initial": [1.0]},
            "holds initial, which is no language; languages are of addition: digits, addends, joint, chained; affine",
        ),
        ({"kind": "hmm", "initial": [1.0]}, "holds initial; the kind hmm has initial, transition, emission"),
        ({"kind": "ngrams"}, "holds nothing of the kind 'ngrams', which is no language"),
        ({"kind": ["hmm"]}, "holds nothing of the kind"),
        ({"kind": "equal_pairs", "vocab_size": 2.5}, "vocab_size is 2.5; give a whole number from 1"),
        ({"kind": "equal_pairs", "vocab_size": float("inf")}, "vocab_size is inf; give a whole number from 1"),
        ({"kind": "equal_pairs", "vocab_size": float("nan")}, "vocab_size is nan; give a whole number from 1"),
        ({"kind": "equal_pairs", "vocab_size": [2, 3]}, "give a whole number from 1"),
        ({"kind": "ngram", "initial": [1.0], "conditional": [[1, 0]] * 3}, "conditional has 3 rows of 2 tokens"),
        ([], "holds a list; write"),
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_json_that_is_no_language_is_refused_in_one_line(content, reason):
    Path("q.json").write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ValueError, match=".") as error:
        mt.load_language("q.json")
    assert str(error.value).startswith(("q.json", "initial in q.json", "emission in q.json"))
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_who_names_a_wrong_file_learns_how_one_is_made():
    Path("t.csv").write_text("1")
    np.savez("other.npz", other=np.ones(3))
    for name in ("t.csv", "missing.csv", "missing.npz", "missing.json", "other.npz", "folder/q"):
        with pytest.raises(ValueError, match="language new hmm --initial I.csv --transition T.csv"):
            mt.as_language(name)
