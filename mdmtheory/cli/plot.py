"""`mdmtheory plot`: a figure from a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mdmtheory.cli.outputs import check_distinct
from mdmtheory.cli.terminal import Terminal


def plot(
    context: typer.Context,
    store: Annotated[Path, typer.Argument(help="A store that a sweep wrote.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file: .png, .svg or .pdf.")],
    x: Annotated[str, typer.Option(help="steps, length, calls or rounds.")] = "steps",
    y: Annotated[
        str, typer.Option(help="ser, ser_scored, ter, ter_ratio, ter_excess or cross_entropy; several as ter,ser.")
    ] = "ser",
    hue: Annotated[
        str | None, typer.Option(help="What has a colour: lang, sampler, schedule, ... By default what varies.")
    ] = None,
    level: Annotated[float, typer.Option(help="Confidence level of the bands.")] = 0.95,
) -> None:
    """Draw a metric of a store with its intervals."""
    from mdmtheory.plots import figure_format, metric_figure, save_figure
    from mdmtheory.sweeps.results import read

    figure_format(out)
    check_distinct({"the store": store, "the figure": out})
    frame = read(store, level=level)
    figure = metric_figure(frame, x, y.split(","), hue.split(",") if hue else None)
    Terminal.of(context).say(f"figure: {save_figure(figure, out)}")
