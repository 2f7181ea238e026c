"""The figures of a sweep: metrics with their intervals against steps or length."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mdmtheory.metrics.metric import Metric
from mdmtheory.metrics.ter import Ter
from mdmtheory.plots.panel import Panel, comparable_rows
from mdmtheory.plots.series import (
    IDENTITY,
    X_LABELS,
    Series,
    column_of,
    default_x,
    drawn_metric,
    identities,
    palette_of,
    reference_ter,
    series_of,
    varying,
    without_reference,
)
from mdmtheory.plots.style import figure_style


def sweep_figure(frame: pd.DataFrame) -> Figure:
    """TER and SER (what of them there is) against steps, or against length where lengths vary and steps follow them.

    `frame` has the columns of `mdmtheory.read`. ValueError when it holds neither metric with a finite value.
    """
    there = set(frame["metric"][np.isfinite(frame["value"].to_numpy(float))])
    metrics = [metric for metric in ("ter", "ser") if metric in there]
    if not metrics:
        raise ValueError("nothing to draw: the rows hold neither TER nor SER; sweep with --metrics ser,ter")
    return metric_figure(frame, default_x(frame), metrics)


def metric_figure(
    frame: pd.DataFrame,
    x: str = "steps",
    y: str | Metric | Sequence[str | Metric] = "ser",
    hue: str | Sequence[str] | None = None,
) -> Figure:
    """Metrics `y` against `x` (steps, length, calls or rounds), one panel each, a colour for each value of `hue`.

    `frame` has the columns of `mdmtheory.read`. Without `hue`, colours go to the sampler if it varies, else to what
    does; languages that have no colour get a panel each. Bands are the intervals of the rows. ValueError for an
    unknown column or metric, with the known ones.
    """
    x = _known(x, X_LABELS, "draw against")
    metrics = [drawn_metric(metric) for metric in (y if isinstance(y, Sequence) and not isinstance(y, str) else [y])]
    shown = without_reference(frame)
    if shown[x].isna().all():
        raise ValueError(f"nothing to draw against {x}: no cell here has a number of {x}")
    names = varying(shown, x)
    if hue is None:
        colours = names[:1] or ["sampler"]
    else:
        colours = [_known(name, IDENTITY, "colour by") for name in ([hue] if isinstance(hue, str) else hue)]
    facet = "language" in names and "language" not in colours
    names = [name for name in dict.fromkeys([*colours, *names]) if not (facet and name == "language")]
    palette = palette_of(shown, colours)
    groups = {str(name): part for name, part in shown.groupby("language", sort=False)} if facet else {"": shown}
    references = reference_ter(frame)

    rows, columns = (len(metrics), len(groups)) if facet else (1, len(metrics))
    if rows == 1 and columns > 3:
        columns = 2 if columns == 4 else 3
        rows = -(-len(groups) // columns)
    curves: dict[str, Series] = {}
    notes: dict[str, None] = {}
    counts: list[int] = []
    with figure_style():
        figure = Figure(figsize=(max(3.6, 3.3 * columns), 2.6 * rows + 0.5))
        grid = figure.subplots(rows, columns, squeeze=False)
        panels = [(metric, title) for metric in metrics for title in groups]
        for unused in grid.ravel()[len(panels) :]:
            unused.remove()
        for axes, (metric, title) in zip(grid.ravel(), panels, strict=False):
            seen, cells, reference, said = comparable_rows(groups[title], metric, references)
            counts += cells["count"].dropna().astype(int).tolist()
            series = series_of(cells, x, names, colours, palette)
            notes.update(dict.fromkeys([*said, *Panel(axes, seen, x, series, reference).draw()]))
            curves.update({each.label: each for each in series})
            axes.set_title(title, loc="left")
        _share_rows(grid)
        _legend(figure, list(curves.values()), frame)
        same = _constants(shown, [x, *names, *(["language"] if facet else [])], counts)
        words = textwrap.wrap(" ".join([same, *notes]), int(19 * figure.get_figwidth()))
        figure.supxlabel("\n".join(words), fontsize=7, color="0.3", ha="left", x=0.01)
    return figure


def _known(name: str, known: Iterable[str], what: str) -> str:
    column = column_of(name)
    if column not in known:
        raise ValueError(f"cannot {what} {name!r}; {what} one of {', '.join(known)}")
    return column


def _share_rows(grid: np.ndarray) -> None:
    """Panels of one row that show the same quantity name it once, and have the same limits but for TER itself.

    TER differs far more between languages than between samplers, so common limits would hide what is compared.
    """
    for row in ([axes for axes in each if axes.figure is not None] for each in grid):
        label = row[0].get_ylabel()
        same = [axes for axes in row if axes.get_ylabel() == label]
        for axes in same[1:]:
            axes.set_ylabel("")
        if not label.startswith(Ter.label) and len({axes.get_yscale() for axes in same}) == 1:
            low, high = min(axes.get_ylim()[0] for axes in same), max(axes.get_ylim()[1] for axes in same)
            for axes in same:
                axes.set_ylim(low, high)


def _legend(figure: Figure, curves: list[Series], frame: pd.DataFrame) -> None:
    handles: list[Line2D | Patch] = [
        Line2D(
            [],
            [],
            color=each.look.colour,
            linestyle=each.look.dashes,
            marker=each.look.marker,
            markeredgecolor="white",
            markeredgewidth=0.5,
            label=each.label,
        )
        for each in curves
    ]
    levels = sorted({f"{100 * level:g} % interval" for level in frame["level"].dropna()})
    handles.append(Patch(color="0.5", alpha=0.3, linewidth=0, label=", ".join(levels) or "interval"))
    longest = max(len(str(handle.get_label())) for handle in handles)
    columns = int(figure.get_figwidth() / (0.5 + 0.062 * longest))
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=max(1, min(len(handles), columns)),
        handlelength=2.8,
        columnspacing=1.2,
    )


def _constants(shown: pd.DataFrame, but: Sequence[str], counts: Sequence[int]) -> str:
    """What all cells have in common, in words, and the numbers of sequences that are drawn."""
    texts = identities(shown)
    words = {"schedule": "{} schedule", "denoiser": "{} denoiser", "model": "{} model", "prompt": "prompt {}"}
    same = [
        words.get(column, "{}").format(texts[column].iloc[0])
        for column in ("language", "length", "prompt", "steps", "model", "denoiser", "sampler", "schedule", "seed")
        if column not in but and texts[column].nunique() == 1 and texts[column].iloc[0]
    ]
    if counts:
        least, most = min(counts), max(counts)
        same.append(f"{least:,} sequences" if least == most else f"{least:,} to {most:,} sequences")
    return ", ".join(same) + "."
