"""What a statement is: two numbers, a direction between them, and the hypotheses under which it is claimed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from mdmtheory.core.estimate import HEADINGS, Estimate
from mdmtheory.core.evaluable import call
from mdmtheory.core.html_tables import html_table
from mdmtheory.core.integers import WholeNumber, whole_number, whole_numbers
from mdmtheory.core.protocols import Language
from mdmtheory.core.sources import Ours, Sources
from mdmtheory.prompts.registry import check_no_prompt
from mdmtheory.schedules import Schedule, as_schedule

Direction = Literal["<=", ">=", "="]
Verdict = Literal["yes", "no", "not refuted"]

ROUNDING = 1e-9
"""How far float64 may carry two sides apart that are equal, relative to their size and at least to 1."""


class HypothesisError(ValueError):
    """The statement says nothing about this setting; the message tells which of its hypotheses fails."""


@dataclass(frozen=True)
class Constant:
    """A number in a statement that is not measured, and who vouches for it: the paper, notes on it, or us."""

    name: str
    value: float
    origin: Literal["paper", "notes", "ours"]


@dataclass(frozen=True)
class Setting:
    """One instance of a statement: a language at a length, steps and a schedule, and the statement's own options.

    `steps` is None where the statement knows no steps. `name` says what is special about the instance.
    """

    language: Language
    length: WholeNumber
    steps: WholeNumber | None = None
    schedule: Schedule = field(default_factory=lambda: as_schedule("linear"))
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", whole_number(self.length, "length", 1))
        self.language.validate_length(self.length)
        check_no_prompt(self.language, self.length, "a statement")
        if self.steps is not None:
            object.__setattr__(self, "steps", whole_number(self.steps, "steps", 1))

    def __repr__(self) -> str:
        return call("theory.Setting", **{each.name: getattr(self, each.name) for each in fields(self)})


@dataclass(frozen=True)
class Sides:
    """What was measured, what the statement holds it against, and a remark (the smallest constant that would do, …)."""

    measured: Estimate
    bound: Estimate
    note: str = ""


@dataclass(frozen=True)
class BoundCheck:
    """A statement held against one setting.

    `verdict` is "yes" where the numbers establish it, "no" where they refute it, and "not refuted" where sampling or a
    one-sided number leaves it open; `holds` is that it is not refuted. `slack` is how far the values are from refuting
    it: bound - measured for <=, measured - bound for >=, and minus their distance for =.
    """

    statement: Statement
    setting: Setting
    measured: Estimate
    bound: Estimate
    slack: float
    verdict: Verdict
    tight: bool
    note: str = ""

    @property
    def vacuous(self) -> bool:
        """Whether the bound says no more than is known of the measured quantity in any case."""
        least, most = self.statement.known(self.setting)
        if self.statement.direction == "<=":
            return _least(self.bound) >= most
        return self.statement.direction == ">=" and _most(self.bound) <= least

    @property
    def holds(self) -> bool:
        """Whether the statement is not refuted here."""
        return self.verdict != "no"

    def __repr__(self) -> str:
        return call("theory.BoundCheck", **{each.name: getattr(self, each.name) for each in fields(self)})

    def _repr_html_(self) -> str:
        rows = [("measured", *self.measured.cells), (self.statement.direction, *self.bound.cells)]
        found = f"{self.statement.id}: {self.statement.says}"
        note = "; ".join(filter(None, (f"holds: {self.verdict}", f"slack {self.slack:.6g}", self.note)))
        return html_table(["side", *HEADINGS], rows, found, note)


def _anywhere(setting: Setting) -> None:
    """No hypotheses beyond those of the setting."""


def _nowhere(setting: Setting) -> bool:
    """Not claimed to be an equality."""
    return False


def unlimited(setting: Setting) -> tuple[float, float]:
    """Nothing is known of what is measured but what the statement says."""
    return -math.inf, math.inf


def probability(setting: Setting) -> tuple[float, float]:
    """A probability or a distance: from 0 to 1, whatever the language."""
    return 0.0, 1.0


def non_negative(setting: Setting) -> tuple[float, float]:
    """A divergence or a gap, of which nothing is known but that it is no less than 0."""
    return 0.0, math.inf


def steps_of_a_sequence(setting: Setting) -> tuple[float, float]:
    """Steps: one is the least, and one for each token, which has no error of order, the most that is ever needed."""
    return 1.0, float(setting.length)


@dataclass(frozen=True)
class Twin:
    """A near miss of a statement: one thing broken, and a small setting that shows it (theory/twins.py makes them).

    `broken` says what, and `teaches` what its failure shows; `breaks` makes the broken statement of the whole one. At
    the setting `witness` the twin is refuted while the statement holds; where a hypothesis is what is broken, the
    statement says nothing there.
    """

    broken: str
    breaks: Callable[[Statement], Statement]
    witness: Callable[[Statement], Setting]
    teaches: str

    def __str__(self) -> str:
        return self.broken


@dataclass(frozen=True)
class Statement:
    """A claim that can fail.

    `sides` computes both numbers for a setting, `requires` raises HypothesisError where the claim is not made, and
    `tight` says where it is an equality (asserted in the tests). `settings` are the instances of `mdmtheory bounds`;
    `options` the statement's own parameters with their defaults; `known` says between what ends the measured quantity
    lies in any case. A conjecture may fail without anybody being wrong. `source` tells the theorem and where it is
    derived, `sources` the works as `mdmtheory cite` prints them (core/sources.py); `aliases` are other names. `twins`
    are near misses that its check must refute: without one nobody knows that it could fail.
    """

    id: str
    number: int
    says: str
    source: str
    direction: Direction
    sides: Callable[[Setting], Sides]
    settings: Callable[[], Iterable[Setting]]
    hypotheses: str
    requires: Callable[[Setting], None] = _anywhere
    tight: Callable[[Setting], bool] = _nowhere
    constants: tuple[Constant, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    conjecture: bool = False
    rounding: float = ROUNDING
    known: Callable[[Setting], tuple[float, float]] = unlimited
    sources: Sources = ()
    aliases: tuple[str, ...] = ()
    twins: tuple[Twin, ...] = ()

    @property
    def ours(self) -> Ours | None:
        """The search that found nothing of it, or of a part of it; None where all of it is published."""
        return next((each for each in self.sources if isinstance(each, Ours)), None)

    def __repr__(self) -> str:
        return f"theory.statements()[{self.id!r}]"

    @whole_numbers(length=1, steps=1)
    def setting(
        self, language: Language, length: int, steps: int | None = None, schedule: Any = "linear", **options: Any
    ) -> Setting:
        """A setting of this statement; ValueError for an option that it does not have."""
        for name in options:
            if name not in self.options:
                known = ", ".join(self.options) or "none"
                raise ValueError(f"statement {self.id} has no option {name!r}; known: {known}")
        return Setting(language, length, steps, as_schedule(schedule), {**self.options, **options})

    @whole_numbers(length=1, steps=1)
    def check(
        self, language: Language, length: int, steps: int | None = None, schedule: Any = "linear", **options: Any
    ) -> BoundCheck:
        """Hold the statement against a language; HypothesisError where it claims nothing about it."""
        return self.check_setting(self.setting(language, length, steps, schedule, **options))

    def check_setting(self, setting: Setting) -> BoundCheck:
        """Hold the statement against a setting; HypothesisError where it claims nothing about it."""
        self.requires(setting)
        sides = self.sides(setting)
        verdict = _verdict(sides.measured, sides.bound, self.direction, self.rounding)
        slack = _slack(sides.measured.value, sides.bound.value, self.direction)
        tight = self.direction == "=" or self.tight(setting)
        return BoundCheck(self, setting, sides.measured, sides.bound, slack, verdict, tight, sides.note)


def _slack(measured: float, bound: float, direction: Direction) -> float:
    if measured == bound:
        return 0.0
    if direction == "=":
        return -abs(measured - bound)
    return bound - measured if direction == "<=" else measured - bound


def _verdict(measured: Estimate, bound: Estimate, direction: Direction, rounding: float) -> Verdict:
    """What the two numbers prove, their kinds taken at their word."""
    if direction == ">=":
        return _verdict(bound, measured, "<=", rounding)
    sizes = [abs(each) for each in (measured.value, bound.value) if math.isfinite(each)]
    room = rounding * max(1.0, *sizes, 0.0)
    if _least(measured) > _most(bound) + room or (direction == "=" and _least(bound) > _most(measured) + room):
        return "no"
    if direction == "=":
        return "yes" if measured.kind == bound.kind == "exact" else "not refuted"
    return "yes" if _most(measured) <= _least(bound) + room else "not refuted"


def _least(number: Estimate) -> float:
    """What the quantity behind a number is at least."""
    return -math.inf if number.kind == "upper bound" else number.low


def _most(number: Estimate) -> float:
    """What the quantity behind a number is at most."""
    return math.inf if number.kind == "lower bound" else number.high
