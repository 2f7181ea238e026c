"""The published numbers, how they are held against brackets, and the page that shows it."""

from __future__ import annotations

import itertools
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mdmtheory as mt
from mdmtheory.core.estimate import Estimate
from mdmtheory.exact.enumeration import enumerated_information_curve, joint
from mdmtheory.metrics.pricing import curve_weights
from mdmtheory.theory import statements
from paper_checks.brackets import LANGUAGES, OTHERS, continued_ser, estimate_of, excess, least_excess, plan_average
from paper_checks.claims import Claim, Number, PaperCheck, Table, plain, shown
from paper_checks.licai2025 import published_factor, size_run
from paper_checks.page import markdown, page
from paper_checks.published import IMPLIED_TER, LENGTHS, ORDERS, STEPS, Cell, ter_cells, working_steps
from paper_checks.theorems import theorem_claim
from tests.languages.small import hmms, ngrams

FOLDER = Path(__file__).parent.parent.parent / "paper_checks"


def test_the_table_has_a_cell_for_each_order_length_and_number_of_steps():
    cells = {(each.order, each.length, each.steps): each.percent for each in ter_cells()}
    assert set(cells) == set(itertools.product(ORDERS, LENGTHS, STEPS))
    # 2502.09622, read off at three places.
    assert (cells[2, 256, 64], cells[3, 1024, 512], cells[4, 1024, 2048]) == (2.72, 0.65, 0.05)


def test_a_row_that_does_not_fit_its_heads_is_refused():
    with pytest.raises(ValueError, match="has 2 values; expected one for each of 6 steps"):
        list(ter_cells("2-gram | 256 | 2.72 1.09"))


@pytest.mark.parametrize(
    ("low", "high", "standing"),
    [
        (0.0, 0.008, "above"),
        (0.009, 0.0115, "within"),
        (0.0, 0.0095, "within"),
        (0.0105, 0.02, "within"),
        (0.012, 0.02, "below"),
    ],
)
def test_a_cell_stands_outside_a_bracket_only_with_all_that_it_may_have_been_rounded_from(low, high, standing):
    # 1.0 % has 0.85 to 1.15 % behind it.
    assert Cell(2, 256, 64, 1.0).standing(low, high) == standing


def test_an_empty_bracket_is_refused():
    with pytest.raises(ValueError, match="is empty; pass low <= high"):
        Cell(2, 256, 64, 1.0).standing(0.2, 0.1)


def test_rounding_never_reaches_below_no_excess():
    assert Cell(2, 256, 2048, 0.05).low == 0
    assert Cell(2, 256, 2048, 0.05).smallest_vocabulary == 1


@given(st.one_of(ngrams(), hmms()), st.integers(1, 4), st.integers(1, 5))
def test_sampling_alone_costs_at_most_the_vocabulary_to_the_power_of_one_over_the_steps(language, length, steps):
    curve = enumerated_information_curve(joint(language, length))
    model = mt.MaskedDiffusion(mt.Oracle(language), steps=steps)
    gap = float((curve_weights(model, length) - 1) @ curve)
    assert gap / length <= math.log(language.vocab_size) / steps + 1e-12


def test_that_bound_cannot_be_halved():
    # Repetition knows everything after one token: half of the first step's is wasted, and more as the length grows.
    language = mt.Repetition(vocab_size=4)
    curve = mt.exact.information_curve(language, 40)
    ratio = plan_average(curve, 4)
    assert math.log(ratio.value) > 0.5 * math.log(4) / 4


def test_the_plan_average_is_the_weighted_sum_of_the_curve():
    language = mt.as_language(LANGUAGES[2])
    curve = mt.exact.information_curve(language, 12)
    weights = curve_weights(mt.MaskedDiffusion(mt.Oracle(language), steps=5), 12)
    found = plan_average(curve, 5)
    assert math.log(found.value) == pytest.approx((weights - 1) @ curve.values / 12, rel=1e-12)
    assert found.kind == "upper bound"


def test_the_lower_end_is_below_the_true_excess_and_the_upper_above():
    language = mt.as_language("ngram:order=2,vocab_size=3,prune=0.8,seed=1")
    length, steps = 6, 3
    q = joint(language, length)
    p = mt.exact.law(mt.MaskedDiffusion(mt.Oracle(language), steps=steps), language, length)
    true = math.expm1((mt.exact.expected_nll(p, q) - mt.exact.entropy_nats(q)) / length)
    low = least_excess(Estimate.exact(mt.exact.error_rate(p, q)), length)
    high = excess(plan_average(mt.exact.information_curve(language, length), steps))
    assert 0 < low.value < true < high.value
    assert low.kind == "lower bound"


def test_a_sampled_ser_counts_with_its_lower_end():
    found = least_excess(Estimate(0.5, 0.4, 0.6, 0.95, "estimate", 100), 10)
    assert found.value == found.low == found.high == pytest.approx(0.6**-0.1 - 1)


def test_the_growth_rate_continues_the_recursion():
    language = mt.as_language(LANGUAGES[2])
    curve = mt.exact.ser_curve(language, 256, steps=32)
    assert math.log1p(-continued_ser(language, 32)[256]) == pytest.approx(math.log1p(-curve[255]), rel=1e-11)


