"""Geometric odds lose one part in N: 4 C/N, C the unmasking gap times the logarithm of the span of odds.

Setting. Any language whose information curve is known exactly, the exact denoiser, ancestral plans; the revealed
fraction goes from 0 to 1/(1+s), then in n steps whose odds rise by one factor to s/(1+s), then to 1; n >= 2 log s.
Measured. The plan-averaged gap (`schedules.ancestral_gap`), which is at least KL(q || p).
Guarantee. At most 4 C/n + h(1)/(1+s), C = H(1/(1+s), s/(1+s)) log s: each step has the factor
c = s^(2/n) - 1 <= 2 (2 log s)/n (`certified_ancestral`), and the ends lose at most a 1/(1+s)-th of
h(1) = L (H̄(0) - H̄(L-1)). With the upper end of H from contexts (`unmasking_coverage`) in its place it holds with
probability 1 - eta.
Constants. 4, where e - 1 in place of 2 would do: 3.437.
Source. 2608.13520 has KL <= 4 C/N with probability 1 - eta, C from data; what its C is, is not told in the notes that
were at hand, so that this is not confirmed to be its statement: ours in that form, docs/theory.md 2.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from mdmtheory import schedules
from mdmtheory.core.estimate import Estimate
from mdmtheory.languages.repetition import Repetition
from mdmtheory.schedules.certificates import unmasking_gap
from mdmtheory.theory import twins
from mdmtheory.theory.curves import exact_curve
from mdmtheory.theory.instances import growth_chain, known_curves
from mdmtheory.theory.searches import UNMASKING_GAP
from mdmtheory.theory.statement import Constant, HypothesisError, Setting, Sides, Statement, non_negative

FACTOR = Constant("4", 4.0, "notes")


def _span(setting: Setting) -> float:
    return float(setting.options["span"] or max(setting.length, 2))


def _requires(setting: Setting) -> None:
    span = _span(setting)
    if not span > 1:
        raise HypothesisError(f"span is {span}; it is about a number above 1")
    if setting.steps is None or setting.steps - 2 < 2 * math.log(span):
        raise HypothesisError(f"{setting.steps} steps; it is about 2 + 2 log s = {2 + 2 * math.log(span):.6g} or more")


def fractions(span: float, steps: int) -> Float[np.ndarray, "steps_plus_1"]:
    """0, then odds from 1/s to s that rise by one factor, then 1."""
    odds = np.exp(math.log(span) * np.linspace(-1, 1, steps - 1))
    return np.concatenate([[0.0], odds / (1 + odds), [1.0]])


def _sides(setting: Setting) -> Sides:
    assert setting.steps is not None
    # Rounding must not leave a rise.
    curve = np.minimum.accumulate(np.asarray(exact_curve(setting), dtype=np.float64))
    span, middle = _span(setting), setting.steps - 2
    first = 1 / (1 + span)
    certificate = unmasking_gap(curve, first, 1 - first) * math.log(span)
    ends = first * len(curve) * float(curve[0] - curve[-1])
    gap = schedules.ancestral_gap(curve, fractions(span, setting.steps))
    bound = FACTOR.value * certificate / middle + ends
    needed = max(gap - ends, 0.0) * middle / certificate if certificate > 1e-12 else 0.0
    return Sides(Estimate.exact(gap), Estimate.exact(bound), f"C {certificate:.6g}; {needed:.4g} for 4 would do")


def _settings() -> list[Setting]:
    by_length = [
        STATEMENT.setting(language, length, steps) for language, length in known_curves() for steps in (12, 64)
    ]
    return [*by_length, *(STATEMENT.setting(each, length, 32, span=1000.0) for each, length in known_curves())]


STATEMENT: Statement = Statement(
    id="certified_rate",
    number=35,
    says="gap of n steps in geometric odds from 1/s to s <= 4 C/n + h(1)/(1+s), C = H log s, n >= 2 log s",
    source="ours, in the form of 2608.13520; docs/theory.md 2",
    sources=("wainwright2026", UNMASKING_GAP),
    direction="<=",
    known=non_negative,
    constants=(FACTOR,),
    sides=_sides,
    settings=_settings,
    hypotheses="any language whose curve is known exactly, exact denoiser, ancestral plans in geometric odds",
    requires=_requires,
    options={"span": 0.0},
    twins=(
        twins.scaled(
            0.2, lambda it: it.setting(growth_chain(), 64, 32, span=1000.0), "of 4 about 1 is needed, and no less"
        ),
        twins.measuring(
            "linear steps",
            lambda setting, measured: schedules.ancestral_gap(
                np.asarray(exact_curve(setting)), np.linspace(0, 1, (setting.steps or 1) + 1)
            ),
            lambda it: it.setting(Repetition(vocab_size=2), 512, 24, span=5000.0),
            "where all is learned from the first token, the first step must be short",
        ),
    ),
)
