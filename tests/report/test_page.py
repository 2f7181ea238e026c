from __future__ import annotations

import math
import re
from typing import Any

import pandas as pd
import pytest

from mdmtheory.report.page import Contents, budgets_at, page, ranked_entries
from mdmtheory.report.summary import summary
from mdmtheory.report.text import number, table
from mdmtheory.sweeps.ranges import steps_of
from tests.report.frames import around, cell, frame_of, small_frame

BUDGETS = steps_of("L/4,L/2,L")


def contents_of(frame: pd.DataFrame, command: str, **more: Any) -> Contents:
    return Contents(frame, ranked_entries(frame), command, BUDGETS, **more)


def written(*more: list[dict[str, object]]) -> str:
    frame = small_frame()
    if more:
        frame = pd.concat([frame, frame_of(more)], ignore_index=True)
    return page(
        contents_of(
            frame, "mdmtheory leaderboard mine.toml", figures={"a figure": ("leaderboard/a.png", "What it shows.")}
        )
    )


def section(text: str, title: str) -> str:
    return re.split(r"\n##+ ", text.partition(f"# {title}\n")[2])[0]


def lines_of(text: str, first: str) -> list[list[str]]:
    """The rows of all tables whose first cell is `first`, cell by cell."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return [row for row in rows if row[0] == f"`{first}`"]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((0.297, 0.278, 0.318), "0.297 ± 0.021"),
        ((0.0, 0.0, 0.0037), "0.0000 ± 0.0037"),
        ((123.4, 110.0, 130.0), "123 ± 13"),
        ((1.23456789, 1.23456788, 1.2345679), "1.2346"),
        ((float("inf"),) * 3, "∞"),
        ((float("nan"),) * 3, ""),
    ],
)
def test_numbers_have_two_digits_of_their_half_width(numbers, expected):
    assert number(*numbers) == expected


def test_signs_and_bounds_are_shown():
    assert number(-0.1, -0.12, -0.08, signed=True) == "−0.100 ± 0.020"
    assert number(0.1, 0.08, 0.12, signed=True) == "+0.100 ± 0.020"
    assert number(0.0, 0.0, 0.0, signed=True) == "0"
    assert number(-0.00001, -0.002, 0.002) == "0.0000 ± 0.0020"
    assert number(0.1, 0.08, 0.12, "upper bound") == "≤ 0.100 ± 0.020"


def test_a_table_keeps_its_columns_whatever_stands_in_it():
    assert table(["a", "b"], [["x|y", "1"]]).splitlines() == ["| a | b |", "| :-- | --: |", "| x\\|y | 1 |"]


def test_a_budget_names_numbers_calls_and_the_separated_best():
    at_16 = section(written(), "At most 16 calls")
    rows = lines_of(at_16, "confidence")
    assert rows[0] == ["`confidence`", "1.0", "**0.150 ± 0.020** (16)"]
    assert lines_of(at_16, "ancestral")[0] == ["`ancestral`", "2.0", "0.600 ± 0.020 (16)"]
    assert "Every cell needs more calls: `ar`." in at_16
    # A table of the 2-gram and one of parity, of each kind.
    kl, parts = lines_of(at_16, "ancestral")[2::2]
    assert "≤ " in kl[2]
    # Neither part is a score: no rank.
    assert parts[1].startswith("0.916 ± 0.051 / ≤ 0")
    assert "No log p: `remdm-cap, δ=0.001`." in at_16


def test_an_excess_is_bold_where_entropy_is_proven_lost_and_has_no_rank():
    more = [
        cell("parity", name, 16, calls=16, ser=around(0.1), cross_entropy=around(63 / 64 * math.log(2) + excess))
        for name, excess in (("margin", -0.1), ("entropy", 0.1), ("fixed", -0.01))
    ]
    at_16 = section(written(*more), "At most 16 calls")
    assert ["`margin`", "**−0.100 ± 0.020** (16)"] in lines_of(at_16, "margin")
    assert ["`entropy`", "+0.100 ± 0.020 (16)"] in lines_of(at_16, "entropy")
    assert ["`fixed`", "−0.010 ± 0.020 (16)"] in lines_of(at_16, "fixed")


def test_no_number_is_bold_where_intervals_overlap():
    close = cell("parity", "margin", 16, calls=16, ser=around(0.16))
    rows = lines_of(section(written(close), "At most 16 calls"), "confidence")
    assert "0.150 ± 0.020 (16)" in [text for row in rows for text in row]


def test_worse_and_better_than_random_order_are_said():
    found = section(written(), "Worse or better than random order")
    assert lines_of(found, "remdm-cap, δ=0.001") == [["`remdm-cap, δ=0.001`", "3 worse of 3"]] * 2
    assert lines_of(found, "confidence") == [["`confidence`", "3 better of 3"]] * 2


def test_frontiers_name_their_calls():
    rows = [
        line for line in section(written(), "Who stands on the frontier").splitlines() if line.startswith("| parity")
    ]
    assert rows[0].split(" | ")[1] == "`confidence` 16 32, `ar` 64"


def test_several_trusts_have_a_table_and_one_is_ranked():
    more = [
        cell("parity", "remdm-cap", 16, denoiser=f"oracle:trust={trust}", ser=around(error))
        for trust, error in ((0.9, 0.95), (0.99, 0.93))
    ]
    text = written(*more)
    ser, _ = lines_of(section(text, "Correction against δ"), "remdm-cap")
    assert ser[4:] == ["0.900 ± 0.020", "0.930 ± 0.020", "0.950 ± 0.020"]
    assert "δ=0.1`" not in section(text, "At most 16 calls")


def test_what_is_missing_has_its_reason():
    gaussian = cell(
        "parity", None, 16, model="gaussian", calls=16, ser=around(0.5), ter_ratio=(1.1, 1.0, 1.2, "upper bound")
    )
    foreign = cell("permutation:items=64", steps=16, calls=16, ser=around(0.5))
    short = cell("hmm:states=4,vocab_size=3", steps=16, calls=16, ser=around(0.5), length=32)
    withheld = cell("parity", "draw_confidence", 16, calls=16, ser=around(0.99), cross_entropy=(float("nan"),) * 3)
    withheld[1]["kind"] = "withheld (1 right of 1000 drawn, 2 give an interval)"
    missing = section(written(gaussian, foreign, short, withheld), "What is not there, and why")
    assert "- `remdm-cap`: no log p; sampler remdm-cap:eta=0.05 may change tokens" in missing
    assert "withheld (1 right of 1000 drawn, 2 give an interval) in 1 cells" in missing
    assert "- `remdm-cap, δ=0.001`, length 64: permutation; not run here" in missing
    assert "- length 32: parity, 2-gram, permutation; not run here" in missing
    assert re.search(r"- `gaussian`, length 64: [^;]*permutation; .*(evidence|noise)", missing)


def test_the_page_says_what_it_is_made_of():
    text = written()
    assert "Made by `mdmtheory leaderboard mine.toml`" in text
    assert "20 cells of 1,000 sequences, seed 0; intervals of 95 %." in text
    assert "![a figure](leaderboard/a.png)\n\n*What it shows.*" in text
    assert "nan" not in text.lower().replace("determinant", "")
    assert text.count("<details>") == text.count("</details>")


def test_every_table_has_as_many_cells_as_heads():
    width = None
    for line in written().splitlines():
        if not line.startswith("|"):
            width = None
            continue
        count = line.replace("\\|", "").count("|")
        assert width in (None, count), line
        width = count


def test_the_order_of_the_rows_and_another_run_change_no_byte():
    frame = small_frame()
    contents = [contents_of(each, "x") for each in (frame, frame.copy())]
    assert page(contents[0]) == page(contents[1])


def test_budgets_are_parts_of_each_length():
    assert budgets_at(BUDGETS, 64) == [16, 32, 64]
    assert budgets_at(steps_of("L,8,64"), 64) == [8, 64]
    with pytest.raises(ValueError, match="budgets hold L/4, which is less than a call at length 3"):
        budgets_at(BUDGETS, 3)


def test_a_frame_without_an_ser_is_refused():
    with pytest.raises(ValueError, match="there is no SER of these cells to rank"):
        ranked_entries(frame_of([cell(ter=(2.0, 1.9, 2.1))]))
    with pytest.raises(ValueError, match="there is no SER"):
        ranked_entries(frame_of([]))


def test_the_summary_has_a_row_for_each_budget_and_sampler():
    found = summary(ranked_entries(small_frame())[1], BUDGETS)
    assert len(found) == 3 * 4
    first = found.iloc[0]
    assert (first["length"], first["budget"], first["sampler"]) == (64, 16, "confidence")
    assert (first["languages"], first["ser_frontiers"], first["mean_rank"]) == (2, 2, 1.0)
    assert found[found["sampler"] == "remdm-cap, δ=0.001"]["kl_frontiers"].isna().all()


BEST_ON_PARITY = [
    ("confidence", "0.150 ± 0.020", 16),
    ("confidence", "0.100 ± 0.020", 32),
    ("ar", "0.0000 ± 0.0040", 64),
]


def test_the_best_come_first_with_the_fewest_calls():
    rows = [row for row in section(written(), "The best for their calls").splitlines() if row.startswith("| parity")]
    cells = ["parity", *(f"`{name}`: {ser} ({calls})" for name, ser, calls in BEST_ON_PARITY)]
    assert rows == [f"| {' | '.join(cells)} |"]


def test_of_equally_good_samplers_the_one_of_fewest_calls_is_first():
    text = section(written(cell("parity", "margin", 16, calls=12, ser=around(0.14))), "The best for their calls")
    assert "| parity | `margin`, `confidence`: 0.140 ± 0.020 (12) |" in text


def test_contents_lead_to_every_heading_and_long_tables_are_folded():
    text = written()
    linked = re.findall(r"^- \[(.+)\]\(#(.+)\)$", text, flags=re.MULTILINE)
    assert [title for title, _ in linked] == re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert ("What is not there, and why", "what-is-not-there-and-why") in linked
    shown = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    assert "### Who stands on the frontier\n\n| sampler |" in shown
    assert "**0.150 ± 0.020**" not in shown  # the tables of a budget


def test_the_figures_that_matter_stand_first_with_what_they_are_for():
    frame = small_frame()
    figures = {name: (f"leaderboard/{name}.png", f"caption of {name}") for name in ("cost", "rounds", "entropy")}
    text = page(contents_of(frame, "mdmtheory leaderboard", figures=figures))
    first = section(text, "What to see")
    assert [name for name in figures if f"![{name}]" in first] == ["cost", "entropy"]
    for name in figures:
        assert text.count(f"![{name}](leaderboard/{name}.png)") == 1
        assert text.count(f"caption of {name}") == 1


def test_a_page_ends_with_the_works_that_it_is_from():
    text = written()
    frame = small_frame()
    end = text.partition("\n## References\n")[2]
    assert end
    assert "\n## " not in end
    lines = [line for line in end.splitlines() if line.startswith("- ")]
    assert [
        line for line in lines if "*MaskGIT: Masked Generative Image Transformer*" in line and "`confidence`" in line
    ]
    assert [line for line in lines if "arXiv:2503.00307" in line and "`remdm-cap`" in line]
    names = set(re.findall(r"`([\w-]+)`", "\n".join(lines)))
    assert {each.partition(":")[0] for each in frame["sampler"].dropna()} - {""} <= names
    assert "stride" not in names


def test_what_is_not_built_in_is_not_looked_up_for_the_works_of_a_page():
    text = written(cell(sampler="no_such_package:Sampler", ser=around(0.3)))
    above, _, below = text.partition("\n## References\n")
    assert "no_such_package" in above
    assert "no_such_package" not in below
