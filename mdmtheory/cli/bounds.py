"""`mdmtheory bounds`: every statement held against languages, as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mdmtheory.cli.documents import TABLES
from mdmtheory.cli.terminal import Terminal, print_table, writable
from mdmtheory.core.limits import MOST_LENGTH
from mdmtheory.core.long_calls import counted

if TYPE_CHECKING:
    import pandas as pd

    from mdmtheory.theory.statement import BoundCheck, Setting, Statement

_A_THEOREM_FAILED = 1

_A_TWIN_HOLDS = 1

_IN_FULL = ("csv", "json")
"""Formats for programs, with numbers in full."""


def bounds(
    context: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Statements, by id or number.")] = None,
    lang: Annotated[str | None, typer.Option(help="Hold them against this language instead of their own.")] = None,
    length: Annotated[
        int | None, typer.Option(help="With --lang: tokens a sequence (5).", min=1, max=MOST_LENGTH)
    ] = None,
    steps: Annotated[int | None, typer.Option(help="With --lang: steps (3).", min=1, max=MOST_LENGTH)] = None,
    schedule: Annotated[str | None, typer.Option(help="With --lang: the schedule (linear).")] = None,
    conjectures: Annotated[bool, typer.Option("--conjectures", help="Conjectures too.")] = False,
    format: Annotated[
        Literal["table", "csv", "json", "latex", "markdown"], typer.Option("--format", "-f", help="How to print it.")
    ] = "table",
    summary: Annotated[bool, typer.Option("--summary", help="One line a statement.")] = False,
    ours: Annotated[
        bool, typer.Option("--ours", help="Check nothing; list what is ours, with the search that found nothing of it.")
    ] = False,
    twins: Annotated[
        bool, typer.Option("--twins", help="Check near misses in their place: each must be refuted where it says.")
    ] = False,
) -> int:
    """Check every theorem: what is measured, the bound, how far apart they are, and whether it holds.

    Exit status 1 if a theorem fails, or a twin holds; conjectures may fail.
    """
    from mdmtheory.languages.presets import own_length
    from mdmtheory.theory.registry import chosen_statements

    terminal = Terminal.of(context)
    chosen = chosen_statements(ids or (), conjectures=conjectures)
    if lang is None and (length, steps, schedule) != (None, None, None):
        raise ValueError(
            "--length, --steps and --schedule go with --lang; without it each statement has settings of its own"
        )
    if twins and (lang is not None or summary or ours):
        raise ValueError(
            "--twins stands alone: each twin has a setting of its own; leave out --lang, --summary, --ours"
        )
    own = None if lang is None else _Own(lang, length or own_length(lang) or 5, steps or 3, schedule or "linear")
    if ours:
        _print_ours(chosen, format)
        return 0
    if twins:
        return _check_twins(chosen, format, terminal)
    checks = []
    with terminal.announcing_compilation():
        for statement in counted(chosen, "statements"):
            checks += _checks(statement, own, terminal)
    if not checks:
        raise ValueError(f"none of the statements says anything about {lang}; the lines above tell why")
    _print(checks, format, summary)
    failed = sorted({each.statement.id for each in checks if not each.holds and not each.statement.conjecture})
    if failed:
        terminal.say(f"mdmtheory: these theorems fail: {', '.join(failed)}")
    return _A_THEOREM_FAILED if failed else 0


class _Own:
    """The user's language, and what it is to be generated with."""

    def __init__(self, lang: str, length: int, steps: int, schedule: str) -> None:
        from mdmtheory.languages.presets import as_language
        from mdmtheory.schedules import as_schedule

        self.language, self.length, self.steps = as_language(lang), length, steps
        self.schedule = as_schedule(schedule)

    def setting(self, statement: Statement) -> Setting:
        return statement.setting(self.language, self.length, self.steps, self.schedule)


def _checks(statement: Statement, own: _Own | None, terminal: Terminal) -> list[BoundCheck]:
    from mdmtheory.theory.statement import HypothesisError

    if own is None:
        return [statement.check_setting(setting) for setting in statement.settings()]
    try:
        return [statement.check_setting(own.setting(statement))]
    except HypothesisError as reason:
        terminal.say(f"{statement.id} says nothing here: {reason}")
    except ValueError as reason:
        terminal.say(f"{statement.id} cannot be measured here: {reason}")
    return []


def _check_twins(chosen: list[Statement], format: str, terminal: Terminal) -> int:
    """Every twin of the statements at its witness; 1 where one is not refuted."""
    from mdmtheory.theory.table import twins_frame
    from mdmtheory.theory.twins import check_twins

    checks = []
    with terminal.announcing_compilation():
        for statement in counted(chosen, "statements"):
            checks += check_twins(statement)
    found = twins_frame(checks, digits=None if format in _IN_FULL else 6)
    _print_frame(found, format, hidden=("statement", "teaches"))
    blind = [f"{each.check.statement.id} ({each.twin})" for each in checks if not each.refuted]
    if blind:
        terminal.say(f"mdmtheory: these twins are not refuted: {'; '.join(blind)}")
    return _A_TWIN_HOLDS if blind else 0


def _print_ours(chosen: list[Statement], format: str) -> None:
    """The statements of which all, or a part, was found nowhere: what was searched for, and when."""
    import pandas as pd

    columns = ["id", "statement", "published", "searched", "query"]
    rows = [
        [
            each.id,
            each.says,
            ", ".join(key for key in each.sources if isinstance(key, str)),
            each.ours.date,
            each.ours.query,
        ]
        for each in chosen
        if each.ours is not None
    ]
    if not rows:
        raise ValueError(f"none of {', '.join(each.id for each in chosen)} is ours; mdmtheory cite says whose they are")
    _print_frame(pd.DataFrame(rows, columns=columns, dtype=str), format, hidden=("statement",))


def _print(checks: list[BoundCheck], format: str, summed: bool) -> None:
    from mdmtheory.theory.table import frame, summary

    found = summary(checks) if summed else frame(checks, digits=None if format in _IN_FULL else 6)
    if not summed and format == "table":
        empty = (found["vacuous"] == "yes").map({True: " (vacuous)", False: ""})
        found = found.assign(holds=found["holds"] + empty).drop(columns="vacuous")
    _print_frame(found, format, hidden=("source", "statement"))


def _print_frame(found: pd.DataFrame, format: str, *, hidden: Iterable[str]) -> None:
    """A frame of text; on a terminal without the hidden columns."""
    if format in _IN_FULL:
        from mdmtheory.cli.tables import print_data

        print_data(found, format)
    elif format in TABLES:
        print(writable(TABLES[format](list(found.columns), found.to_numpy().tolist(), right=[False] * found.shape[1])))
    else:
        shown = found.drop(columns=[name for name in hidden if name in found])
        print_table(list(shown.columns), shown.to_numpy().tolist())
