"""When an ordering of a paper agrees with ours, differs, or is left open; and that the pages say what the rows say."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

import mdmtheory as mt
from paper_checks import latent2025, ye2025
from paper_checks.orderings import Ordering, Share, grouped, rows

ROOT = Path(__file__).parents[2]
HIGH, LOW, NEAR = Share(90, 100), Share(10, 100), Share(85, 100)


@pytest.mark.parametrize(
    ("published", "first", "second", "verdict"),
    [
        (5.0, [HIGH], [LOW], "agrees"),
        (-5.0, [HIGH], [LOW], "differs"),
        (5.0, [LOW], [HIGH], "differs"),
        (5.0, [HIGH], [NEAR], "cannot say"),  # the interval of the difference holds 0
        (0.0, [HIGH], [LOW], "cannot say"),  # the paper has no order
        (5.0, [HIGH], [], "cannot say"),
        (5.0, [], [], "cannot say"),
        (5.0, [HIGH, HIGH], [LOW, LOW], "agrees"),
        (5.0, [HIGH, LOW], [LOW, HIGH], "cannot say"),  # seeds disagree
        (5.0, [HIGH, NEAR], [LOW, HIGH], "cannot say"),
    ],
)
def test_an_ordering_is_decided_where_every_interval_leaves_zero_out_on_one_side(published, first, second, verdict):
    assert Ordering("a above b", published, first, second).verdict == verdict


def test_an_interval_of_a_difference_decides_and_not_two_intervals_that_overlap():
    cell = Ordering("a above b", 1, [Share(60, 100)], [Share(44, 100)])
    assert Share(60, 100).estimate.low < Share(44, 100).estimate.high
    [(_, low, _)] = cell.differences
    assert low > 0
    assert cell.verdict == "agrees"


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ("+", "agrees"),
        ("+0", "agrees"),
        ("-0", "differs"),
        ("+-", "cannot say"),
        ("00", "cannot say"),
        ("", "cannot say"),
    ],
)
def test_a_claim_of_several_cells_is_decided_where_none_is_to_the_contrary(verdicts, said):
    cells = [
        Ordering("a above b", 1.0, [{"+": HIGH, "-": LOW, "0": NEAR}[each]], [NEAR if each == "0" else Share(50, 100)])
        for each in verdicts
    ]
    claim = grouped("a above b", "", cells, [], "")
    assert claim.verdict == said
    assert claim.why.startswith(f"of {len(verdicts)} cells {verdicts.count('+')} agree, {verdicts.count('-')} differ")


def test_every_row_says_how_it_was_made_and_counts_what_it_counts():
    found = rows()
    assert list(found.columns) == [
        *("part", "system", "language", "objective", "seed", "size", "tokens", "seconds", "order", "steps"),
        *("count", "right", "result", "form", "arithmetic", "planning", "command"),
    ]
    assert not found.duplicated(["part", "system", "language", "order", "seed"]).any()
    assert (found["right"] <= found["result"]).all()
    assert (found["result"] <= found["count"]).all()
    for row in found.to_dict("records"):
        assert f"train {row['objective']} --lang {row['language']} --size {row['size']} " in row["command"]
    counted = found[found["form"].notna()]
    assert len(counted)
    assert (counted[["right", "form", "arithmetic", "planning"]].sum(axis=1) == counted["count"]).all()


def test_systems_of_a_task_learned_from_equally_many_tokens():
    found = rows().groupby(["part", "language"])["tokens"]
    assert (found.max() / found.min() < 1.02).all()


@pytest.mark.parametrize("check", [ye2025, latent2025])
def test_the_page_says_what_the_rows_say(check):
    page = (ROOT / "paper_checks" / "README.md").read_text(encoding="utf-8")
    found = check.check(Path())
    for claim in found.claims:
        assert f"{claim.says} **{claim.verdict}**: {claim.why}" in page
    for each in found.tables:
        for line in each.rows:
            assert " | ".join(cell.replace("|", "\\|") for cell in line) in page


def test_published_orders_are_the_same_at_every_number():
    table = np.array([*ye2025.PUBLISHED.values()])
    assert (np.diff(table, axis=0) <= 0).all()
    assert (np.diff(table[:, 1]) < 0).all()


def test_equal_trainings_share_a_run_and_all_of_them_have_an_objective():
    program = runpy.run_path(str(ROOT / "experiments" / "ye2025.py"))
    for scale in (program["SMALL"], program["FULL"]):
        runs = list(program["wanted"](scale))
        made = {(run.objective, run.language, run.seed, run.tokens) for run in runs}
        assert len({program["folder"](run, scale) for run in runs}) == len(made)
    assert {run.seed for run in runs if "numbers=4" in run.language} == {0, 1, 2}


def test_results_are_those_of_the_task_without_its_chain():
    right = runpy.run_path(str(ROOT / "experiments" / "ye2025.py"))["result_right"]
    language = "addition:digits=1,addends=3,chain=after"
    task = mt.as_language(language)
    said = ("3 + 0 + 6 = 09: 03", "3 + 0 + 6 = 09: 04", "3 + 0 + 6 = 08: 03")
    both = np.stack([task.parse(each) for each in said])
    assert task.in_support(both).tolist() == [True, False, False]
    assert right(language, both).tolist() == [True, True, False]
