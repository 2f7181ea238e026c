from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdmtheory.sweeps.filters import Filter

FRAME = pd.DataFrame(
    {
        "language": ["hmm", "hmm", "parity", "ngram:order=2"],
        "length": pd.array([64, 512, 64, 64], dtype="Int64"),
        "steps": pd.array([16, 64, 128, None], dtype="Int64"),
        "value": [0.5, np.nan, 0.1, 0.0],
        "prompt": [None, None, "prefix:size=8", None],
        "tag": ["a,paper1", None, "paper1", "paper10"],
        "sampler.gamma": [0.5, 1.0, np.nan, np.nan],
    }
)


def rows(text: str, frame: pd.DataFrame = FRAME) -> list[int]:
    return [int(each) for each in np.flatnonzero(Filter.parse(text).rows(frame))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('lang == "hmm" and steps >= 64 and length in (64, 512)', [1]),
        ("language != 'hmm'", [2, 3]),
        ("16 < N <= 128", [1, 2]),
        ("64 <= steps", [1, 2]),
        ("not steps == 16", [1, 2, 3]),  # what is empty is no match, and `not` turns that round
        ("steps != 16", [1, 2]),
        ("steps not in [16]", [1, 2]),
        ("steps is None", [3]),
        ("prompt is not None", [2]),
        ("value < .2 or value == 0.5", [0, 2, 3]),
        ("value > -1 and (steps == 16 or L < 100)", [0, 2, 3]),
        ('lang in ("parity", "ngram:order=2")', [2, 3]),
        ('"ngram" in lang', [3]),
        ('"m" not in lang', [2]),
        ("gamma >= 0.5", [0, 1]),
        ("sampler.gamma == 1", [1]),
        ("steps < length", [0, 1]),
        ('lang > "hmm"', [2, 3]),
        ('tag == "paper1"', [0, 2]),
        ('tag != "paper1"', [3]),
        ('tag not in ("a",)', [2, 3]),
        ('"paper1" in tag', [0, 2, 3]),
        ('lang == "hmm" ==language', [0, 1]),
    ],
)
def test_rows_that_match(text, expected):
    assert rows(text) == expected


ORDERS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
WORDS = ("hmm", "parity", "hmm:states=4", "ngram:order=2")
frames = st.lists(
    st.tuples(
        st.sampled_from(WORDS),
        st.one_of(st.none(), st.integers(-3, 3), st.integers(2**53 - 2, 2**53 + 2)),
        st.one_of(st.none(), st.floats(-2, 2), st.sampled_from([0.0, 1.0, 0.1])),
    ),
    min_size=1,
    max_size=8,
).map(
    lambda found: pd.DataFrame(found, columns=["language", "steps", "value"]).astype(
        {"language": object, "steps": "Int64", "value": "float64"}
    )
)


@st.composite
def expressions(draw: st.DrawFn, frame: pd.DataFrame, deep: int = 2) -> tuple[str, Any]:
    """A filter as text, and what pandas itself makes of it."""
    if deep and draw(st.booleans()):
        one, two = (draw(expressions(frame, deep - 1)) for _ in range(2))
        word, join = draw(st.sampled_from([("and", operator.and_), ("or", operator.or_)]))
        text, found = f"({one[0]}) {word} {two[0]}" if word == "and" else f"{one[0]} {word} ({two[0]})", None
        found = join(one[1], two[1])
        if " or " in two[0] and word == "and":
            text = f"({one[0]}) and ({two[0]})"
        return (f"not ({text})", ~found) if draw(st.booleans()) else (text, found)
    column = draw(st.sampled_from(["language", "steps", "value"]))
    if column == "language":
        values: Any = st.sampled_from(sorted(set(frame["language"])))
    else:
        values = st.integers(-3, 3) | st.sampled_from([2**53, 2**53 + 1]) if column == "steps" else st.floats(-2, 2)
    present = frame[column].notna()
    if draw(st.booleans()):
        several = draw(st.lists(values, min_size=1, max_size=3))
        found = frame[column].isin(several)
        listed = f"({', '.join(map(repr, several))},)"
        if draw(st.booleans()):
            return f"{column} not in {listed}", ~found & present
        return f"{column} in {listed}", found
    sign, value = draw(st.sampled_from(sorted(ORDERS))), draw(values)
    return f"{column} {sign} {value!r}", ORDERS[sign](frame[column], value).fillna(False).astype(bool) & present


