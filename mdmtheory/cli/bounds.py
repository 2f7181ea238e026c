"""`mdmtheory bounds`: every statement held against languages, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mdmtheory.cli.documents import TABLES
from mdmtheory.cli.terminal import Terminal, print_table, writable
from mdmtheory.core.limits import MOST_LENGTH
from mdmtheory.core.long_calls import counted

if TYPE_CHECKING:
    from mdmtheory.theory.statement import BoundCheck, Setting, Statement

_A_THEOREM_FAILED = 1


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
) -> int:
    """Check every theorem: what is measured, the bound, how far apart they are, and whether it holds.

    Exit status 1 if a theorem fails; conjectures may.
    """
    from mdmtheory.languages.presets import own_length
    from mdmtheory.theory.registry import chosen_statements

    terminal = Terminal.of(context)
    chosen = chosen_statements(ids or (), conjectures=conjectures)
    if lang is None and (length, steps, schedule) != (None, None, None):
        raise ValueError(
            "--length, --steps and --schedule go with --lang; without it each statement has settings of its own"
        )
    own = None if lang is None else _Own(lang, length or own_length(lang) or 5, steps or 3, schedule or "linear")
    if ours:
        _print_ours(chosen, format)
        return 0
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
    if format in ("csv", "json"):
        from mdmtheory.cli.tables import print_data

        print_data(pd.DataFrame(rows, columns=columns, dtype=str), format)
    elif format in TABLES:
        print(writable(TABLES[format](columns, rows, right=[False] * len(columns))))
    else:
        shown = [0, *range(2, len(columns))]
        print_table([columns[i] for i in shown], [[row[i] for i in shown] for row in rows])


def _print(checks: list[BoundCheck], format: str, summed: bool) -> None:
    from mdmtheory.theory.table import frame, summary

    full = format in ("csv", "json")
    found = summary(checks) if summed else frame(checks, digits=None if full else 6)
    if full:
        from mdmtheory.cli.tables import print_data

        print_data(found, format)
    elif format in TABLES:
        print(writable(TABLES[format](list(found.columns), found.to_numpy().tolist(), right=[False] * found.shape[1])))
    else:
        shown = found.drop(columns=[name for name in ("source", "statement") if name in found])
        if not summed:
            empty = (found["vacuous"] == "yes").map({True: " (vacuous)", False: ""})
            shown = shown.assign(holds=found["holds"] + empty).drop(columns="vacuous")
        print_table(list(shown.columns), shown.to_numpy().tolist())
