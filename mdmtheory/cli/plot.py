"""`mdmtheory plot`: a figure from a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mdmtheory.cli.outputs import WHERE, check_distinct
from mdmtheory.cli.terminal import Terminal


def plot(
    context: typer.Context,
    store: Annotated[Path, typer.Argument(help="A store that a sweep wrote.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file: .png, .svg or .pdf; its caption goes beside it.")],
    x: Annotated[str, typer.Option(help="steps, length, calls, rounds, or an option of a spec: gamma.")] = "steps",
    y: Annotated[
        str,
        typer.Option(
            help="ser, ser_scored, ser_shared, ser_sharp, ser_tilted, ser_walk, ter, ter_ratio, ter_excess, kl, wrong, "
            "unfaithful, z, cross_entropy, lost_entropy, my_module:MyMetric; or ter,ser."
        ),
    ] = "ser",
    where: Annotated[str | None, typer.Option(help=WHERE)] = None,
    hue: Annotated[
        str | None, typer.Option(help="What has a colour: lang, sampler, gamma, ... By default what varies.")
    ] = None,
    line: Annotated[str | None, typer.Option(help="What has dashes and marks of its own: a column.")] = None,
    facet: Annotated[str | None, typer.Option(help="What has a panel for each value: a column.")] = None,
    logx: Annotated[bool | None, typer.Option("--logx/--no-logx", help="x in powers, or linear.")] = None,
    logy: Annotated[bool | None, typer.Option("--logy/--no-logy", help="y in decades, or linear.")] = None,
    pool: Annotated[str | None, typer.Option(help="seed: all seeds together.")] = None,
    fit: Annotated[bool, typer.Option("--fit", help="A power law through each series; its exponent.")] = False,
    label: Annotated[
        list[str] | None, typer.Option(help="OLD=NEW: other words for a value, a column or a metric; repeat it.")
    ] = None,
    order: Annotated[str | None, typer.Option(help="Values in the order of the legend: stride,ancestral.")] = None,
    palette: Annotated[str | None, typer.Option(help="Colours: a palette of seaborn.")] = None,
    width: Annotated[str | None, typer.Option(help="column, page, or inches.")] = None,
    style: Annotated[Literal["screen", "paper"], typer.Option(help="paper: letters as LaTeX has.")] = "screen",
    caption: Annotated[bool, typer.Option("--caption", help="The caption in the picture too.")] = False,
    level: Annotated[float, typer.Option(help="Confidence level of the bars.")] = 0.95,
) -> None:
    """Draw a metric of a store with its intervals. The caption goes into a text file beside the figure."""
    from mdmtheory.core.origin import is_built_in
    from mdmtheory.metrics.registry import built_in_metrics
    from mdmtheory.plots import figure_format, metric_figure, save_figure
    from mdmtheory.plots.drawn import DERIVED, drawn_metric
    from mdmtheory.sweeps.ranges import texts
    from mdmtheory.sweeps.results import read

    figure_format(out)
    check_distinct({"the store": store, "the figure": out, "its caption": out.with_suffix(".txt")})
    metrics = [drawn_metric(each) for each in texts(y, "y")]
    own = [metric for metric in metrics if metric.name not in DERIVED and not is_built_in(metric)]
    figure = metric_figure(
        read(store, level=level, metrics=[*built_in_metrics(), *own], where=where),
        x,
        metrics,
        hue,
        line=line,
        facet=facet,
        logx=logx,
        logy=logy,
        width=width,
        style=style,
        labels=dict(_renaming(each) for each in label or ()),
        order=texts(order, "order") if order else (),
        palette=palette,
        pool=pool,
        fit=fit,
    )
    terminal, saved = Terminal.of(context), save_figure(figure, out, caption=caption)
    for said in (*figure.chosen, f"figure: {saved}"):
        terminal.say(said)


def _renaming(text: str) -> tuple[str, str]:
    """OLD=NEW, at the last sign: specs have signs of their own."""
    old, sign, new = text.rpartition("=")
    if not sign or not old or not new:
        raise ValueError(f"--label {text!r} is not OLD=NEW; write the name as it stands, =, and other words")
    return old, new