@given(st.data(), frames)
def test_a_filter_is_what_pandas_compares(data, frame):
    text, expected = data.draw(expressions(frame))
    if expected.any():
        assert rows(text, frame) == list(np.flatnonzero(expected))
    else:
        with pytest.raises(ValueError, match="no row has"):
            Filter.parse(text).rows(frame)


REFUSED = {
    "lang = 'hmm'": "cannot be read; == compares",
    "lang == hmm": 'hmm is no column; write it in quotes if it is a text: "hmm"',
    "lang == hmm:states=4": "cannot be read",
    "langs == 'hmm'": r"there is no column 'langs' \(did you mean 'lang'\?\); known: language, length",
    "lang == 'hm'": r"no language is 'hm' \(did you mean 'hmm'\?\); there is \"hmm\", \"ngram:order=2\", \"parity\"",
    "lang != 'hm'": "no language is 'hm'",
    "lang in ('hmm', 'x')": "no language is 'x'",
    "'x' in lang": "no language is 'x'",
    "lang in (hmm,)": 'hmm stands in a list without quotes; write "hmm"',
    "lang == 3": 'language is compared with 3, and is a text; write it in quotes, as "3"',
    "steps == '64'": "steps is compared with '64', and is a number; write it without quotes",
    "'64' in steps": "steps is compared with '64'",
    "lang < steps": "language is a text and steps a number",
    "steps": "steps is compared with nothing",
    "": "cannot be read",
    "steps == L/4": 'L/4 is to be computed.*rule == "L/4"',
    "steps == None": "is None",
    "steps == True": 'write "true"',
    "steps is 64": "is goes with None alone",
    "length in 64": "in goes with a column and a list",
    "length in ()": "a list is empty",
    "64 < 512": "neither is a column",
    "steps == 64 & length == 64": "to be computed",
    "__import__('os').system('echo')": "is no comparison",
    "steps == __import__('os').getpid()": "to be computed",
    "().__class__ == 3": "no column, number or text",
    "(steps := 3) == 3": "no column, number or text",
    "[each for each in (1,)] == 1": "no column, number or text",
    "f'{1}' == lang": "no column, number or text",
    "steps == 1j": "no column, number or text",
    "lambda: 1": "is no comparison",
    "(" * 300 + "steps == 1" + ")" * 300: "cannot be read",
    "not " * 60 + "steps == 1": "nested more than 50 deep",
    "steps == 1 or " * 1000 + "steps == 1": "has 14,010 characters",
    "steps == 1" + "0" * 5000: "cannot be read",
    "steps == 17": "no row has steps == 17; steps here: 16, 64, 128",
    "steps == 16 and length == 512": "no row has length == 512 and what stands before it, which leaves 1; length here",
    "prompt is None and lang == 'parity'": 'which leaves 3; language here: "hmm", "ngram:order=2"',
    "value > 1": "value here: 0, 0.1, 0.5",
    "\0": "cannot be read",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_filter_is_said_in_one_line(text):
    with pytest.raises(ValueError, match=REFUSED[text]) as raised:
        Filter.parse(text).rows(FRAME)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 600


def test_an_option_that_two_things_have_is_asked_for_in_full():
    frame = FRAME.assign(**{"denoiser.gamma": 1.0})
    with pytest.raises(ValueError, match="write one of sampler.gamma, denoiser.gamma"):
        rows("gamma == 1", frame)
    assert rows("denoiser.gamma == 1", frame) == [0, 1, 2, 3]


def test_a_column_that_is_empty_throughout_matches_nothing():
    frame = FRAME.assign(prompt=None)
    assert rows("not prompt == 'none'", frame) == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="prompt here: nothing"):
        rows("prompt == 'none'", frame)
    with pytest.raises(ValueError, match="no rows of results"):
        rows("steps == 16", FRAME.head(0))
