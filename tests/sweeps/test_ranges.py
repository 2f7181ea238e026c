from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdmtheory.sweeps.ranges import PartOfLength, numbers, plain_numbers, steps_of, texts


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (64, [64]),
        ("64", [64]),
        (np.int64(64), [64]),
        ([64, "128..256"], [64, 128, 256]),
        (range(1, 4), [1, 2, 3]),
        ("64..2048", [64, 128, 256, 512, 1024, 2048]),
        ("64..100", [64, 100]),
        ("64..64", [64]),
        ("16, 64 ,256", [16, 64, 256]),
        ("1..256:9", [1, 2, 4, 8, 16, 32, 64, 128, 256]),
        ("64..2048:2", [64, 2048]),
        ("8,4..8,8", [8, 4]),
    ],
)
def test_numbers_are_read_as_the_command_line_says(given, expected):
    assert numbers(given, "steps") == expected


def test_a_geometric_range_has_nearly_equal_ratios_and_both_ends():
    found = numbers("64..2048:9", "steps")
    assert len(found) == 9
    assert (found[0], found[-1]) == (64, 2048)
    assert np.allclose(np.diff(np.log(found)), np.log(32) / 8, atol=0.01)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("0", "must be 1 or more"),
        (-3, "must be 1 or more"),
        ("0..8", "must be 1 or more"),
        ("128..64", "runs backwards"),
        ("64..2048:1", "asks for 1 points"),
        ("4..6:9", "asks for 9 points; ask for 2 to 3"),
        ("64...2048", "not a whole number or a range"),
        ("64..", "not a whole number or a range"),
        ("", "not a whole number or a range"),
        ("64,,128", "not a whole number or a range"),
        ("1e3", "not a whole number or a range"),
        (1.5, "not a whole number"),
        (True, "not a whole number"),
        (None, "not a whole number"),
        ([], "empty list"),
    ],
)
def test_bad_numbers_are_refused_in_one_line(given, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        numbers(given, "length")
    assert "\n" not in str(caught.value)


def test_steps_may_follow_the_length():
    assert steps_of("16,L/4,L") == [16, PartOfLength(4), PartOfLength(1)]
    assert steps_of("2L,3L/4, 2L / 3") == [PartOfLength(1, 2), PartOfLength(4, 3), PartOfLength(3, 2)]
    assert [str(each) for each in steps_of("2L,3L/4,L,L/4,16")] == ["2L", "3L/4", "L", "L/4", "16"]
    assert [each.at(10) for each in (PartOfLength(4), PartOfLength(1), PartOfLength(4, 3))] == [2, 10, 7]
    assert PartOfLength(4, 3).rounding(10) == "3L/4 at length 10 is 7, from 7.5"
    assert PartOfLength(4, 3).rounding(12) is None
    assert PartOfLength(2, 3).at(1) == 1
    with pytest.raises(ValueError, match="L/4 at length 3 is below 1"):
        PartOfLength(4).at(3)
    with pytest.raises(ValueError, match="divides by zero"):
        steps_of("L/0")
    with pytest.raises(ValueError, match="'0L' is zero"):
        steps_of("0L")
    for wrong in ("L*2", "L2", "-L", "L/4/2"):
        with pytest.raises(ValueError, match=r"write 64, .* L/4 or 2L"):
            steps_of(wrong)


def test_seeds_are_listed_not_doubled():
    assert plain_numbers("0,1,5", "seed") == [0, 1, 5]
    with pytest.raises(ValueError, match="list its numbers"):
        plain_numbers("0..9", "seed")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("hmm", ["hmm"]),
        ("hmm,parity", ["hmm", "parity"]),
        ("ngram:order=2,seed=1", ["ngram:order=2,seed=1"]),
        (
            "hmm:states=4, seed=1,parity,ngram:order=3,prune=1.5",
            ["hmm:states=4,seed=1", "parity", "ngram:order=3,prune=1.5"],
        ),
        (["hmm:states=4,seed=1", "parity"], ["hmm:states=4,seed=1", "parity"]),
        ("hmm,hmm", ["hmm"]),
        ("dir/a.npz,hmm:seed=2", ["dir/a.npz", "hmm:seed=2"]),
    ],
)
def test_lists_split_between_specs_and_not_inside_them(given, expected):
    assert texts(given, "lang") == expected


@pytest.mark.parametrize("given", [None, [], "", "hmm,,parity", 3, [None]])
def test_bad_lists_of_names_are_refused_in_one_line(given):
    with pytest.raises(ValueError, match="lang") as caught:
        texts(given, "lang")
    assert "\n" not in str(caught.value)


@pytest.mark.refutes("1.8")
@given(first=st.integers(1, 60), more=st.integers(1, 400), data=st.data())
def test_a_range_has_as_many_numbers_as_are_asked_for(first, more, data):
    points = data.draw(st.integers(2, more + 1))
    found = numbers(f"{first}..{first + more}:{points}", "length")
    assert len(found) == points
    assert (found[0], found[-1]) == (first, first + more)
    assert all(a < b for a, b in pairwise(found))
    rounded = [round(first * (1 + more / first) ** (k / (points - 1))) for k in range(points)]
    if len(set(rounded)) == points:
        assert found == rounded


@pytest.mark.refutes("1.8")
def test_a_dense_range_takes_the_next_free_numbers():
    assert numbers("1..20:15", "steps") == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 20]
    assert numbers("1..5:5", "steps") == [1, 2, 3, 4, 5]
    assert numbers("64..2048:9", "steps") == [64, 99, 152, 235, 362, 558, 861, 1328, 2048]
