"""`mdmtheory plot`: a figure from a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mdmtheory.cli.outputs import WHERE, check_distinct
from mdmtheory.cli.terminal import Terminal


def plot(
    context: typer.Context,
    store: Annotated[Path, typer.Argument(help="A store that a sweep wrote.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file: .png, .svg or .pdf.")],
    x: Annotated[str, typer.Option(help="steps, length, calls or rounds.")] = "steps",
    y: Annotated[
        str,
        typer.Option(
            help="ser, ser_scored, ter, ter_ratio, ter_excess, cross_entropy, my_module:MyMetric; or ter,ser."
        ),
    ] = "ser",
    hue: Annotated[
        str | None, typer.Option(help="What has a colour: lang, sampler, prompt, ... By default what varies.")
    ] = None,
    level: Annotated[float, typer.Option(help="Confidence level of the bands.")] = 0.95,
    where: Annotated[str | None, typer.Option(help=WHERE)] = None,
) -> None:
    """Draw a metric of a store with its intervals."""
    from mdmtheory.core.origin import is_built_in
    from mdmtheory.metrics.registry import built_in_metrics
    from mdmtheory.plots import figure_format, metric_figure, save_figure
    from mdmtheory.plots.series import drawn_metric
    from mdmtheory.sweeps.ranges import texts
    from mdmtheory.sweeps.results import read

    figure_format(out)
    check_distinct({"the store": store, "the figure": out})
    metrics = [drawn_metric(each) for each in texts(y, "y")]
    own = [metric for metric in metrics if not is_built_in(metric)]
    frame = read(store, level=level, metrics=[*built_in_metrics(), *own], where=where)
    figure = metric_figure(frame, x, metrics, hue.split(",") if hue else None)
    Terminal.of(context).say(f"figure: {save_figure(figure, out)}")
