"""The figures of a store: metrics with their intervals against steps, length, cost, or an option of a spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from mdmtheory.core.printable import did_you_mean
from mdmtheory.languages.base import LanguageBase
from mdmtheory.languages.presets import language_named
from mdmtheory.metrics.metric import PROBABILITY, Metric
from mdmtheory.metrics.ter import Ter, TerRatio
from mdmtheory.plots.channels import HUE, LINE, Channels
from mdmtheory.plots.drawn import DERIVED, Shown, comparable, drawn_metric, least_of, reference_ter
from mdmtheory.plots.fitted import Fitted
from mdmtheory.plots.picture import Picture, bar_handle, handle, picture_width, say_once
from mdmtheory.plots.pooling import pooled
from mdmtheory.plots.series import Scale, Series, draw_all, kinds_note, level_line, scale_x, strip_note
from mdmtheory.plots.style import DASHES, MARKERS, REFERENCE, Look, figure_style, looks, shades
from mdmtheory.plots.words import (
    IDENTITY,
    X_LABELS,
    axis_label,
    by_rule,
    said_of,
    with_prompts,
    without_options,
    without_reference,
)
from mdmtheory.sweeps.columns import SEVERAL, column_named
from mdmtheory.sweeps.results import read

_ALIKE = {"schedule": "{} schedule", "denoiser": "{} denoiser", "prompt": "prompt {}"}


def sweep_figure(frame: pd.DataFrame) -> Picture:
    """TER and SER (what of them there is) against steps, or against length where lengths vary and steps follow them.

    `frame` has the columns of `mdmtheory.read`. ValueError when it holds neither metric with a finite value.
    """
    there = set(frame["metric"][np.isfinite(frame["value"].to_numpy(float))])
    metrics = [metric for metric in ("ter", "ser") if metric in there]
    if not metrics:
        raise ValueError("nothing to draw: the rows hold neither TER nor SER; sweep with --metrics ser,ter")
    return metric_figure(frame, default_x(frame), metrics)


def default_x(frame: pd.DataFrame) -> str:
    """`length` where lengths vary and each has but one number of steps, else `steps`."""
    frame = without_reference(with_prompts(frame))
    others = [column for column in IDENTITY if column != "steps"]
    one_each = frame.groupby(others, dropna=False)["steps"].nunique().max() <= 1
    return "length" if frame["length"].nunique() > 1 and one_each else "steps"


def metric_figure(
    frame: pd.DataFrame | str | Path,
    x: str = "steps",
    y: str | Metric | Sequence[str | Metric] = "ser",
    hue: str | Sequence[str] | None = None,
    *,
    line: str | Sequence[str] | None = None,
    facet: str | None = None,
    logx: bool | None = None,
    logy: bool | None = None,
    width: str | float | None = None,
    style: str = "screen",
    labels: Mapping[str, str] | None = None,
    order: Sequence[str] = (),
    palette: str | None = None,
    pool: str | None = None,
    fit: bool = False,
) -> Picture:
    """Metrics `y` against `x` (steps, length, calls, rounds or an option, as gamma), with the intervals of the rows.

    `frame` has the columns of `mdmtheory.read`, or is a store. `hue` (one or more columns) has the colours and marks,
    `line` the dashes, `facet` a panel for each of its values; what is not said is chosen, so that no panel has more
    than eight series, and the caption says what all have in common. `logx` and `logy`: None draws in decades what
    spans some. `width`: "column", "page" or inches; `style`: "screen" or "paper"; `labels`: words for columns, metrics
    and values; `order`: values in the order of the legend; `palette`: one of seaborn; `pool`: "seed" puts seeds
    together; `fit` draws a power law through each series. ValueError for unknown names, with the known ones, and where
    no choice of panels can be read.
    """
    frame = frame if isinstance(frame, pd.DataFrame) else read(frame)
    metrics = [drawn_metric(metric) for metric in (y if isinstance(y, Sequence) and not isinstance(y, str) else [y])]
    frame, pooling = _pooled(with_prompts(frame), pool)
    x, labels = _column_of_x(x, frame), labels or {}
    # Against length steps are told apart by the rule that made them: they are one thing, and said once.
    same = {"rule": "steps"} if x == "length" else {}
    named = [
        [same.get(column, column) for column in (_telling(each, frame) for each in _as_list(given))]
        for given in (hue, line, facet)
    ]
    shown = _rows_against(frame, metrics, x, [each for own in named for each in own])
    channels = Channels.of(shown, x, named[0], named[1], named[2], labels, order)
    looked = _looks(channels, palette, frame.attrs.get("families"))
    references = reference_ter(frame)
    panels = [
        _Panel.of(comparable(rows, metric, references, frame), title, x, looked, frame.attrs.get("digests") or {}, fit)
        for metric in metrics
        for title, rows in channels.groups.items()
    ]
    _check_labels(labels, [x, *(metric.name for metric in metrics)], shown, channels)
    rows, columns = _grid(len(metrics), len(channels.groups), width)
    inches = picture_width(width, columns)
    log: dict[str, None] = {}
    above_strips: list[Series] = []
    with figure_style(style):
        picture = Picture(inches, 2.3 * rows + 0.7, style)
        cells = picture.grid(rows, columns, len(panels))
        places = [value for panel in panels for each in panel.series if not each.flat for value in each.x]
        for axes, panel in zip(cells, panels, strict=True):
            # TER differs far more between languages than between samplers: common limits would hide what is compared.
            alike = [each for each in panels if each.metric.name == panel.metric.name and panel.metric.name != Ter.name]
            scale = panel.draw(axes, [one for each in alike or [panel] for one in each.series], logy)
            above_strips += panel.series if scale and scale.kind == "zero" else []
            wide = scale_x(axes, places, log=logx, means=x in ("calls", "rounds"), inches=inches / columns - 0.8)
            log |= {x: None} if wide and logx is None else {}
            log |= {panel.metric.name: None} if scale and scale.kind != "linear" and logy is None else {}
            axes.set_title(panel.title)
            axes.set_xlabel(labels.get(x, axis_label(x)))
            axes.set_ylabel(labels.get(panel.metric.name, panel.metric.label) + panel.kind)
        say_once(cells, columns)
        caption = [*_caption(panels, channels, x, pooling), strip_note(above_strips)]
        picture.explain(_handles(looked, panels), caption)
        said = [f"log axes chosen: {', '.join(log)}; --no-logx and --no-logy draw linear ones"] if log else []
        instead = [note for panel in panels for note in panel.notes if note.startswith(("In place of", "Not drawn"))]
        picture.chosen = [*said, *channels.chosen, *dict.fromkeys(instead)]
    return picture


@dataclass(frozen=True)
class _Panel:
    """One metric of one group of rows: its series, its reference and what the caption says of it.

    `certain` are the languages that have no wrong sequences, of which no SER is drawn.
    """

    title: str
    metric: Metric
    series: list[Series]
    reference: float | None
    known: str
    counts: list[int]
    levels: list[float]
    notes: tuple[str, ...]
    certain: list[str]
    laws: list[Fitted]

    @classmethod
    def of(
        cls,
        shown: Shown,
        title: str,
        x: str,
        looked: Mapping[tuple[str, str], Look],
        digests: Mapping[str, str],
        fit: bool,
    ) -> _Panel:
        """ValueError when two cells of one curve have the same x."""
        certain = _without_wrong(shown, digests)
        rows = shown.rows[~shown.rows["language"].isin(certain)]
        series, laws = [], []
        own = rows.groupby([HUE, LINE], sort=False)
        for key in (key for key in looked if key in own.groups):
            cells = own.get_group(key).sort_values(x)
            cells = cells[:1] if cells[x].isna().all() else cells[cells[x].notna()]
            if cells[x].duplicated().any():
                raise ValueError(f"a curve has several values at one {x}; choose another --x, or rows with --where")
            label = ", ".join(word for word in key if word)
            look = looked[key]
            if fit and not cells[x].isna().all():
                laws.append(Fitted.of(label, look, cells, shown.metric.name, x))
                look = replace(look, dashes="none")  # the law is the line
            series.append(Series.of(label, look, cells, x, least_of(shown.metric)))
        reference = shown.reference
        known = f" = {reference.value:.4f} ({reference.kind})" if reference and shown.metric.name == Ter.name else ""
        counts, levels = rows["count"].dropna().astype(int).tolist(), rows["level"].dropna().tolist()
        value = reference.value if reference else None
        names = [said_of("language", name) for name in certain]
        notes = (*shown.notes, *(each.note for each in laws))
        return cls(title, shown.metric, series, value, known, counts, levels, notes, names, laws)

    @property
    def kind(self) -> str:
        """What all of its numbers are, for the axis, where they are bounds."""
        return "\nupper bound (mean over plans)" if self.series and all(each.bound for each in self.series) else ""

    def draw(self, axes: Axes, together: list[Series], logy: bool | None) -> Scale | None:
        """Everything on the axes, on a scale that suits all series `together`; None where there is nothing to draw."""
        if not self.series:
            text = "no incorrect sequences:\nevery sequence is in the language"
            axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=8, color=REFERENCE)
            axes.set_yticks([])
            return None
        probability, from_zero = self.metric.unit == PROBABILITY, least_of(self.metric) is not None
        decades = True if from_zero and not probability and logy is None else logy
        levels = [] if self.reference is None else [self.reference]
        scale = Scale.of(together, from_zero=from_zero, log=decades, probability=probability, levels=levels)
        scale.on(axes)
        draw_all(axes, self.series, scale, list(dict.fromkeys(each.label for each in together)))
        for law in self.laws:
            law.draw(axes)
        if scale.kind == "linear" and self.reference is not None:
            level_line(axes, self.reference, f"autoregressive, TER($q$){self.known}")
        elif scale.kind == "linear" and probability:
            level_line(axes, 0.0, "autoregressive: SER = 0")
        return scale


def _without_wrong(shown: Shown, digests: Mapping[str, str]) -> list[str]:
    """The languages of a probability of error that is 0 throughout, since they have every sequence."""
    if shown.metric.unit != PROBABILITY:
        return []
    never = shown.rows.groupby("language", sort=False)["value"].max() == 0
    found = {name: language_named(str(name), digests.get(str(name))) for name in never.index[never]}
    return [str(name) for name, each in found.items() if isinstance(each, LanguageBase) and each.has_every_sequence]


def _as_list(given: str | Sequence[str] | None) -> list[str]:
    """Columns, of a text with commas or a list."""
    return [] if given is None else given.split(",") if isinstance(given, str) else list(given)


def _rows_against(frame: pd.DataFrame, metrics: Sequence[Metric], x: str, named: Sequence[str]) -> pd.DataFrame:
    """The rows of what is drawn that have a place on the axis; options that are drawn are left out of the specs."""
    sources = {DERIVED[each.name].source if each.name in DERIVED else each.name for each in metrics}
    sources |= {TerRatio.name} if Ter.name in sources else set()
    rows = without_reference(frame)
    rows = rows[rows["metric"].isin(sources)] if rows["metric"].isin(sources).any() else rows
    rows = without_options(rows, [x, *named])
    rows = rows[rows[x].notna()] if "." in x else rows
    if rows[x].isna().all():
        raise ValueError(f"nothing to draw against {x}: no cell here has a number of {x}")
    return by_rule(rows.reset_index(drop=True)) if x == "length" else rows.reset_index(drop=True)


def _check_labels(labels: Mapping[str, str], names: Sequence[str], rows: pd.DataFrame, channels: Channels) -> None:
    words = [*channels.hues, *channels.lines, *channels.groups, *channels.same.values()]
    typed = [str(each) for column in IDENTITY for each in rows[column].dropna().unique()]
    unknown = [each for each in labels if each not in {*names, *typed} and labels[each] not in {*words}]
    if unknown:
        offered = ", ".join(dict.fromkeys([*names, *filter(None, words)]))
        raise ValueError(f"nothing here is called {unknown[0]!r}; --label one of {offered}")


def _pooled(frame: pd.DataFrame, pool: str | None) -> tuple[pd.DataFrame, str]:
    if pool is None:
        return frame, ""
    if pool != "seed":
        raise ValueError(f"cannot pool {pool!r}; what is pooled is seed")
    return pooled(frame)


def _column_of_x(x: str, frame: pd.DataFrame) -> str:
    """A column of numbers; ValueError with those that there are."""
    options = [name for name in map(str, frame.columns) if "." in name and pd.api.types.is_numeric_dtype(frame[name])]
    try:
        column = column_named(x, frame)
    except ValueError as error:
        if "several" in str(error):
            raise
        column = ""
    if column not in (*X_LABELS, *options):
        known = [*X_LABELS, *options]
        raise ValueError(f"cannot draw against {x!r}{did_you_mean(x, known)}; draw against one of {', '.join(known)}")
    return column


def _telling(name: str, frame: pd.DataFrame) -> str:
    """A column that can tell curves apart; ValueError with those that there are."""
    column = column_named(name, frame)
    if column not in (*IDENTITY, *SEVERAL) and "." not in column:
        known = [each for each in map(str, frame.columns) if each in (*IDENTITY, *SEVERAL) or "." in each]
        raise ValueError(f"cannot colour by {name!r}; colours, dashes and panels go by one of {', '.join(known)}")
    return column


def _looks(channels: Channels, palette: str | None, families: Mapping[str, str] | None) -> dict[tuple[str, str], Look]:
    """A look for each pair of words: colour and mark by hue, dashes (and other marks) by line."""
    hues, lines = channels.hues, channels.lines
    if palette is not None or (channels.ordered and len(hues) > 1):
        found = shades(hues, palette or "viridis_r")
    else:
        typed = [channels.typed.get(each, each) for each in hues]
        known = looks("sampler" if channels.hue in (["sampler"], []) else "", typed, families)
        found = {hue: known[name] for hue, name in zip(hues, typed, strict=True)}
    if len(lines) == 1:
        return {(hue, lines[0]): look for hue, look in found.items()}
    # The first line keeps the mark of its colour, others take marks that are free.
    marks = iter(MARKERS.translate(str.maketrans("", "", "".join(look.marker for look in found.values()))) * len(lines))
    return {
        (hue, line): replace(look, dashes=DASHES[n % len(DASHES)], marker=next(marks) if n else look.marker)
        for hue, look in found.items()
        for n, line in enumerate(lines)
    }


def _grid(metrics: int, groups: int, width: str | float | None) -> tuple[int, int]:
    """Rows and columns of panels; with several metrics a row each, where there is room."""
    most = 3 if width is None else max(1, int(picture_width(width, 3) / 2.1))
    count = metrics * groups
    columns = groups if 1 < groups <= most and metrics > 1 else min(count, most)
    columns = 2 if columns == 3 and count == 4 else columns
    return -(-count // columns), columns


def _handles(looked: Mapping[tuple[str, str], Look], panels: Sequence[_Panel]) -> list[Line2D]:
    """An entry for each series, a level without a mark. Last, what bars are."""
    every = [each for panel in panels for each in panel.series]
    flat = {each.look for each in every if each.flat}
    drawn = {each.label: each.look for each in every}
    labels = [", ".join(word for word in key if word) for key in looked]
    found = [handle(drawn[label], label, mark=drawn[label] not in flat) for label in labels if label and label in drawn]
    return [*found, bar_handle(level for panel in panels for level in panel.levels if level < 1)]


def _caption(panels: Sequence[_Panel], channels: Channels, x: str, pooling: str) -> list[str]:
    """What all cells have in common, how many sequences a mark has, and how to read what is drawn."""
    same = [_ALIKE.get(name, "{}").format(word) for name, word in channels.same.items() if word and name != x]
    counts = [count for panel in panels for count in panel.counts]
    least, most = min(counts, default=0), max(counts, default=0)
    same.append(f"{least:,} sequences a mark" if least == most else f"{least:,} to {most:,} sequences a mark")
    notes = [f"{', '.join(same)}.", pooling, *(note for panel in panels for note in panel.notes)]
    for short in dict.fromkeys(panel.metric.short for panel in panels):
        own = [each for panel in panels if panel.metric.short == short for each in panel.series]
        notes.append(kinds_note(own, short))
    every = [each for panel in panels for each in panel.series]
    if any(each.flat for each in every):
        notes.append("Level lines: no choice of what the axis shows.")
    certain = dict.fromkeys(name for panel in panels for name in panel.certain)
    return [*notes, f"No SER, for every sequence is in the language: {', '.join(certain)}." if certain else ""]
