from __future__ import annotations

import math

import pandas as pd

from mdmtheory.core.estimate import Estimate
from mdmtheory.report.closed_forms import ClosedForm, Compared, closed_forms
from mdmtheory.report.laws import closed_section, exact_section
from tests.report.frames import around, cell, frame_of

NAMES = {"parity": "parity"}


def compared(value: float, low: float, high: float, verdict: str) -> Compared:
    names = {"language": "parity", "length": 16, "model": "masked", "denoiser": "oracle", "sampler": "stride"}
    form = ClosedForm(**names, schedule=None, steps=4, metric="ser", value=0.5, formula="½", source="ours")
    return Compared(form, Estimate(value, low, high, 0.99, "estimate", 1000), verdict)


def test_numbers_that_a_closed_form_refutes_are_named():
    found = closed_section([compared(0.5, 0.4, 0.6, "holds"), compared(0.9, 0.8, 0.95, "refuted")], NAMES, 0.99)
    assert "Some answers are known: 2 of the measured numbers have one." in found
    assert "together with probability 99 %" in found
    assert "| parity | SER | ½ | ours | 1 | 1 |" in found
    assert "| `stride` | 4 steps | parity | 16 | SER | 0.5 | 0.90 ± 0.10 |" in found


def test_without_closed_forms_there_is_no_section():
    assert closed_section([], NAMES, 0.99) == ""
    assert exact_section(None) == ""


def test_a_wrong_measurement_on_parity_is_refuted():
    """SER of parity is 1/2 where two positions or more are revealed last (docs/theory.md, section 7)."""
    rows = [cell("parity", "stride", 4, length=16, schedule=None, ser=around(error)) for error in (0.5, 0.7)]
    verdicts = [each.verdict for each in closed_forms(frame_of(rows))]
    assert verdicts == ["holds", "refuted"]


def test_whole_laws_have_a_table_for_each_language_and_length():
    row = {"language": "parity", "length": 4, "model": "masked", "denoiser": "oracle", "schedule": None, "ser": 0.5}
    numbers = {
        "total_variation": 0.5,
        "kl": math.inf,
        "kl_on_support": 0.0,
        "entropy": 2.7726,
        "entropy_of_language": 2.0794,
    }
    frame = pd.DataFrame(
        [
            {**row, **numbers, "sampler": "stride", "steps": 2},
            {**row, **numbers, "sampler": "left_to_right", "steps": None, "ser": 0.0},
            {**row, **numbers, "sampler": "stride", "steps": 2, "length": 5, "kl": math.nan},
        ]
    )
    found = exact_section(frame)
    assert "`parity`, 4 tokens:" in found
    assert "`parity`, 5 tokens:" in found
    assert "| `stride` | 2 steps | 0.5 | 0.5 | ∞ | 0 | 2.7726 | 2.0794 |" in found
    assert "| `left_to_right` | — | 0 |" in found
    assert "| `stride` | 2 steps | 0.5 | 0.5 | — |" in found
    with_calls = exact_section(frame.assign(calls=2.0))
    assert "| 2.0794 | 2 |" in with_calls
