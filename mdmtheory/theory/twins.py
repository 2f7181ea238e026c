"""Twins of statements: near misses, each with an instance that refutes it.

A check that nothing fails shows nothing. So every statement carries claims that are false by a little: a constant that
is smaller, a direction turned round, an index off by one, a hypothesis dropped. Each must be refuted at its witness,
where the statement itself holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from mdmtheory.core.estimate import HEADINGS, Estimate
from mdmtheory.core.html_tables import html_table
from mdmtheory.theory.statement import BoundCheck, Direction, HypothesisError, Setting, Sides, Statement, Twin

Witness = Callable[[Statement], Setting]
"""Makes the setting that shows it, of the statement that is broken."""

Value = Callable[[Setting, float], float]
"""A number in the place of another one, which is its second argument."""


@dataclass(frozen=True)
class TwinCheck:
    """A twin held against its witness: `check` is of the broken statement, `whole` of the statement itself.

    `whole` is None where the statement says nothing there: its twin lacks a hypothesis.
    """

    twin: Twin
    check: BoundCheck
    whole: BoundCheck | None

    @property
    def refuted(self) -> bool:
        """Whether the numbers refute the twin and not the statement: otherwise the witness shows nothing."""
        return not self.check.holds and (self.whole is None or self.whole.holds)

    @property
    def violation(self) -> Estimate:
        """How far the measured number is beyond the twin's bound; below 0 where it is within.

        Of sampled sides its interval is what theirs leave open; of one-sided ones it is the least that it can be.
        """
        measured, bound, direction = self.check.measured, self.check.bound, self.check.statement.direction
        if direction == ">=" or (direction == "=" and bound.value > measured.value):
            return _difference(bound, measured)
        return _difference(measured, bound)

    def _repr_html_(self) -> str:
        rows = [("measured", *self.check.measured.cells), (self.check.statement.direction, *self.check.bound.cells)]
        rows.append(("violation", *self.violation.cells))
        caption = f"twin of {self.check.statement.id}: {self.twin.broken}"
        return html_table(["side", *HEADINGS], rows, caption, f"refuted: {'yes' if self.refuted else 'no'}")


def check_twins(statement: Statement) -> list[TwinCheck]:
    """Hold each twin of a statement, and the statement itself, against the twin's witness."""
    return [_check(statement, each) for each in statement.twins]


def _check(statement: Statement, twin: Twin) -> TwinCheck:
    witness = twin.witness(statement)
    check = twin.breaks(statement).check_setting(witness)
    try:
        whole = statement.check_setting(witness)
    except HypothesisError:
        whole = None
    return TwinCheck(twin, check, whole)


def _difference(more: Estimate, less: Estimate) -> Estimate:
    if more.kind == less.kind == "exact":
        return Estimate.exact(more.value - less.value)
    one_sided = {more.kind, less.kind} & {"lower bound", "upper bound"}
    return Estimate(
        more.value - less.value,
        more.low - less.high,
        more.high - less.low,
        # Both intervals hold together at least so often.
        level=more.level + less.level - 1,
        kind="lower bound" if one_sided else "estimate",
        count=max(more.count, less.count),
    )


def _broken(statement: Statement, sides: Callable[[Setting], Sides]) -> Statement:
    """With other sides, and called an equality nowhere."""
    return replace(statement, sides=sides, tight=lambda setting: False)


def scaled(factor: float, witness: Witness, teaches: str) -> Twin:
    """The bound times a factor."""
    broken = f"the bound times {factor:.4g}"
    return bounded(broken, lambda setting, bound: factor * bound, witness, teaches)


def turned(witness: Witness, teaches: str) -> Twin:
    """The direction turned round, claimed wherever the statement is."""
    other: dict[Direction, Direction] = {"<=": ">=", ">=": "<="}
    return Twin(
        "the direction turned round",
        lambda statement: replace(statement, direction=other[statement.direction], tight=lambda setting: False),
        witness,
        teaches,
    )


def bounded(broken: str, value: Value, witness: Witness, teaches: str) -> Twin:
    """`value(setting, bound)`, exact, in place of the bound."""
    return _with("bound", broken, value, witness, teaches)


def measuring(broken: str, value: Value, witness: Witness, teaches: str) -> Twin:
    """`value(setting, measured)`, exact, in place of what is measured."""
    return _with("measured", broken, value, witness, teaches)


def _with(side: Literal["bound", "measured"], broken: str, value: Value, witness: Witness, teaches: str) -> Twin:
    """Another exact number on one side."""

    def breaks(statement: Statement) -> Statement:
        def sides(setting: Setting) -> Sides:
            whole = statement.sides(setting)
            there: Estimate = getattr(whole, side)
            changed: Any = {side: Estimate.exact(float(value(setting, there.value)))}
            return replace(whole, **changed, note="")

        return _broken(statement, sides)

    return Twin(broken, breaks, witness, teaches)


def claiming(broken: str, sides: Callable[[Setting], Sides], witness: Witness, teaches: str) -> Twin:
    """Other sides altogether."""
    return Twin(broken, lambda statement: _broken(statement, sides), witness, teaches)


def beyond(broken: str, requires: Callable[[Setting], None], witness: Witness, teaches: str) -> Twin:
    """Weaker hypotheses, `requires`, or none."""
    return Twin(broken, lambda statement: replace(statement, requires=requires), witness, teaches)


def anywhere(setting: Setting) -> None:
    """No hypothesis at all, for `beyond`."""


def equality(witness: Witness, teaches: str) -> Twin:
    """The bound claimed to be reached by every setting."""
    return Twin("an equality everywhere", lambda statement: replace(statement, direction="="), witness, teaches)
