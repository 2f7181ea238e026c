"""Checks as rows of a table, with numbers rounded so that no claim looks stronger than it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import pandas as pd

from mdmtheory.core.estimate import Estimate
from mdmtheory.core.integers import whole_numbers
from mdmtheory.theory.statement import BoundCheck, Direction, Setting
from mdmtheory.theory.twins import TwinCheck

COLUMNS = (
    "id",
    "statement",
    "language",
    "length",
    "steps",
    "schedule",
    "measured",
    "bound",
    "direction",
    "slack",
    "tight",
    "holds",
    "source",
    "vacuous",
)
TWINS = (
    "id",
    "statement",
    "broken",
    "language",
    "length",
    "steps",
    "options",
    "measured",
    "direction",
    "bound",
    "violation",
    "kind",
    "itself",
    "refuted",
    "teaches",
)
SUMMARY = ("id", "statement", "direction", "instances", "yes", "not refuted", "no", "tight", "vacuous", "least slack")

_OUTWARD = {"<=": ROUND_CEILING, ">=": ROUND_FLOOR, "=": ROUND_HALF_EVEN}


@whole_numbers(digits=1)
def frame(checks: Sequence[BoundCheck], *, digits: int | None = 6) -> pd.DataFrame:
    """One row a check, all columns text; with `digits` None numbers in full.

    Measured numbers and bounds are rounded up below <= and down below >=, slack always down; those that were sampled
    carry their interval, and one-sided ones their sign. In full, each parameter of the statements has a column behind
    the others, empty where a statement has none of that name.
    """
    found = pd.DataFrame([_row(check, digits) for check in checks], columns=list(COLUMNS), dtype=str)
    names = [] if digits else sorted({name for check in checks for name in check.setting.options})
    for name in names:
        values = [check.setting.options.get(name, "") for check in checks]
        found[f"parameter.{name}"] = [repr(each) if isinstance(each, float) else str(each) for each in values]
    return found


@whole_numbers(digits=1)
def rounded(value: float, direction: Direction, digits: int | None) -> str:
    """The value to so many significant digits, rounded up for <=, down for >=, to nearest for =.

    >>> rounded(0.12341, "<=", 3), rounded(0.12349, ">=", 3)
    ('0.124', '0.123')
    """
    if digits is None or not math.isfinite(value):
        return repr(float(value))
    exact = Decimal(value)
    # What differs from a shorter number by rounding of float64 only is that number.
    near = Context(prec=12, rounding=ROUND_HALF_EVEN).plus(exact)
    if abs(near - exact) <= abs(exact) * Decimal("1e-13"):
        exact = near
    return f"{float(Context(prec=digits, rounding=_OUTWARD[direction]).plus(exact)):.{digits}g}"


def _row(check: BoundCheck, digits: int | None) -> list[str]:
    statement, setting = check.statement, check.setting
    extra = "; ".join(part for part in (_options(setting), setting.name, check.note) if part)
    direction = statement.direction
    return [
        statement.id,
        f"{statement.says} ({extra})" if extra else statement.says,
        str(setting.language.spec),
        str(setting.length),
        "" if setting.steps is None else str(setting.steps),
        "" if setting.steps is None else str(setting.schedule.spec),
        _number(check.measured, direction, digits),
        _number(check.bound, direction, digits),
        direction,
        rounded(check.slack, ">=", 3 if digits else None),
        "yes" if check.tight else "no",
        check.verdict,
        statement.source,
        "yes" if check.vacuous else "no",
    ]


def summary(checks: Sequence[BoundCheck]) -> pd.DataFrame:
    """One row a statement, all columns text: its instances, by verdict, how many are tight or vacuous, least slack.

    Vacuous is a bound that says no more than is known anyhow, such as a probability of at most 2.
    """
    of: dict[str, list[BoundCheck]] = {}
    for check in checks:
        of.setdefault(check.statement.id, []).append(check)
    rows = []
    for name, own in of.items():
        verdicts = [sum(each.verdict == verdict for each in own) for verdict in ("yes", "not refuted", "no")]
        counts = [len(own), *verdicts, sum(each.tight for each in own), sum(each.vacuous for each in own)]
        least = rounded(min(each.slack for each in own), ">=", 3)
        rows.append([name, own[0].statement.says, own[0].statement.direction, *map(str, counts), least])
    return pd.DataFrame(rows, columns=list(SUMMARY), dtype=str)


@whole_numbers(digits=1)
def twins_frame(checks: Sequence[TwinCheck], *, digits: int | None = 6) -> pd.DataFrame:
    """One row a twin, all columns text: what is broken, where, both sides, by how much it is refuted.

    Rounded so that no violation looks larger than it is; with `digits` None numbers are in full. `itself` says how the
    statement fares there: "yes", "not refuted", "no", or "says nothing" where the twin lacks a hypothesis.
    """
    return pd.DataFrame([_twin_row(each, digits) for each in checks], columns=list(TWINS), dtype=str)


def _twin_row(found: TwinCheck, digits: int | None) -> list[str]:
    check = found.check
    statement, setting = check.statement, check.setting
    return [
        statement.id,
        statement.says,
        found.twin.broken,
        str(setting.language.spec),
        str(setting.length),
        _steps(setting),
        _options(setting),
        _number(check.measured, "=", digits),
        statement.direction,
        _number(check.bound, "=", digits),
        _number(found.violation, ">=", digits),
        found.violation.kind,
        found.whole.verdict if found.whole else "says nothing",
        "yes" if found.refuted else "no",
        found.twin.teaches,
    ]


def _steps(setting: Setting) -> str:
    """Steps and a schedule that is not linear; sizes are a schedule without steps."""
    schedule = "" if str(setting.schedule.spec) == "linear" else str(setting.schedule.spec)
    return " ".join(filter(None, ("" if setting.steps is None else str(setting.steps), schedule)))


def _options(setting: Setting) -> str:
    return ", ".join(f"{name}={_plain(value)}" for name, value in setting.options.items())


def _number(number: Estimate, direction: Direction, digits: int | None) -> str:
    sign = {"upper bound": "≤ ", "lower bound": "≥ "}.get(number.kind, "")
    value = rounded(number.value, direction, digits)
    if number.low == number.high:
        return sign + value
    return f"{sign}{value} [{rounded(number.low, '>=', digits)}, {rounded(number.high, '<=', digits)}]"


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
