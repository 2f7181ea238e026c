"""Tables for documents: what they escape, and that a row is never read as an option."""

from __future__ import annotations

import re

import pytest

from mdmtheory.cli.documents import Shown, latex_table, latex_text, markdown_table, markdown_text


def test_signs_of_latex_are_escaped():
    assert latex_text("a_b & 5% #1 {x} $y ^~\\") == r"a\_b \& 5\% \#1 \{x\} \$y \^{}\~{}\textbackslash{}"
    assert latex_text("≤ < ≥") == r"$\le$ $<$ $\ge$"


@pytest.mark.parametrize(
    ("shown", "plain", "latex"),
    [
        (Shown("≤ ", "3.07", ("3.06", "3.08")), "≤ 3.07 [3.06, 3.08]", r"$\le 3.07\ [3.06, 3.08]$"),
        (Shown("≥ ", "1e-08"), "≥ 1e-08", r"$\ge 1 \times 10^{-8}$"),
        (Shown("", "inf", None, ", cut from 1_0"), "inf, cut from 1_0", r"$\infty$, cut from 1\_0"),
    ],
)
def test_numbers_stand_in_math_mode(shown, plain, latex):
    assert (str(shown), shown.latex) == (plain, latex)


def test_a_row_that_begins_with_a_bracket_is_no_option_of_the_row_before():
    rows = [["a", "1"], ["[b]", "2"], ["*c", "3"]]
    lines = latex_table(["x_y", "n\nkind"], rows, right=[False, True], note="50 %\nmore").splitlines()
    assert lines[:2] == ["% 50 %", "% more"]
    assert r"\begin{tabular}{lr}" in lines
    assert r" & n \\" in lines
    assert r"x\_y & kind \\" in lines
    assert [line for line in lines if "b]" in line or "*c" in line] == [r"{}[b] & 2 \\", r"{}*c & 3 \\"]


def test_signs_of_markdown_are_escaped():
    assert markdown_text("a|b_*`<x>$") == r"a\|b\_\*\`\<x\>\$"
    table = markdown_table(["a|b", "n\nkind"], [["x|y", Shown("≤ ", "1", ("0", "2"))]], right=[False, True])
    assert table.splitlines() == [r"| a\|b | n kind |", "|---|---:|", r"| x\|y | ≤ 1 [0, 2] |"]


def test_a_store_is_shown_for_a_document(run):
    words = ["--length", "16", "--steps", "L/4,16", "--samples", "100", "--out", "s.sqlite", "--no-figure"]
    run("sweep", "--lang", "parity,equal_pairs:vocab_size=4", *words)
    latex = run("show", "s.sqlite", "--format", "latex", "--columns", "lang,rule,ser,ter,calls").out.splitlines()
    head, rows = latex[4:6], [line for line in latex if line.endswith(r"\\")][2:]
    assert head == [r" &  & SER (probability) & TER (perplexity per token) &  \\", latex[5]]
    assert latex[5] == r"language & rule & estimate & upper bound & calls a sequence \\"
    assert rows[0].split(" & ")[:2] == [r"equal\_pairs:vocab\_size=4", "L/4"]
    assert all(re.fullmatch(r"\$\\le [\d.]+\\ \[[\d.]+, [\d.]+\]\$", row.split(" & ")[3]) for row in rows)
    markdown = run("show", "s.sqlite", "--format", "markdown", "--columns", "lang,steps,ser").out.splitlines()
    assert markdown[2] == "| language | steps | SER (probability) estimate |"
    assert len(markdown) == 8
    long = run("show", "s.sqlite", "--format", "csv", "--columns", "metric,value,N").out.splitlines()
    assert long[0] == "metric,value,steps"
    refused = run("show", "s.sqlite", "--columns", "value")
    assert refused.code == 2
    assert "name metrics (" in refused.err
    assert "no column 'nope'" in run("show", "s.sqlite", "--columns", "nope").err
