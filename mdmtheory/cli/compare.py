"""`mdmtheory compare`: what the results in a store differ by, with intervals and corrected p-values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mdmtheory.cli.measuring import measured
from mdmtheory.cli.outputs import check_distinct, check_ending, was_typed
from mdmtheory.cli.terminal import Terminal, print_table, writable

if TYPE_CHECKING:
    import pandas as pd

    from mdmtheory.analysis.differences import Differences
    from mdmtheory.sweeps.cell import Cell


def compare(
    context: typer.Context,
    store: Annotated[Path, typer.Argument(help="A store that a sweep wrote.")],
    between: Annotated[str, typer.Option(help="What is compared: sampler, schedule, denoiser, lang, ...")] = "sampler",
    at: Annotated[
        Literal["steps", "calls"], typer.Option(help="Rows of equal steps, or of equal mean calls of the denoiser.")
    ] = "steps",
    metric: Annotated[str, typer.Option(help="ser, ter_ratio, cross_entropy, ... or several, as ser,ter.")] = "ser",
    where: Annotated[str | None, typer.Option(help="""Only these rows, as 'lang == "hmm" and steps >= 64'.""")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="With --at calls: a store for what has to be measured for that."),
    ] = None,
    plug_in: Annotated[
        list[str] | None,
        typer.Option("--plug-in", help="With --out: module:Name in the store that may be run; repeat it."),
    ] = None,
    lang: Annotated[
        list[str] | None,
        typer.Option(help="With --out: the file of a language that the store names without its folder; repeat it."),
    ] = None,
    workers: Annotated[str, typer.Option(help="With --out: threads; auto: all processors allowed.")] = "auto",
    level: Annotated[float, typer.Option(help="Confidence level of all intervals together.")] = 0.95,
    format: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", "-f", help="How to print it.")
    ] = "table",
) -> None:
    """Compare what a store has: differences with intervals that all hold together, p-values corrected for their number.

    With --at calls the first sampler of the store, at each of its steps, is held against the others at the number of
    steps that costs as many calls. Those numbers are found and measured into --out; without it only what the store has
    is compared. A module:Name that the store names is run for that only if --plug-in says so.

    mdmtheory compare results/sweep.sqlite --between sampler --at calls --out results/equal.sqlite
    """
    from mdmtheory.analysis.stored_differences import (
        calls_differences,
        cells_at_calls,
        solved_differences,
        stored_differences,
    )
    from mdmtheory.metrics.registry import as_metrics
    from mdmtheory.sweeps.executors import worker_count
    from mdmtheory.sweeps.ranges import texts
    from mdmtheory.sweeps.results import check_level, read

    terminal = Terminal.of(context)
    check_level(level)
    worker_count(workers)
    for option in ("plug_in", "lang", "workers"):
        if out is None and was_typed(context, option):
            name = option.replace("_", "-")
            raise ValueError(f"--{name} is for what is measured into --out; give --at calls and --out FILE.sqlite")
    if out is not None:
        if at != "calls":
            raise ValueError("--out is for what --at calls has to measure; leave it out, or give --at calls")
        check_ending(out, "store")
        check_distinct({"the store": store, "--out": out})
    asked = as_metrics(texts(metric, "metric"))
    metrics = [each.name for each in asked]
    frame = read(store, metrics=asked, where=where)
    if frame.empty:
        raise ValueError(f"{store} has no rows of {', '.join(metrics)}; `mdmtheory show {store}` prints what it has")
    if at == "steps":
        _print(stored_differences(frame, between, metrics, level), format, terminal)
        return
    if out is not None:
        with terminal.announcing_compilation():
            pairs = cells_at_calls(frame, between, metrics, plug_in or [], lang or [])
        rows = _measured(pairs, out, workers, terminal)
        _print(solved_differences(rows, pairs, between, metrics, level), format, terminal)
        return
    found, missing = calls_differences(frame, between, metrics, level)
    if found is not None:
        _print(found, format, terminal)
    more = "measured with --out FILE.sqlite"
    if found is None:
        raise ValueError(f"no two of these rows cost as many calls: {missing[0]}; what is missing is {more}")
    for line in missing:
        terminal.say(f"left out: {line}; {more}")


def _measured(
    pairs: list[tuple[tuple[Cell, float], tuple[Cell, float]]], out: Path, workers: str, terminal: Terminal
) -> pd.DataFrame:
    for (first, calls), (second, others) in pairs:
        terminal.detail(f"{first}: {calls:.5g} calls; {second}: {others:.5g} calls")
    cells = list(dict.fromkeys(cell for pair in pairs for cell, _ in pair))
    rows = measured(cells, out, workers, 0.95, terminal)
    terminal.say(f"store: {out}")
    return rows


def _print(found: Differences, format: str, terminal: Terminal) -> None:
    if format != "table":
        from mdmtheory.cli.tables import print_data

        print_data(found.frame, format, found.about, terminal.say)
    else:
        print_table(found.headings, found.rows())
        for name, text in found.about.items():
            print(writable(f"{name}: {text}"))
