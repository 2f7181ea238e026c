"""What ties that go to the lowest position change is shown, and competes nowhere."""

from __future__ import annotations

import pandas as pd
import pytest

from mdmtheory.report.page import Contents, page, ranked_entries
from mdmtheory.report.ties import ties_section, without_twins
from mdmtheory.sweeps.ranges import steps_of
from tests.report.frames import around, cell, frame_of, small_frame

BOUND = "upper bound"
NAMES = {"parity": "parity", "ngram:order=2": "2-gram"}


def ratio(value: float, half: float = 0.001, kind: str = "estimate") -> tuple[float, float, float, str]:
    return value, value - half, value + half, kind


def twins(
    language: str = "parity",
    ser: tuple[float, float] = (0.5, 0.5),
    kl: tuple[float, float] = (1.1, 1.1),
    kind: str = BOUND,
    sampler: str = "confidence",
    **more: object,
) -> list[list[dict[str, object]]]:
    """A cell with random ties and the same with `ties=lowest`: their SER and their ratios of TERs."""
    lowest = f"{sampler}{',' if ':' in sampler else ':'}ties=lowest"
    return [
        cell(language, sampler, ser=around(ser[0]), ter_ratio=ratio(kl[0], kind=kind), **more),
        cell(language, lowest, ser=around(ser[1]), ter_ratio=ratio(kl[1]), **more),
    ]


def section(*cells: list[list[dict[str, object]]]) -> str:
    whole, _ = ranked_entries(frame_of([each for pair in cells for each in pair]))
    return ties_section(whole, NAMES)


@pytest.mark.parametrize(
    ("pair", "columns"),
    [
        (twins(ser=(0.2, 0.5)), "1 | 0 | 0 | 0"),
        (twins(ser=(0.5, 0.2)), "0 | 1 | 0 | 0"),
        (twins(kl=(1.1, 1.2)), "0 | 0 | 1 | 0"),
        (twins(kl=(1.2, 1.1), kind="estimate"), "0 | 0 | 0 | 1"),
        (twins(ser=(0.5, 0.51), kl=(1.1, 1.101)), "0 | 0 | 0 | 0"),
        (twins(kl=(1.2, 1.1)), "0 | 0 | 0 | 0"),
    ],
)
def test_cells_differ_where_intervals_are_disjoint_and_a_bound_alone_says_nothing_from_above(pair, columns):
    text = section(pair)
    assert f"| parity | 64 | 1 | {columns} |" in text
    assert f"Of 1 cells measured both ways {int(columns == '0 | 0 | 0 | 0')} do not differ" in text
    assert ("<details>" in text) == (columns != "0 | 0 | 0 | 0")


def test_what_differs_is_shown_beside_each_other_with_kind_and_calls():
    text = section(twins("ngram:order=2", ser=(0.2, 0.5), calls=15.5))
    bound, exact = "≤ 6.100 ± 0.058", "6.100 ± 0.058"
    assert f"| `confidence` | 16 steps | 15.5 | 15.5 | 0.200 ± 0.020 | 0.500 ± 0.020 | {bound} | {exact} |" in text
    assert "<summary>2-gram, 64 tokens: 1 of 1 cells differ</summary>" in text


def test_rules_without_a_budget_have_twins_too():
    cells = [
        cell("parity", f"threshold:tau={tau}{ties}", None, ser=around(error))
        for tau in (0.5, 0.9)
        for ties, error in (("", 0.2), (",ties=lowest", 0.4))
    ]
    text = section(cells)
    assert "| `threshold:tau` | tau=0.5 |" in text
    assert "| `threshold:tau` | tau=0.9 |" in text


def test_twins_compete_nowhere_and_are_in_no_figure():
    frame = pd.concat([small_frame(), frame_of(twins(ser=(0.2, 0.0), steps=32))], ignore_index=True)
    _, ranked = ranked_entries(frame)
    assert "confidence" in set(ranked["entrant"])
    assert "confidence:ties=lowest" not in set(ranked["entrant"])
    text = page(Contents(frame, ranked_entries(frame), "mdmtheory leaderboard", steps_of("L/4,L/2")))
    before, _, after = text.partition("\n## Ties\n")
    assert "ties=lowest`" not in before.partition("## 64 tokens")[2]
    assert "ties=lowest`" not in after.partition("## What is not there")[2]
    assert "| parity | 64 | 1 | " in after
    kept = without_twins(frame)
    assert "confidence:ties=lowest" not in set(kept["sampler"])
    assert len(kept) == len(frame) - 2


def test_the_lowest_position_alone_competes_like_any_other():
    frame = frame_of([cell("parity", "confidence:ties=lowest", ser=around(0.2)), cell("parity", ser=around(0.5))])
    assert len(without_twins(frame)) == len(frame)
    whole, ranked = ranked_entries(frame)
    assert set(ranked["entrant"]) == {"ancestral", "confidence:ties=lowest"}
    assert ties_section(whole, NAMES) == ""
