"""Two rules for reveal sizes with an error that a correlation of the language bounds.

Setting. The exact denoiser; uniformly random sets of sizes that a rule chooses from delta and the length alone.
Measured. E_plan KL(q || p_plan), from the information curve.
Guarantee. With sizes 1 + floor(delta (revealed + 1)) it is at most delta DTC(q); with 1 + floor(delta (masked - 1))
at most delta TC(q). A drop of the curve after m known tokens counts m + 1 times in DTC and L - 1 - m times in TC, and
at most (size - 1) times in the error of the block that it falls into, so no size may be one larger for every
language. Tight for Repetition where delta, or delta (L - 1), is a whole number that the first block can hold.
Constants. None.
Source. 2511.04647 and 2602.20126 choose sizes by DTC and TC; these rules and bounds ours, docs/theory.md 2.5.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mdmtheory import schedules
from mdmtheory.core.estimate import Estimate
from mdmtheory.core.sources import Ours
from mdmtheory.exact.curve import CurveLike, dual_total_correlation, total_correlation
from mdmtheory.languages.paired import EqualPairs
from mdmtheory.languages.parity import Parity
from mdmtheory.languages.repetition import Repetition
from mdmtheory.schedules.rules import Sizes
from mdmtheory.theory import twins
from mdmtheory.theory.curves import exact_curve
from mdmtheory.theory.instances import bigram3, early_choice, growth_chain, hardest, small_languages
from mdmtheory.theory.statement import HypothesisError, Setting, Sides, Statement, Twin

_SEARCH = Ours(
    "unmasking schedule total correlation dual total correlation sizes proportional to revealed tokens "
    "KL at most delta DTC",
    "2026-11-29",
)

Rule = Callable[[float, int], Sizes]

Size = Callable[[float, int, int], int]


def _requires(setting: Setting) -> None:
    if not setting.options["delta"] > 0:
        raise HypothesisError(f"delta is {setting.options['delta']}; it must be positive")


def against_correlation(setting: Setting, rule: Rule, correlation: Callable[[CurveLike], float]) -> Sides:
    """The error of a rule's sizes beside delta times a correlation."""
    delta = setting.options["delta"]
    curve = exact_curve(setting)
    sizes = rule(delta, setting.length)
    gap = schedules.plan_averaged_gap(curve, sizes)
    return Sides(Estimate.exact(gap), Estimate.exact(delta * correlation(curve)), f"{len(sizes)} steps")


def _dtc_tight(setting: Setting) -> bool:
    delta = setting.options["delta"]
    return isinstance(setting.language, Repetition) and float(delta).is_integer() and delta + 1 <= setting.length


def _tc_tight(setting: Setting) -> bool:
    delta = setting.options["delta"]
    whole = float(delta * (setting.length - 1)).is_integer()
    return isinstance(setting.language, Repetition) and delta <= 1 and whole


def _settings(statement: Statement, deltas: tuple[float, ...]) -> list[Setting]:
    rows = [statement.setting(language, 6, delta=0.5) for language in (*small_languages(), EqualPairs(vocab_size=2))]
    rows += [statement.setting(growth_chain(), 512, delta=delta) for delta in (0.05, 0.2)]
    rows += [statement.setting(Repetition(vocab_size=3), 9, delta=delta) for delta in deltas]
    return [*rows, hardest(statement.setting(early_choice(), 9, delta=2.0 if statement is DTC_RULE else 0.5))]


def ruled(correlation: Callable[[CurveLike], float], size: Size) -> Callable[[Setting], Sides]:
    """Both sides for sizes `size(delta, revealed, masked)`, of which the last takes what is left."""

    def rule(delta: float, length: int) -> Sizes:
        sizes: list[int] = []
        while sum(sizes) < length:
            masked = length - sum(sizes)
            sizes.append(min(size(delta, sum(sizes), masked), masked))
        return np.array(sizes)

    return lambda setting: against_correlation(setting, rule, correlation)


