from __future__ import annotations

import math

from mdmtheory.core.estimate import Estimate
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.languages.parity import Parity
from mdmtheory.report.closed_forms import ClosedForm, Compared, closed_forms
from mdmtheory.report.exact_laws import correction_rows, exact_rows
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
    assert exact_section(None, None) == ""


def test_a_wrong_measurement_on_parity_is_refuted():
    """SER of parity is 1/2 where two positions or more are revealed last (docs/theory.md, section 7)."""
    rows = [cell("parity", "stride", 4, length=16, schedule=None, ser=around(error)) for error in (0.5, 0.7)]
    verdicts = [each.verdict for each in closed_forms(frame_of(rows))]
    assert verdicts == ["holds", "refuted"]


def test_whole_laws_have_their_distances_by_language():
    cases = ((Parity(), 3), (EqualPairs(vocab_size=2), 4))
    laws = exact_rows(cases, samplers=["stride", "left_to_right"], models=["gaussian", "ar"])
    corrections = correction_rows(cases[1:], samplers=["redraw"], deltas=[0.1, 0.001], steps=2)
    found = exact_section(laws, corrections)
    # Of three bits the last step of two reveals one alone, so stride is exact; of pairs it parts the partners.
    assert "| `stride` | 2 steps | 0 | 0 |" in found
    assert "| `left_to_right` |  | 0 | 0 |" in found
    assert "<summary>parity, 3 tokens: SER, KL and entropies</summary>" in found
    assert "`gaussian` is not there: Gaussian noise is continuous, so its law is an integral and not a sum." in found
    [row] = [line for line in found.splitlines() if line.startswith("| `redraw` | 2 steps |")]
    assert row.count(" / ") == 4
    assert "δ=0.001 | δ=0.1" in found
    assert f"H(q) = {2 * math.log(2):.4g}:" in found


def test_what_rounding_leaves_is_zero_and_small_numbers_are_not():
    laws = exact_rows(((Parity(), 3),), samplers=["stride"], models=[], steps=[2])
    changed = laws.assign(total_variation=3e-7, ser=-1e-16, kl=math.inf, entropy=math.nan)
    found = exact_section(changed, None)
    assert "| `stride` | 2 steps | 3e−07 |" in found
    assert "| `stride` | 2 steps | 0 | 3e−07 | ∞ |" in found
    assert "| — |" in found
