"""`mdmtheory show`: what a store holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mdmtheory.cli.outputs import WHERE
from mdmtheory.cli.terminal import Terminal


def show(
    context: typer.Context,
    store: Annotated[Path, typer.Argument(help="A store that a sweep wrote.")],
    format: Annotated[
        Literal["table", "csv", "json", "latex", "markdown"], typer.Option("--format", "-f", help="How to print it.")
    ] = "table",
    level: Annotated[float, typer.Option(help="Confidence level of the intervals, computed anew.")] = 0.95,
    metrics: Annotated[
        str | None,
        typer.Option(help="Those to show, as ser,ter or my_module:MyMetric; by default those that were asked for."),
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="Those to show, in order: steps,sampler,ser,ter,calls; of csv and json, of rows.")
    ] = None,
    where: Annotated[str | None, typer.Option(help=WHERE)] = None,
) -> None:
    """Print the results in a store, every value with its interval and its kind."""
    from mdmtheory.cli.tables import print_results
    from mdmtheory.metrics.registry import as_metrics, built_in_metrics
    from mdmtheory.sweeps.ranges import texts
    from mdmtheory.sweeps.results import read

    chosen = None if columns is None else [each.strip() for each in columns.split(",")]
    named = [each.name for each in built_in_metrics() if each.name in (chosen or ())]
    asked = texts(metrics, "metrics") if metrics is not None else named or None
    shown = None if asked is None else as_metrics(asked)
    frame = read(store, level=level, metrics=shown, where=where)
    print_results(frame, format, shown or built_in_metrics(), chosen)
    if frame.attrs["not_shown"]:
        Terminal.of(context).say(f"not shown: {', '.join(frame.attrs['not_shown'])}; name them with --metrics")
