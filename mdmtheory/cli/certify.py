"""`mdmtheory certify`: the suites of the conformance package, on what is built in and on plug-ins."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mdmtheory.cli.terminal import Terminal, print_table, writable

if TYPE_CHECKING:
    from mdmtheory.conformance.report import Report

_A_CHECK_FAILED = 1


def certify(
    context: typer.Context,
    subjects: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SUBJECT]...", help="A spec, a saved language, a run's folder, or module:name."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything built in.")] = False,
    kind: Annotated[
        Literal["language", "denoiser", "sampler", "model", "metric"] | None,
        typer.Option(help="What the subjects are, where a name stands for two things."),
    ] = None,
    format: Annotated[Literal["table", "json"], typer.Option("--format", "-f", help="How to print it.")] = "table",
) -> int:
    """Check that samplers, models, denoisers, languages and metrics do what they say, in law and sequence by sequence.

    module:name is an object of your own, or a class or function that makes one, from a language if it must; options
    follow as in a sweep. Exit status 1 if a check fails.
    """
    from mdmtheory.conformance.subjects import certified, everything_built_in

    if bool(subjects) == everything:
        raise ValueError("name what to certify, such as confidence or my_module:MySampler, or pass --all, not both")
    terminal = Terminal.of(context)
    chosen = [certified(each, kind) for each in subjects or ()]
    reports = []
    with terminal.announcing_compilation():
        for each in chosen or everything_built_in():
            if kind in (None, each.kind):
                terminal.detail(f"{each.kind} {each.name} ...")
                reports.append(each.report())
    if format == "json":
        print(json.dumps([line for report in reports for line in _lines(report)], indent=1))
    elif len(reports) == 1:
        _print_checks(reports[0])
    else:
        _print_reports(reports)
    return 0 if all(report.passed for report in reports) else _A_CHECK_FAILED


def _lines(report: Report) -> list[dict[str, object]]:
    return [
        {
            "kind": report.kind,
            "name": report.name,
            "check": each.name,
            "passed": each.passed,
            "seen": each.seen,
            "expected": each.expected,
            "mend": each.mend,
        }
        for each in report.checks
    ]


def _print_checks(report: Report) -> None:
    rows = [[each.name, each.result, each.seen] for each in report.checks]
    print_table([f"{report.kind} {report.name}", "result", "what was seen"], rows)
    _print_failures([report])


def _print_reports(reports: Iterable[Report]) -> None:
    reports = list(reports)
    rows = []
    for report in reports:
        counts = [sum(check.passed is outcome for check in report.checks) for outcome in (True, False, None)]
        rows.append([report.kind, report.name, *map(str, counts)])
    print_table(["kind", "name", "passed", "failed", "do not apply"], rows, right=[False, False, True, True, True])
    _print_failures(reports)


def _print_failures(reports: Iterable[Report]) -> None:
    for report in reports:
        for check in report.failures:
            print(f"\n{report.kind} {report.name} fails `{check.name}`")
            for what, text in (("seen", check.seen), ("expected", check.expected), ("to mend it", check.mend)):
                print(f"  {what}: {writable(text)}")