def _ruled(broken: str, correlation: Callable[[CurveLike], float], size: Size, witness: twins.Witness) -> Twin:
    teaches = "a drop of the curve counts (size - 1) times: no size may be one larger for every language"
    return twins.claiming(broken, ruled(correlation, size), witness, teaches)


DTC_RULE: Statement = Statement(
    id="dtc_rule",
    number=7,
    says="sizes 1 + floor(delta (revealed + 1)): E_plan KL <= delta DTC",
    source="sizes by DTC in 2511.04647 and 2602.20126, this rule and its bound ours; docs/theory.md 2.5",
    sources=("chen2026", "zhao2026", _SEARCH),
    direction="<=",
    sides=lambda setting: against_correlation(setting, schedules.dtc_rule, dual_total_correlation),
    settings=lambda: [*_settings(DTC_RULE, (1.0, 3.0)), DTC_RULE.setting(Parity(), 5, delta=0.5)],
    hypotheses="any language whose curve is known exactly, exact denoiser, random subsets",
    requires=_requires,
    tight=_dtc_tight,
    options={"delta": 0.1},
    twins=(
        twins.scaled(
            0.99, lambda it: it.setting(Repetition(vocab_size=3), 9, delta=1.0), "a first block of two copies"
        ),
        twins.turned(lambda it: it.setting(bigram3(), 6, delta=0.5), "most languages err less"),
        _ruled(
            "sizes 2 + floor(delta (revealed + 1))",
            dual_total_correlation,
            lambda delta, revealed, masked: 2 + math.floor(delta * (revealed + 1)),
            lambda it: it.setting(Repetition(vocab_size=3), 9, delta=1.0),
        ),
        _ruled(
            "sizes 1 + ceil(delta (revealed + 1))",
            dual_total_correlation,
            lambda delta, revealed, masked: 1 + math.ceil(delta * (revealed + 1)),
            lambda it: it.setting(Repetition(vocab_size=3), 9, delta=0.5),
        ),
        _ruled(
            "sizes 1 + floor(delta (revealed + 2))",
            dual_total_correlation,
            lambda delta, revealed, masked: 1 + math.floor(delta * (revealed + 2)),
            lambda it: it.setting(Repetition(vocab_size=3), 9, delta=0.5),
        ),
    ),
)

TC_RULE: Statement = Statement(
    id="tc_rule",
    number=7,
    says="sizes 1 + floor(delta (masked - 1)): E_plan KL <= delta TC",
    source="sizes by TC in 2511.04647 and 2602.20126, this rule and its bound ours; docs/theory.md 2.5",
    sources=("chen2026", "zhao2026", _SEARCH),
    direction="<=",
    sides=lambda setting: against_correlation(setting, schedules.tc_rule, total_correlation),
    settings=lambda: [*_settings(TC_RULE, (0.25, 0.5)), TC_RULE.setting(Parity(), 5, delta=0.5)],
    hypotheses="any language whose curve is known exactly, exact denoiser, random subsets",
    requires=_requires,
    tight=_tc_tight,
    options={"delta": 0.1},
    twins=(
        twins.scaled(
            0.99, lambda it: it.setting(Repetition(vocab_size=3), 9, delta=0.5), "a first block of five copies"
        ),
        twins.turned(lambda it: it.setting(bigram3(), 6, delta=0.5), "most languages err less"),
        _ruled(
            "sizes 2 + floor(delta (masked - 1))",
            total_correlation,
            lambda delta, revealed, masked: 2 + math.floor(delta * (masked - 1)),
            lambda it: it.setting(Repetition(vocab_size=3), 9, delta=0.5),
        ),
        _ruled(
            "sizes 1 + ceil(delta (masked - 1))",
            total_correlation,
            lambda delta, revealed, masked: 1 + math.ceil(delta * (masked - 1)),
            lambda it: it.setting(bigram3(), 2, delta=0.6),
        ),
        _ruled(
            "sizes 1 + floor(delta masked)",
            total_correlation,
            lambda delta, revealed, masked: 1 + math.floor(delta * masked),
            lambda it: it.setting(bigram3(), 2, delta=0.5),
        ),
    ),
)