@pytest.mark.parametrize("order", ORDERS)
def test_the_languages_have_the_entropies_that_the_table_implies(order):
    for spec, most in ((LANGUAGES[order], 0.005), *((each, 0.015) for each in OTHERS[order])):
        ter = math.exp(mt.as_language(spec).entropy(512).value / 512)
        assert abs(ter - IMPLIED_TER[order]) < most


def test_idle_steps_are_not_counted():
    # Three positions and two steps: one step is idle in 2 of 8 plans.
    assert working_steps(3, 2) == pytest.approx(1.75)
    assert working_steps(8192, 512) == pytest.approx(512, rel=1e-6)


def test_rows_of_a_sweep_become_estimates():
    row = {"value": 0.25, "low": 0.1, "high": 0.4, "level": 0.95, "kind": "estimate", "count": 4}
    frame = pd.DataFrame([{"length": 8, "steps": 4, "metric": "ser", **row}])
    found = estimate_of(frame, 8, 4, "ser")
    assert (found.value, found.kind, found.count) == (0.25, "estimate", 4)
    with pytest.raises(ValueError, match="unpack"):
        estimate_of(frame, 8, 5, "ser")


def test_the_published_factor_is_never_below_ours_and_meets_it_at_powers_of_two():
    for size in range(1, 70):
        assert size - 1 <= published_factor(size) <= 2 * (size - 1)
        assert (published_factor(size) == size - 1) == (size & (size - 1) == 0)


def test_repetition_attains_the_sharper_bound():
    run = size_run("repetition:vocab_size=8", 33)
    assert run.gap == pytest.approx(run.sharper, rel=1e-9)
    assert run.gap < 0.6 * run.published


def test_a_theorem_that_a_setting_refutes_is_shown_as_failing():
    jensen = statements()["jensen"]
    checks = [jensen.check_setting(each) for each in list(jensen.settings())[:3]]
    claim = theorem_claim(5, "says", "published", checks)
    assert claim.verdict == "agrees"
    assert "3 of 3 settings of `jensen`" in claim.why
    broken = theorem_claim(5, "says", "published", [*checks, replace(checks[0], verdict="no", slack=-1.0)])
    assert broken.verdict == "fails"
    assert "1 of 4 settings" in broken.why


@pytest.mark.parametrize(
    ("estimate", "percent", "text"),
    [
        (Estimate.exact(0.0123), True, "1.23 % (exact)"),
        (Estimate(0.0123, 0.0123, 0.0123, 1.0, "upper bound", 0), True, "≤ 1.23 %"),
        (Estimate(0.5, 0.3, 0.6, 0.95, "lower bound", 9), False, "≥ 0.50 [0.30, 0.60]"),
        (Estimate(1.5e-8, 1.4e-8, 1.6e-8, 0.95, "estimate", 9), False, "1.5e-08 [1.4e-08, 1.6e-08]"),
    ],
)
def test_a_number_is_shown_with_its_kind(estimate, percent, text):
    assert shown(estimate, percent=percent) == text


def test_the_page_shows_every_claim_with_its_verdict():
    claims = [
        Claim("A|B holds.", "", [Number("n", Estimate.exact(2.0), unit="nats")], "fails", "because"),
        Claim("C.", "3", [], "agrees", "so"),
    ]
    check = PaperCheck("1234.56789", "Title", claims, ["Ours."], [Table("T", ("a", "b:"), [["x", "1"]])])
    text = page([check])
    assert "1 agree, 1 fail.\n" in text
    assert "| 1234.56789 | A\\|B holds. | – | n: 2 (exact) nats | **fails** |" in text
    assert "1. A|B holds. **fails**: because" in text
    assert plain(check)["claims"][0]["ours"][0]["value"] == 2.0


def test_a_table_has_its_numbers_on_the_right():
    assert markdown(["a", "b:"], [["x|y", "1"]]).splitlines() == ["| a | b |", "| --- | --: |", "| x\\|y | 1 |"]


def test_the_committed_page_has_what_the_results_say():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    results = json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))
    claims = [(each["paper"], claim) for each in results for claim in each["claims"]]
    papers = {"2502.09622", "2511.04647", "2505.21400", "2602.19619", "2410.14157", "Latent diffusion (under review)"}
    assert {paper for paper, _ in claims} == papers
    for paper, claim in claims:
        assert re.search(
            rf"^\| {re.escape(paper)} \| {re.escape(claim['says'])} .*\*\*{claim['verdict']}\*\* \|$", text, re.M
        )
        for number in claim["ours"]:
            assert number["kind"] in ("exact", "estimate", "upper bound", "lower bound")
            assert np.isfinite([number["low"], number["value"], number["high"]]).all()


def test_every_figure_of_the_committed_page_is_there():
    named = re.findall(r"!\[[^]]*\]\(([^)]+)\)", (FOLDER / "README.md").read_text(encoding="utf-8"))
    assert len(named) >= 5
    assert [name for name in named if not (FOLDER / name).exists()] == []
